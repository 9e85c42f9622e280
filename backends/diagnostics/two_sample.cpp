#include "backends/diagnostics/two_sample.h"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <numeric>

#include "backends/diagnostics/statistics.h"
#include "envs/random.h"

namespace costate {
namespace {

constexpr std::uint64_t kPermutationKey = 0x3D5A9C11;
constexpr std::uint64_t kDirectionKey = 0x51CED;

double squared_distance(const double* x, const double* y, std::size_t width) {
  double sum = 0.0;
  for (std::size_t i = 0; i < width; ++i) sum += (x[i] - y[i]) * (x[i] - y[i]);
  return sum;
}

// The unbiased estimate, given the kernel between units (sums over their points; within a unit
// without a point and itself), the units' numbers of points, and which belong to the first sample.
double estimate(const std::vector<double>& kernel, const std::vector<double>& counts,
                const std::vector<char>& first) {
  const std::size_t units = counts.size();
  double within[2] = {};
  double between = 0.0;
  double points[2] = {};
  for (std::size_t i = 0; i < units; ++i) {
    points[first[i] ? 0 : 1] += counts[i];
    for (std::size_t k = 0; k < units; ++k) {
      const double value = kernel[i * units + k];
      if (first[i] == first[k]) {
        within[first[i] ? 0 : 1] += value;
      } else {
        between += value;
      }
    }
  }
  return within[0] / (points[0] * (points[0] - 1.0)) + within[1] / (points[1] * (points[1] - 1.0)) -
         between / (points[0] * points[1]);
}

}  // namespace

void standardize(PointSample& a, PointSample& b) {
  for (std::size_t column = 0; column < a.width; ++column) {
    std::vector<double> values;
    for (const PointSample* sample : {&a, &b}) {
      for (std::size_t i = 0; i < sample->size(); ++i) {
        values.push_back(sample->points[i * a.width + column]);
      }
    }
    const double centre = mean(values);
    const double deviation = sample_std(values);
    for (PointSample* sample : {&a, &b}) {
      for (std::size_t i = 0; i < sample->size(); ++i) {
        double& value = sample->points[i * a.width + column];
        value = deviation > 0.0 ? (value - centre) / deviation : 0.0;
      }
    }
  }
}

MeanDiscrepancy mean_discrepancy(const PointSample& a, const PointSample& b, int permutations) {
  const std::size_t n = a.size() + b.size();
  const auto point = [&](std::size_t i) {
    return i < a.size() ? a.points.data() + i * a.width
                        : b.points.data() + (i - a.size()) * b.width;
  };
  const std::size_t units_a = *std::ranges::max_element(a.units) + 1;
  const std::size_t units = units_a + *std::ranges::max_element(b.units) + 1;
  const auto unit = [&](std::size_t i) {
    return i < a.size() ? a.units[i] : units_a + b.units[i - a.size()];
  };

  std::vector<double> distances;
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t k = 0; k < i; ++k) {
      distances.push_back(squared_distance(point(i), point(k), a.width));
    }
  }
  const double scale = std::max(median(distances), 1e-300);  // 2 σ²
  std::vector<double> kernel(units * units);
  std::vector<double> counts(units);
  std::size_t next = 0;
  for (std::size_t i = 0; i < n; ++i) {
    counts[unit(i)] += 1.0;
    for (std::size_t k = 0; k < i; ++k) {
      const double value = std::exp(-distances[next++] / scale);
      kernel[unit(i) * units + unit(k)] += value;
      kernel[unit(k) * units + unit(i)] += value;
    }
  }

  std::vector<char> first(units);
  std::fill_n(first.begin(), units_a, 1);
  MeanDiscrepancy out;
  out.squared = estimate(kernel, counts, first);
  RandomStream random(kPermutationKey);
  int as_large = 1;
  for (int i = 0; i < permutations; ++i) {
    for (std::size_t k = units; k > 1; --k) std::swap(first[k - 1], first[random.below(k)]);
    as_large += estimate(kernel, counts, first) >= out.squared ? 1 : 0;
  }
  out.p_value = static_cast<double>(as_large) / (permutations + 1);
  return out;
}

double sliced_wasserstein(const PointSample& a, const PointSample& b, int directions) {
  RandomStream random(kDirectionKey);
  std::vector<double> direction(a.width);
  double sum = 0.0;
  const auto project = [&](const PointSample& sample) {
    std::vector<double> values(sample.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] =
          std::inner_product(direction.begin(), direction.end(),
                             sample.points.begin() + static_cast<std::ptrdiff_t>(i * a.width), 0.0);
    }
    std::ranges::sort(values);
    return values;
  };
  for (int k = 0; k < directions; ++k) {
    double norm = 0.0;
    for (double& entry : direction) {
      entry = random.normal();
      norm += entry * entry;
    }
    for (double& entry : direction) entry /= std::sqrt(norm);
    const std::vector<double> x = project(a);
    const std::vector<double> y = project(b);
    // ∫|F⁻¹ − G⁻¹| over the levels, which are steps of 1/n and 1/m.
    std::size_t i = 0;
    std::size_t j = 0;
    double level = 0.0;
    while (i < x.size() && j < y.size()) {
      const double end_x = static_cast<double>(i + 1) / static_cast<double>(x.size());
      const double end_y = static_cast<double>(j + 1) / static_cast<double>(y.size());
      const double end = std::min(end_x, end_y);
      sum += (end - level) * std::abs(x[i] - y[j]);
      level = end;
      if (end_x <= end) ++i;
      if (end_y <= end) ++j;
    }
  }
  return sum / directions;
}

std::array<double, 2> PrincipalAxes::project(std::span<const double> point) const {
  std::array<double, 2> out = {};
  for (std::size_t k = 0; k < 2; ++k) {
    for (std::size_t i = 0; i < point.size(); ++i) out[k] += axes[k][i] * (point[i] - mean[i]);
  }
  return out;
}

PrincipalAxes principal_axes(std::span<const double> points, std::size_t width) {
  const auto columns = static_cast<Eigen::Index>(width);
  const Eigen::Map<const Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>
      rows(points.data(), static_cast<Eigen::Index>(points.size() / width), columns);
  const Eigen::RowVectorXd centre = rows.colwise().mean();
  const Eigen::MatrixXd centred = rows.rowwise() - centre;
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(
      Eigen::MatrixXd(centred.transpose() * centred));
  PrincipalAxes out;
  out.mean.assign(centre.data(), centre.data() + columns);
  const double total = solver.eigenvalues().sum();
  for (std::size_t k = 0; k < 2; ++k) {
    out.axes[k].assign(width, 0.0);
    if (k >= width) continue;
    const Eigen::Index at = columns - 1 - static_cast<Eigen::Index>(k);
    Eigen::VectorXd axis = solver.eigenvectors().col(at);
    Eigen::Index largest = 0;
    axis.cwiseAbs().maxCoeff(&largest);
    if (axis[largest] < 0.0) axis = -axis;
    out.axes[k].assign(axis.data(), axis.data() + columns);
    out.shares[k] = total > 0.0 ? std::max(solver.eigenvalues()[at], 0.0) / total : 0.0;
  }
  return out;
}

}  // namespace costate
