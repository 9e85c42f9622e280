// A study as data: experiments, the conditions that each compares, and the training runs that these
// come to.
//
// A condition is a list of settings over those of its experiment; with a seed it makes a cell, one
// training run in a folder of its own. Adding a row to a study's table adds its cells, its row in
// the report and its curve, without further code.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "agents/action_statistics.h"
#include "agents/evaluation.h"
#include "envs/options.h"
#include "runners/run_config.h"

namespace costate {

/// Keys and values as `train --set` takes them.
using Settings = std::vector<std::pair<std::string, std::string>>;

/// One side of a comparison.
struct StudyCondition {
  std::string variant;  ///< what is compared, such as "gaussian": a curve in every panel
  std::string setting;  ///< under what it is compared, such as "c=0": a panel; may be empty
  Settings settings = {};
  /// Of one that imitates: the label of the condition of its experiment whose run of the same seed
  /// is its teacher, and which has no teacher itself.
  std::string teacher = {};

  /// Its name in tables, folders and claims: "gaussian, c=0".
  std::string label() const { return setting.empty() ? variant : variant + ", " + setting; }
};

/// A statement of the source that an experiment puts to the test: that a measure of condition `a`,
/// or its excess over that of condition `b`, lies in [low, high].
struct StudyClaim {
  std::string statement;
  std::string measure;   ///< a key of measures_of(experiment)
  bool sampled = false;  ///< of sampled actions; else of the most probable ones
  std::string a;         ///< label of a condition
  std::string b;         ///< another one, or empty
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
};

/// The episodes that a policy is measured by, all of one way to act.
struct MeasuredEpisodes {
  std::span<const EvaluatedEpisode> episodes;  ///< with their observations and actions
  const EnvConfig& env;                        ///< that they are of
  const EnvSpec& spec;                         ///< its
  const Distribution& distribution;            ///< of the policy
  const ActionStatistics& actions;             ///< of the episodes together
  double teacher_return;                       ///< the teacher's mean, same way to act; or NaN
};

struct StudyMeasure {
  std::string key;                                    ///< in JSON and claims
  std::string title;                                  ///< in tables
  std::string meaning;                                ///< one line
  std::function<double(const MeasuredEpisodes&)> of;  ///< may be NaN
};

struct StudyExperiment {
  std::string name;  ///< of its folder, and for --only
  std::string question;
  Settings settings;  ///< of every condition
  std::vector<StudyCondition> conditions;
  std::vector<StudyClaim> claims = {};
  std::vector<StudyMeasure> measures = {};  ///< of its task, beside those of every experiment
  std::string baseline =
      {};               ///< the setting that the returns of the others are set against, if any
  int seeds = 10;       ///< seeds 1 … of each condition
  int quick_seeds = 3;  ///< with --quick
  Settings quick = {};  ///< on top of everything with --quick
  std::int64_t episodes = 64;  ///< of each evaluation, the same starts for every cell
};

struct Study {
  std::string name;
  std::string summary;
  std::string source;  ///< the paper whose claims it tests
  std::vector<StudyExperiment> experiments;
};

struct StudyOptions {
  bool quick = false;
  int seeds = 0;                     ///< of each condition; 0: as many as the experiment has
  std::string only = {};             ///< the one experiment to run; empty: all
  std::vector<Assignment> set = {};  ///< on top of every cell's settings
  std::filesystem::path out;
};

/// One training run and its evaluation.
struct StudyCell {
  std::string experiment;
  std::string condition;
  std::int64_t seed = 0;
  std::int64_t episodes = 0;
  RunConfig config;
  std::vector<StudyMeasure> measures;
  std::filesystem::path folder;   ///< OUT/<experiment>/<condition>/seed-<seed>, a run folder
  std::filesystem::path teacher;  ///< the folder of the cell that must be done before; may be empty
};

/// The cells of the study in the order in which they run: seed by seed, so that what is there of an
/// interrupted study compares all conditions. Throws UsageError where an option names an experiment
/// or key that does not exist or a value out of range.
std::vector<StudyCell> plan_study(const Study& study, const StudyOptions& options);

/// The measures of an experiment: the return, the length and the ways to act (agents/
/// action_statistics.h), then those of its own.
std::vector<StudyMeasure> measures_of(const StudyExperiment& experiment);

/// A label as the name of a folder: "gaussian, c=0.3" is "gaussian-c-0.3".
std::string folder_name(const std::string& label);

}  // namespace costate
