// Returns and lengths of the episodes that a run has finished.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "envs/env.h"

namespace costate {

/// Follows N environments through their episodes and remembers the last 100 that ended.
class EpisodeStatistics {
 public:
  explicit EpisodeStatistics(int envs);

  /// One step of environment `env`; `ended` where it was the last of its episode.
  void add(int env, double reward, bool ended);

  std::int64_t episodes() const { return episodes_; }
  /// Mean over the last 100 episodes; NaN before the first one ended.
  double return_mean_100() const;
  double length_mean_100() const;

  void save_state(StateWriter& writer) const;
  void restore_state(StateReader& reader);

 private:
  static constexpr std::size_t kWindow = 100;

  std::int64_t episodes_ = 0;
  std::vector<double> running_return_;        // [N]
  std::vector<std::int64_t> running_length_;  // [N]
  std::vector<double> last_returns_;          // ring of kWindow, indexed by episode number
  std::vector<double> last_lengths_;
};

}  // namespace costate
