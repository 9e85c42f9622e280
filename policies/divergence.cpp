#include "policies/divergence.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>

namespace costate {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// log P(Z ≥ z) of a standard normal, also where the probability underflows: there by the
/// asymptotic series of Mills' ratio, whose first omitted term is below 1e-6 of the sum.
double log_normal_tail(double z) {
  if (z < 25.0) return std::log(0.5 * std::erfc(z / std::numbers::sqrt2));
  const double r = 1.0 / (z * z);
  return -0.5 * z * z - std::log(z) - 0.5 * std::log(2.0 * std::numbers::pi) +
         std::log1p(-r * (1.0 - 3.0 * r));
}

double log_sum(double a, double b) {
  const double high = std::max(a, b);
  if (high == -kInfinity) return high;
  return high + std::log(std::exp(a - high) + std::exp(b - high));
}

// p log(p/q) of p = exp(a) and q = exp(b).
double kl_term(double a, double b) {
  return a == -kInfinity ? 0.0 : std::exp(a) * (a - b);
}

// Of both halves of Jensen and Shannon's divergence.
double js_term(double a, double b) {
  const double middle = log_sum(a, b) - std::numbers::ln2;
  return 0.5 * (kl_term(a, middle) + kl_term(b, middle));
}

// Gauss and Legendre's rule of eight nodes on [−1, 1]; the other half is its mirror image.
constexpr std::array<double, 4> kNodes = {0.1834346424956498, 0.5255324099163290,
                                          0.7966664774136267, 0.9602898564975363};
constexpr std::array<double, 4> kWeights = {0.3626837833783620, 0.3137066458778873,
                                            0.2223810344533745, 0.1012285362903763};

template <class F>
double integrate(double low, double high, const F& f) {
  const double middle = 0.5 * (low + high);
  const double half = 0.5 * (high - low);
  double sum = 0.0;
  for (std::size_t i = 0; i < kNodes.size(); ++i) {
    sum += kWeights[i] * (f(middle - half * kNodes[i]) + f(middle + half * kNodes[i]));
  }
  return half * sum;
}

// ∫|f|, cut where f changes its sign.
template <class F>
double integrate_absolute(double low, double high, const F& f) {
  constexpr int kPieces = 4;
  double sum = 0.0;
  double from = low;
  double x = low + 1e-3 * (high - low);
  double value = f(x);
  for (int i = 1; i <= kPieces; ++i) {
    const double next =
        low + (high - low) * (i == kPieces ? 0.999 : static_cast<double>(i) / kPieces);
    const double there = f(next);
    if ((value < 0.0) != (there < 0.0)) {
      double a = x;
      double b = next;
      for (int k = 0; k < 40; ++k) {
        const double c = 0.5 * (a + b);
        ((f(c) < 0.0) == (value < 0.0) ? a : b) = c;
      }
      sum += std::abs(integrate(from, a, f));
      from = a;
    }
    x = next;
    value = there;
  }
  return sum + std::abs(integrate(from, high, f));
}

}  // namespace

void ActionMarginal::assign(const Distribution& distribution, std::span<const float> row,
                            std::size_t d) {
  atoms_.clear();
  log_masses_.clear();
  components_.clear();
  const std::string_view name = distribution.name();
  const auto dimensions = static_cast<std::size_t>(distribution.dimensions());
  squashed_ = name == "squashed";
  if (name == "gaussian" || squashed_) {
    // As the squashed family holds it.
    const double log_std =
        squashed_ ? std::clamp(row[dimensions + d], -20.0f, 2.0f) : row[dimensions + d];
    components_.push_back({0.0, row[d], std::exp(log_std)});
  } else if (name == "mixture") {
    const std::size_t count = row.size() / (3 * dimensions);
    double total = -kInfinity;
    for (std::size_t c = 0; c < count; ++c) {
      const std::size_t at = d * count + c;
      components_.push_back({row[at], row[dimensions * count + at],
                             std::exp(static_cast<double>(row[2 * dimensions * count + at]))});
      total = log_sum(total, row[at]);
    }
    for (Normal& component : components_) component.log_weight -= total;
  } else if (name == "bernoulli") {
    const double logit = row[d];
    atoms_ = {-1.0, 1.0};
    for (const double x : {-logit, logit}) {
      log_masses_.push_back(std::min(x, 0.0) - std::log1p(std::exp(-std::abs(x))));
    }
  } else {
    const auto values = static_cast<std::size_t>(distribution.values_per_dimension());
    const auto bins = distribution.bins();
    double total = -kInfinity;
    for (std::size_t k = 0; k < values; ++k) {
      atoms_.push_back(bins.empty() ? static_cast<double>(k) : bins[k]);
      log_masses_.push_back(row[d * values + k]);
      total = log_sum(total, log_masses_.back());
    }
    for (double& mass : log_masses_) mass -= total;
  }
  if (!components_.empty() && !squashed_) {
    atoms_ = {-1.0, 1.0};
    log_masses_ = {-kInfinity, -kInfinity};
    for (const Normal& n : components_) {
      log_masses_[0] =
          log_sum(log_masses_[0], n.log_weight + log_normal_tail((n.mean + 1.0) / n.std));
      log_masses_[1] =
          log_sum(log_masses_[1], n.log_weight + log_normal_tail((1.0 - n.mean) / n.std));
    }
  }
}

double ActionMarginal::log_mass(double x) const {
  const auto at = std::ranges::find(atoms_, x);
  return at == atoms_.end() ? -kInfinity
                            : log_masses_[static_cast<std::size_t>(at - atoms_.begin())];
}

double ActionMarginal::log_density(double x) const {
  if (std::abs(x) >= 1.0) return -kInfinity;  // a point so near a bound that it rounds to it
  const double sample = squashed_ ? std::atanh(x) : x;
  double sum = -kInfinity;
  for (const Normal& n : components_) {
    const double z = (sample - n.mean) / n.std;
    sum = log_sum(
        sum, n.log_weight - 0.5 * z * z - std::log(n.std) - 0.5 * std::log(2.0 * std::numbers::pi));
  }
  return squashed_ ? sum - std::log1p(-x * x) : sum;
}

double ActionMarginal::cdf(double x) const {
  double sum = 0.0;
  if (components_.empty()) {
    for (std::size_t i = 0; i < atoms_.size() && atoms_[i] <= x; ++i) {
      sum += std::exp(log_masses_[i]);
    }
    return sum;
  }
  const double sample = squashed_ ? std::atanh(x) : x;
  for (const Normal& n : components_) {
    sum +=
        std::exp(n.log_weight) * 0.5 * std::erfc((n.mean - sample) / (n.std * std::numbers::sqrt2));
  }
  return sum;
}

void ActionMarginal::add_breakpoints(std::vector<double>& points) const {
  constexpr std::array<double, 8> kDeviations = {0.0, 0.75, 1.5, 2.5, 3.5, 5.0, 7.0, 10.0};
  for (const Normal& n : components_) {
    for (const double k : kDeviations) {
      for (const double sample : {n.mean - k * n.std, n.mean + k * n.std}) {
        points.push_back(squashed_ ? std::tanh(sample) : sample);
      }
    }
  }
}

Divergence divergence(const ActionMarginal& p, const ActionMarginal& q, bool discrete) {
  Divergence out;
  // Where either has an atom.
  std::vector<double> points(p.atoms().begin(), p.atoms().end());
  points.insert(points.end(), q.atoms().begin(), q.atoms().end());
  std::ranges::sort(points);
  points.erase(std::unique(points.begin(), points.end()), points.end());
  for (const double x : points) {
    const double a = p.log_mass(x);
    const double b = q.log_mass(x);
    const double difference = std::exp(a) - std::exp(b);
    out.kl_pq += kl_term(a, b);
    out.kl_qp += kl_term(b, a);
    out.js += js_term(a, b);
    out.total_variation += 0.5 * std::abs(difference);
    out.energy += difference * difference;
  }
  if (discrete) {
    out.wasserstein = out.total_variation;
    return out;
  }

  out.energy = 0.0;
  points.insert(points.end(), {-1.0, 1.0});
  p.add_breakpoints(points);
  q.add_breakpoints(points);
  std::ranges::sort(points);
  const auto log_p = [&](double x) { return p.log_density(x); };
  const auto log_q = [&](double x) { return q.log_density(x); };
  const bool either = p.has_density() || q.has_density();
  for (std::size_t i = 1; i < points.size(); ++i) {
    const double low = std::max(points[i - 1], -1.0);
    const double high = std::min(points[i], 1.0);
    if (high - low < 1e-300) continue;
    const auto gap = [&](double x) { return p.cdf(x) - q.cdf(x); };
    out.wasserstein += integrate_absolute(low, high, gap);
    out.energy += 2.0 * integrate(low, high, [&](double x) { return gap(x) * gap(x); });
    if (!either) continue;
    out.js += integrate(low, high, [&](double x) { return js_term(log_p(x), log_q(x)); });
    out.total_variation += 0.5 * integrate_absolute(low, high, [&](double x) {
                             return std::exp(log_p(x)) - std::exp(log_q(x));
                           });
    if (p.has_density() && q.has_density()) {
      out.kl_pq += integrate(low, high, [&](double x) { return kl_term(log_p(x), log_q(x)); });
      out.kl_qp += integrate(low, high, [&](double x) { return kl_term(log_q(x), log_p(x)); });
    }
  }
  if (p.has_density() && !q.has_density()) out.kl_pq = kInfinity;
  if (q.has_density() && !p.has_density()) out.kl_qp = kInfinity;
  return out;
}

}  // namespace costate
