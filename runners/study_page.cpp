#include "runners/study_page.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <utility>
#include <vector>

#include "logs/markup.h"
#include "logs/page.h"
#include "logs/plot.h"
#include "runners/page_files.h"
#include "runners/text_table.h"

namespace costate {
namespace {

std::string tag(const std::string& name, const std::string& text) {
  return "<" + name + ">" + escape_markup(text) + "</" + name + ">";
}

// The value, and below it its interval, where there is one.
std::string number_cell(double value, const Interval& interval) {
  std::string cell = "<td>" + short_number(value);
  if (!std::isnan(interval.low)) {
    cell += "<br/><small>[" + short_number(interval.low) + ", " + short_number(interval.high) +
            "]</small>";
  }
  return cell + "</td>";
}

std::string claims_table(const ExperimentReport& experiment) {
  if (experiment.claims.empty()) return "";
  std::string html =
      "<table>\n<caption>Claims</caption>\n<thead><tr><th>claim</th>"
      "<th class=\"text\">of</th>"
      "<th>found</th><th>claimed</th><th>verdict</th></tr></thead>\n<tbody>\n";
  for (const ClaimReport& report : experiment.claims) {
    const StudyClaim& claim = report.claim;
    html += "<tr>" + tag("th", claim.statement) + "<td class=\"text\">" +
            escape_markup(subject_text(claim)) + "</td>" + number_cell(report.value, report.ci95) +
            "<td class=\"whole\">" + escape_markup(bounds_text(claim)) + "</td>" +
            tag("td", name_of(report.verdict)) + "</tr>\n";
  }
  return html + "</tbody>\n</table>\n";
}

std::string measures_table(const ExperimentReport& experiment) {
  std::string html =
      "<div><table class=\"measures\">\n<caption>Measures: mean over seeds, 95 % bootstrap "
      "interval</caption>\n<thead><tr><th>condition</th><th class=\"text\">actions</th>"
      "<th>seeds</th>";
  for (const StudyMeasure& measure : experiment.measures) html += tag("th", measure.title);
  html += "<th>return, iqm</th><th>steps to 90 % of the best</th>";
  if (!experiment.baseline.empty()) html += tag("th", "return against " + experiment.baseline);
  html += "</tr></thead>\n<tbody>\n";
  for (const ConditionReport& condition : experiment.conditions) {
    for (const auto& [name, acting] :
         {std::pair("mode", &condition.mode), std::pair("sampled", &condition.sampled)}) {
      html += "<tr>" + tag("th", condition.condition.label()) + "<td class=\"text\">" + name +
              "</td>" + tag("td", std::to_string(condition.seeds.size()));
      for (const MeasureSummary& measure : acting->measures) {
        html += number_cell(measure.mean, measure.ci95);
      }
      html += number_cell(acting->measures[0].iqm, acting->measures[0].iqm_ci95);
      if (condition.steps_to_90.values.empty()) {
        html += "<td></td>";
      } else {
        html += number_cell(condition.steps_to_90.mean, condition.steps_to_90.ci95);
      }
      if (acting->change) {
        html += number_cell(acting->change->mean, acting->change->ci95);
      } else if (!experiment.baseline.empty()) {
        html += "<td></td>";
      }
      html += "</tr>\n";
    }
  }
  return html + "</tbody>\n</table></div>\n";
}

std::string meanings(const ExperimentReport& experiment) {
  std::string html = "<dl>\n";
  for (const StudyMeasure& measure : experiment.measures) {
    html += tag("dt", measure.title) + tag("dd", measure.meaning) + "\n";
  }
  return html + "</dl>\n";
}

// One panel for each setting, one curve in it for each variant.
std::vector<LineChart> panels(const ExperimentReport& experiment, const LineChart& like,
                              const std::string& suffix, Curve (*curve)(const ConditionReport&)) {
  std::vector<LineChart> charts;
  std::vector<std::string> settings;
  for (const ConditionReport& condition : experiment.conditions) {
    const Curve drawn = curve(condition);
    if (drawn.x.empty()) continue;
    const std::string& setting = condition.condition.setting;
    const auto at = std::ranges::find(settings, setting);
    const auto panel = static_cast<std::size_t>(at - settings.begin());
    if (at == settings.end()) {
      settings.push_back(setting);
      charts.push_back(like);
      charts.back().title = setting + (setting.empty() || suffix.empty() ? "" : ", ") + suffix;
    }
    charts[panel].curves.push_back(drawn);
  }
  return charts;
}

// A row for each setting.
std::vector<LineChart> beside(const std::vector<LineChart>& left,
                              const std::vector<LineChart>& right) {
  std::vector<LineChart> charts;
  for (std::size_t i = 0; i < left.size(); ++i) {
    charts.push_back(left[i]);
    charts.push_back(right[i]);
  }
  return charts;
}

std::string figure(const std::vector<LineChart>& charts, int columns, const std::string& caption,
                   const std::string& id) {
  if (charts.empty()) return "";
  return "<figure>\n" + tag("figcaption", caption) + "\n" + to_svg(charts, columns, "", id) +
         "</figure>\n";
}

std::string figures(const ExperimentReport& experiment, const std::string& id) {
  LineChart learning;
  learning.x_label = "environment steps";
  learning.y_label = "return (mean of the last 100 episodes)";
  const auto curves =
      panels(experiment, learning, "", [](const ConditionReport& c) { return c.learning; });
  std::string html =
      figure(curves, curves.size() % 3 == 0 ? 3 : 2,
             "Learning curves: sampled actions while training, mean and 95 % interval over seeds",
             id + "learning");

  LineChart saturation;
  saturation.x_label = "environment steps";
  saturation.y_label = "share of |a| >= 0.99";
  html += figure(
      beside(panels(experiment, saturation, "mode",
                    [](const ConditionReport& c) { return c.mode_saturation; }),
             panels(experiment, saturation, "executed",
                    [](const ConditionReport& c) { return c.saturation; })),
      2,
      "Saturation while training: of the most probable and of the executed (sampled) actions, mean "
      "and 95 % interval over seeds",
      id + "saturation");

  LineChart histogram;
  histogram.x_label = "executed action, 21 bins";
  histogram.y_label = "share";
  return html + figure(beside(panels(experiment, histogram, "mode",
                                     [](const ConditionReport& c) { return c.mode.histogram; }),
                              panels(experiment, histogram, "sampled",
                                     [](const ConditionReport& c) { return c.sampled.histogram; })),
                       2, "Actions: mean and 95 % interval over seeds", id + "actions");
}

}  // namespace

std::string to_html(const StudyReport& report) {
  std::string html =
      tag("h1", report.study + ": " + report.summary) + "\n" + tag("p", report.source) + "\n";
  html +=
      "<p>Every row is one condition over several training seeds. All policies are evaluated on "
      "the same starts, once with their most probable action (mode) and once with sampled "
      "actions. A claim holds where the whole interval lies within the claimed bounds, fails "
      "where none of it does, and is open otherwise. Intervals are "
      "expanded bootstrap percentiles: with five seeds a nominal 95 % covers about 93 %.</p>\n";
  if (report.quick) {
    html +=
        "<p><strong>A quick run</strong>, with fewer seeds or shorter training than the "
        "study asks for.</p>\n";
  }
  for (std::size_t i = 0; i < report.experiments.size(); ++i) {
    const ExperimentReport& experiment = report.experiments[i];
    html +=
        "<section>\n" + tag("h2", experiment.name) + "\n" +
        tag("p", experiment.question + " (" + std::to_string(experiment.episodes) + " starts)") +
        "\n" + claims_table(experiment) + measures_table(experiment) +
        figures(experiment, "e" + std::to_string(i)) + meanings(experiment) + "</section>\n";
  }
  Page page;
  page.title = "costate study " + report.study;
  page.style = page_file("report.css");
  page.body = std::move(html);
  return to_html(page);
}

}  // namespace costate
