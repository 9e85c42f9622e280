// Running statistics against two-pass sums, and the normalisers against their formulas.
#include "envs/normalizer.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <cstddef>
#include <vector>

#include "envs/random.h"

namespace costate {
namespace {

constexpr int kRows = 1000;
constexpr int kWidth = 3;

/// Rows whose entries have mean 0, 1e4, −5 and spread 1, 0.1, 100.
std::vector<float> sample_rows() {
  RandomStream stream(11);
  std::vector<float> rows;
  for (int i = 0; i < kRows; ++i) {
    rows.push_back(static_cast<float>(stream.normal()));
    rows.push_back(static_cast<float>(1e4 + 0.1 * stream.normal()));
    rows.push_back(static_cast<float>(-5.0 + 100.0 * stream.normal()));
  }
  return rows;
}

/// Mean and population variance of column `i` in long double, the weak prior (count 1e-4, mean 0,
/// variance 1) included as if it were observations.
struct Reference {
  Reference(const std::vector<float>& rows, int i) {
    const auto n = static_cast<long double>(rows.size() / kWidth);
    const long double prior = 1e-4L;
    long double sum = 0;
    for (std::size_t at = 0; at < rows.size(); at += kWidth) {
      sum += rows[at + static_cast<std::size_t>(i)];
    }
    mean = sum / (n + prior);
    long double squares = prior * (1 + mean * mean);
    for (std::size_t at = 0; at < rows.size(); at += kWidth) {
      const long double deviation = rows[at + static_cast<std::size_t>(i)] - mean;
      squares += deviation * deviation;
    }
    variance = squares / (n + prior);
  }
  long double mean;
  long double variance;
};

void check_statistics(const RunningMeanStd& statistics, const std::vector<float>& rows) {
  CHECK(statistics.count() == Approx(1e-4 + kRows).epsilon(1e-12));
  for (int i = 0; i < kWidth; ++i) {
    const Reference reference(rows, i);
    CHECK(statistics.mean(i) == Approx(static_cast<double>(reference.mean)).epsilon(1e-10));
    CHECK(statistics.variance(i) == Approx(static_cast<double>(reference.variance)).epsilon(1e-8));
  }
}

TEST_CASE("Running statistics equal those of all rows at once") {
  const std::vector<float> rows = sample_rows();
  const std::span<const float> all(rows);

  SECTION("in one batch") {
    RunningMeanStd statistics(kWidth);
    statistics.update(all);
    check_statistics(statistics, rows);
  }
  SECTION("in batches of unequal size") {
    RunningMeanStd statistics(kWidth);
    statistics.update(all.subspan(0, 1 * kWidth));
    statistics.update(all.subspan(1 * kWidth, 0));
    statistics.update(all.subspan(1 * kWidth, 700 * kWidth));
    statistics.update(all.subspan(701 * kWidth));
    check_statistics(statistics, rows);
  }
  SECTION("by mean, variance and count") {
    RunningMeanStd statistics(kWidth);
    Moments batch(kWidth);
    for (int i = 0; i < kRows; ++i) batch.add(all.subspan(static_cast<std::size_t>(i) * kWidth, 3));
    std::vector<double> variance;
    for (const double m2 : batch.m2) variance.push_back(m2 / batch.count);
    statistics.merge(batch.mean, variance, batch.count);
    check_statistics(statistics, rows);
  }
}

TEST_CASE("A new normaliser has mean 0 and variance 1") {
  const RunningMeanStd statistics(2);
  CHECK(statistics.mean(1) == 0.0);
  CHECK(statistics.variance(1) == 1.0);
}

TEST_CASE("Observations are normalised with frozen statistics, and clipped") {
  const std::vector<float> rows = sample_rows();
  ObservationNormalizer normalizer(kWidth, 2.0);
  std::vector<Moments> shards(2, Moments(kWidth));
  const std::span<const float> all(rows);
  normalizer.accumulate(all.subspan(0, 300 * kWidth), shards[0]);
  normalizer.accumulate(all.subspan(300 * kWidth), shards[1]);
  CHECK(normalizer.statistics().mean(1) == 0.0);  // frozen until the merge
  for (const Moments& shard : shards) normalizer.merge(shard);
  check_statistics(normalizer.statistics(), rows);

  std::vector<float> out(rows.size());
  normalizer.normalize(rows, out);
  const std::vector<Reference> references = {{rows, 0}, {rows, 1}, {rows, 2}};
  int clipped = 0;
  for (std::size_t at = 0; at < rows.size(); ++at) {
    const Reference& reference = references[at % kWidth];
    const long double expected =
        (rows[at] - reference.mean) / std::sqrt(reference.variance + 1e-8L);
    if (std::abs(expected) > 2.0L) {
      ++clipped;
      REQUIRE(out[at] == (expected > 0.0L ? 2.0f : -2.0f));
    } else {
      REQUIRE(out[at] == Approx(static_cast<double>(expected)).margin(1e-5));
    }
  }
  CHECK(clipped > 50);  // 4.6 % of 3000 normal numbers

  std::vector<float> in_place = rows;
  normalizer.normalize(in_place, in_place);
  CHECK(in_place == out);

  std::vector<std::byte> bytes;
  StateWriter writer(bytes);
  normalizer.save_state(writer);
  ObservationNormalizer restored(kWidth, 2.0);
  StateReader reader(bytes);
  restored.restore_state(reader);
  CHECK(reader.remaining() == 0);
  std::vector<float> again(rows.size());
  restored.normalize(rows, again);
  CHECK(again == out);
}

TEST_CASE("Rewards are divided by the deviation of the discounted return") {
  RewardNormalizer normalizer(2, 0.5);
  Moments shard(1);
  // Environment 0: 1, 1, end at 4, 2 → returns 1, 1.5, 4.75, 2. Environment 1: −1, 3 → −1, 2.5.
  normalizer.accumulate(0, 1.0, false, shard);
  normalizer.accumulate(1, -1.0, false, shard);
  normalizer.accumulate(0, 1.0, false, shard);
  normalizer.accumulate(1, 3.0, false, shard);
  normalizer.accumulate(0, 4.0, true, shard);
  normalizer.accumulate(0, 2.0, false, shard);
  CHECK(normalizer.normalize(3.0) == Approx(3.0).epsilon(1e-7));  // variance 1 before the merge
  normalizer.merge(shard);

  const std::vector<double> returns = {1.0, -1.0, 1.5, 2.5, 4.75, 2.0};
  const double count = 6.0 + 1e-4;
  double mean = 0.0;
  for (const double value : returns) mean += value / count;
  double variance = 1e-4 * (1.0 + mean * mean) / count;
  for (const double value : returns) variance += (value - mean) * (value - mean) / count;
  CHECK(normalizer.normalize(3.0) == Approx(3.0 / std::sqrt(variance + 1e-8)).epsilon(1e-12));
  CHECK(normalizer.normalize(0.0) == 0.0);

  std::vector<std::byte> bytes;
  StateWriter writer(bytes);
  normalizer.save_state(writer);
  RewardNormalizer restored(2, 0.5);
  StateReader reader(bytes);
  restored.restore_state(reader);
  CHECK(reader.remaining() == 0);
  CHECK(restored.normalize(3.0) == normalizer.normalize(3.0));
  // The running returns are part of the state: 2.5 · 0.5 + 1 = 2.25.
  Moments next(1);
  restored.accumulate(1, 1.0, false, next);
  CHECK(next.mean[0] == 2.25);
}

}  // namespace
}  // namespace costate
