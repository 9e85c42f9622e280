// Imperfect actuators and sensors, the perturbations by which policies for real machines are judged
// (Dulac-Arnold et al., "Challenges of real-world reinforcement learning: definitions, benchmarks
// and analysis", 2021): actions that come late and are not quite those that were asked for,
// observations with noise, sensors that drop out.
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

  void describe(Options& options);
  bool any() const;
};

/// The order of a step: the action joins the queue of delayed ones; the one that leaves it is
/// disturbed and executed; the observation gets its noise; sensors that are out read 0. Until the
/// first action has come through, the middle of a box is executed, or action 0.
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
  void disturb_observation(std::span<double> observation);

  PerturbationConfig config_;
  RandomStream random_;
  std::vector<float> queue_;       ///< [delay, action], oldest first
  std::vector<float> executed_;    ///< [action]
  std::vector<std::int64_t> out_;  ///< [obs] steps for which each sensor still reads 0
};

}  // namespace costate
