// Cuts rollout buffers into episodes and hands them to the rollout file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "agents/rollout_buffer.h"
#include "envs/options.h"
#include "envs/vector_env.h"
#include "logs/checkpoint_file.h"
#include "logs/rollout_file.h"

namespace costate {

struct RolloutLogConfig {
  std::string mode = "off";
  std::int64_t last_episodes = 100;
  double fraction = 0.1;

  void describe(Options& options);
};

/// An episode's start: who, which, and the simulator's state after the reset.
struct EpisodeStart {
  std::uint64_t episode = 0;
  std::uint64_t seed = 0;
  std::vector<std::byte> state;
};

class RolloutLogger {
 public:
  /// `header` without its sizes and names, which are filled in from the arguments. Continues the
  /// file where `checkpoint` is given, dropping what was logged after it.
  RolloutLogger(const RolloutLogConfig& config, const std::filesystem::path& path,
                RolloutHeader header, int envs, const Checkpoint* checkpoint);

  /// Environment `env` has just been reset. Shards may call this at the same time for different
  /// environments.
  void start_episode(int env, const VectorEnv& vector);

  /// Takes the buffer's steps; `final_observations` holds one row for each episode that ended in
  /// the buffer, in row order. `first_step` is the training step count before the buffer.
  void consume(const RolloutBuffer& buffer, std::span<const float> final_observations,
               std::int64_t first_step);

  /// Writes the episodes so far to the file and puts what runs on into the checkpoint.
  void save(Checkpoint& checkpoint);
  /// Also writes the episodes that have not ended (`open_observations` [N, obs]: where they stand).
  /// To be called once, after the last save.
  void finish(std::span<const float> open_observations, std::int64_t step);

 private:
  bool wanted(int env) const;

  RolloutLogConfig config_;
  RolloutHeader header_;
  std::unique_ptr<RolloutWriter> writer_;
  std::vector<Episode> open_;                      // [N] the running episode of each environment
  std::vector<std::vector<EpisodeStart>> starts_;  // [N] resets not yet consumed, oldest first
};

}  // namespace costate
