// The page of a comparison: tables first, plots beside them, from the same numbers as the JSON.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "envs/format.h"
#include "logs/markup.h"
#include "logs/page.h"
#include "logs/plot.h"
#include "runners/compare_report.h"
#include "runners/page_files.h"
#include "runners/text_table.h"

namespace costate {
namespace {

using Json = nlohmann::ordered_json;

std::string tag(const std::string& name, const std::string& text) {
  return "<" + name + ">" + escape_markup(text) + "</" + name + ">";
}

std::string table(const ComparisonTables::Table& rows, const std::string& caption) {
  std::string html = "<div><table>\n" + tag("caption", caption) + "\n<thead><tr>";
  for (const std::string& cell : rows[0]) html += tag("th", cell);
  html += "</tr></thead>\n<tbody>\n";
  for (std::size_t i = 1; i < rows.size(); ++i) {
    html += "<tr>";
    for (std::size_t k = 0; k < rows[i].size(); ++k) {
      html += tag(k == 0 ? "th" : "td", rows[i][k]);
    }
    html += "</tr>\n";
  }
  return html + "</tbody>\n</table></div>\n";
}

std::vector<double> numbers(const Json& list) {
  std::vector<double> out;
  for (const Json& value : list) {
    out.push_back(value.is_null() ? std::numeric_limits<double>::quiet_NaN() : value.get<double>());
  }
  return out;
}

Curve curve(const Json& group, const char* key, const char* x, const char* y) {
  const Json& points = group[key];
  Curve out;
  out.name = group["label"];
  out.x = numbers(points[x]);
  out.y = numbers(points[y]);
  out.lower = numbers(points["low"]);
  out.upper = numbers(points["high"]);
  return out;
}

std::string figure(const std::vector<LineChart>& charts, int columns, const std::string& caption,
                   const std::string& id) {
  return "<figure>\n" + tag("figcaption", caption) + "\n" + to_svg(charts, columns, "", id) +
         "</figure>\n";
}

/// The states of every group on two axes.
std::string projection(const Json& comparison) {
  constexpr double kSize = 420.0;
  constexpr std::array kColors = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                  "#e69f00", "#56b4e9", "#000000"};
  const Json& points = comparison["projection"]["points"];
  double reach = 1e-9;
  for (const Json& group : points) {
    for (const Json& point : group) {
      reach = std::max({reach, std::abs(point[0].get<double>()), std::abs(point[1].get<double>())});
    }
  }
  std::string svg =
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 620 420\" width=\"620\" "
      "height=\"420\" role=\"img\"><rect width=\"420\" height=\"420\" fill=\"none\" "
      "stroke=\"#999\"/>\n";
  for (std::size_t g = 0; g < points.size(); ++g) {
    const std::string color = kColors[g % kColors.size()];
    svg += "<g fill=\"" + color + "\" fill-opacity=\"0.5\">";
    for (const Json& point : points[g]) {
      const auto at = [&](std::size_t i, double sign) {
        return format_number(
            std::round(10.0 * kSize / 2.0 * (1.0 + sign * 0.95 * point[i].get<double>() / reach)) /
            10.0);
      };
      svg += "<circle r=\"2.5\" cx=\"" + at(0, 1.0) + "\" cy=\"" + at(1, -1.0) + "\"/>";
    }
    const std::string y = std::to_string(24 * (g + 1));
    svg += "</g>\n<circle r=\"5\" cx=\"440\" cy=\"" + y + "\" fill=\"" + color +
           "\"/><text x=\"452\" y=\"" + std::to_string(24 * (g + 1) + 5) +
           "\" font-family=\"sans-serif\" font-size=\"14\">" +
           escape_markup(comparison["groups"][g]["label"].get<std::string>()) + "</text>\n";
  }
  return svg + "</svg>\n";
}

}  // namespace

std::string comparison_page(const Json& c) {
  const ComparisonTables t = tables(c);
  const std::string env = c["env"];
  std::string html = tag("h1", "Comparison: " + env) + "\n";
  html += tag("p", "Every run is evaluated over " + c["episodes"].dump() +
                       " episodes with sampled actions, on the same starts. Brackets hold 95 % "
                       "intervals: expanded bootstrap percentiles over runs, or over episodes "
                       "where a group is a single run.");
  html += tag("h2", "Returns") + table(t.returns, "Returns");
  if (!c["normalisation"].is_null()) {
    html += tag("p", "Optimality gap: how far returns, scaled such that " +
                         c["normalisation"]["low"].dump() + " is 0 and " +
                         c["normalisation"]["high"].dump() + " is 1, fall short of 1 on average (" +
                         c["normalisation"]["source"].get<std::string>() + ").");
  }
  if (!c["threshold"].is_null()) {
    html += tag("p", "Threshold: a training return of " + c["threshold"]["return"].dump() + " (" +
                         c["threshold"]["source"].get<std::string>() +
                         "); the median of the runs that reach it, and how many do.");
  }
  std::vector<LineChart> charts;
  if (c["groups"][0].contains("curve")) {
    LineChart learning;
    learning.title = "Sample efficiency";
    learning.x_label = "environment steps";
    learning.y_label = "training return, iqm over runs";
    for (const Json& group : c["groups"]) {
      learning.curves.push_back(curve(group, "curve", "step", "iqm"));
    }
    charts.push_back(std::move(learning));
  }
  LineChart profile;
  profile.title = "Performance profile";
  profile.x_label = "return";
  profile.y_label = "share of runs (or episodes) above";
  for (const Json& group : c["groups"]) {
    profile.curves.push_back(curve(group, "profile", "tau", "share"));
  }
  charts.push_back(std::move(profile));
  html += figure(charts, 2, "Training and evaluation, with 95 % bands", "returns");

  html += tag("h2", "Pairs") + table(t.pairs, "Pairs; divergences of the joint action in nats");
  for (std::size_t i = 0; i < t.dimensions.size(); ++i) {
    const Json& pair = c["pairs"][i];
    const auto label = [&](const char* side) {
      return c["groups"][pair[side].get<std::size_t>()]["label"].get<std::string>();
    };
    html += table(t.dimensions[i], "Actions of A: " + label("a") + " and B: " + label("b") +
                                       ", mean over states and pairs of runs") +
            tag("p", pair["actions"]["note"]);
  }

  html += tag("h2", "Actions") +
          table(t.actions, "Actions; boundary mass within " + c["epsilon"].dump() + " of a bound");
  charts.clear();
  const Json& dimensions = c["groups"][0]["actions"]["dimensions"];
  for (std::size_t d = 0; d < dimensions.size(); ++d) {
    if (dimensions[d]["histogram"].empty()) continue;
    LineChart histogram;
    histogram.title = dimensions[d]["name"];
    histogram.x_label = "executed action";
    histogram.y_label = "share";
    for (const Json& group : c["groups"]) {
      Curve shares;
      shares.name = group["label"];
      shares.y = numbers(group["actions"]["dimensions"][d]["histogram"]);
      for (std::size_t bin = 0; bin < shares.y.size(); ++bin) {
        shares.x.push_back(-1.0 + (2.0 * static_cast<double>(bin) + 1.0) /
                                      static_cast<double>(shares.y.size()));
      }
      histogram.curves.push_back(std::move(shares));
    }
    charts.push_back(std::move(histogram));
  }
  if (!charts.empty()) html += figure(charts, 3, "Executed actions, 21 bins", "actions");

  html += tag("h2", "Behaviour") + table(t.behaviour, "Behaviour");
  html += tag("h2", "States");
  const Json& shares = c["projection"]["shares"];
  const auto percent = [&](std::size_t i) {
    return std::to_string(static_cast<int>(std::lround(100.0 * shares[i].get<double>()))) + " %";
  };
  html += "<figure>\n" +
          tag("figcaption", "Visited states on their two principal axes (" + percent(0) + " and " +
                                percent(1) + " of the variance of the standardised states)") +
          "\n" + projection(c) + "</figure>\n";
  ComparisonTables::Table quantiles = {{"observation", "", "5 %", "25 %", "50 %", "75 %", "95 %"}};
  for (std::size_t i = 0; i < c["groups"][0]["visited"].size(); ++i) {
    for (const Json& group : c["groups"]) {
      const Json& q = group["visited"][i];
      std::vector<std::string> row = {q["name"], group["label"]};
      for (const char* key : {"q05", "q25", "q50", "q75", "q95"}) {
        row.push_back(short_number(q[key]));
      }
      quantiles.push_back(std::move(row));
    }
  }
  html += table(quantiles, "Visited states, quantiles");

  Page page;
  page.title = "Comparison: " + env;
  page.style = page_file("report.css");
  page.body = std::move(html);
  page.data_id = "costate-comparison";
  page.data = c.dump();
  return to_html(page);
}

}  // namespace costate
