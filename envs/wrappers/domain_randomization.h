// Draws physical parameters anew for every episode (Tobin et al., "Domain randomization for
// transferring deep neural networks from simulation to the real world", 2017; Peng et al.,
// "Sim-to-real transfer of robotic control with dynamics randomization", 2018).
//
// Each named parameter becomes a uniform multiple of its nominal value. The factors are a part of
// the state, and are logged with the episode (EnvSpec::episode_values).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "envs/options.h"
#include "envs/wrappers/wrapper.h"

namespace costate {

class DomainRandomization final : public Wrapper {
 public:
  /// `ranges` is a list such as "mass 0.8..1.2, friction/floor 0.5..2". Throws UsageError that says
  /// what is wrong with it, and which parameters the environment has.
  DomainRandomization(std::unique_ptr<Env> env, const std::string& ranges);

  void reset(std::uint64_t seed, std::span<double> observation) override;
  void save_state(StateWriter& writer) const override;
  void restore_state(StateReader& reader) override;
  /// Every factor is in the middle of its range.
  void reset_to(const std::optional<PhysicalState>& start, std::span<double> observation) override;
  /// The factors, then what the environment inside has.
  std::span<const double> episode_values() const override { return values_; }

 private:
  struct Randomized {
    std::size_t parameter;  ///< index into parameter_names()
    Bounds range;
  };
  void take_factors();
  void take_inner_values();

  std::vector<Randomized> randomized_;
  std::vector<double> values_;   ///< a factor for each of randomized_, then the inner values
  std::vector<double> factors_;  ///< for each of parameter_names()
};

}  // namespace costate
