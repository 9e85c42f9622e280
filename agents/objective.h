// Policy objectives: what a learner's policy is to make small, as weights on ∇log π.
//
// With r = π/π_old the probability ratio of an action and Â its advantage, the loss of a row and
// its derivative with respect to log π are
//
//   clip      −min(rÂ, clip(r, 1 ± ε)Â)   −rÂ, or 0 where the clipped branch is the smaller one
//             (Schulman et al., "Proximal Policy Optimization Algorithms", 2017, equation 7)
//   gradient  −rÂ                         −rÂ
//             (the likelihood-ratio surrogate; ibid., equation 6)
//   kl        −Â·log r                    −Â
//             (functional mirror ascent: with (1/η)·KL(π_old‖π), which is a regulariser's part, it
//             bounds the loss where η is small enough; Vaswani et al., "A General Class of
//             Surrogate Functions for Stable and Efficient Reinforcement Learning", AISTATS 2022,
//             and Lavington et al., "Target-based Surrogates for Stochastic Optimization", ICML
//             2023)
#pragma once

#include <span>
#include <string>
#include <vector>

#include "envs/options.h"

namespace costate {

/// "clip", "gradient", "kl".
const std::vector<std::string>& objective_names();

struct ObjectiveConfig {
  std::string kind = "clip";
  double clip = 0.2;

  /// Keys `<prefix>objective` and `<prefix>clip`.
  void describe(Options& options, const std::string& prefix);
};

class Objective {
 public:
  /// Sums over rows.
  struct Sums {
    double loss = 0.0;
    double clipped = 0.0;  ///< rows whose ratio is outside of the bounds; 0 without bounds
  };
  /// How a family weighs rows; arguments as of weigh().
  using Family = Sums (*)(float clip, std::span<float> log_ratios,
                          std::span<const float> advantages, float share, std::span<float> weights);

  explicit Objective(const ObjectiveConfig& config);

  /// weights [n] ← share · dloss/dlog π of each row, for log_ratios [n] = log π − log π_old, which
  /// are overwritten, and advantages [n].
  Sums weigh(std::span<float> log_ratios, std::span<const float> advantages, float share,
             std::span<float> weights) const {
    return family_(clip_, log_ratios, advantages, share, weights);
  }

 private:
  Family family_;
  float clip_;
};

}  // namespace costate
