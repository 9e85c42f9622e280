// The divergences between the actions of two policies.
#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <limits>
#include <numbers>

#include "envs/random.h"
#include "policies/divergence.h"
#include "runners/compare_report.h"

namespace costate {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::uint64_t kSampleKey = 0xC0A1E5CE;
// States of one piece of work. It fixes the order of every sum, whatever the number of threads.
constexpr std::size_t kBlock = 64;

bool same_family(const Distribution& a, const Distribution& b) {
  return a.name() == b.name() && a.parameter_size() == b.parameter_size();
}

/// A sum with its sum of squares, for a mean with its standard error.
struct ErrorSums {
  double sum = 0.0;
  double squares = 0.0;

  void add(double value) {
    sum += value;
    squares += value * value;
  }
};

struct Sums {
  std::vector<Divergence> dimensions;
  ErrorSums js;
  ErrorSums total_variation;
};

void add(Divergence& to, const Divergence& other) {
  for (const auto field :
       {&Divergence::kl_pq, &Divergence::kl_qp, &Divergence::js, &Divergence::total_variation,
        &Divergence::wasserstein, &Divergence::energy}) {
    to.*field += other.*field;
  }
}

/// log p(x)/q(x) of one executed dimension; ±∞ where only one can be there.
double log_ratio(const ActionMarginal& p, const ActionMarginal& q, double x) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const double mass_p = p.log_mass(x);
  const double mass_q = q.log_mass(x);
  if (mass_p > -kInfinity || mass_q > -kInfinity) return mass_p - mass_q;
  // A squashed action that rounds to a bound is taken just inside it.
  const double inside = std::clamp(x, -1.0 + 1e-7, 1.0 - 1e-7);
  return p.log_density(inside) - q.log_density(inside);
}

/// Draws an action of `from` and adds, of the log-ratio l = log p/q there with p = from, the terms
/// log(2/(1 + e^{−l}))/2 of Jensen and Shannon's divergence and max(0, 1 − e^{−l}) of the total
/// variation.
std::array<double, 2> sampled_terms(const Distribution& from, std::span<const float> row,
                                    std::span<const ActionMarginal> p,
                                    std::span<const ActionMarginal> q, RandomStream& random,
                                    std::vector<float>& action) {
  from.sample(row, random, action);
  from.execute(action);
  double ratio = 0.0;
  for (std::size_t d = 0; d < p.size(); ++d) ratio += log_ratio(p[d], q[d], action[d]);
  const double inverse = std::exp(-ratio);  // 0 where q cannot be there
  return {0.5 * (std::numbers::ln2 - std::log1p(inverse)), std::max(0.0, 1.0 - inverse)};
}

Sums compare_block(const Distribution& a, std::span<const float> rows_a, const Distribution& b,
                   std::span<const float> rows_b, std::uint64_t block) {
  const auto dimensions = static_cast<std::size_t>(a.dimensions());
  const auto size_a = static_cast<std::size_t>(a.parameter_size());
  const auto size_b = static_cast<std::size_t>(b.parameter_size());
  const std::size_t n = rows_a.size() / size_a;
  const bool discrete = a.support() == Distribution::Support::kFinite;
  Sums sums;
  sums.dimensions.resize(dimensions);
  std::vector<ActionMarginal> p(dimensions);
  std::vector<ActionMarginal> q(dimensions);
  std::vector<float> action(static_cast<std::size_t>(a.action_size()));
  RandomStream random(derive_key({kSampleKey, block}));
  for (std::size_t i = 0; i < n; ++i) {
    const auto row_a = rows_a.subspan(i * size_a, size_a);
    const auto row_b = rows_b.subspan(i * size_b, size_b);
    for (std::size_t d = 0; d < dimensions; ++d) {
      p[d].assign(a, row_a, d);
      q[d].assign(b, row_b, d);
      add(sums.dimensions[d], divergence(p[d], q[d], discrete));
    }
    const auto from_a = sampled_terms(a, row_a, p, q, random, action);
    const auto from_b = sampled_terms(b, row_b, q, p, random, action);
    sums.js.add(from_a[0] + from_b[0]);
    sums.total_variation.add(0.5 * (from_a[1] + from_b[1]));
  }
  if (same_family(a, b)) {
    // In closed form, of the sampled actions (before a Gaussian's are clipped).
    std::vector<float> kl(n * dimensions);
    for (Divergence& d : sums.dimensions) d.kl_pq = d.kl_qp = 0.0;
    a.kl(rows_a, rows_b, kl);
    for (std::size_t k = 0; k < kl.size(); ++k) sums.dimensions[k % dimensions].kl_pq += kl[k];
    a.kl(rows_b, rows_a, kl);
    for (std::size_t k = 0; k < kl.size(); ++k) sums.dimensions[k % dimensions].kl_qp += kl[k];
  }
  return sums;
}

Json number(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}

Json estimate(const ErrorSums& moments, std::size_t n) {
  const double count = static_cast<double>(n);
  const double mean = moments.sum / count;
  const double variance = std::max(0.0, moments.squares / count - mean * mean);
  return {{"value", mean},
          {"standard_error", n > 1 ? Json(std::sqrt(variance / (count - 1.0))) : Json(nullptr)}};
}

}  // namespace

Json action_divergences(const Distribution& a, std::span<const float> parameters_a,
                        const Distribution& b, std::span<const float> parameters_b,
                        ThreadPool& pool) {
  const auto size_a = static_cast<std::size_t>(a.parameter_size());
  const auto size_b = static_cast<std::size_t>(b.parameter_size());
  const std::size_t n = parameters_a.size() / size_a;
  assert(n > 0 && a.dimensions() == b.dimensions() && parameters_b.size() == n * size_b);
  std::vector<Sums> blocks((n + kBlock - 1) / kBlock);
  pool.parallel_for(static_cast<int>(blocks.size()), [&](int block) {
    const std::size_t first = static_cast<std::size_t>(block) * kBlock;
    const std::size_t rows = std::min(kBlock, n - first);
    blocks[static_cast<std::size_t>(block)] = compare_block(
        a, parameters_a.subspan(first * size_a, rows * size_a), b,
        parameters_b.subspan(first * size_b, rows * size_b), static_cast<std::uint64_t>(block));
  });

  Json out;
  out["states"] = n;
  out["dimensions"] = Json::array();
  double kl_ab = 0.0;
  double kl_ba = 0.0;
  for (std::size_t d = 0; d < static_cast<std::size_t>(a.dimensions()); ++d) {
    Divergence sum;
    for (const Sums& block : blocks) add(sum, block.dimensions[d]);
    const double count = static_cast<double>(n);
    out["dimensions"].push_back({{"kl_ab", number(sum.kl_pq / count)},
                                 {"kl_ba", number(sum.kl_qp / count)},
                                 {"js", sum.js / count},
                                 {"total_variation", sum.total_variation / count},
                                 {"wasserstein", sum.wasserstein / count},
                                 {"energy_distance", sum.energy / count}});
    kl_ab += sum.kl_pq / count;
    kl_ba += sum.kl_qp / count;
  }
  ErrorSums js;
  ErrorSums total_variation;
  for (const Sums& block : blocks) {
    js.sum += block.js.sum;
    js.squares += block.js.squares;
    total_variation.sum += block.total_variation.sum;
    total_variation.squares += block.total_variation.squares;
  }
  out["joint"] = {{"kl_ab", number(kl_ab)},
                  {"kl_ba", number(kl_ba)},
                  {"js", estimate(js, n)},
                  {"total_variation", estimate(total_variation, n)}};
  if (a.dimensions() == 1) {
    // Nothing is left to be sampled.
    for (const char* key : {"js", "total_variation"}) {
      out["joint"][key] = {{"value", out["dimensions"][0][key]}, {"standard_error", 0.0}};
    }
  }
  std::string note =
      same_family(a, b)
          ? "KL is that of the sampled actions, in closed form where the family has one; the other "
            "divergences are those of the executed actions."
          : "All divergences are those of the executed actions, atoms at the bounds included.";
  for (const auto& [name, value] : {std::pair("KL(A||B)", kl_ab), std::pair("KL(B||A)", kl_ba)}) {
    if (std::isinf(value)) {
      note += std::string(" ") + name +
              " is infinite: there are actions that only the first of the two can take.";
    }
  }
  out["note"] = note;
  return out;
}

}  // namespace costate
