// What a study has found: every condition's measures over its seeds, and the claims of its source
// against them.
//
// A value of a condition is that of one seed (over the same starts for all), and intervals are 95 %
// bootstrap intervals over seeds (backends/diagnostics/statistics.h). A condition is of one task,
// so that the bootstrap over seeds within it is the one stratified by task of Agarwal et al. 2021.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "backends/diagnostics/statistics.h"
#include "logs/plot.h"
#include "runners/study_cell.h"
#include "runners/study_plan.h"

namespace costate {

struct MeasureSummary {
  std::vector<double> values;  ///< of each seed
  double mean = 0.0;
  double iqm = 0.0;
  // NaN for a single seed, or where a value is not defined.
  Interval ci95;      ///< of the mean
  Interval iqm_ci95;  ///< of the interquartile mean
};

struct Difference {
  double mean = 0.0;
  Interval ci95;  ///< NaN for a single seed
};

/// One way to act, over the seeds of a condition.
struct ActingReport {
  std::vector<MeasureSummary> measures;  ///< of each of the experiment's
  /// The return minus that of the same variant in the experiment's baseline; none in the baseline
  /// itself, and where that has no results.
  std::optional<Difference> change;
  /// Shares of executed actions by bin, averaged over dimensions, as a step line over [−1, 1] with
  /// its interval; without points for discrete actions.
  Curve histogram;
};

struct ConditionReport {
  StudyCondition condition;
  std::vector<std::int64_t> seeds;
  ActingReport mode;
  ActingReport sampled;
  // Over environment steps of training; without points where it imitates.
  Curve learning;  ///< training return
  /// Until the return has made 90 % of the way from its first value to its best; of each run.
  MeasureSummary steps_to_90;
  /// Shares of |a| >= 0.99 among the most probable and the executed actions; without points for
  /// discrete actions.
  Curve mode_saturation;
  Curve saturation;
};

enum class Verdict {
  kHolds,  ///< the whole interval lies within the claim's bounds
  kFails,  ///< none of it does
  kOpen    ///< it is too wide to tell, or there is but one seed
};

struct ClaimReport {
  StudyClaim claim;
  double value = 0.0;  ///< of a, or a − b
  Interval ci95;
  Verdict verdict = Verdict::kOpen;
};

struct ExperimentReport {
  std::string name;
  std::string question;
  std::int64_t episodes = 0;
  std::vector<StudyMeasure> measures;
  std::string baseline;                     ///< setting; empty where there is none
  std::vector<ConditionReport> conditions;  ///< those with results
  std::vector<ClaimReport> claims;          ///< those whose conditions have results
};

struct StudyReport {
  std::string study;
  std::string summary;
  std::string source;
  bool quick = false;
  std::vector<ExperimentReport> experiments;  ///< those with results
};

/// Mean, interquartile mean and interval of the values of a condition's seeds.
MeasureSummary summarize(std::vector<double> values);

/// The claim on the values of one measure, those of `b` empty where the claim is about `a` alone.
ClaimReport judge(const StudyClaim& claim, const std::vector<double>& a,
                  const std::vector<double>& b);

/// Gathers the results of those of the cells that are done.
StudyReport report_study(const Study& study, const StudyOptions& options,
                         const std::vector<StudyCell>& cells);

/// Numbers that are not defined are null.
nlohmann::ordered_json to_json(const StudyReport& report);

/// The tables, for people.
void print(const StudyReport& report, std::ostream& out);

/// "holds", "fails" or "open".
const char* name_of(Verdict verdict);

/// What a claim is about: "return, mode: gaussian, c=0 minus bernoulli, c=0".
std::string subject_text(const StudyClaim& claim);

/// The bounds of a claim: "within [-8, 8]", "at least 150" or "at most 0.05".
std::string bounds_text(const StudyClaim& claim);

}  // namespace costate
