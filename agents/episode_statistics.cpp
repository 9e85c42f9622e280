#include "agents/episode_statistics.h"

#include <algorithm>
#include <limits>

namespace costate {

EpisodeStatistics::EpisodeStatistics(int envs)
    : running_return_(envs),
      running_length_(envs),
      last_returns_(kWindow),
      last_lengths_(kWindow) {}

void EpisodeStatistics::add(int env, double reward, bool ended) {
  running_return_[env] += reward;
  running_length_[env] += 1;
  if (!ended) return;
  const std::size_t slot = static_cast<std::size_t>(episodes_) % kWindow;
  last_returns_[slot] = running_return_[env];
  last_lengths_[slot] = static_cast<double>(running_length_[env]);
  running_return_[env] = 0.0;
  running_length_[env] = 0;
  ++episodes_;
}

namespace {

double mean_of_first(const std::vector<double>& values, std::int64_t count) {
  const auto n = std::min<std::size_t>(values.size(), static_cast<std::size_t>(count));
  if (n == 0) return std::numeric_limits<double>::quiet_NaN();
  double sum = 0.0;
  for (std::size_t i = 0; i < n; ++i) sum += values[i];
  return sum / static_cast<double>(n);
}

}  // namespace

double EpisodeStatistics::return_mean_100() const {
  return mean_of_first(last_returns_, episodes_);
}

double EpisodeStatistics::length_mean_100() const {
  return mean_of_first(last_lengths_, episodes_);
}

void EpisodeStatistics::save_state(StateWriter& writer) const {
  writer.write(episodes_);
  writer.write(std::span<const double>(running_return_));
  writer.write(std::span<const std::int64_t>(running_length_));
  writer.write(std::span<const double>(last_returns_));
  writer.write(std::span<const double>(last_lengths_));
}

void EpisodeStatistics::restore_state(StateReader& reader) {
  episodes_ = reader.read<std::int64_t>();
  reader.read(std::span<double>(running_return_));
  reader.read(std::span<std::int64_t>(running_length_));
  reader.read(std::span<double>(last_returns_));
  reader.read(std::span<double>(last_lengths_));
}

}  // namespace costate
