// The replay page: its geometry is the model's, its poses are those that MuJoCo itself gives for
// the same states, and in the plane those of the equations.
#include "runners/replay_page.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <memory>
#include <mujoco/mujoco.h>
#include <regex>
#include <vector>

#include "envs/assets.h"
#include "envs/env_config.h"
#include "logs/atomic_file.h"
#include "tests/logs/test_folder.h"

namespace costate {
namespace {

using Json = nlohmann::ordered_json;

struct Played {
  Json page;                          ///< what the page is given
  std::vector<PhysicalState> states;  ///< before every step, and after the last
};

/// Logs an episode of random actions and replays it for the page.
Played play(const std::string& id, int steps) {
  const TestFolder folder;
  const auto env = EnvConfig(id).make();
  const EnvSpec& spec = env->spec();
  std::vector<double> observation(static_cast<std::size_t>(spec.observation.size()));
  std::vector<float> action(static_cast<std::size_t>(spec.action.size()));
  RandomStream random(5);
  Played played;
  Episode e;
  e.seed = 11;
  env->reset(e.seed, observation);
  StateWriter writer(e.initial_state);
  env->save_state(writer);
  played.states.push_back(env->physical_state());
  for (int t = 0; t < steps; ++t) {
    e.observations.insert(e.observations.end(), observation.begin(), observation.end());
    spec.action.sample(random, action);
    e.actions.insert(e.actions.end(), action.begin(), action.end());
    const StepResult result = env->step(action, observation);
    e.rewards.push_back(t == 1 ? std::nan("") : result.reward);
    e.terminated.push_back(0);
    e.truncated.push_back(0);
    played.states.push_back(env->physical_state());
  }
  e.raw_actions = e.actions;
  e.log_probs.resize(e.length());
  e.values.resize(e.length());
  e.distributions.resize(e.length());
  e.final_observation.assign(observation.begin(), observation.end());
  RolloutHeader header;
  header.env = id;
  header.observation_size = observation.size();
  header.action_size = action.size();
  header.state_bytes = e.initial_state.size();
  header.distribution_names = {"</script>"};
  RolloutWriter file(folder / "a.h5", header);
  file.append(e);
  file.flush();
  played.page = replayed_episode(RolloutReader(folder / "a.h5"), 0, "a.h5");
  return played;
}

TEST_CASE("the page's poses are MuJoCo's for the same states") {
  const auto [id, asset] =
      GENERATE(table<std::string, std::string>({{"HalfCheetah-v5", "half_cheetah.xml"},
                                                {"Ant-v5", "ant.xml"},
                                                {"Humanoid-v5", "humanoid.xml"}}));
  const Played played = play(id, 40);
  char error[500] = {};
  const std::unique_ptr<mjModel, void (*)(mjModel*)> model(
      mj_loadXML(asset_path(asset).c_str(), nullptr, error, sizeof error), mj_deleteModel);
  REQUIRE(model);
  const std::unique_ptr<mjData, void (*)(mjData*)> data(mj_makeData(model.get()), mj_deleteData);
  const Json& poses = played.page["poses"];
  REQUIRE(poses.size() == played.states.size());
  double worst = 0.0;
  for (std::size_t t = 0; t < poses.size(); ++t) {
    REQUIRE(poses[t].size() == static_cast<std::size_t>(model->nbody));
    std::copy_n(played.states[t].qpos.begin(), model->nq, data->qpos);
    mj_forward(model.get(), data.get());
    for (int body = 0; body < model->nbody; ++body) {
      const Json& pose = poses[t][static_cast<std::size_t>(body)];
      for (std::size_t i = 0; i < 3; ++i) {
        const double there = data->xpos[3 * body + static_cast<int>(i)];
        worst = std::max(worst, std::abs(pose[i].get<double>() - there));
      }
      for (std::size_t i = 0; i < 4; ++i) {
        const double there = data->xquat[4 * body + static_cast<int>(i)];
        worst = std::max(worst, std::abs(pose[3 + i].get<double>() - there));
      }
    }
  }
  CHECK(worst < 1e-6);

  const Json& shapes = played.page["scene"]["shapes"];
  REQUIRE(shapes.size() == static_cast<std::size_t>(model->ngeom));
  for (int i = 0; i < model->ngeom; ++i) {
    const Json& shape = shapes[static_cast<std::size_t>(i)];
    CHECK(shape["body"] == model->geom_bodyid[i]);
    const bool endless = model->geom_type[i] == mjGEOM_PLANE;
    for (std::size_t k = 0; k < 3; ++k) {
      CHECK(shape["size"][k].get<double>() ==
            (endless ? 0.0 : model->geom_size[3 * i + static_cast<int>(k)]));
      CHECK(shape["position"][k].get<double>() == model->geom_pos[3 * i + static_cast<int>(k)]);
    }
  }
}

/// A point of a body, carried by its pose.
std::array<double, 3> placed(const Json& pose, std::array<double, 3> p) {
  double quaternion[4];
  for (std::size_t i = 0; i < 4; ++i) quaternion[i] = pose[3 + i];
  double out[3];
  mju_rotVecQuat(out, p.data(), quaternion);
  return {out[0] + pose[0].get<double>(), out[1] + pose[1].get<double>(),
          out[2] + pose[2].get<double>()};
}

TEST_CASE("poses of the plane follow the equations of the tasks") {
  const Played cart = play("CartPole-v1", 20);
  const Played acrobot = play("Acrobot-v1", 20);
  for (std::size_t t = 0; t <= 20; ++t) {
    const auto& s = cart.states[t].state;
    const auto tip = placed(cart.page["poses"][t][2], {0.0, 0.0, 1.0});
    CHECK(tip[0] == Approx(s[0] + std::sin(s[2])).margin(1e-6));
    CHECK(tip[2] == Approx(0.06 + std::cos(s[2])).margin(1e-6));
    const auto& q = acrobot.states[t].state;
    const auto end = placed(acrobot.page["poses"][t][2], {0.0, 0.0, -1.0});
    CHECK(end[0] == Approx(std::sin(q[0]) + std::sin(q[0] + q[1])).margin(1e-6));
    CHECK(end[2] == Approx(-std::cos(q[0]) - std::cos(q[0] + q[1])).margin(1e-6));
  }
}

TEST_CASE("Box2D bodies are where the task says") {
  const Played lander = play("LunarLander-v3", 30);
  const auto& bodies = lander.page["scene"]["bodies"];
  // The six numbers of each moving body: x, y, angle and their velocities, after the ground.
  for (std::size_t t = 0; t <= 30; ++t) {
    for (std::size_t body = 1; body < bodies.size(); ++body) {
      const auto& s = lander.states[t].state;
      const Json& pose = lander.page["poses"][t][body];
      CHECK(pose[0].get<double>() == Approx(s[6 * (body - 1)]).margin(1e-6));
      CHECK(pose[2].get<double>() == Approx(s[6 * (body - 1) + 1]).margin(1e-6));
      CHECK(-2.0 * std::atan2(pose[5].get<double>(), pose[3].get<double>()) ==
            Approx(s[6 * (body - 1) + 2]).margin(1e-6));
    }
  }
  CHECK(lander.page["scene"]["shapes"].size() > 5);
}

TEST_CASE("a mesh is shown by its triangles, and what is hidden is not") {
  const TestFolder folder;
  replace_file(
      folder / "mesh.xml",
      "<mujoco><asset><mesh name='t' vertex='0 0 0 1 0 0 0 1 0 0 0 1'/></asset><worldbody>"
      "<body name='b'><joint name='j' type='hinge'/><geom type='mesh' mesh='t' "
      "rgba='1 0 0 1'/><geom size='0.1' group='3'/><geom size='0.1' rgba='0 0 0 0'/></body>"
      "</worldbody><actuator><motor joint='j' ctrllimited='true' ctrlrange='-1 1'/>"
      "</actuator></mujoco>");
  const auto env = EnvConfig("mjcf:" + (folder / "mesh.xml").string()).make();
  std::vector<double> observation(static_cast<std::size_t>(env->spec().observation.size()));
  env->reset(1, observation);
  const Scene scene = env->scene();
  REQUIRE(scene.shapes.size() == 1);
  const SceneShape& mesh = scene.shapes[0];
  CHECK(mesh.kind == SceneShape::Kind::kMesh);
  CHECK(mesh.color == std::array<float, 4>{1.0f, 0.0f, 0.0f, 1.0f});
  REQUIRE(mesh.points.size() == 4);
  CHECK(mesh.faces.size() == 4);
  // MuJoCo centres and turns a mesh; its edges stay: three of length 1, three of √2.
  int unit = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    for (std::size_t k = 0; k < i; ++k) {
      const double d =
          std::hypot(mesh.points[i][0] - mesh.points[k][0], mesh.points[i][1] - mesh.points[k][1],
                     mesh.points[i][2] - mesh.points[k][2]);
      unit += std::abs(d - 1.0) < 1e-5 ? 1 : 0;
    }
  }
  CHECK(unit == 3);
}

TEST_CASE("actuators put in what force times velocity is") {
  const auto env = EnvConfig("InvertedPendulum-v5").make();
  std::vector<double> observation(4);
  env->reset_to(PhysicalState{{0.0, 0.1}, {0.7, -0.3}, {}}, observation);
  const std::vector<float> action = {2.0f};
  // A motor of gear 100 on the slider, whose velocity is 0.7 m/s.
  CHECK(env->actuator_power(action) == Approx(2.0 * 100.0 * 0.7));
  CHECK(std::isnan(make_env("CartPole-v1")->actuator_power(action)));
}

TEST_CASE("the page is one file that asks for nothing") {
  const Played played = play("Hopper-v5", 5);
  const std::string html = replay_page(std::vector<Json>{played.page, played.page});
  CHECK_FALSE(std::regex_search(html, std::regex("<(script|img|iframe)[^>]*\\ssrc=")));
  CHECK(html.find("<link") == std::string::npos);
  CHECK(html.find("rollout-1") != std::string::npos);
  const auto begin = html.find('>', html.find("id=\"costate-rollout\"")) + 1;
  const auto data = Json::parse(html.substr(begin, html.find("</script>", begin) - begin));
  CHECK(data["rollouts"].size() == 2);
  CHECK(data["rollouts"][0]["rewards"][1].is_null());  // not a number
  CHECK(data["rollouts"][0]["distributions"]["names"][0] == "</script>");
}

}  // namespace
}  // namespace costate
