// Studies: the cells that they come to, one cell run for real, and the numbers of the report.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <fstream>
#include <limits>
#include <set>
#include <sstream>

#include "envs/error.h"
#include "logs/atomic_file.h"
#include "logs/run_folder.h"
#include "runners/process_pool.h"
#include "runners/studies/studies.h"
#include "runners/study_cell.h"
#include "runners/study_page.h"
#include "runners/study_report.h"
#include "runners/trained_run.h"
#include "tests/logs/test_folder.h"

namespace costate {
namespace {

// Two heads; episodes of the second are shorter.
Study tiny_study() {
  StudyExperiment first;
  first.name = "first";
  first.question = "Does a < b & c hold?";
  first.settings = {{"env", "Pendulum-v1"},       {"steps", "1600"},   {"envs", "8"},
                    {"ppo.rollout_steps", "200"}, {"ppo.epochs", "1"}, {"network.hidden", "[8]"}};
  first.conditions = {
      {"gaussian", "c=0", {{"policy", "gaussian"}, {"ppo.clip", "0.3"}}},
      {"bernoulli",
       "c=0.3",
       {{"policy", "bernoulli"}, {"ppo.epochs", "2"}, {"environment.time_limit", "50"}}}};
  first.seeds = 3;
  first.quick_seeds = 2;
  first.quick = {{"ppo.clip", "0.1"}};
  first.episodes = 4;
  StudyExperiment second = first;
  second.name = "second one";
  second.conditions.pop_back();
  return {"tiny", "a study for tests", "nobody, nowhere", {first, second}};
}

StudyOptions options_in(const std::filesystem::path& out) {
  StudyOptions options;
  options.out = out;
  return options;
}

TEST_CASE("A study's cells are every condition of every seed, in a folder each") {
  const auto cells = plan_study(tiny_study(), options_in("out"));
  std::vector<std::string> folders;
  for (const StudyCell& cell : cells) folders.push_back(cell.folder.string());
  CHECK(folders == std::vector<std::string>{
                       "out/first/gaussian-c-0/seed-1", "out/first/bernoulli-c-0.3/seed-1",
                       "out/first/gaussian-c-0/seed-2", "out/first/bernoulli-c-0.3/seed-2",
                       "out/first/gaussian-c-0/seed-3", "out/first/bernoulli-c-0.3/seed-3",
                       "out/second-one/gaussian-c-0/seed-1", "out/second-one/gaussian-c-0/seed-2",
                       "out/second-one/gaussian-c-0/seed-3"});
  CHECK(cells[3].condition == "bernoulli, c=0.3");
  CHECK(cells[3].seed == 2);
  CHECK(cells[3].config.seed == 2);
  CHECK(cells[3].config.policy.head == "bernoulli");
  CHECK(cells[3].config.ppo.epochs == 2);
  CHECK(cells[2].config.ppo.epochs == 1);
  CHECK(cells[2].config.ppo.objective.clip == 0.3);
  CHECK(cells[2].config.threads == 1);
  CHECK(cells[2].config.env.make()->spec().time_limit == 200);
  CHECK(cells[3].config.env.make()->spec().time_limit == 50);
}

TEST_CASE("Options choose among the cells and change them") {
  StudyOptions options = options_in("out");
  options.only = "second one";
  CHECK(plan_study(tiny_study(), options).size() == 3);
  options.quick = true;
  REQUIRE(plan_study(tiny_study(), options).size() == 2);
  CHECK(plan_study(tiny_study(), options)[0].config.ppo.objective.clip == 0.1);
  options.seeds = 5;
  options.set = {{"ppo.clip", "0.4", "--set"}};
  REQUIRE(plan_study(tiny_study(), options).size() == 5);
  CHECK(plan_study(tiny_study(), options)[4].config.ppo.objective.clip == 0.4);

  options.only = "secnd one";
  CHECK(message_of<UsageError>([&] { plan_study(tiny_study(), options); }) ==
        "--only secnd one: expected an experiment of tiny, one of first, second one; did you mean "
        "second one?");
  options.only.clear();
  options.set = {{"ppo.clap", "1", "--set"}};
  CHECK(message_of<UsageError>([&] { plan_study(tiny_study(), options); }).find("ppo.clip") !=
        std::string::npos);
}

TEST_CASE("Every study's configurations are valid, its folders distinct, its claims about them") {
  std::set<std::string> names;
  for (const Study& study : all_studies()) {
    CHECK(names.insert(study.name).second);
    CHECK(!study.source.empty());
    for (const bool quick : {false, true}) {
      StudyOptions options = options_in("out");
      options.quick = quick;
      std::set<std::string> folders;
      for (const StudyCell& cell : plan_study(study, options)) {
        CHECK(folders.insert(cell.folder.string()).second);
      }
    }
    for (const StudyExperiment& experiment : study.experiments) {
      std::set<std::string> labels;
      std::set<std::string> settings;
      std::set<std::string> teachers = {""};
      for (const auto& condition : experiment.conditions) {
        labels.insert(condition.label());
        settings.insert(condition.setting);
        if (condition.teacher.empty()) teachers.insert(condition.label());
      }
      CHECK((experiment.baseline.empty() || settings.contains(experiment.baseline)));
      for (const auto& condition : experiment.conditions) {
        INFO(condition.label());
        CHECK(teachers.contains(condition.teacher));
      }
      for (const StudyClaim& claim : experiment.claims) {
        INFO(claim.statement);
        CHECK(labels.contains(claim.a));
        CHECK((claim.b.empty() || labels.contains(claim.b)));
        CHECK(std::ranges::count(measures_of(experiment), claim.measure, &StudyMeasure::key) == 1);
        CHECK(claim.low < claim.high);
      }
    }
  }
}

TEST_CASE("A cell trains, is evaluated both ways, and is then done") {
  const TestFolder folder;
  const auto cells = plan_study(tiny_study(), options_in(folder.path()));
  const StudyCell& cell = cells[1];
  CHECK(!read_result(cell));
  REQUIRE(run_cell(cell));
  const auto result = read_result(cell);
  REQUIRE(result);
  CHECK(result->mode.values[1] == 50.0);
  CHECK(result->sampled.values[2] == 1.0);
  CHECK(result->mode.histograms.size() == 1);

  // The evaluation once more, by other means.
  const TrainedRun run = open_run(cell.folder);
  CHECK(run.steps == 1600);
  ThreadPool pool(2);
  double sum = 0.0;
  for (const auto& episode :
       evaluate(cell.config.env, *run.policy, {.episodes = 4, .deterministic = false}, pool)) {
    sum += episode.episode_return;
  }
  CHECK(result->sampled.values[0] == Approx(sum / 4));

  SECTION("without its result it is evaluated again, to the same bytes") {
    const auto file = cell.folder / "result.json";
    const std::string before = read_text_file(file);
    std::filesystem::remove(file);
    REQUIRE(run_cell(cell));
    CHECK(read_text_file(file) == before);
  }
  SECTION("a folder with another configuration is refused") {
    StudyOptions options = options_in(folder.path());
    options.set = {{"ppo.clip", "0.25", "--set"}};
    const auto others = plan_study(tiny_study(), options);
    const std::string expected = (cell.folder / "config.toml").string() +
                                 " has clip = 0.2, expected clip = 0.25: the "
                                 "folder holds a study of other settings, name another with --out";
    CHECK(message_of<Error>([&] { read_result(others[1]); }) == expected);
    CHECK(message_of<Error>([&] { run_cell(others[1]); }) == expected);
  }
  SECTION("a result that is damaged is named") {
    { std::ofstream(cell.folder / "result.json") << "{\"mode\": 3"; }
    CHECK(message_of<Error>([&] {
            read_result(cell);
          }).find((cell.folder / "result.json").string() + " is not a result") == 0);
  }
}

// A teacher and a student of it, whose own measure is the teacher's return.
Study teaching_study() {
  Study study = tiny_study();
  study.experiments.pop_back();
  StudyExperiment& experiment = study.experiments[0];
  experiment.settings = {{"env", "Pendulum-v1"}, {"steps", "1600"}, {"network.hidden", "[8]"}};
  experiment.conditions = {
      {"student", "", {{"algo", "imitation"}, {"imitation.episodes", "2"}}, "teacher"},
      {"teacher", "", {{"policy", "gaussian"}}}};
  experiment.quick = {};
  experiment.measures = {{"of_teacher", "of teacher", "the teacher's return",
                          [](const MeasuredEpisodes& e) { return e.teacher_return; }}};
  return study;
}

TEST_CASE("A cell that imitates learns from its teacher's cell of the same seed") {
  const TestFolder folder;
  const auto cells = plan_study(teaching_study(), options_in(folder.path()));
  REQUIRE(cells.size() == 6);
  const StudyCell& student = cells[2];
  const StudyCell& teacher = cells[3];
  CHECK(teacher.teacher.empty());
  CHECK(student.teacher == teacher.folder);
  CHECK(student.config.imitation.teacher == teacher.folder.string());
  CHECK(student.teacher.filename() == "seed-2");

  CHECK(message_of<Error>([&] { run_cell(student); }) ==
        "the teacher has no result at " + (teacher.folder / "result.json").string());
  CHECK(!std::filesystem::exists(student.folder));
  REQUIRE(run_cell(teacher));
  REQUIRE(run_cell(student));
  const auto of_teacher = read_result(teacher);
  const auto of_student = read_result(student);
  const std::size_t own = teacher.measures.size() - 1;
  CHECK(of_student->mode.values[own] == of_teacher->mode.values[0]);
  CHECK(of_student->sampled.values[own] == of_teacher->sampled.values[0]);
  CHECK(std::isnan(of_teacher->mode.values[own]));

  // The report draws the learning curve of the one that had a return while it learned.
  const StudyReport report =
      report_study(teaching_study(), options_in(folder.path()), {student, teacher});
  REQUIRE(report.experiments[0].conditions.size() == 2);
  CHECK(report.experiments[0].conditions[0].learning.x.empty());
  CHECK(!report.experiments[0].conditions[1].learning.x.empty());
  CHECK(to_html(report).find("<svg") != std::string::npos);
}

TEST_CASE("Values of seeds are summed up as by hand") {
  const MeasureSummary summary = summarize({4, 1, 100, 3});
  CHECK(summary.mean == 27.0);
  CHECK(summary.iqm == 3.5);  // without 1 and 100
  const Interval expected = bootstrap_interval(std::vector<double>{4, 1, 100, 3}, mean);
  CHECK(summary.ci95.low == expected.low);
  CHECK(summary.ci95.high == expected.high);
  // The middle two of four draws are both 1 where at least three are: in 13 of 256 resamples, more
  // than the 2.5 % that are left out at either end. Likewise both are 100.
  CHECK(summary.iqm_ci95.low == 1.0);
  CHECK(summary.iqm_ci95.high == 100.0);
  CHECK(std::isnan(summarize({5}).ci95.low));
  CHECK(summarize({5}).mean == 5.0);
  CHECK(std::isnan(summarize({5, std::nan("")}).mean));
}

TEST_CASE("A claim holds or fails by its whole interval, and is open between") {
  constexpr double kInf = std::numeric_limits<double>::infinity();
  const auto claim = [](double low, double high) {
    StudyClaim made;
    made.low = low;
    made.high = high;
    return made;
  };
  const std::vector<double> a = {10, 11, 12};
  const std::vector<double> b = {4, 5, 6};
  // The interval of the mean of a lies in [10, 12], that of the difference in [4, 8].
  CHECK(judge(claim(9, 13), a, {}).verdict == Verdict::kHolds);
  CHECK(judge(claim(9, 13), a, {}).value == 11.0);
  CHECK(judge(claim(13, kInf), a, {}).verdict == Verdict::kFails);
  CHECK(judge(claim(-kInf, 11), a, {}).verdict == Verdict::kOpen);
  CHECK(judge(claim(3, 9), a, b).verdict == Verdict::kHolds);
  CHECK(judge(claim(3, 9), a, b).value == 6.0);
  CHECK(judge(claim(-8, 3), a, b).verdict == Verdict::kFails);
  CHECK(judge(claim(6, kInf), a, b).verdict == Verdict::kOpen);
  CHECK(judge(claim(9, 13), {11}, {}).verdict == Verdict::kOpen);  // one seed proves nothing
  CHECK(judge(claim(9, 13), {11, std::nan("")}, {}).verdict == Verdict::kOpen);

  CHECK(bounds_text(claim(-8, 8)) == "within [-8, 8]");
  CHECK(bounds_text(claim(150, kInf)) == "at least 150");
  CHECK(bounds_text(claim(-kInf, 0.05)) == "at most 0.05");
}

TEST_CASE("A report has what is done, as table, JSON and page") {
  const TestFolder folder;
  Study study = tiny_study();
  study.experiments[0].claims = {
      {"the bernoulli is at the bounds", "saturation_99", true, "bernoulli, c=0.3", "", 0.99},
      {"more than the gaussian", "saturation_99", false, "bernoulli, c=0.3", "gaussian, c=0", 0.0}};
  const StudyOptions options = options_in(folder.path());
  const auto cells = plan_study(study, options);
  for (const std::size_t i : {1, 3}) REQUIRE(run_cell(cells[i]));  // bernoulli, seeds 1 and 2
  StudyReport report = report_study(study, options, cells);
  REQUIRE(report.experiments.size() == 1);
  REQUIRE(report.experiments[0].conditions.size() == 1);
  const ConditionReport& bernoulli = report.experiments[0].conditions[0];
  CHECK(bernoulli.seeds == std::vector<std::int64_t>{1, 2});
  const double first = read_result(cells[1])->mode.values[0];
  const double second = read_result(cells[3])->mode.values[0];
  CHECK(bernoulli.mode.measures[0].mean == Approx((first + second) / 2));
  CHECK(bernoulli.mode.measures[0].ci95.low == std::min(first, second));
  CHECK(bernoulli.learning.name == "bernoulli");
  CHECK(bernoulli.sampled.histogram.x.front() == -1.0);
  CHECK(bernoulli.sampled.histogram.x.back() == 1.0);
  CHECK(bernoulli.sampled.histogram.y.front() + bernoulli.sampled.histogram.y.back() ==
        Approx(1.0));
  // The curves of saturation are there, without a head to the contrary.
  CHECK(bernoulli.mode_saturation.y.back() == 1.0);
  CHECK(bernoulli.saturation.y.front() == 1.0);
  // The claim without results of its second side is left out.
  REQUIRE(report.experiments[0].claims.size() == 1);
  CHECK(report.experiments[0].claims[0].verdict == Verdict::kHolds);

  REQUIRE(run_cell(cells[0]));
  report = report_study(study, options, cells);
  REQUIRE(report.experiments[0].claims.size() == 2);
  CHECK(report.experiments[0].claims[1].verdict == Verdict::kOpen);

  const auto json = nlohmann::json::parse(to_json(report).dump());
  CHECK(json["experiments"][0]["conditions"][1]["sampled"]["saturation_99"]["mean"] == 1.0);
  CHECK(json["experiments"][0]["claims"][0]["bounds"][1].is_null());
  CHECK(json["experiments"][0]["claims"][0]["verdict"] == "holds");
  std::ostringstream table;
  print(report, table);
  CHECK(table.str().find(
            "holds: the bernoulli is at the bounds (saturation_99, sampled: bernoulli, c=0.3): "
            "1 [1, 1], claimed at least 0.99") != std::string::npos);
  const std::string html = to_html(report);
  CHECK(html.find("<p>Does a &lt; b &amp; c hold? (4 starts)</p>") != std::string::npos);
  CHECK(html.find("<td class=\"text\">sampled</td>") != std::string::npos);
  CHECK(html.find("<script") == std::string::npos);
}

/// What a measure of an experiment of the bang-bang study gives.
double measure(const std::string& experiment, const std::string& key, const EnvConfig& env,
               const Distribution& distribution, const std::vector<EvaluatedEpisode>& episodes) {
  const Study study = bang_bang_study();
  const auto found = std::ranges::find(study.experiments, experiment, &StudyExperiment::name);
  REQUIRE(found != study.experiments.end());
  const auto of = std::ranges::find(found->measures, key, &StudyMeasure::key);
  REQUIRE(of != found->measures.end());
  const EnvSpec spec = env.make()->spec();
  return of->of({episodes, env, spec, distribution, ActionStatistics(), 0.0});
}

TEST_CASE("Time and fuel of the double integrator are in units of the best control") {
  // T(1, 0) = 2 and T(1, 1) = 3.449490; the second observation of an episode does not matter.
  std::vector<EvaluatedEpisode> episodes(2);
  episodes[0].length = 44;
  episodes[0].observations = {1, 0, 9, 9};
  episodes[1].length = 70;
  episodes[1].observations = {1, 1, 9, 9};
  const EnvConfig env("DoubleIntegrator-v0");
  const auto ternary = make_ternary(1);
  CHECK(measure("minimum-time", "time_ratio", env, *ternary, episodes) ==
        Approx((2.2 + 3.5) / 5.449490));

  // Three ways from rest at 1 m in steps of 0.1 s, with their starts and what comes before the last
  // step. The first is the best: 6 steps of burning, 7 of coasting at 0.6 m/s, 6 of braking.
  const EnvConfig repeated("DoubleIntegrator-v0", {{"action_repeat", "2", "test"}});
  const auto way = [](const std::vector<std::pair<int, float>>& forces, float x, float v) {
    EvaluatedEpisode episode;
    for (const auto& [steps, force] : forces) {
      episode.actions.insert(episode.actions.end(), static_cast<std::size_t>(steps), force);
    }
    episode.length = static_cast<std::int64_t>(episode.actions.size());
    episode.observations = {1, 0, x, v};
    episode.episode_return = -3.0;
    return episode;
  };
  episodes = {way({{6, -1.0f}, {7, 0.0f}, {6, 1.0f}}, 0.225f, -0.1f)};
  const auto fuel = [&](const std::string& key) {
    return measure("minimum-fuel", key, repeated, *ternary, episodes);
  };
  CHECK(fuel("fuel_ratio") == Approx(1.0));
  CHECK(fuel("coasting") == Approx(7.0 / 19));
  // The second, at half the force, goes 0.72 m in 2.4 s, which costs 2.4 − √(2.4² − 4·0.72) at
  // least; the third never comes to rest.
  episodes.push_back(way({{12, -0.5f}, {12, 0.5f}}, 0.2825f, -0.05f));
  episodes.push_back(way({{100, 0.25f}}, 9.0f, 9.0f));
  CHECK(fuel("fuel_ratio") == Approx(2.4 / (1.2 + 0.702944)));
  CHECK(fuel("coasting") == Approx(107.0 / 143));
  CHECK(fuel("cost_ratio") == Approx(3.0 / (2.0 * std::sqrt(2.0))));
  episodes.erase(episodes.begin(), episodes.begin() + 2);
  CHECK(std::isnan(fuel("fuel_ratio")));
}

TEST_CASE("A policy on the pendulum is measured by the best of its own actions") {
  // From rest upright doing nothing is best, which a bernoulli cannot; its torque costs 0.3·2²
  // a step, whichever way it goes.
  std::vector<EvaluatedEpisode> episodes(1);
  episodes[0].length = 200;
  episodes[0].observations = {1, 0, 0};
  const EnvConfig free("Pendulum-v1", {{"torque_cost", "0", "test"}});
  const EnvConfig costly("Pendulum-v1", {{"torque_cost", "0", "test"},
                                         {"action_cost", "1.2", "test"},
                                         {"action_cost_ramp", "9800", "test"}});
  const auto optimum = [&](const EnvConfig& env, const Distribution& distribution) {
    return measure("equal-return", "optimum", env, distribution, episodes);
  };
  CHECK(optimum(costly, *make_ternary(1)) == 0.0);
  CHECK(optimum(costly, *make_gaussian(1)) == Approx(0.0).margin(1e-4));
  const double shaking = optimum(free, *make_bernoulli(1));
  CHECK(shaking < -0.1);
  CHECK(optimum(costly, *make_bernoulli(1)) == Approx(shaking - 240.0).margin(0.5));
}

TEST_CASE("Returns are set against those of the same variant in the baseline") {
  const TestFolder folder;
  Study study = tiny_study();
  StudyExperiment& experiment = study.experiments[0];
  experiment.conditions = {{"gaussian", "plain", {{"policy", "gaussian"}}},
                           {"gaussian", "short", {{"environment.time_limit", "50"}}},
                           {"bernoulli", "short", {{"policy", "bernoulli"}}}};
  experiment.baseline = "plain";
  const StudyOptions options = options_in(folder.path());
  const auto cells = plan_study(study, options);
  for (const std::size_t i : {0, 1, 2, 3, 4}) REQUIRE(run_cell(cells[i]));  // seeds 1, 1, 1, 2, 2
  const StudyReport report = report_study(study, options, cells);
  const auto& conditions = report.experiments[0].conditions;
  REQUIRE(conditions.size() == 3);
  CHECK(!conditions[0].mode.change);
  CHECK(!conditions[2].mode.change);  // there is no "bernoulli, plain"
  REQUIRE(conditions[1].sampled.change);
  const auto value = [&](std::size_t cell) { return read_result(cells[cell])->sampled.values[0]; };
  const double lowest = std::min(value(1), value(4)) - std::max(value(0), value(3));
  const double highest = std::max(value(1), value(4)) - std::min(value(0), value(3));
  const Difference& change = *conditions[1].sampled.change;
  CHECK(change.mean == Approx((value(1) + value(4) - value(0) - value(3)) / 2));
  CHECK(change.ci95.low == Approx(lowest));
  CHECK(change.ci95.high == Approx(highest));
  const auto json = nlohmann::json::parse(to_json(report).dump());
  CHECK(json["experiments"][0]["conditions"][1]["sampled"]["return_change"]["mean"] == change.mean);
  CHECK(!json["experiments"][0]["conditions"][0]["sampled"].contains("return_change"));
  CHECK(to_html(report).find("<th>return against plain</th>") != std::string::npos);
}

TEST_CASE("Processes run several at a time, and say how they failed") {
  // This program itself: one that lists a tag no test has, and ones that fail.
  const std::vector<std::vector<std::string>> commands = {
      {"test", "--list-tests", "[no such tag]"}, {"test", "--no-such-option"}, {"test", "--help"}};
  std::vector<std::string> outcomes(commands.size());
  std::size_t most = 0;
  ProcessPool pool;
  pool.arguments = [&](std::size_t i) { return commands[i]; };
  pool.ended = [&](std::size_t i, const ProcessOutcome& outcome) {
    outcomes[i] = outcome.succeeded ? "succeeded" : outcome.description;
  };
  pool.tick = [&](std::size_t running) { most = std::max(most, running); };
  CHECK(run_processes(commands.size(), 2, pool));
  CHECK(outcomes[0] == "succeeded");
  CHECK(outcomes[1].find("no-such-option") != std::string::npos);
  CHECK(outcomes[2] == "succeeded");
  CHECK(most == 2);
}

}  // namespace
}  // namespace costate
