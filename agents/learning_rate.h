// The learning-rate rule of a learner: what its rates are multiplied by over a run.
//
//   constant  1
//   linear    1 − p
//   cosine    ½(1 + cos πp)                               (Loshchilov & Hutter, "SGDR", ICLR 2017)
//   kl        a factor that an update with a mean KL(old‖new) above twice the wanted one divides by
//             1.5, and one below half of it multiplies by 1.5 (the adaptive rule of Schulman et
//             al., "Proximal Policy Optimization Algorithms", 2017, section 4, put on the learning
//             rate; the constants are those of rsl_rl, Rudin et al., CoRL 2021)
//
// where p is the share of the run's steps that have been learned from.
#pragma once

#include <string>

#include "envs/options.h"
#include "logs/checkpoint_file.h"

namespace costate {

struct ScheduleConfig {
  std::string kind = "constant";
  double kl = 0.01;  ///< of the rule kl

  /// Keys `<prefix>schedule` and, for a learner that `measures_kl` in its updates, the choice kl
  /// with `<prefix>schedule_kl`.
  void describe(Options& options, const std::string& prefix, bool measures_kl);
};

class LearningRate {
 public:
  explicit LearningRate(const ScheduleConfig& config);

  /// The rate that a run which begins with `initial` has at `progress` p, 0 to 1.
  double at(double initial, double progress) const;
  /// Tells the rule the mean KL of an update. The factor stays within 1/100 and 10, which for
  /// rsl_rl's initial 1e-3 are its bounds.
  void update_kl(double kl);

  /// Entry `<name>`: the factor of the rule kl; nothing for the others.
  void save(Checkpoint& checkpoint, const std::string& name) const;
  void load(const Checkpoint& checkpoint, const std::string& name);

 private:
  enum class Kind { kConstant, kLinear, kCosine, kKl };

  Kind kind_;
  double kl_;
  double factor_ = 1.0;
};

}  // namespace costate
