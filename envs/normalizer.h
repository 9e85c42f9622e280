// Running mean and variance, and the normalisation of observations and rewards by them.
//
// Moments are combined by the parallel update of Chan, Golub and LeVeque ("Updating formulae and a
// pairwise algorithm for computing sample variances", 1979). The normalisers follow Gymnasium's
// NormalizeObservation and NormalizeReward: a count of 1e-4, mean 0 and variance 1 to begin with.
//
// Statistics are frozen while a rollout is collected. Each shard adds its rows to Moments of its
// own, and the normaliser merges them afterwards in the order of the shards, so no bit depends on
// threads.
#pragma once

#include <span>
#include <vector>

#include "envs/env.h"

namespace costate {

/// Count, mean and sum of squared deviations of rows of D numbers. Plain data.
struct Moments {
  explicit Moments(int size = 0);

  double count = 0.0;
  std::vector<double> mean;  ///< [D]
  std::vector<double> m2;    ///< [D] sum of squared deviations from the mean

  int size() const { return static_cast<int>(mean.size()); }
  /// Back to no rows.
  void clear();
  /// One row [D] more (Welford's update).
  void add(std::span<const float> row);
  void add(std::span<const double> row);
  /// All rows of `other` more; both have the same D.
  void merge(const Moments& other);

  void save_state(StateWriter& writer) const;
  /// Restores Moments of the same D.
  void restore_state(StateReader& reader);
};

/// Mean and variance of all rows seen, starting from a weak prior (count 1e-4, mean 0, variance 1).
class RunningMeanStd {
 public:
  explicit RunningMeanStd(int size);

  int size() const { return moments_.size(); }
  double count() const { return moments_.count; }
  double mean(int i) const { return moments_.mean[static_cast<std::size_t>(i)]; }
  /// Population variance (divided by the count).
  double variance(int i) const { return moments_.m2[static_cast<std::size_t>(i)] / moments_.count; }

  /// A batch of rows [B, D] more.
  void update(std::span<const float> rows);
  void merge(const Moments& moments) { moments_.merge(moments); }
  /// A batch known by its mean [D], population variance [D] and count more.
  void merge(std::span<const double> mean, std::span<const double> variance, double count);

  void save_state(StateWriter& writer) const { moments_.save_state(writer); }
  void restore_state(StateReader& reader) { moments_.restore_state(reader); }

 private:
  Moments moments_;
};

/// Observations to mean 0 and variance 1: clip((x − mean) / sqrt(variance + 1e-8), ±clip).
class ObservationNormalizer {
 public:
  explicit ObservationNormalizer(int size, double clip = 10.0);

  int size() const { return statistics_.size(); }
  const RunningMeanStd& statistics() const { return statistics_; }

  /// Normalises rows [B, D] with the frozen statistics; `out` [B, D] may be the same memory.
  void normalize(std::span<const float> rows, std::span<float> out) const;
  /// Adds rows [B, D] to a shard's own moments; the statistics stay as they are.
  void accumulate(std::span<const float> rows, Moments& moments) const;
  /// Takes a shard's moments into the statistics.
  void merge(const Moments& moments);

  void save_state(StateWriter& writer) const;
  void restore_state(StateReader& reader);

 private:
  void refresh();

  RunningMeanStd statistics_;
  double clip_;
  // What normalize() needs, worked out once per merge.
  std::vector<double> mean_;
  std::vector<double> inverse_std_;
};

/// Rewards divided by the standard deviation of the discounted return, reward / sqrt(variance +
/// 1e-8): the scale is learned, the sign and the zero stay.
class RewardNormalizer {
 public:
  /// `envs` environments, discount `gamma` in [0, 1].
  RewardNormalizer(int envs, double gamma);

  const RunningMeanStd& statistics() const { return statistics_; }

  /// The reward on the present scale.
  double normalize(double reward) const { return reward * inverse_std_; }
  /// Follows environment `env` through one step: its discounted return becomes gamma · return +
  /// reward, is added to the shard's moments (D = 1), and starts anew where the episode ended.
  /// Different environments may be followed at the same time.
  void accumulate(int env, double reward, bool ended, Moments& moments);
  void merge(const Moments& moments);

  void save_state(StateWriter& writer) const;
  void restore_state(StateReader& reader);

 private:
  void refresh();

  RunningMeanStd statistics_;
  double gamma_;
  double inverse_std_ = 1.0;
  std::vector<double> returns_;  ///< [envs]
};

}  // namespace costate
