// What an off-policy learner has seen: a ring for each environment, in flat memory.
//
// A slot holds an observation and, unless its episode ended there, the action that was taken on it
// with its reward. What follows a step is therefore the next slot, so each observation is kept once
// and n-step returns only walk on. The final observation of an episode has a slot of its own.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "envs/random.h"
#include "logs/checkpoint_file.h"

namespace costate {

/// Proportional prioritised replay (Schaul et al., "Prioritized Experience Replay", ICLR 2016).
struct PriorityConfig {
  bool enabled = false;
  double exponent = 0.6;    ///< α: 0 draws uniformly
  double correction = 0.4;  ///< β: 1 undoes the bias of the draws in full
};

class ReplayBuffer {
 public:
  /// `capacity` slots in all, shared out evenly among the environments.
  ReplayBuffer(std::int64_t capacity, int envs, int observation_size, int action_size,
               const PriorityConfig& priority);

  /// One step of `env`: the observation it was taken on, what was executed and what came of it.
  void add(int env, std::span<const float> observation, std::span<const float> action, float reward,
           bool terminated);
  /// The observation in which `env` now stands, to follow the last step.
  void set_next(int env, std::span<const float> observation);
  /// The episode of `env` ended with this observation; the next step begins another.
  void end_episode(int env, std::span<const float> observation);

  /// Steps that can be drawn.
  std::int64_t steps() const { return steps_; }

  /// Draws the slots of `slots.size()` steps with replacement, uniformly or by their priorities,
  /// and the weight of each in a loss (1 where uniform; else (steps · probability)^−β over the
  /// greatest of them).
  void draw(RandomStream& random, std::span<std::int64_t> slots, std::span<float> weights) const;

  /// What one step gives over up to n steps: R = Σ γ^k r, and the slot and the factor of the value
  /// that follows: R + factor · V(observation of `last`), factor 0 where the episode terminated.
  struct Return {
    float reward = 0.0f;
    float factor = 0.0f;
    std::int64_t last = 0;
  };
  Return n_step(std::int64_t slot, int n, double gamma) const;

  std::span<const float> observation(std::int64_t slot) const {
    return {observations_.get() + static_cast<std::size_t>(slot) * observation_size_,
            observation_size_};
  }
  std::span<const float> action(std::int64_t slot) const {
    return {actions_.get() + static_cast<std::size_t>(slot) * action_size_, action_size_};
  }

  /// Priorities |error| + 1e-6 of the drawn steps. Nothing where draws are uniform.
  void set_priorities(std::span<const std::int64_t> slots, std::span<const float> errors);

  void save(Checkpoint& checkpoint, const std::string& prefix) const;
  void load(const Checkpoint& checkpoint, const std::string& prefix);

 private:
  enum Kind : std::uint8_t {
    kEmpty,     ///< nothing, or an observation that no action followed yet
    kStep,      ///< a step that went on
    kTerminal,  ///< a step into a terminal state
    kEnd        ///< the final observation of an episode
  };

  std::int64_t first_slot(int env) const { return env * ring_; }
  std::int64_t following(std::int64_t slot) const {
    return (slot + 1) % ring_ == 0 ? slot + 1 - ring_ : slot + 1;
  }
  bool is_step(std::int64_t slot) const {
    const std::uint8_t kind = kinds_[static_cast<std::size_t>(slot)];
    return kind == kStep || kind == kTerminal;
  }
  /// Makes `slot` of that kind and keeps count and priority with it.
  void set_kind(std::int64_t slot, Kind kind);
  void write_observation(std::int64_t slot, std::span<const float> observation);
  void advance(int env);
  void set_priority(std::int64_t slot, double priority);

  std::int64_t ring_;  // slots of one environment
  std::size_t observation_size_;
  std::size_t action_size_;
  PriorityConfig priority_;
  // Left as they come: pages that nothing was written to take no memory.
  std::unique_ptr<float[]> observations_;  // [slots, obs]
  std::unique_ptr<float[]> actions_;       // [slots, action]
  std::unique_ptr<float[]> rewards_;       // [slots]
  std::vector<std::uint8_t> kinds_;        // [slots]
  std::vector<std::int64_t> heads_;        // [N] the slot that is written next
  std::vector<std::int64_t> filled_;       // [N] slots in use, counted from the ring's first
  std::int64_t steps_ = 0;
  // Sums of priorities^α: node 1 is the root, the children of i are 2i and 2i + 1.
  std::vector<double> tree_;
  std::int64_t leaves_ = 0;
  double greatest_ = 1.0;  // priority^α of new steps
};

}  // namespace costate
