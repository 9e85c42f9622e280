#include "logs/plot.h"

#include <catch2/catch.hpp>
#include <cmath>

#include "envs/error.h"
#include "tests/logs/test_folder.h"

using namespace costate;

namespace {

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

}  // namespace

TEST_CASE("ticks are round numbers inside the interval") {
  REQUIRE(nice_ticks(0, 1, 5) == std::vector<double>{0, 0.2, 2 * 0.2, 3 * 0.2, 4 * 0.2, 1});
  REQUIRE(nice_ticks(0, 1e6, 5).size() == 6);
  REQUIRE(nice_ticks(-1300, 10, 5) == std::vector<double>{-1000, -500, 0});
  REQUIRE(nice_ticks(3, 97, 5) == std::vector<double>{20, 40, 60, 80});
}

TEST_CASE("tick labels are short") {
  REQUIRE(tick_label(0, 200000) == "0");
  REQUIRE(tick_label(250000, 50000) == "250k");
  REQUIRE(tick_label(1000000, 200000) == "1M");
  REQUIRE(tick_label(1500000, 500000) == "1.5M");
  REQUIRE(tick_label(12500, 500) == "12.5k");
  REQUIRE(tick_label(2000, 500) == "2000");
  REQUIRE(tick_label(-500, 500) == "−500");
  REQUIRE(tick_label(-0.05, 0.05) == "−0.05");
  REQUIRE(tick_label(3 * 0.2, 0.2) == "0.6");
}

TEST_CASE("a chart holds its curves, bands, reference and legend") {
  LineChart chart{"Title <1>", "steps", "return", {}, ReferenceLine{3.0, "solved"}};
  chart.curves.push_back({"a & b", {0, 1, 2}, {0, 2, 4}, {-1, 1, 3}, {1, 3, 5}});
  chart.curves.push_back({"gap", {0, 1, 2, 3}, {1, std::nan(""), 1, 1}, {}, {}});
  const std::string svg = to_svg(chart);
  REQUIRE(svg.starts_with("<svg "));
  REQUIRE(svg.ends_with("</svg>\n"));
  REQUIRE(count(svg, "Title &lt;1&gt;") == 1);
  REQUIRE(count(svg, "a &amp; b") == 1);
  REQUIRE(count(svg, "solved") == 1);
  REQUIRE(count(svg, "fill-opacity") == 1);
  REQUIRE(count(svg, "fill=\"none\"") == 2);
  REQUIRE(count(svg, "nan") == 0);
  // The first curve runs between the plot's left edge and two thirds of its width.
  REQUIRE(count(svg, "d=\"M72,") == 3);
  // The gap breaks the second curve in two.
  const auto second = svg.rfind("<path d=\"M");
  REQUIRE(count(svg.substr(second, svg.find('"', second + 9) - second), "M") == 2);
}

TEST_CASE("panels share one legend and keep a curve's colour") {
  const Curve a{"a", {0, 1}, {0, 1}, {}, {}};
  const Curve b{"b", {0, 1}, {1, 0}, {}, {}};
  const std::vector<LineChart> charts = {{"one", "x", "y", {a, b}, {}}, {"two", "x", "y", {b}, {}}};
  const std::string svg = to_svg(charts, 2, "figure");
  REQUIRE(count(svg, ">a</text>") == 1);
  REQUIRE(count(svg, ">b</text>") == 1);
  REQUIRE(count(svg, "#0072B2") == 2);  // a: one curve and the legend
  REQUIRE(count(svg, "#D55E00") == 3);  // b: two curves and the legend
}

TEST_CASE("charts without extent can be drawn, uneven curves cannot") {
  REQUIRE_NOTHROW(to_svg(LineChart{"empty", "x", "y", {}, {}}));
  REQUIRE_NOTHROW(to_svg(std::span<const LineChart>(), 3));
  const std::string svg = to_svg(LineChart{"point", "x", "y", {{"c", {5}, {7}, {}, {}}}, {}});
  REQUIRE(count(svg, "nan") + count(svg, "inf") == 0);
  REQUIRE(message_of<Error>([] {
            to_svg(LineChart{"", "", "", {{"c", {0, 1}, {0}, {}, {}}}, {}});
          }) == "curve c: has 1 values of y for 2 values of x");
}
