// "mjcf:" tasks against MuJoCo alone: every term recomputed from an mjData that is stepped here.
#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <mujoco/mujoco.h>
#include <optional>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

#include "envs/env_config.h"
#include "envs/error.h"
#include "envs/random.h"

namespace costate {
namespace {

namespace fs = std::filesystem;
using Catch::Contains;

constexpr int kFrameSkip = 4;
constexpr double kTimestep = 0.005;

/// A pole on a cart, and a ball that falls; nothing collides.
constexpr const char* kModel = R"(<mujoco model="toy">
  <option timestep="0.005" gravity="0 0 -10"/>
  <default><geom contype="0" conaffinity="0"/></default>
  <worldbody>
    <site name="goal" pos="1 0.2 1.5"/>
    <body name="cart" pos="0 0 1">
      <joint name="slider" type="slide" axis="1 0 0" damping="0.5"/>
      <geom type="box" size="0.1 0.1 0.1" mass="2"/>
      <body name="pole">
        <joint name="hinge" type="hinge" axis="0 1 0"/>
        <geom type="capsule" fromto="0 0 0 0 0 0.5" size="0.03" mass="1"/>
        <site name="tip" pos="0 0 0.5"/>
      </body>
    </body>
    <body name="ball" pos="1 0 2">
      <freejoint name="free"/>
      <geom type="sphere" size="0.1" mass="1"/>
    </body>
  </worldbody>
  <actuator>
    <motor joint="slider" gear="10" ctrllimited="true" ctrlrange="-1 1"/>
    <general joint="hinge" dyntype="filter" dynprm="0.1" ctrllimited="true" ctrlrange="-2 2"/>
  </actuator>
  <sensor>
    <framepos objtype="site" objname="tip"/>
    <jointvel joint="hinge"/>
  </sensor>
  <keyframe>
    <key name="high" qpos="0.5 0.3 1 0 3 1 0 0 0" qvel="0 0 0.25 0 0 0 0 0"/>
  </keyframe>
</mujoco>)";

/// The model in a folder of this process alone, which goes with it.
struct Folder {
  Folder() : path(fs::temp_directory_path() / ("costate_mjcf_test_" + std::to_string(getpid()))) {
    fs::create_directories(path);
    write("toy.xml", kModel);
  }
  ~Folder() { fs::remove_all(path); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  void write(const std::string& name, const std::string& text) const {
    std::ofstream(path / name) << text;
  }
  std::string xml() const { return (path / "toy.xml").string(); }
  std::string id() const { return "mjcf:" + xml(); }

  fs::path path;
};

using Setting = std::pair<std::string, std::string>;

EnvConfig configure(const std::string& id, const std::vector<Setting>& settings) {
  std::vector<Assignment> assignments;
  for (const auto& [key, value] : settings) {
    assignments.push_back({key, "\"" + value + "\"", "--env-set"});
  }
  assignments.push_back({"frame_skip", std::to_string(kFrameSkip), "--env-set"});
  return {id, assignments};
}

/// MuJoCo alone.
struct Bare {
  explicit Bare(const std::string& xml)
      : model(mj_loadXML(xml.c_str(), nullptr, nullptr, 0), mj_deleteModel),
        data(mj_makeData(model.get()), mj_deleteData),
        seen(mj_makeData(model.get()), mj_deleteData) {
    see();
  }
  void step(const std::vector<float>& action) {
    std::copy(action.begin(), action.end(), data->ctrl);
    for (int i = 0; i < kFrameSkip; ++i) mj_step(model.get(), data.get());
    see();
  }
  /// `seen` is a copy with all derived quantities of the present state.
  void see() {
    mj_copyData(seen.get(), model.get(), data.get());
    mj_forward(model.get(), seen.get());
  }
  int id(mjtObj kind, const char* name) const { return mj_name2id(model.get(), kind, name); }
  const mjtNum* body(const char* name) const { return seen->xpos + 3 * id(mjOBJ_BODY, name); }
  const mjtNum* site(const char* name) const { return seen->site_xpos + 3 * id(mjOBJ_SITE, name); }

  std::unique_ptr<mjModel, void (*)(mjModel*)> model;
  std::unique_ptr<mjData, void (*)(mjData*)> data;
  std::unique_ptr<mjData, void (*)(mjData*)> seen;
};

std::vector<float> random_action(RandomStream& random) {
  return {static_cast<float>(random.uniform(-1.0, 1.0)),
          static_cast<float>(random.uniform(-2.0, 2.0))};
}

/// A term as it is written, and what it is of the state.
struct TermTruth {
  std::string text;
  std::function<double(const Bare&)> value;
};

std::vector<TermTruth> term_truths() {
  return {
      {"control",
       [](const Bare& bare) {
         return std::pow(bare.data->ctrl[0], 2) + std::pow(bare.data->ctrl[1], 2);
       }},
      {"height(ball)", [](const Bare& bare) { return bare.body("ball")[2]; }},
      {"height(ball, 1.5, 1.9)",
       [](const Bare& bare) {
         const double z = bare.body("ball")[2];
         return z >= 1.5 && z <= 1.9 ? 1.0 : 0.0;
       }},
      // Turning about y tilts the pole's z axis by the angle of the hinge.
      {"upright(pole)", [](const Bare& bare) { return std::cos(bare.data->qpos[1]); }},
      {"distance(tip, goal)",
       [](const Bare& bare) {
         const double x = bare.data->qpos[0] + 0.5 * std::sin(bare.data->qpos[1]) - 1.0;
         const double z = 1.0 + 0.5 * std::cos(bare.data->qpos[1]) - 1.5;
         return std::sqrt(x * x + 0.2 * 0.2 + z * z);
       }},
      {"joint(slider)", [](const Bare& bare) { return bare.data->qpos[0]; }},
      {"joint(hinge)", [](const Bare& bare) { return bare.data->qpos[1]; }},
      {"speed(slider)", [](const Bare& bare) { return bare.data->qvel[0]; }},
      {"speed(hinge)", [](const Bare& bare) { return bare.data->qvel[1]; }},
  };
}

}  // namespace

TEST_CASE("mjcf: every term of a reward is what MuJoCo says, with its factor") {
  const Folder folder;
  for (const TermTruth& truth : term_truths()) {
    for (const auto& [prefix, factor] : std::vector<std::pair<std::string, double>>{
             {"", 1.0}, {"-", -1.0}, {"2.5 ", 2.5}, {"-1e-2 * ", -0.01}, {"1e+1*", 10.0}}) {
      const std::string reward = prefix + truth.text;
      INFO(reward);
      auto env = configure(folder.id(), {{"reward", reward}}).make();
      Bare bare(folder.xml());
      std::vector<double> observation(static_cast<std::size_t>(env->spec().observation.size()));
      env->reset_to(std::nullopt, observation);
      RandomStream random(3);
      for (int step = 0; step < 20; ++step) {
        const std::vector<float> action = random_action(random);
        const StepResult result = env->step(action, observation);
        bare.step(action);
        REQUIRE(result.reward == Approx(factor * truth.value(bare)).margin(1e-9));
        REQUIRE_FALSE(result.terminated);
      }
    }
  }
}

TEST_CASE("mjcf: velocities are differences over the control step, and terms add up") {
  const Folder folder;
  auto env = configure(folder.id(), {{"reward",
                                      "2 velocity(cart, x) - 0.5 velocity(ball, z) + "
                                      "velocity(pole, y) + 3 alive - 0.1 control"}})
                 .make();
  CHECK(env->spec().control_step == Approx(kFrameSkip * kTimestep));
  Bare bare(folder.xml());
  std::vector<double> observation(static_cast<std::size_t>(env->spec().observation.size()));
  env->reset_to(std::nullopt, observation);
  RandomStream random(4);
  const double dt = kFrameSkip * kTimestep;
  for (int step = 0; step < 20; ++step) {
    const std::vector<float> action = random_action(random);
    const double before = bare.data->qpos[0];
    const StepResult result = env->step(action, observation);
    bare.step(action);
    // Semi-implicit Euler from rest: after n steps the ball has fallen g h² n (n + 1) / 2.
    const auto fallen = [](int n) { return 10.0 * kTimestep * kTimestep * 0.5 * n * (n + 1); };
    const double fall = fallen(kFrameSkip * (step + 1)) - fallen(kFrameSkip * step);
    const double control = std::pow(action[0], 2) + std::pow(action[1], 2);
    const double expected =
        2.0 * (bare.data->qpos[0] - before) / dt + 0.5 * fall / dt + 3.0 - 0.1 * control;
    REQUIRE(result.reward == Approx(expected).margin(1e-8));
  }
}

TEST_CASE("mjcf: an episode terminates in the first step that meets a condition") {
  const Folder folder;
  std::vector<double> observation(17);
  for (const TermTruth& truth : term_truths()) {
    if (truth.text == "control") continue;
    for (const bool below : {true, false}) {
      Bare bare(folder.xml());
      const double start = truth.value(bare);
      // Constant pushes move every term; a bound that is crossed, or not, on the way.
      const double bound = start + (below ? -0.03 : 0.03);
      const std::string condition =
          truth.text + (below ? " < " : " > ") + std::to_string(bound) + " or height(ball) < 0";
      INFO(condition);
      auto env =
          configure(folder.id(), {{"termination", condition}, {"reward", "alive + alive"}}).make();
      env->reset_to(std::nullopt, observation);
      const std::vector<float> action = {0.7f, 2.0f};
      for (int step = 0; step < 20; ++step) {
        const StepResult result = env->step(action, observation);
        bare.step(action);
        const double value = truth.value(bare);
        const bool met = below ? value < std::stod(std::to_string(bound))
                               : value > std::stod(std::to_string(bound));
        REQUIRE(result.terminated == met);
        REQUIRE(result.reward == (met ? 0.0 : 2.0));
      }
    }
  }
  // The second of two conditions: the ball is below 1.9 after n(n + 1) > 800 physics steps.
  auto env =
      configure(folder.id(), {{"termination", "joint(slider) > 9 or height(ball) < 1.9"}}).make();
  env->reset_to(std::nullopt, observation);
  int steps = 0;
  while (!env->step(std::vector<float>{0.0f, 0.0f}, observation).terminated) ++steps;
  CHECK(steps + 1 == 7);  // 28 · 29 = 812, and 24 · 25 = 600 were not enough
}

TEST_CASE("mjcf: observations are the numbers of the state after the step") {
  const Folder folder;
  auto env = configure(folder.id(), {{"observation",
                                      "qpos[1:3], qvel, act, sensors, qvel[:1], sensors[2:], "
                                      "position(ball), site(tip), orientation(pole)"}})
                 .make();
  const Space& space = env->spec().observation;
  REQUIRE(space.size() == 2 + 8 + 1 + 4 + 1 + 2 + 3 + 3 + 4);
  CHECK(space.labels.size() == static_cast<std::size_t>(space.size()));
  Bare bare(folder.xml());
  std::vector<double> observation(static_cast<std::size_t>(space.size()));
  env->reset_to(std::nullopt, observation);
  RandomStream random(5);
  for (int step = 0; step < 20; ++step) {
    std::vector<double> expected;
    const auto append = [&](const mjtNum* first, int count) {
      expected.insert(expected.end(), first, first + count);
    };
    append(bare.data->qpos + 1, 2);
    append(bare.data->qvel, 8);
    append(bare.data->act, 1);
    append(bare.seen->sensordata, 4);
    append(bare.data->qvel, 1);
    append(bare.seen->sensordata + 2, 2);
    append(bare.body("ball"), 3);
    append(bare.site("tip"), 3);
    append(bare.seen->xquat + 4 * bare.id(mjOBJ_BODY, "pole"), 4);
    for (std::size_t i = 0; i < expected.size(); ++i) {
      INFO(step << " " << space.labels[i]);
      REQUIRE(observation[i] == Approx(expected[i]).margin(1e-9));
    }
    const std::vector<float> action = random_action(random);
    env->step(action, observation);
    bare.step(action);
  }
}

TEST_CASE("mjcf: options come from the TOML file beside the model, flags go before it") {
  const Folder folder;
  folder.write("toy.toml",
               "reward = \"3 alive\"\nobservation = \"qpos[0:2]\"\nkeyframe = \"high\"\n"
               "reset_noise_scale = 0.0\nframe_skip = 2\n");
  const EnvConfig as_written(folder.id());
  auto env = as_written.make();
  CHECK(env->spec().control_step == Approx(2 * kTimestep));
  CHECK(env->spec().time_limit == 1000);
  std::vector<double> observation(2);
  env->reset(1, observation);
  CHECK(observation == std::vector<double>{0.5, 0.3});
  CHECK(env->physical_state().qvel[2] == 0.25);
  CHECK(env->step(std::vector<float>{0.0f, 0.0f}, observation).reward == 3.0);

  auto changed = configure(folder.id(), {{"reward", "alive"}}).make();
  CHECK(changed->spec().control_step == Approx(kFrameSkip * kTimestep));
  changed->reset(1, observation);
  CHECK(changed->step(std::vector<float>{0.0f, 0.0f}, observation).reward == 1.0);

  folder.write("toy.toml", "rewrad = \"alive\"\n");
  CHECK_THROWS_WITH(EnvConfig(folder.id()), Contains("rewrad") && Contains("reward"));
  folder.write("toy.toml", "reward = \n");
  CHECK_THROWS_WITH(EnvConfig(folder.id()), Contains("toy.toml") && Contains("1"));
}

TEST_CASE("mjcf: the start has uniform noise of the half-width asked for") {
  const Folder folder;
  EnvConfig config(folder.id(), {{"reset_noise_scale", "0.2", "--env-set"}});
  auto env = config.make();
  std::vector<double> observation(17);
  double lowest = 1.0;
  double highest = -1.0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    env->reset(seed, observation);
    for (const std::size_t entry : {0u, 1u, 9u, 16u}) {  // two of qpos, two of qvel; starts are 0
      lowest = std::min(lowest, observation[entry]);
      highest = std::max(highest, observation[entry]);
    }
  }
  // That none of 800 lies in the outer 2 % at one end has probability 0.98^800 < 1e-6.
  CHECK(lowest >= -0.2);
  CHECK(lowest < -0.192);
  CHECK(highest <= 0.2);
  CHECK(highest > 0.192);
}

TEST_CASE("mjcf: what is wrong with a term is said in one line") {
  const Folder folder;
  const auto message = [&](const std::string& key, const std::string& value) {
    try {
      configure(folder.id(), {{key, value}}).make();
    } catch (const UsageError& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  for (const auto& [key, value, part] :
       std::vector<std::array<std::string, 3>>{{"reward", "height(nobody)", "no body \"nobody\""},
                                               {"reward", "height()", "no body \"\""},
                                               {"reward", "distance(tip, here)", "site \"here\""},
                                               {"reward", "joint(knee)", "joint \"knee\""},
                                               {"reward", "joint(free)", "a hinge or a slide"},
                                               {"reward", "velocity(cart, w)", "axis x, y or z"},
                                               {"reward", "velocity(cart)", "expected one of"},
                                               {"reward", "height(ball, 2, 1)", "lower and an"},
                                               {"reward", "alive +", "expected terms"},
                                               {"reward", "", "expected terms"},
                                               {"reward", "2", "expected one of"},
                                               {"reward", "hieght(ball)", "expected one of"},
                                               {"termination", "height(ball)", "a number"},
                                               {"termination", "height(ball) < low", "a number"},
                                               {"termination", "alive < 1", "expected one of"},
                                               {"termination", "speed(hinge) > 1 or", "expected"},
                                               {"observation", "", "expected one of"},
                                               {"observation", "qpos,", "expected one of"},
                                               {"observation", "qacc", "expected one of"},
                                               {"observation", "qpos[3]", "a range such as"},
                                               {"observation", "qpos[2:2]", "at least one entry"},
                                               {"observation", "qpos[0:99]", "within 0:9"},
                                               {"observation", "qpos[0.5:2]", "within 0:9"},
                                               {"observation", "site(ball)", "site \"ball\""},
                                               {"keyframe", "low", "key \"low\""}}) {
    INFO(key << " = " << value);
    CHECK_THAT(message(key, value), Contains(part));
    CHECK_THAT(message(key, value), Contains(folder.id()));
    CHECK_THAT(message(key, value), !Contains("\n"));
  }
  CHECK_THROWS_WITH(EnvConfig("mjcf:" + (folder.path / "none.xml").string()),
                    Contains("none.xml: there is no such file"));
}

}  // namespace costate
