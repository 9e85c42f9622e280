// `costate compare`: how two trained policies differ, in what they earn and in how they act.
//
// Actions are compared on the states of both: half of them from A's episodes, half from B's, all
// under sampled actions. Per state the dimensions of an action are independent, so everything comes
// per dimension, averaged over the states, and a joint value is the sum.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "backends/diagnostics/statistics.h"
#include "envs/thread_pool.h"
#include "policies/distribution.h"
#include "runners/trained_run.h"

namespace costate {

/// Of one action dimension, averaged over states; or summed over the dimensions.
struct ActionDifference {
  /// KL divergence in nats. Within one family that of the sampled actions (for a gaussian: before
  /// they are clipped), in closed form. Between a gaussian and a bernoulli that of the executed
  /// actions, whose atoms at ±1 are all that the two share: finite from the bernoulli to the
  /// gaussian, infinite the other way.
  double kl_ab = 0.0;
  double kl_ba = 0.0;
  /// In nats; differential for a gaussian, so its value means little beside that of a bernoulli.
  double entropy_a = 0.0;
  double entropy_b = 0.0;
  /// Probability that the executed action is within 1 % of the half width from a bound; NaN for
  /// discrete actions.
  double boundary_mass_a = 0.0;
  double boundary_mass_b = 0.0;
  /// Wasserstein-1 distance of the executed actions, ∫|F_a − F_b| dx over the box [−1, 1]. For
  /// discrete actions, where any two are equally far apart, the total variation distance.
  double wasserstein = 0.0;

  ActionDifference& operator+=(const ActionDifference& other);
};

struct ActionComparison {
  std::int64_t states = 0;
  std::vector<ActionDifference> dimensions;  ///< averages over the states
  ActionDifference total;                    ///< the sum over the dimensions
  std::string kl_note;                       ///< why a KL is infinite or NaN; empty where none is
};

/// Compares two distributions given the parameters of n states each, [n, P_a] and [n, P_b]. Both
/// are over the same actions; the result does not depend on the number of threads.
ActionComparison compare_actions(const Distribution& a, std::span<const float> parameters_a,
                                 const Distribution& b, std::span<const float> parameters_b,
                                 ThreadPool& pool);

struct CompareOptions {
  std::int64_t episodes = 50;  ///< of each run
  std::uint64_t seed = 0;
};

/// One side of the comparison: a run, or several runs (seeds) of one setting.
struct ComparedSide {
  std::string label;
  std::vector<std::string> runs;
  std::string policy;         ///< the distribution's name
  std::int64_t episodes = 0;  ///< in all
  std::vector<double>
      values;         ///< the returns of a single run's episodes, or each run's mean return
  double mean = 0.0;  ///< this and what follows: of the values
  double iqm = 0.0;
  double std = 0.0;
  Interval ci95;  ///< of the mean
};

struct Comparison {
  std::string env;
  ComparedSide a;
  ComparedSide b;
  double difference = 0.0;  ///< mean of A − mean of B
  Interval difference_ci95;
  ActionComparison actions;  ///< of the first run of each side
};

/// Evaluates all runs with sampled actions, every run on the same starts, and compares. Throws
/// UsageError where the runs are not all of one environment, or those of a side not of one policy.
Comparison compare_runs(const std::vector<TrainedRun>& a, const std::vector<TrainedRun>& b,
                        const CompareOptions& options, ThreadPool& pool);

/// Numbers that are infinite or undefined are written as null.
nlohmann::ordered_json to_json(const Comparison& comparison);

/// The same for people.
void print(const Comparison& comparison, std::ostream& out);

}  // namespace costate
