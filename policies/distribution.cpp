#include "policies/distribution.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>

#include "envs/error.h"
#include "envs/registry.h"

namespace costate {

const std::vector<std::string>& estimator_names() {
  static const std::vector<std::string> names = {
      "pathwise", "straight-through", "gumbel", "local", "enum", "score"};
  return names;
}

std::string_view estimator_name(Estimator estimator) {
  return estimator_names()[static_cast<std::size_t>(estimator)];
}

void Distribution::sample_rows(std::span<const float> parameters, RandomStream& random,
                               std::span<float> actions) const {
  const auto p = static_cast<std::size_t>(parameter_size());
  const auto a = static_cast<std::size_t>(action_size());
  for (std::size_t i = 0; i * a < actions.size(); ++i) {
    sample(parameters.subspan(i * p, p), random, actions.subspan(i * a, a));
  }
}

void Distribution::execute(std::span<float> /*actions*/) const {}

void Distribution::to_raw(std::span<float> /*action*/) const {}

bool Distribution::enumerable() const {
  const int values = values_per_dimension();
  double actions = 1.0;
  for (int d = 0; d < dimensions(); ++d) actions *= values;
  return values > 0 && actions <= kMaxEnumerated;
}

std::vector<float> Distribution::enumerate() const {
  if (!enumerable()) return {};
  const int values = values_per_dimension();
  const std::span<const float> value = bins();
  std::vector<int> index(dimensions(), 0);
  std::vector<float> actions;
  for (;;) {
    for (const int k : index) actions.push_back(value.empty() ? static_cast<float>(k) : value[k]);
    // Counts up, the last dimension fastest.
    int d = dimensions() - 1;
    for (; d >= 0 && ++index[d] == values; --d) index[d] = 0;
    if (d < 0) return actions;
  }
}

// A call of one of these is a fault of the caller, who has not asked has().

void Distribution::pathwise_gradient(std::span<const float>, std::span<const float>,
                                     std::span<const float>, std::span<const float>,
                                     std::span<const float>, std::span<float>) const {
  assert(false && "has(kPathwise) is false");
}

void Distribution::mean_gradient(std::span<const float>, std::span<const float>,
                                 std::span<float>) const {
  assert(false && "has(kStraightThrough) is false");
}

void Distribution::gumbel_gradient(std::span<const float>, std::span<const float>,
                                   std::span<const float>, double, RandomStream&,
                                   std::span<float>) const {
  assert(false && "has(kGumbel) is false");
}

void Distribution::expectation_gradient(std::span<const float>, std::span<const float>,
                                        std::span<float>) const {
  assert(false && "has(kLocal) is false");
}

bool Distribution::natural(std::span<const float>, std::span<float>) const {
  return false;
}

bool Distribution::from_natural(std::span<const float>, std::span<float>) const {
  return false;
}

void Distribution::boundary_mass(std::span<const float> parameters, double epsilon,
                                 std::span<double> out) const {
  if (support() == Support::kFinite) {
    std::fill(out.begin(), out.end(), std::numeric_limits<double>::quiet_NaN());
    return;
  }
  // P(a ≤ −1+ε) + P(a ≥ 1−ε); just below 1−ε stands for strictly below.
  std::vector<double> below(out.size());
  cdf(parameters, -1.0 + epsilon, out);
  cdf(parameters, std::nextafter(1.0 - epsilon, -2.0), below);
  for (std::size_t d = 0; d < out.size(); ++d) out[d] += 1.0 - below[d];
}

void Distribution::joint(std::span<const float> per_dimension, std::span<float> out) const {
  const int d = dimensions();
  for (std::size_t i = 0; i < out.size(); ++i) {
    float sum = 0.0f;
    for (int j = 0; j < d; ++j) sum += per_dimension[i * d + j];
    out[i] = sum;
  }
}

namespace {

enum class Needs { kDiscrete, kBox, kBoundedBox };

struct Family {
  const char* name;
  Needs needs;
  std::unique_ptr<Distribution> (*make)(const Space& action, const DistributionOptions& options);
};

// "auto" takes the first that fits.
constexpr Family kFamilies[] = {
    {"gaussian", Needs::kBox,
     [](const Space& action, const DistributionOptions&) { return make_gaussian(action.size()); }},
    {"squashed", Needs::kBoundedBox,
     [](const Space& action, const DistributionOptions&) {
       return make_squashed_gaussian(action.size());
     }},
    {"bernoulli", Needs::kBoundedBox,
     [](const Space& action, const DistributionOptions&) { return make_bernoulli(action.size()); }},
    {"ternary", Needs::kBoundedBox,
     [](const Space& action, const DistributionOptions&) { return make_ternary(action.size()); }},
    {"bins", Needs::kBoundedBox,
     [](const Space& action, const DistributionOptions& options) {
       return make_bins(action.size(), static_cast<int>(options.bins));
     }},
    {"mixture", Needs::kBox,
     [](const Space& action, const DistributionOptions& options) {
       return make_mixture(action.size(), static_cast<int>(options.components));
     }},
    {"categorical", Needs::kDiscrete,
     [](const Space& action, const DistributionOptions&) {
       return make_categorical(action.counts[0]);
     }},
};

bool fits(Needs needs, const Space& action) {
  switch (needs) {
    case Needs::kDiscrete:
      return action.kind == Space::Kind::kDiscrete;
    case Needs::kBox:
      return action.kind == Space::Kind::kBox;
    case Needs::kBoundedBox:
      return action.kind == Space::Kind::kBox && action.bounded();
  }
  return false;
}

std::string in_words(Needs needs) {
  switch (needs) {
    case Needs::kDiscrete:
      return "a discrete action space";
    case Needs::kBox:
      return "a box of actions";
    case Needs::kBoundedBox:
      return "a bounded box of actions";
  }
  return {};
}

}  // namespace

void DistributionOptions::describe(Options& options) {
  options.add("distribution.bins", bins, Range::between(2, 101),
              "bins: values that each dimension can take, evenly spaced over the action box");
  options.add("distribution.components", components, Range::between(1, 16),
              "mixture: normals in each dimension");
}

const std::vector<std::string>& distribution_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all = {"auto"};
    for (const Family& family : kFamilies) all.emplace_back(family.name);
    return all;
  }();
  return names;
}

std::unique_ptr<Distribution> make_distribution(const std::string& name, const Space& action,
                                                const DistributionOptions& options) {
  if (name == "auto") {
    for (const Family& family : kFamilies) {
      if (fits(family.needs, action)) return family.make(action, options);
    }
    throw UsageError("policy: no distribution for the action space " + action.to_string() +
                     ", expected a box or a discrete space");
  }
  for (const Family& family : kFamilies) {
    if (name != family.name) continue;
    if (!fits(family.needs, action)) {
      throw UsageError("policy \"" + name + "\" needs " + in_words(family.needs) +
                       ", the environment has " + action.to_string());
    }
    return family.make(action, options);
  }
  std::string expected;
  for (const std::string& known : distribution_names()) expected += ", " + known;
  const std::string hint = nearest(name, distribution_names());
  throw UsageError("policy is \"" + name + "\", expected one of " + expected.substr(2) +
                   (hint.empty() ? "" : "; did you mean " + hint + "?"));
}

}  // namespace costate
