// Imperfect actuators and sensors, the perturbations by which policies for real machines are judged
// (Dulac-Arnold et al., "Challenges of real-world reinforcement learning: definitions, benchmarks
// and analysis", 2021): actions that come late and are not quite those that were asked for,
// observations with noise, sensors that drop out or stick, observations and rewards that come late,
// and entries of the observation that say nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "envs/options.h"
#include "envs/random.h"
#include "envs/wrappers/wrapper.h"

namespace costate {

struct PerturbationConfig {
  std::int64_t action_delay = 0;
  double action_noise = 0.0;
  double observation_noise = 0.0;
  double sensor_drop = 0.0;
  std::int64_t sensor_drop_steps = 1;
  double sensor_stuck = 0.0;
  std::int64_t sensor_stuck_steps = 1;
  std::int64_t observation_delay = 0;
  std::int64_t reward_delay = 0;
  std::int64_t dummy_observations = 0;

  void describe(Options& options);
  bool any() const;
};

/// The order of a step: the action joins the queue of delayed ones; the one that leaves it is
/// disturbed and executed; the observation gets its noise; sensors that are out read 0; those that
/// are stuck read what they read in the step before; the observation and the reward join their
/// queues; noise that means nothing is appended to the observation that leaves. Until the first
/// action has come through, the middle of a box is executed, or action 0; until the first of them
/// has come through, the observation is that of the start, and the reward 0.
class Perturbation final : public Wrapper {
 public:
  Perturbation(std::unique_ptr<Env> env, const PerturbationConfig& config);

  void reset(std::uint64_t seed, std::span<double> observation) override;
  StepResult step(std::span<const float> action, std::span<double> observation) override;
  void save_state(StateWriter& writer) const override;
  void restore_state(StateReader& reader) override;
  void reset_to(const std::optional<PhysicalState>& start, std::span<double> observation) override;

 private:
  void start(std::uint64_t seed);
  void disturb_action(std::span<float> action);
  /// Makes of what the environment wrote into the first size_ entries what is observed. `first`: it
  /// is the start of an episode.
  void disturb_observation(std::span<double> observation, bool first);
  /// Whether a sensor fails now: `left` counts the steps for which it still will.
  bool fails(std::int64_t& left, double probability, std::int64_t steps);

  PerturbationConfig config_;
  std::size_t size_;  ///< of the observation inside
  RandomStream random_;
  std::vector<float> queue_;          ///< [delay, action], oldest first
  std::vector<float> executed_;       ///< [action]
  std::vector<std::int64_t> out_;     ///< [obs] steps for which each sensor still reads 0
  std::vector<std::int64_t> stuck_;   ///< [obs] steps for which each sensor still repeats itself
  std::vector<double> last_;          ///< [obs] what each sensor read last
  std::vector<double> observations_;  ///< [delay, obs], oldest first
  std::vector<double> rewards_;       ///< [delay], oldest first
};

}  // namespace costate
