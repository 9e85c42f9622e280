// Which of a file's episodes a runner is to look at.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "logs/rollout_file.h"

namespace costate {

class EpisodeSelection {
 public:
  /// Adds --episode, --best, --worst and --sample, of which one can be given, to `app`, which
  /// outlives this object.
  explicit EpisodeSelection(CLI::App& app);

  /// Indices of episodes in rising order: all of them where nothing was asked for. --best and
  /// --worst go by the return, the first of those that are alike, and leave out episodes that the
  /// end of the run cut off where there are others; --sample draws without replacement, and draws
  /// the same from files of the same length. Throws UsageError where the file has no such episode,
  /// or none at all to choose from.
  std::vector<std::uint64_t> choose(const RolloutReader& reader, const std::string& file) const;
  /// The same, but the best one where nothing was asked for.
  std::vector<std::uint64_t> choose_few(const RolloutReader& reader, const std::string& file) const;

 private:
  static std::uint64_t extreme(const RolloutReader& reader, const std::string& file, bool best);

  std::vector<std::uint64_t> episodes_;
  bool best_ = false;
  bool worst_ = false;
  std::uint64_t sample_ = 0;
};

}  // namespace costate
