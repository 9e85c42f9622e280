// How far two samples of points are apart: do two policies visit the same states?
//
// Rows are points, in row-major blocks. Random numbers come from fixed streams, so the same samples
// always have the same result.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <vector>

namespace costate {

/// Points [n, width], which belong to units (runs, or episodes) of points that depend on each
/// other.
struct PointSample {
  std::vector<double> points;      ///< [n, width]
  std::vector<std::size_t> units;  ///< [n] from 0, without a gap
  std::size_t width = 0;

  std::size_t size() const { return units.size(); }
};

/// Divides every column by the standard deviation of both samples together, and subtracts their
/// mean; columns that do not vary become 0.
void standardize(PointSample& a, PointSample& b);

struct MeanDiscrepancy {
  /// The unbiased estimate of the squared maximum mean discrepancy (Gretton et al., "A Kernel
  /// Two-Sample Test", JMLR 2012, equation 3) with the kernel exp(−‖x − y‖²/(2 σ²)), σ² half the
  /// median of the squared distances; about 0, and as likely below it, where the distributions are
  /// the same.
  double squared = 0.0;
  /// Of the hypothesis that they are, by permuting whole units: share of the `permutations` (and of
  /// the one at hand) with an estimate at least as large.
  double p_value = 1.0;
};
MeanDiscrepancy mean_discrepancy(const PointSample& a, const PointSample& b,
                                 int permutations = 199);

/// The sliced Wasserstein-1 distance (Bonneel et al., 2015): the mean over random directions of the
/// distance of the projections, each ∫|F − G|; the samples may differ in size.
double sliced_wasserstein(const PointSample& a, const PointSample& b, int directions = 100);

/// The two principal axes [2, width] of points, rows of unit length, and the shares of the variance
/// that they have; the sign is such that the largest entry is positive.
struct PrincipalAxes {
  std::vector<double> mean;
  std::array<std::vector<double>, 2> axes;
  std::array<double, 2> shares = {};

  std::array<double, 2> project(std::span<const double> point) const;
};
PrincipalAxes principal_axes(std::span<const double> points, std::size_t width);

}  // namespace costate
