#include "runners/episode_selection.h"

#include <algorithm>
#include <numeric>

#include "envs/error.h"
#include "envs/random.h"

namespace costate {

EpisodeSelection::EpisodeSelection(CLI::App& app) {
  auto* group = app.add_option_group("episodes", "Which episodes; all of them otherwise");
  group->add_option("--episode", episodes_, "Index in the file, from 0; may be repeated")
      ->type_name("K")
      ->allow_extra_args(false);
  group->add_flag("--best", best_, "The one of the greatest return");
  group->add_flag("--worst", worst_, "The one of the least return");
  group->add_option("--sample", sample_, "So many, drawn at random, the same at every call")
      ->type_name("N")
      ->check(CLI::PositiveNumber);
  group->require_option(0, 1);
}

std::vector<std::uint64_t> EpisodeSelection::choose(const RolloutReader& reader,
                                                    const std::string& file) const {
  const std::uint64_t count = reader.episode_count();
  const std::string holds = file + " holds " + std::to_string(count) + " episodes";
  std::vector<std::uint64_t> all(count);
  std::iota(all.begin(), all.end(), std::uint64_t{0});
  if (!episodes_.empty()) {
    for (const std::uint64_t k : episodes_) {
      if (k >= count) {
        throw UsageError("--episode " + std::to_string(k) + ": " + holds +
                         (count == 0 ? "" : ", expected 0 to " + std::to_string(count - 1)));
      }
    }
    std::vector<std::uint64_t> chosen = episodes_;
    std::ranges::sort(chosen);
    chosen.erase(std::unique(chosen.begin(), chosen.end()), chosen.end());
    return chosen;
  }
  if (!best_ && !worst_ && sample_ == 0) return all;
  if (best_ || worst_) return {extreme(reader, file, best_)};
  if (sample_ > count) {
    throw UsageError("--sample " + std::to_string(sample_) + ": " + holds);
  }
  RandomStream random(derive_key({count}));
  for (std::uint64_t i = 0; i < sample_; ++i) {
    std::swap(all[i], all[i + random.below(count - i)]);
  }
  all.resize(sample_);
  std::ranges::sort(all);
  return all;
}

std::vector<std::uint64_t> EpisodeSelection::choose_few(const RolloutReader& reader,
                                                        const std::string& file) const {
  const bool asked = !episodes_.empty() || best_ || worst_ || sample_ > 0;
  if (asked) return choose(reader, file);
  return {extreme(reader, file, /*best=*/true)};
}

std::uint64_t EpisodeSelection::extreme(const RolloutReader& reader, const std::string& file,
                                        bool best) {
  const std::uint64_t count = reader.episode_count();
  if (count == 0) throw UsageError(file + " holds no episodes, so none is best or worst");
  std::vector<std::uint64_t> order(count);
  std::iota(order.begin(), order.end(), std::uint64_t{0});
  std::ranges::stable_sort(order, [&](std::uint64_t i, std::uint64_t k) {
    return best ? reader.episode_return(i) > reader.episode_return(k)
                : reader.episode_return(i) < reader.episode_return(k);
  });
  // What the end of the run cut off says nothing of how good the policy was.
  const auto whole = std::ranges::find_if(
      order, [&](std::uint64_t i) { return reader.ending(i) != EpisodeEnding::kOpen; });
  return whole == order.end() ? order.front() : *whole;
}

}  // namespace costate
