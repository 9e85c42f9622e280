#include "policies/distribution.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "envs/error.h"
#include "envs/registry.h"

namespace costate {

void Distribution::execute(std::span<float> /*action*/) const {}

void Distribution::boundary_mass(std::span<const float> parameters, double epsilon,
                                 std::span<double> out) const {
  if (support() == Support::kFinite) {
    std::fill(out.begin(), out.end(), std::numeric_limits<double>::quiet_NaN());
    return;
  }
  // P(a ≤ −1+ε) + P(a ≥ 1−ε); an executed action has its only atoms at ±1, so just below 1−ε is as
  // good as strictly below.
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
  static const std::vector<std::string> names = {"auto", "gaussian", "bernoulli", "categorical"};
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
  if (name == "bernoulli") {
    needs(box && action.bounded(), "a bounded box of actions");
    return make_bernoulli(action.size());
  }
  const std::string hint = nearest(name, distribution_names());
  throw UsageError("policy is \"" + name + "\", expected auto, gaussian, bernoulli or categorical" +
                   (hint.empty() ? "" : "; did you mean " + hint + "?"));
}

}  // namespace costate
