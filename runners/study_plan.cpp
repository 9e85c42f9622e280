#include "runners/study_plan.h"

#include <algorithm>
#include <cctype>

#include "envs/error.h"
#include "envs/registry.h"

namespace costate {
namespace {

/// The mean over episodes of what `of` gives for each.
template <class F>
double average(const MeasuredEpisodes& measured, F of) {
  double sum = 0.0;
  for (const EvaluatedEpisode& episode : measured.episodes) sum += of(episode);
  return sum / static_cast<double>(measured.episodes.size());
}

void append(std::vector<Assignment>& to, const Settings& settings, const std::string& origin) {
  for (const auto& [key, value] : settings) to.push_back({key, value, origin});
}

/// The cells of one experiment, of one seed after the other.
std::vector<StudyCell> plan_experiment(const StudyExperiment& experiment,
                                       const StudyOptions& options) {
  std::vector<StudyCell> first_seeds;
  for (const StudyCondition& condition : experiment.conditions) {
    const std::string origin = experiment.name + " (" + condition.label() + ")";
    std::vector<Assignment> assignments;
    append(assignments, experiment.settings, origin);
    append(assignments, condition.settings, origin);
    if (options.quick) append(assignments, experiment.quick, origin);
    // Cells run side by side, with one thread each.
    append(assignments, {{"threads", "1"}}, origin);
    assignments.insert(assignments.end(), options.set.begin(), options.set.end());

    StudyCell cell;
    const auto folder_of = [&](const std::string& label) {
      return options.out / folder_name(experiment.name) / folder_name(label);
    };
    if (!condition.teacher.empty()) {
      cell.teacher = folder_of(condition.teacher);
      append(assignments, {{"imitation.teacher", cell.teacher.string()}}, origin);
    }
    cell.experiment = experiment.name;
    cell.condition = condition.label();
    cell.episodes = experiment.episodes;
    cell.measures = measures_of(experiment);
    cell.config = resolve_config({}, assignments);
    cell.folder = folder_of(condition.label());
    first_seeds.push_back(std::move(cell));
  }

  int seeds = options.quick ? experiment.quick_seeds : experiment.seeds;
  if (options.seeds > 0) seeds = options.seeds;
  std::vector<StudyCell> cells;
  for (int seed = 1; seed <= seeds; ++seed) {
    for (const StudyCell& each : first_seeds) {
      StudyCell& cell = cells.emplace_back(each);
      cell.seed = cell.config.seed = seed;
      const std::string name = "seed-" + std::to_string(seed);
      cell.folder /= name;
      if (cell.teacher.empty()) continue;
      cell.teacher /= name;
      cell.config.imitation.teacher = cell.teacher.string();
    }
  }
  return cells;
}

}  // namespace

std::vector<StudyCell> plan_study(const Study& study, const StudyOptions& options) {
  std::vector<StudyCell> cells;
  std::vector<std::string> names;
  for (const StudyExperiment& experiment : study.experiments) {
    names.push_back(experiment.name);
    if (!options.only.empty() && experiment.name != options.only) continue;
    for (StudyCell& cell : plan_experiment(experiment, options)) cells.push_back(std::move(cell));
  }
  if (cells.empty()) {
    std::string list;
    for (const std::string& name : names) list += (list.empty() ? "" : ", ") + name;
    const std::string hint = nearest(options.only, names);
    throw UsageError("--only " + options.only + ": expected an experiment of " + study.name +
                     ", one of " + list + (hint.empty() ? "" : "; did you mean " + hint + "?"));
  }
  return cells;
}

std::vector<StudyMeasure> measures_of(const StudyExperiment& experiment) {
  using E = const MeasuredEpisodes&;
  std::vector<StudyMeasure> measures = {
      {"return", "return", "mean return of an episode",
       [](E e) { return average(e, [](auto& episode) { return episode.episode_return; }); }},
      {"length", "length", "mean number of steps of an episode",
       [](E e) { return average(e, [](auto& episode) { return double(episode.length); }); }},
      {"saturation_99", "S.99", "share of executed actions with |a| >= 0.99",
       [](E e) { return e.actions.saturation_99; }},
      {"saturation_95", "S.95", "share of executed actions with |a| >= 0.95",
       [](E e) { return e.actions.saturation_95; }},
      {"edge_distance", "1-|a|", "mean distance of executed actions from the nearer bound",
       [](E e) { return e.actions.edge_distance; }},
      {"switching", "switching",
       "mean |a(t) - a(t-1)| / 2: 1 where every step goes from bound to bound",
       [](E e) { return e.actions.switching; }},
      {"energy", "energy", "mean of the squared executed action",
       [](E e) { return e.actions.energy; }},
      {"boundary_mass", "edge mass",
       "probability that a sampled action is within 1 % of a bound, over visited states",
       [](E e) { return e.actions.boundary_mass; }}};
  measures.insert(measures.end(), experiment.measures.begin(), experiment.measures.end());
  return measures;
}

std::string folder_name(const std::string& label) {
  std::string name;
  for (const char c : label) {
    const bool kept = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.';
    if (kept) {
      name += c;
    } else if (!name.empty() && name.back() != '-') {
      name += '-';
    }
  }
  if (name.ends_with('-')) name.pop_back();
  return name;
}

}  // namespace costate
