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

void Distribution::execute(std::span<float> /*action*/) const {}

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
                                     std::span<float>) const {
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

const std::vector<std::string>& distribution_names() {
  static const std::vector<std::string> names = {"auto", "gaussian", "squashed", "bernoulli",
                                                 "categorical"};
  return names;
}

std::unique_ptr<Distribution> make_distribution(const std::string& name, const Space& action) {
  const bool box = action.kind == Space::Kind::kBox;
  const bool discrete = action.kind == Space::Kind::kDiscrete;
  if (!box && !discrete) {
    throw UsageError("policy: no distribution for the action space " + action.to_string() +
                     ", expected a box or a discrete space");
  }
  const auto needs = [&](bool fits, const std::string& what) {
    if (!fits) {
      throw UsageError("policy \"" + name + "\" needs " + what + ", the environment has " +
                       action.to_string());
    }
  };
  if (name == "categorical" || (name == "auto" && discrete)) {
    needs(discrete, "a discrete action space");
    return make_categorical(action.counts[0]);
  }
  if (name == "gaussian" || name == "auto") {
    needs(box, "a box of actions");
    return make_gaussian(action.size());
  }
  if (name == "squashed") {
    needs(box && action.bounded(), "a bounded box of actions");
    return make_squashed_gaussian(action.size());
  }
  if (name == "bernoulli") {
    needs(box && action.bounded(), "a bounded box of actions");
    return make_bernoulli(action.size());
  }
  const std::string hint = nearest(name, distribution_names());
  throw UsageError("policy is \"" + name +
                   "\", expected auto, gaussian, squashed, bernoulli or categorical" +
                   (hint.empty() ? "" : "; did you mean " + hint + "?"));
}

}  // namespace costate
