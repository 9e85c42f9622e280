// Rollouts: every step of whole episodes in one HDF5 file, readable with h5py by anyone.
//
// Flat columns `/steps/<name>` hold the steps of all episodes end to end, in compressed chunks;
// `/episodes/<name>` has a row for each episode, with its first step row and its length. The layout
// is in docs/file-formats.md.
//
// The file under its final name is never changed: a flush writes its packed chunks and the new ones
// to `<path>.tmp`, and renames (logs/atomic_file.h). So a run killed at any moment leaves a file
// that opens and holds every flushed episode, and a reader may have it open while the run goes on.
// Episodes are packed as they come, which leaves a flush little to do but to copy the file: half a
// second of one core for each gigabyte that it has by then, and the disk's time to write that. So
// flush at checkpoints, not at every episode, and make checkpoints rare where the log is to be
// long.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace costate {

/// What all episodes of a file share. The sizes fix the width of the columns; a column of width 0
/// is left out.
struct RolloutHeader {
  std::string env;         ///< environment id
  std::uint64_t seed = 0;  ///< of the run
  /// Further root attributes, UTF-8 text: config (TOML), git_version, costate_version, ….
  std::map<std::string, std::string> attributes;
  std::uint64_t observation_size = 0;
  std::uint64_t action_size = 0;
  std::uint64_t state_bytes = 0;  ///< simulator state at an episode's start; 0: not kept
  /// Names of the distribution parameters of a step, one a column; empty: not kept.
  std::vector<std::string> distribution_names;
  /// Names of what is drawn for an episode, such as the factors of a domain randomisation.
  std::vector<std::string> drawn_names;
};

/// One episode of S steps, arrays row-major. O, A, P, K are the sizes in the header, P the number
/// of distribution names.
struct Episode {
  std::uint64_t env_index = 0;
  std::uint64_t episode = 0;             ///< the environment's own count of episodes
  std::uint64_t seed = 0;                ///< with which the environment was reset
  std::int64_t last_step = 0;            ///< the training step count at which the episode ended
  double episode_return = 0.0;           ///< undiscounted sum of rewards
  std::vector<std::byte> initial_state;  ///< [K] simulator state after the reset
  std::uint64_t final_state_hash = 0;    ///< fnv1a (envs/hash.h) of the state after the last step
  std::vector<float> final_observation;  ///< [O] after the last step
  std::vector<double> drawn;             ///< [D] a number for each of drawn_names

  std::vector<float> observations;       ///< [S, O] on which the action was chosen
  std::vector<float> actions;            ///< [S, A] as executed, in the environment's units
  std::vector<float> raw_actions;        ///< [S, A] the distribution's own sample
  std::vector<double> rewards;           ///< [S]
  std::vector<std::uint8_t> terminated;  ///< [S] 0 or 1
  std::vector<std::uint8_t> truncated;   ///< [S] 0 or 1
  std::vector<float> log_probs;          ///< [S] of the raw action
  std::vector<float> distributions;      ///< [S, P] parameters of the action distribution
  std::vector<float> values;             ///< [S] the critic's estimate

  std::size_t length() const { return rewards.size(); }
};

struct RolloutOptions {
  /// Unset: start a new file, replacing one of that name. Set: continue the file, keeping this many
  /// of its first episodes and dropping the rest (for resume; RolloutReader::episodes_until). The
  /// attributes of the new header take the place of the old ones at the next flush.
  std::optional<std::uint64_t> keep_episodes = {};
  /// Keep only the newest n episodes; 0: all.
  std::uint64_t last_n = 0;
};

class RolloutWriter {
 public:
  /// Creates or continues the file, whose folder must exist. Throws Error where the file cannot be
  /// written or, continued, is damaged, has other sizes than `header` or too few episodes.
  RolloutWriter(std::filesystem::path path, RolloutHeader header, RolloutOptions options = {});

  ~RolloutWriter();
  RolloutWriter(RolloutWriter&&) noexcept;
  RolloutWriter& operator=(RolloutWriter&&) noexcept;

  /// Keeps an episode in memory until the next flush, which comes by itself when a quarter of a
  /// gigabyte is waiting. Throws Error where an array has another length than the header and the
  /// number of steps ask for.
  void append(const Episode& episode);

  /// Puts the appended episodes into the file. On Error (a full disk) the file is as it was and the
  /// episodes are still waiting.
  void flush();

  /// Episodes in the file after the last flush.
  std::uint64_t episode_count() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// What the table of episodes says of one beside its length and return.
struct EpisodeEntry {
  std::uint64_t env_index = 0;
  std::uint64_t episode = 0;
  std::uint64_t seed = 0;
  std::int64_t last_step = 0;
  std::int64_t first_row = 0;  ///< in /steps
};

enum class EpisodeEnding { kOpen, kTerminated, kTruncated };
/// "open", where the end of the run cut the episode off, "terminated" or "truncated".
const char* ending_name(EpisodeEnding ending);

class RolloutReader {
 public:
  /// Throws Error where the file is missing, not a rollout file, of another version, or damaged.
  /// Reads the episodes' table, but none of their steps.
  explicit RolloutReader(std::filesystem::path path);
  ~RolloutReader();
  RolloutReader(RolloutReader&&) noexcept;
  RolloutReader& operator=(RolloutReader&&) noexcept;

  const RolloutHeader& header() const;
  std::uint64_t episode_count() const;
  std::uint64_t step_count() const;
  /// The length in steps, and the return, of episode i.
  std::uint64_t length(std::uint64_t i) const;
  double episode_return(std::uint64_t i) const;
  /// How episode i ended. Reads at most one chunk of two flags, which it keeps: going through a
  /// file costs two bytes a step.
  EpisodeEnding ending(std::uint64_t i) const;
  /// What else the table says of all episodes.
  const std::vector<EpisodeEntry>& entries() const;
  /// How many of the first episodes ended at a training step <= `last_step`.
  std::uint64_t episodes_until(std::int64_t last_step) const;

  /// Episode i of episode_count(), in the order in which they were appended. Throws Error where its
  /// data are damaged.
  Episode read(std::uint64_t i) const;

  /// Which columns of `episode`, read as episode i, are not what was appended, by their checksums:
  /// names such as "steps/actions".
  std::vector<std::string> changed_columns(std::uint64_t i, const Episode& episode) const;
  /// Whether the root attributes and the names of columns are what was written, by their checksum.
  bool header_unchanged() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace costate
