// Episodes in the HDF5 layout of Minari datasets (https://minari.farama.org, `main_data.hdf5`): a
// group `episode_<i>` for each, with `observations` (one row more than steps: the last is what
// followed the last step), `actions`, `rewards`, `terminations`, `truncations`, and a group
// `infos`.
//
// What rollouts hold beyond that goes into `infos` and into attributes of the group, where Minari
// keeps what it does not know, so that nothing is lost. The layout is in docs/file-formats.md. What
// the dataset is of is in a metadata.json beside the file (runners/minari_metadata.h).
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

#include "logs/rollout_file.h"

namespace costate {

/// How a row of a column is written: as an array of this shape, or as one whole number.
struct MinariSpace {
  bool discrete = false;
  std::vector<std::uint64_t> shape = {};  ///< where it is not discrete
};

class MinariWriter {
 public:
  /// Creates the file, whose folder must exist. `header` has the sizes of the episodes.
  MinariWriter(std::filesystem::path path, RolloutHeader header, MinariSpace observation,
               MinariSpace action);
  ~MinariWriter();
  MinariWriter(const MinariWriter&) = delete;
  MinariWriter& operator=(const MinariWriter&) = delete;

  /// Writes the next episode. Throws Error where the file cannot be written.
  void append(const Episode& episode);
  /// To be called once, last, so that a failure is seen.
  void close();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

class MinariReader {
 public:
  /// Opens a dataset of ours or of others. Throws Error where the file is missing, has no episodes,
  /// lacks a column, or holds observations or actions that are not one array of numbers (those of
  /// Dict and Tuple spaces, texts).
  explicit MinariReader(std::filesystem::path path);
  ~MinariReader();
  MinariReader(const MinariReader&) = delete;
  MinariReader& operator=(const MinariReader&) = delete;

  std::uint64_t episode_count() const;
  /// The sizes of an episode: those in `infos` are 0 where the dataset does not have them.
  std::uint64_t observation_size() const;
  std::uint64_t action_size() const;
  std::uint64_t state_bytes() const;
  std::uint64_t distribution_size() const;
  std::uint64_t drawn_size() const;

  /// Episode i. Where there is no such info, raw actions are the actions, log-probabilities and
  /// values 0, and the episode's number i. Throws Error where arrays do not fit each other.
  Episode read(std::uint64_t i) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace costate
