#include "envs/normalizer.h"

#include <algorithm>
#include <cassert>
#include <cmath>

namespace costate {
namespace {

constexpr double kInitialCount = 1e-4;
constexpr double kEpsilon = 1e-8;

template <class T>
void add_row(Moments& moments, std::span<const T> row) {
  assert(row.size() == moments.mean.size());
  moments.count += 1.0;
  for (std::size_t i = 0; i < row.size(); ++i) {
    const double delta = row[i] - moments.mean[i];
    moments.mean[i] += delta / moments.count;
    moments.m2[i] += delta * (row[i] - moments.mean[i]);
  }
}

}  // namespace

Moments::Moments(int size)
    : mean(static_cast<std::size_t>(size), 0.0), m2(static_cast<std::size_t>(size), 0.0) {}

void Moments::clear() {
  count = 0.0;
  std::ranges::fill(mean, 0.0);
  std::ranges::fill(m2, 0.0);
}

void Moments::add(std::span<const float> row) {
  add_row(*this, row);
}
void Moments::add(std::span<const double> row) {
  add_row(*this, row);
}

void Moments::merge(const Moments& other) {
  assert(other.size() == size());
  if (other.count == 0.0) return;
  const double total = count + other.count;
  for (std::size_t i = 0; i < mean.size(); ++i) {
    const double delta = other.mean[i] - mean[i];
    mean[i] += delta * (other.count / total);
    m2[i] += other.m2[i] + delta * delta * (count * other.count / total);
  }
  count = total;
}

void Moments::save_state(StateWriter& writer) const {
  writer.write(count);
  writer.write(std::span<const double>(mean));
  writer.write(std::span<const double>(m2));
}

void Moments::restore_state(StateReader& reader) {
  count = reader.read<double>();
  reader.read(std::span<double>(mean));
  reader.read(std::span<double>(m2));
}

RunningMeanStd::RunningMeanStd(int size) : moments_(size) {
  moments_.count = kInitialCount;
  std::ranges::fill(moments_.m2, kInitialCount);  // variance 1
}

void RunningMeanStd::update(std::span<const float> rows) {
  const auto width = static_cast<std::size_t>(size());
  assert(rows.size() % width == 0);
  Moments batch(size());
  for (std::size_t at = 0; at < rows.size(); at += width) batch.add(rows.subspan(at, width));
  merge(batch);
}

void RunningMeanStd::merge(std::span<const double> mean, std::span<const double> variance,
                           double count) {
  assert(mean.size() == moments_.mean.size() && variance.size() == mean.size());
  Moments batch(size());
  batch.count = count;
  for (std::size_t i = 0; i < mean.size(); ++i) {
    batch.mean[i] = mean[i];
    batch.m2[i] = variance[i] * count;
  }
  merge(batch);
}

ObservationNormalizer::ObservationNormalizer(int size, double clip)
    : statistics_(size),
      clip_(clip),
      mean_(static_cast<std::size_t>(size)),
      inverse_std_(static_cast<std::size_t>(size)) {
  refresh();
}

void ObservationNormalizer::normalize(std::span<const float> rows, std::span<float> out) const {
  const std::size_t width = mean_.size();
  assert(rows.size() % width == 0 && out.size() == rows.size());
  for (std::size_t at = 0; at < rows.size(); at += width) {
    for (std::size_t i = 0; i < width; ++i) {
      const double value = (rows[at + i] - mean_[i]) * inverse_std_[i];
      out[at + i] = static_cast<float>(std::clamp(value, -clip_, clip_));
    }
  }
}

void ObservationNormalizer::accumulate(std::span<const float> rows, Moments& moments) const {
  const std::size_t width = mean_.size();
  assert(rows.size() % width == 0);
  for (std::size_t at = 0; at < rows.size(); at += width) moments.add(rows.subspan(at, width));
}

void ObservationNormalizer::merge(const Moments& moments) {
  statistics_.merge(moments);
  refresh();
}

void ObservationNormalizer::save_state(StateWriter& writer) const {
  statistics_.save_state(writer);
}

void ObservationNormalizer::restore_state(StateReader& reader) {
  statistics_.restore_state(reader);
  refresh();
}

void ObservationNormalizer::refresh() {
  for (int i = 0; i < size(); ++i) {
    mean_[static_cast<std::size_t>(i)] = statistics_.mean(i);
    inverse_std_[static_cast<std::size_t>(i)] = 1.0 / std::sqrt(statistics_.variance(i) + kEpsilon);
  }
}

RewardNormalizer::RewardNormalizer(int envs, double gamma)
    : statistics_(1), gamma_(gamma), returns_(static_cast<std::size_t>(envs), 0.0) {
  refresh();
}

void RewardNormalizer::accumulate(int env, double reward, bool ended, Moments& moments) {
  double& value = returns_[static_cast<std::size_t>(env)];
  value = value * gamma_ + reward;
  moments.add(std::span<const double>(&value, 1));
  if (ended) value = 0.0;
}

void RewardNormalizer::merge(const Moments& moments) {
  statistics_.merge(moments);
  refresh();
}

void RewardNormalizer::save_state(StateWriter& writer) const {
  statistics_.save_state(writer);
  writer.write(std::span<const double>(returns_));
}

void RewardNormalizer::restore_state(StateReader& reader) {
  statistics_.restore_state(reader);
  reader.read(std::span<double>(returns_));
  refresh();
}

void RewardNormalizer::refresh() {
  inverse_std_ = 1.0 / std::sqrt(statistics_.variance(0) + kEpsilon);
}

}  // namespace costate
