#include "runners/study_report.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>
#include <ostream>

#include "logs/run_folder.h"
#include "runners/learning_curves.h"
#include "runners/text_table.h"

namespace costate {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// A cell's histogram, averaged over the dimensions.
ActionHistogram average(const std::vector<ActionHistogram>& dimensions) {
  ActionHistogram average{};
  for (const ActionHistogram& histogram : dimensions) {
    for (std::size_t i = 0; i < average.size(); ++i) {
      average[i] += histogram[i] / static_cast<double>(dimensions.size());
    }
  }
  return average;
}

// Two points to a bin, one at either edge.
Curve histogram_curve(const std::string& name, const std::vector<const CellEvaluation*>& seeds) {
  Curve curve;
  curve.name = name;
  if (seeds.front()->histograms.empty()) return curve;
  std::vector<ActionHistogram> histograms;
  for (const CellEvaluation* seed : seeds) histograms.push_back(average(seed->histograms));
  for (std::size_t bin = 0; bin < kActionBins; ++bin) {
    std::vector<double> shares;
    for (const ActionHistogram& histogram : histograms) shares.push_back(histogram[bin]);
    const MeasureSummary share = summarize(shares);
    for (const std::size_t edge : {bin, bin + 1}) {
      curve.x.push_back(-1.0 + 2.0 * static_cast<double>(edge) / kActionBins);
      curve.y.push_back(share.mean);
      if (seeds.size() == 1) continue;
      curve.lower.push_back(share.ci95.low);
      curve.upper.push_back(share.ci95.high);
    }
  }
  return curve;
}

ActingReport report_acting(const std::string& name,
                           const std::vector<const CellEvaluation*>& seeds) {
  ActingReport report;
  for (std::size_t i = 0; i < seeds.front()->values.size(); ++i) {
    std::vector<double> values;
    for (const CellEvaluation* seed : seeds) values.push_back(seed->values[i]);
    report.measures.push_back(summarize(values));
  }
  report.histogram = histogram_curve(name, seeds);
  return report;
}

// A column of the metrics of each of the runs.
std::vector<MetricCurve> training_curves(const std::vector<fs::path>& runs,
                                         const std::string& metric) {
  std::vector<MetricCurve> curves;
  for (const fs::path& run : runs) {
    curves.push_back(read_metric(run_folder::metrics_csv(run), metric));
  }
  return curves;
}

Difference difference(const MeasureSummary& a, const MeasureSummary& b) {
  return {a.mean - b.mean, bootstrap_difference(a.values, b.values, mean)};
}

// The condition of that label among those with results; nullptr where it has none.
const ConditionReport* find(const ExperimentReport& experiment, const std::string& label) {
  const auto at = std::ranges::find_if(experiment.conditions, [&](const ConditionReport& c) {
    return c.condition.label() == label;
  });
  return at == experiment.conditions.end() ? nullptr : &*at;
}

ExperimentReport report_experiment(const StudyExperiment& experiment,
                                   const std::vector<StudyCell>& cells) {
  ExperimentReport report;
  report.name = experiment.name;
  report.question = experiment.question;
  report.episodes = experiment.episodes;
  report.measures = measures_of(experiment);
  report.baseline = experiment.baseline;
  for (const StudyCondition& condition : experiment.conditions) {
    ConditionReport found;
    found.condition = condition;
    std::vector<CellResult> results;
    std::vector<fs::path> runs;
    for (const StudyCell& cell : cells) {
      if (cell.experiment != experiment.name || cell.condition != condition.label()) continue;
      auto result = read_result(cell);
      if (!result) continue;
      found.seeds.push_back(cell.seed);
      results.push_back(std::move(*result));
      if (cell.config.interacts()) runs.push_back(cell.folder);  // else there is no curve
    }
    if (results.empty()) continue;
    std::vector<const CellEvaluation*> mode;
    std::vector<const CellEvaluation*> sampled;
    for (const CellResult& result : results) {
      mode.push_back(&result.mode);
      sampled.push_back(&result.sampled);
    }
    found.mode = report_acting(condition.variant, mode);
    found.sampled = report_acting(condition.variant, sampled);
    if (!runs.empty()) {
      const auto average = [&](const char* metric) {
        return average_curve(condition.variant, training_curves(runs, metric));
      };
      found.learning = average("return_mean_100");
      if (!found.mode.histogram.x.empty()) {
        found.mode_saturation = average("mode_saturation");
        found.saturation = average("saturation");
      }
      std::vector<double> steps;
      for (const MetricCurve& curve : training_curves(runs, "return_mean_100")) {
        steps.push_back(steps_to_share_of_best(curve, 0.9));
      }
      found.steps_to_90 = summarize(std::move(steps));
    }
    report.conditions.push_back(std::move(found));
  }
  for (ConditionReport& condition : report.conditions) {
    StudyCondition baseline = condition.condition;
    baseline.setting = experiment.baseline;
    if (experiment.baseline.empty() || condition.condition.setting == experiment.baseline) continue;
    const ConditionReport* other = find(report, baseline.label());
    if (other == nullptr) continue;
    condition.mode.change = difference(condition.mode.measures[0], other->mode.measures[0]);
    condition.sampled.change =
        difference(condition.sampled.measures[0], other->sampled.measures[0]);
  }
  for (const StudyClaim& claim : experiment.claims) {
    const auto values = [&](const std::string& label) -> std::vector<double> {
      const ConditionReport* condition = find(report, label);
      if (condition == nullptr) return {};
      const ActingReport& acting = claim.sampled ? condition->sampled : condition->mode;
      const auto measure = std::ranges::find(report.measures, claim.measure, &StudyMeasure::key);
      assert(measure != report.measures.end());
      return acting.measures[static_cast<std::size_t>(measure - report.measures.begin())].values;
    };
    const auto a = values(claim.a);
    const auto b = values(claim.b);
    if (a.empty() || (!claim.b.empty() && b.empty())) continue;
    report.claims.push_back(judge(claim, a, b));
  }
  return report;
}

std::string text(const Interval& interval) {
  return "[" + short_number(interval.low) + ", " + short_number(interval.high) + "]";
}

Json to_json(const Interval& interval) {
  return {interval.low, interval.high};
}

Json to_json(const MeasureSummary& measure) {
  return {{"mean", measure.mean},
          {"ci95", to_json(measure.ci95)},
          {"iqm", measure.iqm},
          {"iqm_ci95", to_json(measure.iqm_ci95)},
          {"values", measure.values}};
}

Json to_json(const ActingReport& acting, const std::vector<StudyMeasure>& measures) {
  Json json = Json::object();
  for (std::size_t i = 0; i < acting.measures.size(); ++i) {
    json[measures[i].key] = to_json(acting.measures[i]);
  }
  if (acting.change) {
    json["return_change"] = {{"mean", acting.change->mean}, {"ci95", to_json(acting.change->ci95)}};
  }
  return json;
}

Json to_json(const ExperimentReport& experiment) {
  Json json;
  json["name"] = experiment.name;
  json["question"] = experiment.question;
  json["episodes"] = experiment.episodes;
  json["claims"] = Json::array();
  for (const ClaimReport& claim : experiment.claims) {
    Json each;
    each["statement"] = claim.claim.statement;
    each["measure"] = claim.claim.measure;
    each["actions"] = claim.claim.sampled ? "sampled" : "mode";
    each["a"] = claim.claim.a;
    each["b"] = claim.claim.b.empty() ? Json() : Json(claim.claim.b);
    each["bounds"] = {claim.claim.low, claim.claim.high};  // null where there is none
    each["value"] = claim.value;
    each["ci95"] = to_json(claim.ci95);
    each["verdict"] = name_of(claim.verdict);
    json["claims"].push_back(each);
  }
  json["conditions"] = Json::array();
  for (const ConditionReport& condition : experiment.conditions) {
    Json each;
    each["condition"] = condition.condition.label();
    each["seeds"] = condition.seeds;
    if (!condition.steps_to_90.values.empty()) {
      each["steps_to_90"] = to_json(condition.steps_to_90);
    }
    each["mode"] = to_json(condition.mode, experiment.measures);
    each["sampled"] = to_json(condition.sampled, experiment.measures);
    json["conditions"].push_back(each);
  }
  return json;
}

}  // namespace

MeasureSummary summarize(std::vector<double> values) {
  MeasureSummary summary;
  summary.values = std::move(values);
  const bool defined = std::ranges::none_of(summary.values, [](double v) { return std::isnan(v); });
  summary.mean = mean(summary.values);
  summary.iqm = defined ? interquartile_mean(summary.values) : kNaN;
  const Interval undefined = {kNaN, kNaN};
  summary.ci95 = defined ? bootstrap_interval(summary.values, mean) : undefined;
  summary.iqm_ci95 = defined ? bootstrap_interval(summary.values, interquartile_mean) : undefined;
  return summary;
}

ClaimReport judge(const StudyClaim& claim, const std::vector<double>& a,
                  const std::vector<double>& b) {
  ClaimReport report;
  report.claim = claim;
  report.value = b.empty() ? mean(a) : mean(a) - mean(b);
  if (std::isnan(report.value)) {
    report.ci95 = {kNaN, kNaN};
  } else {
    report.ci95 = b.empty() ? bootstrap_interval(a, mean) : bootstrap_difference(a, b, mean);
  }
  // Comparisons with NaN are false, which leaves the claim open.
  if (report.ci95.low >= claim.low && report.ci95.high <= claim.high) {
    report.verdict = Verdict::kHolds;
  } else if (report.ci95.high < claim.low || report.ci95.low > claim.high) {
    report.verdict = Verdict::kFails;
  }
  return report;
}

StudyReport report_study(const Study& study, const StudyOptions& options,
                         const std::vector<StudyCell>& cells) {
  StudyReport report;
  report.study = study.name;
  report.summary = study.summary;
  report.source = study.source;
  report.quick = options.quick;
  for (const StudyExperiment& experiment : study.experiments) {
    ExperimentReport found = report_experiment(experiment, cells);
    if (!found.conditions.empty()) report.experiments.push_back(std::move(found));
  }
  return report;
}

const char* name_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::kHolds:
      return "holds";
    case Verdict::kFails:
      return "fails";
    case Verdict::kOpen:
      break;
  }
  return "open";
}

std::string subject_text(const StudyClaim& claim) {
  return claim.measure + (claim.sampled ? ", sampled: " : ", mode: ") + claim.a +
         (claim.b.empty() ? "" : " minus " + claim.b);
}

std::string bounds_text(const StudyClaim& claim) {
  if (std::isinf(claim.high)) return "at least " + short_number(claim.low);
  if (std::isinf(claim.low)) return "at most " + short_number(claim.high);
  return "within " + text({claim.low, claim.high});
}

Json to_json(const StudyReport& report) {
  Json json;
  json["study"] = report.study;
  json["source"] = report.source;
  json["quick"] = report.quick;
  json["experiments"] = Json::array();
  for (const ExperimentReport& experiment : report.experiments) {
    json["experiments"].push_back(to_json(experiment));
  }
  return json;
}

void print(const StudyReport& report, std::ostream& out) {
  for (const ExperimentReport& experiment : report.experiments) {
    out << '\n' << experiment.name << ": " << experiment.question << '\n';
    std::vector<std::vector<std::string>> rows = {
        {"condition", "actions", "seeds", "return", "95 % interval", "iqm", "95 % interval"}};
    // Of the return everything, of other measures the mean.
    for (std::size_t i = 1; i < experiment.measures.size(); ++i) {
      rows[0].push_back(experiment.measures[i].title);
    }
    rows[0].emplace_back("steps to 90 %");
    if (!experiment.baseline.empty()) rows[0].push_back("against " + experiment.baseline);
    for (const ConditionReport& condition : experiment.conditions) {
      for (const auto& [name, acting] :
           {std::pair("mode", &condition.mode), std::pair("sampled", &condition.sampled)}) {
        const MeasureSummary& returns = acting->measures[0];
        auto& row = rows.emplace_back(std::vector<std::string>{
            condition.condition.label(), name, std::to_string(condition.seeds.size()),
            short_number(returns.mean), text(returns.ci95), short_number(returns.iqm),
            text(returns.iqm_ci95)});
        for (std::size_t i = 1; i < acting->measures.size(); ++i) {
          row.push_back(short_number(acting->measures[i].mean));
        }
        const bool learned = !condition.steps_to_90.values.empty();
        row.push_back(learned ? short_number(condition.steps_to_90.mean) : "");
        if (!experiment.baseline.empty()) {
          row.push_back(acting->change ? short_number(acting->change->mean) : "");
        }
      }
    }
    print_table(out, rows);
    for (const ClaimReport& claim : experiment.claims) {
      out << name_of(claim.verdict) << ": " << claim.claim.statement << " ("
          << subject_text(claim.claim) << "): " << short_number(claim.value) << ' '
          << text(claim.ci95) << ", claimed " << bounds_text(claim.claim) << '\n';
    }
  }
}

}  // namespace costate
