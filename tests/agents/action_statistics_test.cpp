// Measures of how a policy acts, against numbers worked out by hand.
#include "agents/action_statistics.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <numbers>
#include <numeric>
#include <vector>

namespace costate {
namespace {

EvaluatedEpisode episode(std::int64_t length, std::vector<float> actions,
                         std::vector<float> parameters) {
  EvaluatedEpisode episode;
  episode.length = length;
  episode.actions = std::move(actions);
  episode.parameters = std::move(parameters);
  return episode;
}

// P(|clipped N(mean, std)| ≥ 1 − ε).
double gaussian_edge_mass(double mean, double std, double epsilon) {
  const auto cdf = [](double z) { return 0.5 * std::erfc(-z / std::numbers::sqrt2); };
  const double edge = 1.0 - epsilon;
  return 1.0 - cdf((edge - mean) / std) + cdf((-edge - mean) / std);
}

TEST_CASE("the measures of a gaussian policy's actions are those worked out by hand") {
  const auto gaussian = make_gaussian(2);
  // Two steps, then one: (1, 0.5), (−1, 0.97); (−0.2, −0.99). Rows (mean, mean, log_std, log_std).
  const std::vector<EvaluatedEpisode> episodes = {
      episode(2, {1.0f, 0.5f, -1.0f, 0.97f}, {0, 1, 0, 0, 0, 0, 0, 0}),
      episode(1, {-0.2f, -0.995f}, {0, 0, 0, 0})};
  const ActionStatistics result = action_statistics(*gaussian, episodes);
  CHECK(result.saturation_99 == Approx(3.0 / 6));
  CHECK(result.saturation_95 == Approx(4.0 / 6));
  CHECK(result.edge_distance == Approx((0 + 0.5 + 0 + 0.03 + 0.8 + 0.005) / 6));
  // Within the first episode only: |−1 − 1|/2 and |0.97 − 0.5|/2.
  CHECK(result.switching == Approx((1.0 + 0.235) / 2));
  CHECK(result.energy == Approx((1 + 0.25 + 1 + 0.9409 + 0.04 + 0.990025) / 6));
  CHECK(result.boundary_mass ==
        Approx((5 * gaussian_edge_mass(0, 1, 0.01) + gaussian_edge_mass(1, 1, 0.01)) / 6));

  REQUIRE(result.histograms.size() == 2);
  for (const ActionHistogram& histogram : result.histograms) {
    CHECK(std::accumulate(histogram.begin(), histogram.end(), 0.0) == Approx(1.0));
  }
  CHECK(result.histograms[0][0] == Approx(1.0 / 3));   // −1
  CHECK(result.histograms[0][8] == Approx(1.0 / 3));   // −0.2 in [−0.238, −0.143)
  CHECK(result.histograms[0][20] == Approx(1.0 / 3));  // 1, the closed end
  CHECK(result.histograms[1][15] == Approx(1.0 / 3));  // 0.5 in [0.429, 0.524)
  CHECK(result.histograms[1][20] == Approx(1.0 / 3));  // 0.97
}

TEST_CASE("a bernoulli policy acts at the bounds alone") {
  const auto bernoulli = make_bernoulli(1);
  const std::vector<EvaluatedEpisode> episodes = {episode(4, {1, 1, -1, 1}, {0.5f, 3, -2, 0})};
  const ActionStatistics result = action_statistics(*bernoulli, episodes);
  CHECK(result.saturation_99 == 1.0);
  CHECK(result.edge_distance == 0.0);
  CHECK(result.switching == Approx(2.0 / 3));
  CHECK(result.energy == 1.0);
  CHECK(result.boundary_mass == Approx(1.0));
  CHECK(result.histograms[0][0] == 0.25);
  CHECK(result.histograms[0][20] == 0.75);
}

TEST_CASE("saturation while training counts executed and most probable actions") {
  const auto gaussian = make_gaussian(2);
  RolloutBuffer rollout;
  rollout.resize(/*n=*/1, /*t=*/2, /*observation_size=*/1, /*action_size=*/2, /*parameter_size=*/4);
  rollout.raw_actions = {5.0f, -0.98f, -0.995f, 0.0f};  // executed as 1, −0.98, −0.995, 0
  rollout.distribution = {0.2f, 0.1f, 0.0f, 0.0f, -0.3f, 4.0f, 0.0f, 0.0f};
  std::vector<float> scratch(2);
  SaturationSums sums;
  for (int times = 1; times <= 2; ++times) {
    sums.add(*gaussian, rollout, scratch);
    CHECK(sums.executed == 2.0 * times);
    CHECK(sums.mode == 1.0 * times);
    CHECK(sums.values == 4.0 * times);
  }
  // tanh(2.6) = 0.989, tanh(2.7) = 0.991
  rollout.raw_actions = {2.6f, 2.7f, -2.7f, 0.0f};
  SaturationSums squashed;
  squashed.add(*make_squashed_gaussian(2), rollout, scratch);
  CHECK(squashed.executed == 2.0);
  CHECK(squashed.mode == 1.0);

  const auto categorical = make_categorical(3);
  rollout.resize(1, 2, 1, 1, 3);
  SaturationSums none;
  none.add(*categorical, rollout, std::span(scratch).first(1));
  CHECK(none.values == 0.0);
}

TEST_CASE("what is not defined is NaN") {
  const auto gaussian = make_gaussian(1);
  const std::vector<EvaluatedEpisode> one_step = {episode(1, {0.0f}, {0, 0})};
  CHECK(std::isnan(action_statistics(*gaussian, one_step).switching));
  CHECK(action_statistics(*gaussian, one_step).histograms[0][10] == 1.0);

  const auto categorical = make_categorical(3);
  const std::vector<EvaluatedEpisode> discrete = {episode(2, {0, 2}, {0, 0, 0, 0, 0, 0})};
  const ActionStatistics result = action_statistics(*categorical, discrete);
  CHECK(std::isnan(result.saturation_99));
  CHECK(std::isnan(result.switching));
  CHECK(std::isnan(result.boundary_mass));
  CHECK(result.histograms.empty());
}

}  // namespace
}  // namespace costate
