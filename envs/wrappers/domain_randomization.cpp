#include "envs/wrappers/domain_randomization.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <string_view>
#include <utility>

#include "envs/random.h"
#include "envs/registry.h"

namespace costate {
namespace {

/// Tells the wrapper's stream apart from that of the environment, which has the seed itself.
constexpr std::uint64_t kStream = 0x72616e64;

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::optional<double> parse_factor(std::string_view text) {
  double value = 0.0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (!std::isfinite(value) || value < 0.0) return std::nullopt;
  return value;
}

std::optional<Bounds> parse_range(std::string_view text) {
  const auto dots = text.find("..");
  if (dots == std::string_view::npos) return std::nullopt;
  const auto low = parse_factor(text.substr(0, dots));
  const auto high = parse_factor(text.substr(dots + 2));
  if (!low || !high || *low > *high) return std::nullopt;
  return Bounds{*low, *high};
}

}  // namespace

DomainRandomization::DomainRandomization(std::unique_ptr<Env> env, const std::string& ranges)
    : Wrapper(std::move(env)) {
  const std::vector<std::string> names = parameter_names();
  if (names.empty()) {
    throw UsageError("randomize: " + spec_.id + " has no parameters that can be randomised");
  }
  factors_.assign(names.size(), 1.0);
  std::vector<std::string> values;
  for (std::string_view rest = ranges; !rest.empty();) {
    const auto comma = rest.find(',');
    const std::string_view item = trim(rest.substr(0, comma));
    rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
    // The range is what stands behind the last blank: names may hold any.
    const auto blank = item.find_last_of(" \t");
    const auto range =
        blank == std::string_view::npos ? std::nullopt : parse_range(item.substr(blank + 1));
    if (!range) {
      throw UsageError("randomize: \"" + std::string(item) +
                       "\", expected a parameter and its factors, such as \"mass 0.8..1.2\"");
    }
    const std::string name(trim(item.substr(0, blank)));
    const auto place = std::ranges::find(names, name);
    if (place == names.end()) {
      const std::string suggestion = nearest(name, names);
      std::string all;
      for (const std::string& each : names) all += (all.empty() ? "" : ", ") + each;
      throw UsageError(
          "randomize: " + spec_.id + " has no parameter \"" + name + "\"; " +
          (suggestion.empty() ? "it has " + all : "did you mean \"" + suggestion + "\"?"));
    }
    randomized_.push_back({static_cast<std::size_t>(place - names.begin()), *range});
    values.push_back(name + " factor");
  }
  values_.resize(randomized_.size() + spec_.episode_values.size());
  spec_.episode_values.insert(spec_.episode_values.begin(), values.begin(), values.end());
}

void DomainRandomization::take_factors() {
  std::ranges::fill(factors_, 1.0);
  for (std::size_t i = 0; i < randomized_.size(); ++i) {
    factors_[randomized_[i].parameter] *= values_[i];
  }
  inner().scale_parameters(factors_);
}

void DomainRandomization::take_inner_values() {
  const auto place = values_.begin() + static_cast<std::ptrdiff_t>(randomized_.size());
  std::ranges::copy(inner().episode_values(), place);
}

void DomainRandomization::reset(std::uint64_t seed, std::span<double> observation) {
  RandomStream random(derive_key({seed, kStream}));
  for (std::size_t i = 0; i < randomized_.size(); ++i) {
    values_[i] = random.uniform(randomized_[i].range.low, randomized_[i].range.high);
  }
  take_factors();
  inner().reset(seed, observation);
  take_inner_values();
}

void DomainRandomization::reset_to(const std::optional<PhysicalState>& start,
                                   std::span<double> observation) {
  for (std::size_t i = 0; i < randomized_.size(); ++i) {
    values_[i] = 0.5 * (randomized_[i].range.low + randomized_[i].range.high);
  }
  take_factors();
  inner().reset_to(start, observation);
  take_inner_values();
}

void DomainRandomization::save_state(StateWriter& writer) const {
  writer.write(std::span<const double>(values_));
  inner().save_state(writer);
}

void DomainRandomization::restore_state(StateReader& reader) {
  reader.read(std::span(values_));
  take_factors();
  inner().restore_state(reader);
}

}  // namespace costate
