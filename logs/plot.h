// Line charts as self-contained SVG: learning curves for the README, the docs and run pages.
//
// Colours are those of Okabe and Ito, which people with any colour vision tell apart ("Color
// universal design", 2008); a curve keeps its colour in every panel of a figure, and the legend is
// shared.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace costate {

/// A named line through (x, y), with an optional band around it. Points that are not finite are
/// left out and break the line.
struct Curve {
  std::string name;       ///< in the legend
  std::vector<double> x;  ///< ascending
  std::vector<double> y;  ///< as long as x
  std::vector<double>
      lower;  ///< of the band, such as a confidence interval; as long as x, or empty
  std::vector<double> upper;
};

/// A dashed horizontal line, such as a published return.
struct ReferenceLine {
  double y = 0.0;
  std::string label;
};

struct LineChart {
  std::string title;
  std::string x_label;
  std::string y_label;
  std::vector<Curve> curves;
  std::optional<ReferenceLine> reference;
};

/// One chart. Throws Error that names the curve where its vectors have different lengths.
std::string to_svg(const LineChart& chart);
/// Charts side by side, `columns` in a row, under one title ("" for none). Ids of elements begin
/// with `id`, which has to differ between the figures of one page.
std::string to_svg(std::span<const LineChart> charts, int columns, const std::string& title = "",
                   const std::string& id = "clip");

/// About `count` round numbers (1, 2 or 5 times a power of ten apart) in [low, high].
std::vector<double> nice_ticks(double low, double high, int count);
/// A tick's text, given the distance of ticks: "0", "250k", "1.5M", "−0.05".
std::string tick_label(double value, double step);

}  // namespace costate
