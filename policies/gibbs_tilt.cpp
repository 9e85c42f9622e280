#include "policies/gibbs_tilt.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstddef>
#include <limits>

namespace costate {

double gibbs_tilt(std::span<const float> log_ref, std::span<const float> value, double temperature,
                  std::span<float> out) {
  assert(temperature > 0.0 && !out.empty());
  assert(log_ref.size() == out.size() && value.size() == out.size());
  const auto logit = [&](std::size_t k) { return log_ref[k] + value[k] / temperature; };
  double top = -std::numeric_limits<double>::infinity();
  for (std::size_t k = 0; k < out.size(); ++k) top = std::max(top, logit(k));
  double sum = 0.0;
  for (std::size_t k = 0; k < out.size(); ++k) sum += std::exp(logit(k) - top);
  // Apart from each other, lest a large `top` swallow the digits of log(sum).
  const double log_sum = std::log(sum);
  for (std::size_t k = 0; k < out.size(); ++k) {
    out[k] = static_cast<float>((logit(k) - top) - log_sum);
  }
  return top + log_sum;
}

}  // namespace costate
