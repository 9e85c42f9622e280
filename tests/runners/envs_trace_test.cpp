// `envs trace`: what it applies, where it starts and stops, and how it reports malformed files.
#include "runners/envs_trace.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <unistd.h>

#include "envs/env_config.h"

using namespace costate;
using Catch::Contains;

namespace {

/// A folder of this process alone (tests may run at the same time) that goes away with the test.
class Files {
 public:
  Files() { std::filesystem::create_directories(folder_); }
  ~Files() { std::filesystem::remove_all(folder_); }
  std::string write(const std::string& name, const std::string& text) const {
    const auto path = folder_ / name;
    std::ofstream(path) << text;
    return path.string();
  }

 private:
  std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("costate_trace_test_" + std::to_string(getpid()));
};

std::string repeated(const std::string& line, int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += line;
  return text;
}

}  // namespace

TEST_CASE("a trace holds what stepping the environment by hand gives") {
  const Files files;
  const auto actions = files.write("a.csv", "0.5, -0.25,1\r\n\n+1e-1,0,-1\n");
  const auto traced = make_env("Hopper-v5");
  const Trace result =
      trace(*traced, {.actions_file = actions, .start_file = std::nullopt, .seed = 3});

  const auto env = make_env("Hopper-v5");
  std::vector<double> observation(11);
  env->reset(3, observation);
  REQUIRE(result.steps.size() == 2);
  CHECK(result.env == "Hopper-v5");
  CHECK(result.start.observation == observation);
  const std::vector<std::vector<float>> rows = {{0.5f, -0.25f, 1.0f}, {0.1f, 0.0f, -1.0f}};
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const StepResult step = env->step(rows[i], observation);
    CHECK(result.steps[i].result.reward == step.reward);
    CHECK(result.steps[i].after.observation == observation);
    CHECK(result.steps[i].after.state.qpos == env->physical_state().qpos);
    CHECK(result.steps[i].after.state.qvel == env->physical_state().qvel);
  }

  // Through text and back, every double is the same, and the keys are as documented.
  const auto json = nlohmann::ordered_json::parse(to_json(result).dump());
  CHECK(json["steps"][1]["qpos"].get<std::vector<double>>() == result.steps[1].after.state.qpos);
  CHECK(json["steps"][1]["reward"].get<double>() == result.steps[1].result.reward);
  const auto keys = [](const nlohmann::ordered_json& object) {
    std::string names;
    for (const auto& item : object.items()) names += item.key() + " ";
    return names;
  };
  CHECK(keys(json) == "env start steps ");
  CHECK(keys(json["start"]) == "qpos qvel observation ");
  CHECK(keys(json["steps"][0]) == "qpos qvel observation reward terminated truncated ");

  std::ostringstream table;
  print(result, table);
  CHECK_THAT(table.str(), Contains("step 2: reward ") && Contains("  qvel "));
}

TEST_CASE("classic control traces `state`, without noise on request") {
  const Files files;
  const auto env = make_env("CartPole-v1");
  const Trace result = trace(
      *env,
      {.actions_file = files.write("a.csv", "1"), .start_file = std::nullopt, .no_noise = true});
  const auto json = to_json(result);
  CHECK(json["start"]["state"] == nlohmann::json({0.0, 0.0, 0.0, 0.0}));
  CHECK_FALSE(json["start"].contains("qpos"));
  // Hand-worked: force 10 on 1.1 kg with the pole upright, l = 0.5, m = 0.1: θ'' = −temp/(l(4/3 −
  // m/M)) with temp = 10/1.1, x'' = temp − m·l·θ''/M, and Euler over 0.02 s moves velocities alone.
  const double temp = 10.0 / 1.1;
  const double alpha = -temp / (0.5 * (4.0 / 3.0 - 0.1 / 1.1));
  CHECK(result.steps[0].after.state.state[1] ==
        Approx(0.02 * (temp - 0.05 * alpha / 1.1)).epsilon(1e-12));
  CHECK(result.steps[0].after.state.state[3] == Approx(0.02 * alpha).epsilon(1e-12));
}

TEST_CASE("a trace stops at the end of the episode unless it keeps going") {
  const Files files;
  const auto actions = files.write("a.csv", repeated("1\n", 30));
  const auto env = make_env("CartPole-v1");
  TraceRequest request{.actions_file = actions, .start_file = std::nullopt, .no_noise = true};
  const Trace stopped = trace(*env, request);
  CHECK(stopped.steps.size() < 30);
  CHECK(stopped.steps.back().result.terminated);
  request.keep_going = true;
  const Trace whole = trace(*env, request);
  CHECK(whole.steps.size() == 30);
  CHECK(whole.steps[stopped.steps.size() - 1].after.state.state ==
        stopped.steps.back().after.state.state);

  // Truncation ends an episode, too.
  const auto pendulum = make_env("Pendulum-v1");
  const auto zeros = files.write("zeros.csv", repeated("0\n", 250));
  const Trace truncated = trace(*pendulum, {.actions_file = zeros, .start_file = std::nullopt});
  CHECK(truncated.steps.size() == 200);
  CHECK(truncated.steps.back().result.truncated);
}

TEST_CASE("a trace starts from given states, one or one a step") {
  const Files files;
  const auto env = make_env("InvertedPendulum-v5");
  const auto actions = files.write("a.csv", "0.1\n0.1\n0.1\n");
  const std::string high = R"({"qpos":[0.25,0.125],"qvel":[0,-1]})";
  const std::string fallen = R"({"qpos":[0,0.5],"qvel":[0,0]})";

  const Trace one =
      trace(*env, {.actions_file = actions, .start_file = files.write("s.json", high)});
  CHECK(one.start.state.qpos == std::vector{0.25, 0.125});
  CHECK(one.start.observation == std::vector{0.25, 0.125, 0.0, -1.0});
  CHECK(one.steps.size() == 3);

  // The second step ends its episode; the third has a start of its own all the same.
  const Trace each = trace(
      *env, {.actions_file = actions,
             .start_file = files.write("s.json", "[" + high + "," + fallen + "," + high + "]")});
  REQUIRE(each.steps.size() == 3);
  CHECK(each.start.state.qpos == one.start.state.qpos);
  CHECK(each.steps[0].after.state.qpos == one.steps[0].after.state.qpos);
  CHECK(each.steps[1].result.terminated);
  CHECK(each.steps[2].after.state.qpos == one.steps[0].after.state.qpos);
}

TEST_CASE("malformed action files are named with line and expectation") {
  const Files files;
  const auto env = make_env("Hopper-v5");
  const auto report = [&](const std::string& text) {
    try {
      trace(*env, {.actions_file = files.write("a.csv", text), .start_file = std::nullopt});
    } catch (const UsageError& error) {
      return std::string(error.what());
    }
    return std::string("no UsageError");
  };
  CHECK_THAT(report(""), Contains("a.csv: no actions, expected 3 numbers a row"));
  CHECK_THAT(report("\n  \n"), Contains("no actions"));
  CHECK_THAT(report("a,b,c\n1,2,3\n"), Contains("a.csv:1: \"a\"") && Contains("no header line"));
  CHECK_THAT(report("1,2,3\n\n1,two,3\n"), Contains("a.csv:3: \"two\" is not a finite number"));
  CHECK_THAT(report("1,2,3\n1,2\n"), Contains("a.csv:2: the row has 2 columns"));
  CHECK_THAT(report("1,2,3,\n"), Contains("a.csv:1: \"\""));
  CHECK_THAT(report("1,nan,3\n"), Contains("\"nan\" is not a finite number"));
  CHECK_THAT(report("1,1e39,3\n"), Contains("\"1e39\" is not a finite number"));
  CHECK_THAT(report("1,2 3,3\n"), Contains("\"2 3\""));

  const auto cart_pole = make_env("CartPole-v1");
  for (const std::string text : {"2", "-1", "0.5"}) {
    const TraceRequest request{.actions_file = files.write("a.csv", "0\n" + text),
                               .start_file = std::nullopt};
    CHECK_THROWS_WITH(trace(*cart_pole, request),
                      Contains("a.csv:2: \"" + text + "\"") && Contains("Discrete(2)"));
  }

  // A file that cannot be read is a failed run (exit code 1), not a wrong command line.
  try {
    trace(*env, {.actions_file = "/no/such/file.csv", .start_file = std::nullopt});
    FAIL("no exception");
  } catch (const Error& error) {
    CHECK(dynamic_cast<const UsageError*>(&error) == nullptr);
    CHECK_THAT(error.what(), Contains("/no/such/file.csv"));
  }
}

TEST_CASE("malformed start files are named with key and expectation") {
  const Files files;
  const auto env = make_env("InvertedPendulum-v5");
  const auto actions = files.write("a.csv", "0\n0\n");
  const auto report = [&](const std::string& text) {
    try {
      trace(*env, {.actions_file = actions, .start_file = files.write("s.json", text)});
    } catch (const UsageError& error) {
      return std::string(error.what());
    }
    return std::string("no UsageError");
  };
  const std::string good = R"({"qpos":[0,0],"qvel":[0,0]})";
  CHECK_THAT(report("{"), Contains("s.json: is not valid JSON"));
  CHECK_THAT(report("3"), Contains("s.json: is not an object") && Contains("\"qpos\" (2 numbers)"));
  CHECK_THAT(report(R"({"qpos":[0,0]})"), Contains("\"qvel\" is missing"));
  CHECK_THAT(report(R"({"qpos":[0],"qvel":[0,0]})"), Contains("\"qpos\" has 1 entries"));
  CHECK_THAT(report(R"({"qpos":[0,"x"],"qvel":[0,0]})"), Contains("\"qpos\"[1] is not a number"));
  CHECK_THAT(report(R"({"qpos":0,"qvel":[0,0]})"), Contains("\"qpos\" is not an array"));
  CHECK_THAT(report(R"({"qpos":[0,0],"qvel":[0,0],"act":[]})"), Contains("has other keys too"));
  CHECK_THAT(report(R"({"state":[0,0,0,0]})"), Contains("\"qpos\" is missing"));
  CHECK_THAT(report("[" + good + "]"), Contains("holds 1 states") && Contains("2 action rows"));
  CHECK_THAT(report("[" + good + ",{}]"), Contains("state 2: \"qpos\" is missing"));
}
