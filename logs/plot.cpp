#include "logs/plot.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <limits>
#include <string_view>

#include "envs/error.h"
#include "logs/markup.h"

namespace costate {
namespace {

// Okabe-Ito, strongest contrast on white first; yellow is left out as too pale for lines.
constexpr std::array<const char*, 7> kColours = {"#0072B2", "#D55E00", "#009E73", "#CC79A7",
                                                 "#E69F00", "#56B4E9", "#000000"};

// Lengths in SVG units, which are pixels where nothing scales the figure.
constexpr double kPlotWidth = 400;
constexpr double kPlotHeight = 250;
constexpr double kLeft = 72;   // room for tick labels and the y label
constexpr double kRight = 22;  // half of the last x tick label
constexpr double kTop = 34;    // the panel title
constexpr double kBottom = 54;
constexpr double kTitleHeight = 34;
constexpr double kLegendRow = 22;
constexpr double kLegendLine = 24;
constexpr double kMargin = 10;
constexpr double kCharacterWidth = 7.2;  // of 13 px sans-serif text, on average

std::string number(double value) {
  std::array<char, 32> text;
  std::snprintf(text.data(), text.size(), "%.2f", value);
  std::string out = text.data();
  out.erase(out.find_last_not_of('0') + 1);
  if (out.back() == '.') out.pop_back();
  return out == "-0" ? "0" : out;
}

// The number of characters of UTF-8 text.
double characters(std::string_view text) {
  return static_cast<double>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string text(double x, double y, const char* anchor, std::string_view style,
                 std::string_view content) {
  return "<text x=\"" + number(x) + "\" y=\"" + number(y) + "\" text-anchor=\"" + anchor + "\" " +
         std::string(style) + ">" + escape_markup(content) + "</text>\n";
}

std::string line(double x1, double y1, double x2, double y2, std::string_view style) {
  return "<line x1=\"" + number(x1) + "\" y1=\"" + number(y1) + "\" x2=\"" + number(x2) +
         "\" y2=\"" + number(y2) + "\" " + std::string(style) + "/>\n";
}

struct Interval {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();

  void include(double value) {
    if (!std::isfinite(value)) return;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  // Something drawable, whatever was included: never empty, never a point.
  void finish() {
    if (low > high) low = high = 0.0;
    if (low == high) {
      const double margin = low == 0.0 ? 1.0 : 0.1 * std::abs(low);
      low -= margin;
      high += margin;
    }
  }
};

double tick_step(double low, double high, int count) {
  const double raw = (high - low) / count;
  const double power = std::pow(10.0, std::floor(std::log10(raw)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= raw * 0.999) return factor * power;
  }
  return 10.0 * power;
}

void check(const Curve& curve) {
  const auto expect = [&](const char* what, std::size_t found) {
    if (found != curve.x.size()) {
      throw Error("curve " + curve.name + ": has " + std::to_string(found) + " values of " + what +
                  " for " + std::to_string(curve.x.size()) + " values of x");
    }
  };
  expect("y", curve.y.size());
  if (!curve.lower.empty() || !curve.upper.empty()) {
    expect("lower", curve.lower.size());
    expect("upper", curve.upper.size());
  }
}

// One panel, its plot area's top left corner at (left, top).
class Panel {
 public:
  Panel(const LineChart& chart, double left, double top) : chart_(chart), left_(left), top_(top) {
    for (const Curve& curve : chart.curves) {
      for (std::size_t i = 0; i < curve.x.size(); ++i) {
        x_.include(curve.x[i]);
        y_.include(curve.y[i]);
        if (!curve.lower.empty()) {
          y_.include(curve.lower[i]);
          y_.include(curve.upper[i]);
        }
      }
    }
    if (chart.reference) y_.include(chart.reference->y);
    x_.finish();
    y_.finish();
    // Curves keep clear of the upper and lower edge.
    const double margin = 0.05 * (y_.high - y_.low);
    y_.low -= margin;
    y_.high += margin;
  }

  std::string draw(const std::vector<std::string>& names, const std::string& clip) const {
    std::string svg = axes();
    svg += "<clipPath id=\"" + clip + "\"><rect x=\"" + number(left_) + "\" y=\"" + number(top_) +
           "\" width=\"" + number(kPlotWidth) + "\" height=\"" + number(kPlotHeight) +
           "\"/></clipPath>\n<g clip-path=\"url(#" + clip + ")\">\n";
    for (const Curve& curve : chart_.curves) svg += band(curve, colour(curve.name, names));
    svg += reference();
    for (const Curve& curve : chart_.curves) svg += path(curve, colour(curve.name, names));
    return svg + "</g>\n";
  }

  static std::string colour(const std::string& name, const std::vector<std::string>& names) {
    const auto i =
        static_cast<std::size_t>(std::find(names.begin(), names.end(), name) - names.begin());
    return kColours[i % kColours.size()];
  }

 private:
  double px(double x) const { return left_ + kPlotWidth * (x - x_.low) / (x_.high - x_.low); }
  double py(double y) const { return top_ + kPlotHeight * (y_.high - y) / (y_.high - y_.low); }
  std::string point(double x, double y) const { return number(px(x)) + "," + number(py(y)); }

  std::string axes() const {
    std::string svg;
    const double right = left_ + kPlotWidth;
    const double bottom = top_ + kPlotHeight;
    const double y_step = tick_step(y_.low, y_.high, 6);
    for (const double tick : nice_ticks(y_.low, y_.high, 6)) {
      svg += line(left_, py(tick), right, py(tick), "stroke=\"#e4e4e4\"");
      svg += text(left_ - 8, py(tick) + 4, "end", "class=\"tick\"", tick_label(tick, y_step));
    }
    const double x_step = tick_step(x_.low, x_.high, 5);
    for (const double tick : nice_ticks(x_.low, x_.high, 5)) {
      svg += line(px(tick), bottom, px(tick), bottom + 4, "stroke=\"#888\"");
      svg += text(px(tick), bottom + 18, "middle", "class=\"tick\"", tick_label(tick, x_step));
    }
    svg += line(left_, bottom, right, bottom, "stroke=\"#888\"");
    svg += text(left_ + kPlotWidth / 2, top_ - 12, "middle", "class=\"title\"", chart_.title);
    svg += text(left_ + kPlotWidth / 2, bottom + 40, "middle", "", chart_.x_label);
    const double x = left_ - kLeft + 16;
    const double y = top_ + kPlotHeight / 2;
    svg += text(x, y, "middle", "transform=\"rotate(-90 " + number(x) + " " + number(y) + ")\"",
                chart_.y_label);
    return svg;
  }

  std::string band(const Curve& curve, const std::string& colour) const {
    if (curve.lower.empty()) return "";
    std::string svg;
    std::size_t begin = 0;
    const auto whole = [&](std::size_t i) {
      return std::isfinite(curve.x[i]) && std::isfinite(curve.lower[i]) &&
             std::isfinite(curve.upper[i]);
    };
    while (begin < curve.x.size()) {
      std::size_t end = begin;
      while (end < curve.x.size() && whole(end)) ++end;
      if (end - begin > 1) {
        svg += "<path d=\"M";
        for (std::size_t i = begin; i < end; ++i) svg += point(curve.x[i], curve.upper[i]) + " ";
        for (std::size_t i = end; i-- > begin;) svg += point(curve.x[i], curve.lower[i]) + " ";
        svg += "Z\" fill=\"" + colour + "\" fill-opacity=\"0.18\"/>\n";
      }
      begin = end + 1;
    }
    return svg;
  }

  std::string path(const Curve& curve, const std::string& colour) const {
    std::string d;
    bool pen_down = false;
    for (std::size_t i = 0; i < curve.x.size(); ++i) {
      if (!std::isfinite(curve.x[i]) || !std::isfinite(curve.y[i])) {
        pen_down = false;
        continue;
      }
      d += pen_down ? " " : "M";
      d += point(curve.x[i], curve.y[i]);
      pen_down = true;
    }
    return "<path d=\"" + d + "\" fill=\"none\" stroke=\"" + colour +
           "\" stroke-width=\"2\" stroke-linejoin=\"round\" stroke-linecap=\"round\"/>\n";
  }

  std::string reference() const {
    if (!chart_.reference) return "";
    const double y = py(chart_.reference->y);
    std::string svg = line(left_, y, left_ + kPlotWidth, y,
                           "stroke=\"#666\" stroke-width=\"1.2\" stroke-dasharray=\"5 4\"");
    // Learning curves start low at the left and end high at the right: on the left the label is
    // free, above the line unless that is at the top.
    const double label_y = y - 6 < top_ + 12 ? y + 15 : y - 6;
    return svg + text(left_ + 6, label_y, "start",
                      "class=\"tick\" stroke=\"#fff\" stroke-width=\"3\" paint-order=\"stroke\"",
                      chart_.reference->label);
  }

  const LineChart& chart_;
  double left_;
  double top_;
  Interval x_;
  Interval y_;
};

// The legend's rows, centred, as wide as the figure allows.
std::string legend(const std::vector<std::string>& names, double width, double top,
                   double& height) {
  std::vector<std::vector<std::size_t>> rows(1);
  const auto item_width = [&](std::size_t i) {
    return kLegendLine + 8 + kCharacterWidth * characters(names[i]) + 22;
  };
  std::vector<double> row_widths = {0.0};
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (!rows.back().empty() && row_widths.back() + item_width(i) > width - 2 * kMargin) {
      rows.emplace_back();
      row_widths.push_back(0.0);
    }
    rows.back().push_back(i);
    row_widths.back() += item_width(i);
  }
  std::string svg;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    double x = (width - row_widths[row] + 22) / 2;
    const double y = top + kLegendRow * (static_cast<double>(row) + 0.5);
    for (const std::size_t i : rows[row]) {
      svg += line(x, y, x + kLegendLine, y,
                  "stroke=\"" + Panel::colour(names[i], names) +
                      "\" stroke-width=\"3\" stroke-linecap=\"round\"");
      svg += text(x + kLegendLine + 8, y + 4, "start", "", names[i]);
      x += item_width(i);
    }
  }
  height = names.empty() ? 0.0 : kLegendRow * static_cast<double>(rows.size());
  return svg;
}

}  // namespace

std::vector<double> nice_ticks(double low, double high, int count) {
  const double step = tick_step(low, high, count);
  std::vector<double> ticks;
  const double slack = 1e-9 * step;
  for (double i = std::ceil((low - slack) / step); i * step <= high + slack; ++i) {
    ticks.push_back(i * step + 0.0);  // + 0.0 makes −0 a 0
  }
  return ticks;
}

std::string tick_label(double value, double step) {
  double scale = 1.0;
  const char* suffix = "";
  if (std::abs(value) >= 1e6 * (1 - 1e-9)) {
    scale = 1e6;
    suffix = "M";
  } else if (std::abs(value) >= 1e4 * (1 - 1e-9)) {
    scale = 1e3;
    suffix = "k";
  }
  // As many decimals as the distance of ticks has, without zeros at the end.
  const double decimals = std::ceil(-std::log10(step / scale) - 1e-9);
  std::array<char, 64> digits;
  std::snprintf(digits.data(), digits.size(), "%.*f",
                static_cast<int>(std::clamp(decimals, 0.0, 12.0)), std::abs(value) / scale);
  std::string label = digits.data();
  if (!*suffix) return (value < 0 ? "−" : "") + label;
  if (label.find('.') != std::string::npos) {
    label.erase(label.find_last_not_of('0') + 1);
    if (label.back() == '.') label.pop_back();
  }
  return (value < 0 ? "−" : "") + label + suffix;
}

std::string to_svg(const LineChart& chart) {
  return to_svg(std::span(&chart, 1), 1);
}

std::string to_svg(std::span<const LineChart> charts, int columns, const std::string& title,
                   const std::string& id) {
  columns = std::clamp(columns, 1, std::max(1, static_cast<int>(charts.size())));
  std::vector<std::string> names;
  for (const LineChart& chart : charts) {
    for (const Curve& curve : chart.curves) {
      check(curve);
      if (!curve.name.empty() && std::find(names.begin(), names.end(), curve.name) == names.end()) {
        names.push_back(curve.name);
      }
    }
  }

  const double panel_width = kLeft + kPlotWidth + kRight;
  const double panel_height = kTop + kPlotHeight + kBottom;
  const auto rows = (static_cast<int>(charts.size()) + columns - 1) / columns;
  const double width = columns * panel_width + kMargin;
  const double panels_top = title.empty() ? 0.0 : kTitleHeight;
  const double legend_top = panels_top + rows * panel_height;
  double legend_height = 0.0;
  const std::string legend_svg = legend(names, width, legend_top, legend_height);
  const double height = legend_top + legend_height + kMargin;

  std::string svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " + number(width) +
                    " " + number(height) + "\" width=\"" + number(width) + "\" height=\"" +
                    number(height) +
                    "\" font-family=\"Helvetica, Arial, 'DejaVu Sans', sans-serif\" "
                    "font-size=\"13\" fill=\"#333\">\n"
                    "<style>.tick { font-size: 12px; fill: #666 } "
                    ".title { font-size: 15px; font-weight: bold; fill: #222 } "
                    ".figure { font-size: 18px; font-weight: bold; fill: #222 }</style>\n"
                    "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n";
  if (!title.empty()) svg += text(width / 2, 26, "middle", "class=\"figure\"", title);
  int panel = 0;
  for (const LineChart& chart : charts) {
    const int column = panel % columns;
    const int row = panel / columns;
    svg += Panel(chart, column * panel_width + kLeft, panels_top + row * panel_height + kTop)
               .draw(names, id + std::to_string(panel));
    ++panel;
  }
  return svg + legend_svg + "</svg>\n";
}

}  // namespace costate
