// Cuts rollout buffers into episodes and hands them to the rollout file, on the background thread.
//
// The learner only copies: consume() copies a rollout into a block, of which there are a few that
// are used again and again, and a background job does the rest. More blocks come into use while the
// background thread is busy with something else, such as a checkpoint; together they are bounded.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "agents/rollout_buffer.h"
#include "envs/options.h"
#include "envs/vector_env.h"
#include "logs/background_thread.h"
#include "logs/checkpoint_file.h"
#include "logs/rollout_file.h"

namespace costate {

struct RolloutLogConfig {
  std::string mode = "off";
  std::int64_t last_episodes = 100;
  double fraction = 0.1;

  void describe(Options& options);
};

class RolloutLogger {
 public:
  /// `header` without its sizes and names, which are filled in from the arguments. Continues the
  /// file where `checkpoint` is given, dropping what was logged after it. `background` outlives the
  /// logger's last consume, and the logger the background jobs.
  RolloutLogger(const RolloutLogConfig& config, const std::filesystem::path& path,
                RolloutHeader header, int envs, const Checkpoint* checkpoint,
                BackgroundThread& background);

  /// Environment `env` has just been reset, at the beginning of a run or in the step that ended its
  /// episode; `vector` keeps final states. Shards may call this at the same time for different
  /// environments.
  void start_episode(int env, const VectorEnv& vector);

  /// Makes room for an end at every one of the next rollout's `steps` steps, so that start_episode
  /// does not allocate.
  void reserve(int steps);

  /// Takes the buffer's steps. `first_step` is the training step count before the buffer. Waits
  /// where the background thread is far behind, and throws what has failed there.
  void consume(const RolloutBuffer& buffer, std::int64_t first_step);

  // The functions below belong to the background thread: to be called from its jobs, or after
  // waiting for them.

  /// Writes the episodes so far to the file and puts what runs on into the checkpoint.
  void save(Checkpoint& checkpoint);
  /// Appends the episodes that have not ended, as they stand in `vector`, at the end of a run. To
  /// be called once, before the last save. Should the run go on after all, it drops them.
  void finish(const VectorEnv& vector, std::int64_t step);

 private:
  /// What is known of an episode where it starts.
  struct EpisodeStart {
    std::uint64_t episode = 0;
    std::uint64_t seed = 0;
    std::size_t state_end = 0;  // of its simulator state; it begins where the one before ends
  };
  /// The resets of one environment during a rollout, oldest first.
  struct Resets {
    std::vector<EpisodeStart> starts;
    std::vector<std::byte> states;  // end to end
    // [starts, obs] and [starts] of the episode that ended there, if any
    std::vector<float> final_observations;
    std::vector<std::uint64_t> final_state_hashes;
    std::vector<double> drawn;  // [starts, drawn]
    void clear();
  };
  /// A rollout on its way to the background thread.
  struct Block {
    RolloutBuffer rollout;       // only the columns that the file has
    std::vector<Resets> resets;  // [N]
    std::int64_t first_step = 0;
  };

  bool wanted(int env) const;
  /// The block that has been free for longest, or a new one.
  Block& take_block();
  void cut(Block& block);

  RolloutLogConfig config_;
  RolloutHeader header_;
  BackgroundThread& background_;
  std::vector<std::unique_ptr<Block>> blocks_;
  Block* current_ = nullptr;  // takes the present rollout
  std::mutex free_mutex_;
  std::vector<Block*> free_;

  std::unique_ptr<RolloutWriter> writer_;
  std::vector<Episode> open_;  // [N] the running episode of each environment
};

}  // namespace costate
