// N environments of one kind, stepped together.
//
// Environment i's episode e = 1, 2, … is seeded with derive_key({run seed, i, e}), so nothing
// depends on the number of threads or on the other environments. Autoreset is one of the two that
// Gymnasium names; either way the last observation of an episode is in final_observations() after
// the step that ends it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "envs/env.h"
#include "envs/env_config.h"
#include "envs/thread_pool.h"

namespace costate {

enum class Autoreset {
  /// The step that ends an episode already returns the first observation of the next one.
  kSameStep,
  /// The step that ends an episode returns its last observation. The one after it ignores its
  /// action, starts the next episode and returns its first observation, reward 0 and no flags.
  kNextStep,
};

class VectorEnv {
 public:
  /// `pool` outlives the VectorEnv and is used by reset() and step() only. Throws UsageError where
  /// the environment cannot be made or `count` is not positive.
  VectorEnv(const EnvConfig& env, int count, std::uint64_t seed, ThreadPool& pool,
            Autoreset autoreset = Autoreset::kSameStep);

  const EnvSpec& spec() const;
  int size() const;
  Autoreset autoreset() const { return autoreset_; }

  /// Starts the next episode of every environment. To be called once before the first step.
  void reset();

  /// Steps every environment with its row of `actions` [N, action], on the pool.
  void step(std::span<const float> actions);

  /// Steps environments first … first + n − 1 with `actions` [n, action] on the calling thread.
  /// Disjoint ranges may be stepped at the same time. Throws Error where an observation or a reward
  /// is not finite, naming environment, episode, step and entry.
  void step_range(int first, int n, std::span<const float> actions);

  /// Keeps, from now on, what final_state() gives: for the log.
  void keep_final_states();

  // The results of the last step, a row for each environment.
  std::span<const float> observations() const;        ///< [N, obs]: what to act on next
  std::span<const float> final_observations() const;  ///< [N, obs]: valid where an episode ended
  /// The simulator of environment i as save_simulator() has it, in the step that ended its last
  /// episode; where that is kept.
  std::span<const std::byte> final_state(int i) const;
  std::span<const double> rewards() const;           ///< [N]
  std::span<const std::uint8_t> terminated() const;  ///< [N]
  std::span<const std::uint8_t> truncated() const;   ///< [N]

  /// How many episodes environment i has started, and the seed of the one that runs.
  std::uint64_t episode(int i) const;
  std::uint64_t episode_seed(int i) const;
  /// What was drawn for it, a number for each of spec().episode_values.
  std::span<const double> episode_values(int i) const;

  /// The whole state of environment i: episode, step, simulator, and its observation, with which a
  /// run continues as if it had never stopped. The results of the last step are not part of it.
  void save_state(int i, StateWriter& writer) const;
  void restore_state(int i, StateReader& reader);
  /// The simulator alone, as the rollout log keeps it for each episode's start.
  void save_simulator(int i, StateWriter& writer) const;

 private:
  /// One environment with what is written at each of its steps, on cache lines of its own.
  struct alignas(64) Slot {
    std::unique_ptr<Env> env;
    std::uint64_t episode = 0;
    std::uint64_t episode_seed = 0;
    std::uint64_t step = 0;            ///< of the episode
    bool ended = false;                ///< waits for the step that starts the next episode
    std::atomic<int> head_starts = 0;  ///< of the step that is being taken
  };

  /// What a thread takes on at a time.
  struct Piece {
    int first;
    int n;            ///< environments that are stepped
    int head_starts;  ///< that the one environment has to have had before
    bool head_start;  ///< it is not stepped but given one more
  };

  /// Fills pieces_.
  void divide_step();
  void take(const Piece& piece, std::span<const float> actions);
  void reset_one(int i);
  /// Environment i's row of scratch_.
  std::span<double> scratch(int i);
  /// Writes rows first … first + n − 1 of scratch_, as float, to those of `block`.
  void keep_observations(int first, int n, std::vector<float>& block);
  [[noreturn]] void report(int i, const std::string& entry, const std::string& value) const;

  std::uint64_t seed_;
  ThreadPool& pool_;
  Autoreset autoreset_;
  std::vector<Slot> slots_;
  std::vector<Piece> pieces_;  ///< of a step, in the order in which they are handed out
  std::size_t observation_size_;
  std::size_t action_size_;
  std::vector<double> scratch_;  // [N, obs] what the environments wrote, before rounding
  std::vector<float> observations_;
  std::vector<float> final_observations_;
  std::vector<std::vector<std::byte>> final_states_;  // [N], or empty where they are not kept
  std::vector<double> rewards_;
  std::vector<std::uint8_t> terminated_;
  std::vector<std::uint8_t> truncated_;
};

}  // namespace costate
