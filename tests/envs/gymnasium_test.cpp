// The MuJoCo tasks of Gymnasium v5 against a bare mjData that is stepped here: observations,
// rewards and termination are worked out again from what MuJoCo leaves in it, with the defaults and
// with options that are set.
#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <cmath>
#include <functional>
#include <map>
#include <memory>
#include <mujoco/mujoco.h>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "envs/assets.h"
#include "envs/env_config.h"
#include "envs/error.h"
#include "envs/mujoco/model.h"
#include "envs/mujoco/tasks.h"
#include "envs/random.h"

using namespace costate;
using Catch::Contains;

namespace {

using Row = std::vector<double>;

/// The model of an asset with an mjData of its own.
struct Bare {
  explicit Bare(const std::string& asset)
      : shared(shared_model(asset_path(asset))), m(*shared), owned_(mj_makeData(&m)), d(*owned_) {}

  void start_at(const PhysicalState& state) {
    mj_resetData(&m, &d);
    set(state);
    mj_forward(&m, &d);
    set(state);  // quaternions as given, not rounded by normalisation
    std::fill_n(d.qacc_warmstart, m.nv, 0.0);
  }
  void step(const std::vector<float>& action, int frame_skip) {
    std::copy(action.begin(), action.end(), d.ctrl);
    for (int i = 0; i < frame_skip; ++i) mj_step(&m, &d);
    mj_rnePostConstraint(&m, &d);
  }
  int body(const char* name) const { return mj_name2id(&m, mjOBJ_BODY, name); }
  double center_of_mass_x() const {
    double sum = 0.0;
    for (int i = 0; i < m.nbody; ++i) sum += m.body_mass[i] * d.xipos[3 * i];
    return sum / std::accumulate(m.body_mass, m.body_mass + m.nbody, 0.0);
  }
  double distance(const char* a, const char* b) const {
    const mjtNum* p = d.xpos + 3 * body(a);
    const mjtNum* q = d.xpos + 3 * body(b);
    return std::hypot(p[0] - q[0], p[1] - q[1], p[2] - q[2]);
  }

  std::shared_ptr<const mjModel> shared;
  const mjModel& m;

 private:
  struct Delete {
    void operator()(mjData* data) const { mj_deleteData(data); }
  };
  std::unique_ptr<mjData, Delete> owned_;

  void set(const PhysicalState& state) const {
    std::ranges::copy(state.qpos, d.qpos);
    std::ranges::copy(state.qvel, d.qvel);
  }

 public:
  mjData& d;
};

void append(Row& row, const mjtNum* first, const mjtNum* last) {
  row.insert(row.end(), first, last);
}

double clip(double value, double low, double high) {
  return std::min(high, std::max(low, value));
}

double squares(const std::vector<float>& action) {
  double sum = 0.0;
  for (const float a : action) sum += double{a} * double{a};
  return sum;
}

double squared_forces(const Bare& bare) {
  return std::inner_product(bare.d.cfrc_ext, bare.d.cfrc_ext + 6 * bare.m.nbody, bare.d.cfrc_ext,
                            0.0);
}

/// What a task should make of the present mjData; `x_before` is `position` before the step.
struct Truth {
  std::function<double(const Bare&)> position = [](const Bare& bare) { return bare.d.qpos[0]; };
  std::function<Row(const Bare&)> observation;
  std::function<double(const Bare&, double x_before, const std::vector<float>& action)> reward;
  std::function<bool(const Bare&)> terminated = [](const Bare&) { return false; };
};

/// Counts of what was met on the way.
struct Met {
  int terminated = 0;
  int not_terminated = 0;
  int touching = 0;  ///< steps after which there are external forces
};

void require_close(double actual, double expected) {
  REQUIRE(std::abs(actual - expected) <= 1e-6 * (1.0 + std::abs(expected)));
}

/// Drives the environment and the bare simulation side by side.
Met compare(std::unique_ptr<Env> env, const std::string& asset, int frame_skip, const Truth& truth,
            int steps = 60) {
  Bare bare(asset);
  INFO(env->spec().id);
  const auto& high = env->spec().action.high;
  Row observation(static_cast<std::size_t>(env->spec().observation.size()));
  std::vector<float> action(high.size());
  RandomStream random(11);
  Met met;

  const auto require_observation = [&] {
    const Row expected = truth.observation(bare);
    REQUIRE(observation.size() == expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
      INFO(env->spec().observation.labels[i]);
      require_close(observation[i], expected[i]);
    }
  };
  for (std::uint64_t seed = 1; seed <= 2; ++seed) {
    env->reset(seed, observation);
    const PhysicalState start = env->physical_state();
    bare.start_at(start);
    require_observation();  // of the reset
    env->reset_to(start, observation);
    require_observation();
    for (int i = 0; i < steps; ++i) {
      INFO("step " << i);
      if (i % 10 == 0) {
        for (std::size_t k = 0; k < action.size(); ++k) {
          action[k] = static_cast<float>(1.5 * random.uniform(-high[k], high[k]));
        }
      }
      const double x_before = truth.position(bare);
      bare.step(action, frame_skip);
      const StepResult result = env->step(action, observation);
      require_observation();
      require_close(result.reward, truth.reward(bare, x_before, action));
      REQUIRE(result.terminated == truth.terminated(bare));
      ++(result.terminated ? met.terminated : met.not_terminated);
      met.touching += squared_forces(bare) > 1.0 ? 1 : 0;
    }
  }
  return met;
}

/// qpos from `first` on, then qvel.
Row joint_state(const Bare& bare, int first) {
  Row row;
  append(row, bare.d.qpos + first, bare.d.qpos + bare.m.nq);
  append(row, bare.d.qvel, bare.d.qvel + bare.m.nv);
  return row;
}

Truth humanoid_observations(const HumanoidObservationConfig& parts, int first_qpos) {
  return {.observation =
              [=](const Bare& bare) {
                const mjData& d = bare.d;
                const int bodies = bare.m.nbody;
                Row row = joint_state(bare, first_qpos);
                if (parts.include_cinert_in_observation) {
                  append(row, d.cinert + 10, d.cinert + 10 * bodies);
                }
                if (parts.include_cvel_in_observation) append(row, d.cvel + 6, d.cvel + 6 * bodies);
                if (parts.include_qfrc_actuator_in_observation) {
                  append(row, d.qfrc_actuator + 6, d.qfrc_actuator + bare.m.nv);
                }
                if (parts.include_cfrc_ext_in_observation) {
                  append(row, d.cfrc_ext + 6, d.cfrc_ext + 6 * bodies);
                }
                return row;
              },
          .reward = {}};
}

}  // namespace

TEST_CASE("HalfCheetah and Swimmer agree with a bare simulation, whatever their options") {
  for (const bool set : {false, true}) {
    HalfCheetahConfig cheetah;
    SwimmerConfig swimmer;
    if (set) {
      for (ForwardConfig* config :
           {static_cast<ForwardConfig*>(&cheetah), static_cast<ForwardConfig*>(&swimmer)}) {
        config->forward_reward_weight = 0.7;
        config->ctrl_cost_weight = 0.3;
        config->frame_skip = 3;
        config->exclude_current_positions_from_observation = false;
      }
    }
    const auto truth = [set](double dt, double ctrl_weight, int excluded) {
      return Truth{
          .observation = [=](const Bare& bare) { return joint_state(bare, set ? 0 : excluded); },
          .reward =
              [=](const Bare& bare, double x, const auto& action) {
                return (set ? 0.7 : 1.0) * (bare.d.qpos[0] - x) / dt -
                       (set ? 0.3 : ctrl_weight) * squares(action);
              }};
    };
    compare(make_half_cheetah(cheetah), "half_cheetah.xml", set ? 3 : 5,
            truth(set ? 0.03 : 0.05, 0.1, 1));
    compare(make_swimmer(swimmer), "swimmer.xml", set ? 3 : 4, truth(set ? 0.03 : 0.04, 1e-4, 2));
  }
}

TEST_CASE("Hopper and Walker2d agree with a bare simulation, whatever their options") {
  const auto truth = [](const Walker2dConfig& c, double dt, int first_qpos) {
    const auto healthy = [c](const Bare& bare) {
      const mjtNum* q = bare.d.qpos;
      bool inside = c.healthy_z_range.low < q[1] && q[1] < c.healthy_z_range.high &&
                    c.healthy_angle_range.low < q[2] && q[2] < c.healthy_angle_range.high;
      const Row state = joint_state(bare, 2);
      for (const double s : state) {
        inside = inside && c.healthy_state_range.low < s && s < c.healthy_state_range.high;
      }
      return inside;
    };
    return Truth{
        .observation =
            [=](const Bare& bare) {
              Row row = joint_state(bare, first_qpos);
              for (auto v = row.end() - bare.m.nv; v != row.end(); ++v) *v = clip(*v, -10, 10);
              return row;
            },
        .reward =
            [=](const Bare& bare, double x, const auto& action) {
              return c.forward_reward_weight * (bare.d.qpos[0] - x) / dt +
                     (healthy(bare) ? c.healthy_reward : 0.0) -
                     c.ctrl_cost_weight * squares(action);
            },
        .terminated =
            [=](const Bare& bare) { return c.terminate_when_unhealthy && !healthy(bare); }};
  };
  Met met = compare(make_hopper({}), "hopper.xml", 4, truth(HopperConfig(), 0.008, 1), 200);
  CHECK(met.terminated > 0);
  CHECK(met.not_terminated > 0);
  met = compare(make_walker2d({}), "walker2d.xml", 4, truth(Walker2dConfig(), 0.008, 1), 200);
  CHECK(met.terminated > 0);
  CHECK(met.not_terminated > 0);

  HopperConfig hopper;
  hopper.frame_skip = 2;
  hopper.forward_reward_weight = 2.0;
  hopper.ctrl_cost_weight = 0.2;
  hopper.healthy_reward = 0.3;
  hopper.healthy_z_range = {1.1, 1.252};
  hopper.healthy_angle_range = {-0.01, 0.5};
  hopper.healthy_state_range = {-3.0, 4.0};
  hopper.exclude_current_positions_from_observation = false;
  met = compare(make_hopper(hopper), "hopper.xml", 2, truth(hopper, 0.004, 0), 100);
  CHECK(met.terminated > 0);
  CHECK(met.not_terminated > 0);

  // Each range alone. At rest, high up, and for one step nothing but z changes by more than 0.1.
  const auto terminates = [](const Walker2dConfig& config, bool is_hopper) {
    const auto env =
        is_hopper ? make_hopper(static_cast<const HopperConfig&>(config)) : make_walker2d(config);
    Row observation(static_cast<std::size_t>(env->spec().observation.size()));
    PhysicalState state = env->physical_state();
    state.qpos[1] = 1.9;
    state.qpos[2] = 0.15;
    state.qvel[0] = 5.0;
    env->reset_to(state, observation);
    const std::vector<float> action(static_cast<std::size_t>(env->spec().action.size()));
    return env->step(action, observation).terminated;
  };
  for (const bool is_hopper : {true, false}) {
    const HopperConfig as_is;
    HopperConfig low = as_is;
    low.healthy_z_range = {.low = 1.95};
    HopperConfig turned = as_is;
    turned.healthy_angle_range = {-0.1, 0.1};
    HopperConfig fast = as_is;
    fast.healthy_state_range = {-4.0, 4.0};
    CHECK_FALSE(terminates(as_is, is_hopper));
    for (HopperConfig* config : {&low, &turned, &fast}) {
      CHECK(terminates(*config, is_hopper));
      config->terminate_when_unhealthy = false;
      CHECK_FALSE(terminates(*config, is_hopper));
    }
  }
}

TEST_CASE("Ant agrees with a bare simulation, whatever its options") {
  const auto truth = [](const AntConfig& c, double dt, int main_body, int first_qpos) {
    const auto force = [c](double f) {
      return clip(f, c.contact_force_range.low, c.contact_force_range.high);
    };
    const auto healthy = [c](const Bare& bare) {
      return c.healthy_z_range.low <= bare.d.qpos[2] && bare.d.qpos[2] <= c.healthy_z_range.high;
    };
    return Truth{
        .position = [=](const Bare& bare) { return bare.d.xpos[3 * main_body]; },
        .observation =
            [=](const Bare& bare) {
              Row row = joint_state(bare, first_qpos);
              for (int i = 6; c.include_cfrc_ext_in_observation && i < 6 * bare.m.nbody; ++i) {
                row.push_back(force(bare.d.cfrc_ext[i]));
              }
              return row;
            },
        .reward =
            [=](const Bare& bare, double x, const auto& action) {
              double contact = 0.0;
              for (int i = 0; i < 6 * bare.m.nbody; ++i) {
                contact += std::pow(force(bare.d.cfrc_ext[i]), 2);
              }
              return c.forward_reward_weight * (bare.d.xpos[3 * main_body] - x) / dt +
                     (healthy(bare) ? c.healthy_reward : 0.0) -
                     c.ctrl_cost_weight * squares(action) - c.contact_cost_weight * contact;
            },
        .terminated =
            [=](const Bare& bare) { return c.terminate_when_unhealthy && !healthy(bare); }};
  };
  CHECK(compare(make_ant({}), "ant.xml", 5, truth({}, 0.05, 1, 2)).touching > 0);

  AntConfig config;
  config.frame_skip = 2;
  config.forward_reward_weight = 0.5;
  config.ctrl_cost_weight = 0.1;
  config.contact_cost_weight = 0.01;
  config.contact_force_range = {-30.0, 0.5};
  config.healthy_reward = 2.0;
  config.healthy_z_range = {0.6, 0.8};
  config.main_body = "aux_2";
  config.exclude_current_positions_from_observation = false;
  const int aux_2 = Bare("ant.xml").body("aux_2");
  const Met met = compare(make_ant(config), "ant.xml", 2, truth(config, 0.02, aux_2, 0), 150);
  CHECK(met.terminated > 0);
  CHECK(met.not_terminated > 0);

  config.main_body = std::to_string(aux_2);
  config.terminate_when_unhealthy = false;
  config.include_cfrc_ext_in_observation = false;
  CHECK(compare(make_ant(config), "ant.xml", 2, truth(config, 0.02, aux_2, 0)).terminated == 0);

  for (const char* body : {"nose", "14", "-1", ""}) {
    config.main_body = body;
    CHECK_THROWS_WITH(make_ant(config), Contains("Ant-v5: the model has no body"));
  }
}

TEST_CASE("Humanoid agrees with a bare simulation, whatever its options") {
  const auto truth = [](const HumanoidConfig& c, double dt, int first_qpos) {
    const auto healthy = [c](const Bare& bare) {
      return c.healthy_z_range.low < bare.d.qpos[2] && bare.d.qpos[2] < c.healthy_z_range.high;
    };
    Truth t = humanoid_observations(c, first_qpos);
    t.position = [](const Bare& bare) { return bare.center_of_mass_x(); };
    t.reward = [=](const Bare& bare, double x, const auto& action) {
      return c.forward_reward_weight * (bare.center_of_mass_x() - x) / dt +
             (healthy(bare) ? c.healthy_reward : 0.0) - c.ctrl_cost_weight * squares(action) -
             clip(c.contact_cost_weight * squared_forces(bare), c.contact_cost_range.low,
                  c.contact_cost_range.high);
    };
    t.terminated = [=](const Bare& bare) { return c.terminate_when_unhealthy && !healthy(bare); };
    return t;
  };
  const Met met = compare(make_humanoid({}), "humanoid.xml", 5, truth({}, 0.015, 2), 60);
  CHECK(met.touching > 0);
  CHECK(met.terminated > 0);
  CHECK(met.not_terminated > 0);

  HumanoidConfig config;
  config.frame_skip = 2;
  config.forward_reward_weight = 0.5;
  config.ctrl_cost_weight = 0.3;
  config.contact_cost_weight = 1e-3;
  config.contact_cost_range = {2.0, 3.0};
  config.healthy_reward = 1.5;
  config.healthy_z_range = {1.35, 1.45};
  config.exclude_current_positions_from_observation = false;
  config.include_cinert_in_observation = false;
  CHECK(compare(make_humanoid(config), "humanoid.xml", 2, truth(config, 0.006, 0)).terminated > 0);
  config.include_cvel_in_observation = false;
  config.terminate_when_unhealthy = false;
  CHECK(compare(make_humanoid(config), "humanoid.xml", 2, truth(config, 0.006, 0)).terminated == 0);
  config.include_cfrc_ext_in_observation = false;
  compare(make_humanoid(config), "humanoid.xml", 2, truth(config, 0.006, 0), 3);
  config.include_qfrc_actuator_in_observation = false;
  compare(make_humanoid(config), "humanoid.xml", 2, truth(config, 0.006, 0), 3);
}

TEST_CASE("HumanoidStandup agrees with a bare simulation, whatever its options") {
  const auto truth = [](const HumanoidStandupConfig& c, int first_qpos) {
    Truth t = humanoid_observations(c, first_qpos);
    t.reward = [=](const Bare& bare, double, const auto& action) {
      return c.uph_cost_weight * bare.d.qpos[2] / 0.003 - c.ctrl_cost_weight * squares(action) -
             clip(c.impact_cost_weight * squared_forces(bare), c.impact_cost_range.low,
                  c.impact_cost_range.high) +
             1.0;
    };
    return t;
  };
  CHECK(compare(make_humanoid_standup({}), "humanoid_standup.xml", 5, truth({}, 2), 30).touching >
        0);
  HumanoidStandupConfig config;
  config.frame_skip = 2;
  config.uph_cost_weight = 0.1;
  config.ctrl_cost_weight = 0.4;
  config.impact_cost_weight = 1e-4;
  config.impact_cost_range = {0.5, 2.0};
  config.exclude_current_positions_from_observation = false;
  config.include_qfrc_actuator_in_observation = false;
  compare(make_humanoid_standup(config), "humanoid_standup.xml", 2, truth(config, 0), 30);
}

TEST_CASE("Reacher agrees with a bare simulation, whatever its options") {
  const auto truth = [](double dist_weight, double control_weight) {
    return Truth{.observation =
                     [](const Bare& bare) {
                       const mjData& d = bare.d;
                       const mjtNum* tip = d.xpos + 3 * bare.body("fingertip");
                       const mjtNum* target = d.xpos + 3 * bare.body("target");
                       return Row{std::cos(d.qpos[0]), std::cos(d.qpos[1]), std::sin(d.qpos[0]),
                                  std::sin(d.qpos[1]), d.qpos[2],           d.qpos[3],
                                  d.qvel[0],           d.qvel[1],           tip[0] - target[0],
                                  tip[1] - target[1]};
                     },
                 .reward =
                     [=](const Bare& bare, double, const auto& action) {
                       return -dist_weight * bare.distance("fingertip", "target") -
                              control_weight * squares(action);
                     }};
  };
  compare(make_reacher({}), "reacher.xml", 2, truth(1, 1));
  ReacherConfig config;
  config.frame_skip = 3;
  config.reward_dist_weight = 2.0;
  config.reward_control_weight = 0.1;
  compare(make_reacher(config), "reacher.xml", 3, truth(2, 0.1));
}

TEST_CASE("Pusher agrees with a bare simulation, whatever its options") {
  const auto truth = [](double near_weight, double dist_weight, double control_weight) {
    return Truth{.observation =
                     [](const Bare& bare) {
                       const mjData& d = bare.d;
                       Row row;
                       append(row, d.qpos, d.qpos + 7);
                       append(row, d.qvel, d.qvel + 7);
                       for (const char* body : {"tips_arm", "object", "goal"}) {
                         const mjtNum* position = d.xpos + 3 * bare.body(body);
                         append(row, position, position + 3);
                       }
                       return row;
                     },
                 .reward =
                     [=](const Bare& bare, double, const auto& action) {
                       return -near_weight * bare.distance("object", "tips_arm") -
                              dist_weight * bare.distance("object", "goal") -
                              control_weight * squares(action);
                     }};
  };
  compare(make_pusher({}), "pusher.xml", 5, truth(0.5, 1, 0.1));
  PusherConfig config;
  config.frame_skip = 2;
  config.reward_near_weight = 0.25;
  config.reward_dist_weight = 3.0;
  config.reward_control_weight = 0.4;
  compare(make_pusher(config), "pusher.xml", 2, truth(0.25, 3, 0.4));
}

TEST_CASE("InvertedDoublePendulum agrees with a bare simulation, whatever its options") {
  const auto truth = [](double healthy_reward) {
    const auto fallen = [](const Bare& bare) { return bare.d.site_xpos[2] <= 1.0; };
    return Truth{.observation =
                     [](const Bare& bare) {
                       const mjData& d = bare.d;
                       return Row{d.qpos[0],
                                  std::sin(d.qpos[1]),
                                  std::sin(d.qpos[2]),
                                  std::cos(d.qpos[1]),
                                  std::cos(d.qpos[2]),
                                  clip(d.qvel[0], -10, 10),
                                  clip(d.qvel[1], -10, 10),
                                  clip(d.qvel[2], -10, 10),
                                  clip(d.qfrc_constraint[0], -10, 10)};
                     },
                 .reward =
                     [=](const Bare& bare, double, const auto&) {
                       const mjData& d = bare.d;
                       return (fallen(bare) ? 0.0 : healthy_reward) -
                              0.01 * std::pow(d.site_xpos[0], 2) -
                              std::pow(d.site_xpos[2] - 2.0, 2) - 0.001 * std::pow(d.qvel[1], 2) -
                              0.005 * std::pow(d.qvel[2], 2);
                     },
                 .terminated = fallen};
  };
  const Met met =
      compare(make_inverted_double_pendulum({}), "inverted_double_pendulum.xml", 5, truth(10.0));
  CHECK(met.terminated > 0);
  CHECK(met.not_terminated > 0);
  InvertedDoublePendulumConfig config;
  config.frame_skip = 2;
  config.healthy_reward = 3.0;
  compare(make_inverted_double_pendulum(config), "inverted_double_pendulum.xml", 2, truth(3.0));
}

TEST_CASE("the tasks have Gymnasium's options with its defaults") {
  // Beside xml_file, which every one has.
  const std::map<std::string, std::map<std::string, std::string>> facts = {
      {"HalfCheetah-v5",
       {{"frame_skip", "5"},
        {"forward_reward_weight", "1.0"},
        {"ctrl_cost_weight", "0.1"},
        {"reset_noise_scale", "0.1"},
        {"exclude_current_positions_from_observation", "true"}}},
      {"Hopper-v5",
       {{"frame_skip", "4"},
        {"forward_reward_weight", "1.0"},
        {"ctrl_cost_weight", "0.001"},
        {"healthy_reward", "1.0"},
        {"terminate_when_unhealthy", "true"},
        {"healthy_state_range", "[-100.0, 100.0]"},
        {"healthy_z_range", "[0.7, inf]"},
        {"healthy_angle_range", "[-0.2, 0.2]"},
        {"reset_noise_scale", "0.005"},
        {"exclude_current_positions_from_observation", "true"}}},
      {"Walker2d-v5",
       {{"frame_skip", "4"},
        {"forward_reward_weight", "1.0"},
        {"ctrl_cost_weight", "0.001"},
        {"healthy_reward", "1.0"},
        {"terminate_when_unhealthy", "true"},
        {"healthy_z_range", "[0.8, 2.0]"},
        {"healthy_angle_range", "[-1.0, 1.0]"},
        {"reset_noise_scale", "0.005"},
        {"exclude_current_positions_from_observation", "true"}}},
      {"Swimmer-v5",
       {{"frame_skip", "4"},
        {"forward_reward_weight", "1.0"},
        {"ctrl_cost_weight", "1e-04"},
        {"reset_noise_scale", "0.1"},
        {"exclude_current_positions_from_observation", "true"}}},
      {"Ant-v5",
       {{"frame_skip", "5"},
        {"forward_reward_weight", "1.0"},
        {"ctrl_cost_weight", "0.5"},
        {"contact_cost_weight", "5e-04"},
        {"healthy_reward", "1.0"},
        {"main_body", "\"1\""},
        {"terminate_when_unhealthy", "true"},
        {"healthy_z_range", "[0.2, 1.0]"},
        {"contact_force_range", "[-1.0, 1.0]"},
        {"reset_noise_scale", "0.1"},
        {"exclude_current_positions_from_observation", "true"},
        {"include_cfrc_ext_in_observation", "true"}}},
      {"Humanoid-v5",
       {{"frame_skip", "5"},
        {"forward_reward_weight", "1.25"},
        {"ctrl_cost_weight", "0.1"},
        {"contact_cost_weight", "5e-07"},
        {"contact_cost_range", "[-inf, 10.0]"},
        {"healthy_reward", "5.0"},
        {"terminate_when_unhealthy", "true"},
        {"healthy_z_range", "[1.0, 2.0]"},
        {"reset_noise_scale", "0.01"},
        {"exclude_current_positions_from_observation", "true"},
        {"include_cinert_in_observation", "true"},
        {"include_cvel_in_observation", "true"},
        {"include_qfrc_actuator_in_observation", "true"},
        {"include_cfrc_ext_in_observation", "true"}}},
      {"HumanoidStandup-v5",
       {{"frame_skip", "5"},
        {"uph_cost_weight", "1.0"},
        {"ctrl_cost_weight", "0.1"},
        {"impact_cost_weight", "5e-07"},
        {"impact_cost_range", "[-inf, 10.0]"},
        {"reset_noise_scale", "0.01"},
        {"exclude_current_positions_from_observation", "true"},
        {"include_cinert_in_observation", "true"},
        {"include_cvel_in_observation", "true"},
        {"include_qfrc_actuator_in_observation", "true"},
        {"include_cfrc_ext_in_observation", "true"}}},
      {"Reacher-v5",
       {{"frame_skip", "2"}, {"reward_dist_weight", "1.0"}, {"reward_control_weight", "1.0"}}},
      {"Pusher-v5",
       {{"frame_skip", "5"},
        {"reward_near_weight", "0.5"},
        {"reward_dist_weight", "1.0"},
        {"reward_control_weight", "0.1"}}},
      {"InvertedPendulum-v5", {{"frame_skip", "2"}, {"reset_noise_scale", "0.01"}}},
      {"InvertedDoublePendulum-v5",
       {{"frame_skip", "5"}, {"healthy_reward", "10.0"}, {"reset_noise_scale", "0.1"}}}};
  for (const auto& [id, defaults] : facts) {
    INFO(id);
    std::map<std::string, std::string> expected = defaults;
    expected["xml_file"] = "\"\"";
    const auto task = task_config(id);
    Options options;
    task->describe(options);
    std::map<std::string, std::string> actual;
    for (const Option& option : options.all()) actual[option.key] = option.default_value;
    CHECK(actual == expected);
  }
}

TEST_CASE("options reach the task by their names") {
  const auto env = make_env(
      EnvConfig("Humanoid-v5", {{"include_cinert_in_observation", "false", "test"},
                                {"exclude_current_positions_from_observation", "false", "test"},
                                {"frame_skip", "4", "test"}}));
  CHECK(env->spec().observation.size() == 348 - 130 + 2);
  CHECK(env->spec().control_step == Approx(0.012));
  CHECK(
      make_env(EnvConfig("Hopper-v5", {{"xml_file", asset_path("walker2d.xml").string(), "test"}}))
          ->spec()
          .observation.size() == 17);
}

TEST_CASE("a model that does not fit the task is a UsageError") {
  const auto with = [](const char* id, const char* asset) {
    return make_env(EnvConfig(id, {{"xml_file", asset_path(asset).string(), "test"}}));
  };
  CHECK_THROWS_AS(with("Reacher-v5", "hopper.xml"), UsageError);
  CHECK_THROWS_WITH(with("Reacher-v5", "hopper.xml"),
                    Contains("Reacher-v5: the model has no body \"fingertip\""));
  CHECK_THROWS_WITH(with("InvertedDoublePendulum-v5", "hopper.xml"), Contains("no site \"tip\""));
  CHECK_THROWS_WITH(with("Humanoid-v5", "hopper.xml"),
                    Contains("at least 7 qpos and 6 qvel, got 6 and 6"));
  CHECK_THROWS_WITH(with("Hopper-v5", "inverted_pendulum.xml"),
                    Contains("at least 3 qpos and 3 qvel, got 2 and 2"));
}

TEST_CASE("the tasks' spaces, limits and thresholds are Gymnasium's") {
  struct Facts {
    const char* id;
    int observation, action;
    double bound, control_step;
    int time_limit;
    std::optional<double> threshold;
    std::map<std::size_t, const char*> labels;
  };
  const std::vector<Facts> all = {
      {"Ant-v5",
       105,
       8,
       1.0,
       0.05,
       1000,
       6000.0,
       {{0, "root z position (m)"},
        {1, "root quaternion w"},
        {5, "hip_1 angle (rad)"},
        {13, "root x velocity (m/s)"},
        {16, "root x angular velocity (rad/s)"},
        {27, "torso external torque x (N m)"},
        {32, "torso external force z (N)"},
        {45, "unnamed 4 external torque x (N m)"}}},
      {"Humanoid-v5",
       348,
       17,
       0.4,
       0.015,
       1000,
       std::nullopt,
       {{0, "root z position (m)"},
        {5, "abdomen_z angle (rad)"},
        {45, "torso inertia xx (kg m^2)"},
        {50, "torso inertia yz (kg m^2)"},
        {51, "torso mass times offset x (kg m)"},
        {54, "torso mass (kg)"},
        {55, "lwaist inertia xx (kg m^2)"},
        {175, "torso angular velocity x (rad/s)"},
        {178, "torso velocity x (m/s)"},
        {253, "abdomen_z actuator torque (N m)"},
        {269, "left_elbow actuator torque (N m)"},
        {270, "torso external torque x (N m)"},
        {347, "left_lower_arm external force z (N)"}}},
      {"HumanoidStandup-v5", 348, 17, 0.4, 0.015, 1000, std::nullopt, {}},
      {"Swimmer-v5",
       8,
       2,
       1.0,
       0.04,
       1000,
       360.0,
       {{0, "free_body_rot angle (rad)"}, {3, "slider1 velocity (m/s)"}}},
      {"Reacher-v5",
       10,
       2,
       1.0,
       0.02,
       50,
       -3.75,
       {{3, "sin(joint1 angle)"},
        {4, "target_x position (m)"},
        {5, "target_y position (m)"},
        {6, "joint0 angular velocity (rad/s)"},
        {7, "joint1 angular velocity (rad/s)"},
        {9, "fingertip - target y (m)"}}},
      {"Pusher-v5",
       23,
       7,
       2.0,
       0.05,
       100,
       0.0,
       {{0, "r_shoulder_pan_joint angle (rad)"},
        {7, "r_shoulder_pan_joint angular velocity (rad/s)"},
        {13, "r_wrist_roll_joint angular velocity (rad/s)"},
        {14, "tips_arm x (m)"},
        {17, "object x (m)"},
        {22, "goal z (m)"}}},
      {"InvertedDoublePendulum-v5", 9, 1, 1.0, 0.05, 1000, 9100.0, {}}};
  for (const Facts& facts : all) {
    INFO(facts.id);
    const auto env = make_env(facts.id);
    const EnvSpec& spec = env->spec();
    CHECK(spec.id == facts.id);
    CHECK(spec.family == "mujoco");
    CHECK(spec.observation.size() == facts.observation);
    CHECK(spec.observation.labels.size() == spec.observation.low.size());
    CHECK_FALSE(spec.observation.bounded());
    CHECK(spec.action.size() == facts.action);
    for (const double high : spec.action.high) CHECK(high == Approx(facts.bound));
    for (const double low : spec.action.low) CHECK(low == Approx(-facts.bound));
    CHECK(spec.control_step == Approx(facts.control_step));
    CHECK(spec.time_limit == facts.time_limit);
    CHECK(spec.reward_threshold == facts.threshold);
    for (const auto& [index, label] : facts.labels) {
      CHECK(spec.observation.labels.at(index) == label);
    }
  }
}

TEST_CASE("resets draw from Gymnasium's distributions") {
  constexpr std::uint64_t kSeeds = 400;
  // Half-width of the noise on qpos and qvel; negative: the standard deviation of a Gaussian.
  struct Noise {
    const char* id;
    double qpos, qvel;
  };
  for (const Noise& noise : {Noise{"Ant-v5", 0.1, -0.1}, Noise{"Humanoid-v5", 0.01, 0.01},
                             Noise{"HumanoidStandup-v5", 0.01, 0.01}, Noise{"Swimmer-v5", 0.1, 0.1},
                             Noise{"InvertedDoublePendulum-v5", 0.1, -0.1}}) {
    INFO(noise.id);
    // Twice the task's own noise, by its option, so that the option is seen to count.
    const std::string scale = std::to_string(2 * noise.qpos);
    const auto env = make_env(EnvConfig(noise.id, {{"reset_noise_scale", scale, "test"}}));
    Row observation(static_cast<std::size_t>(env->spec().observation.size()));
    env->reset_to(std::nullopt, observation);
    const PhysicalState center = env->physical_state();
    const bool free = center.qpos.size() > center.qvel.size();
    double most = 0.0;
    double most_speed = 0.0;
    double speed_squares = 0.0;
    for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
      env->reset(seed, observation);
      const PhysicalState start = env->physical_state();
      for (std::size_t i = 0; i < start.qpos.size(); ++i) {
        if (free && 3 <= i && i < 7) continue;  // normalised
        most = std::max(most, std::abs(start.qpos[i] - center.qpos[i]));
      }
      if (free) {
        CHECK(std::hypot(std::hypot(start.qpos[3], start.qpos[4]),
                         std::hypot(start.qpos[5], start.qpos[6])) == Approx(1.0).epsilon(1e-12));
        CHECK(start.qpos[4] != 0.0);
      }
      for (const double v : start.qvel) {
        most_speed = std::max(most_speed, std::abs(v));
        speed_squares += v * v / static_cast<double>(start.qvel.size());
      }
    }
    CHECK(most <= 2 * noise.qpos);
    CHECK(most > 1.98 * noise.qpos);
    const double variance = speed_squares / kSeeds;
    if (noise.qvel < 0.0) {
      CHECK(most_speed > -2 * noise.qvel * 2.5);
      CHECK(variance == Approx(std::pow(2 * noise.qvel, 2)).epsilon(0.15));
    } else {
      CHECK(most_speed <= 2 * noise.qvel);
      CHECK(variance == Approx(std::pow(2 * noise.qvel, 2) / 3).epsilon(0.1));
    }
  }

  // Shares of the area within a smaller radius, or of the rectangle's sides, tell the distribution.
  const auto reacher = make_env("Reacher-v5");
  const auto pusher = make_env("Pusher-v5");
  Row observation(23);
  int inner = 0;
  int right = 0;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    reacher->reset(seed, std::span(observation).first(10));
    PhysicalState start = reacher->physical_state();
    const double radius = std::hypot(start.qpos[2], start.qpos[3]);
    CHECK(radius < 0.2);
    inner += radius < 0.1 ? 1 : 0;
    right += start.qpos[2] > 0.0 ? 1 : 0;
    for (std::size_t i = 0; i < 2; ++i) {
      CHECK(std::abs(start.qpos[i]) <= 0.1);
      CHECK(start.qpos[i] != 0.0);
      CHECK(std::abs(start.qvel[i]) <= 0.005);
      CHECK(start.qvel[i] != 0.0);
      CHECK(start.qvel[2 + i] == 0.0);
    }

    pusher->reset(seed, observation);
    start = pusher->physical_state();
    const double along_y = start.qpos[7];
    const double along_x = start.qpos[8];
    CHECK((-0.3 <= along_y && along_y <= 0.0));
    CHECK(std::abs(along_x) <= 0.2);
    CHECK(std::hypot(along_y, along_x) > 0.17);
    // The object's body starts at (0.45, −0.05), as the goal's does.
    CHECK(observation[17] == Approx(0.45 + along_x));
    CHECK(observation[18] == Approx(-0.05 + along_y));
    CHECK(observation[20] == Approx(0.45));
    for (std::size_t i = 0; i < 11; ++i) {
      if (i != 7 && i != 8) CHECK(start.qpos[i] == 0.0);
      CHECK((i < 7) == (start.qvel[i] != 0.0));
      CHECK(std::abs(start.qvel[i]) <= 0.005);
    }
  }
  CHECK(inner == Approx(kSeeds / 4.0).margin(35));  // four standard deviations
  CHECK(right == Approx(kSeeds / 2.0).margin(40));
}

TEST_CASE("quantities that lag belong to their environment alone") {
  for (const char* id : {"Ant-v5", "Humanoid-v5", "HumanoidStandup-v5", "Reacher-v5", "Pusher-v5",
                         "InvertedDoublePendulum-v5"}) {
    INFO(id);
    // Three environments on one mjData; the second takes over from the first's saved state.
    const auto first = make_env(id);
    const auto second = make_env(id);
    const auto other = make_env(id);
    const auto size = static_cast<std::size_t>(first->spec().observation.size());
    Row expected(size);
    Row observation(size);
    std::vector<float> action(static_cast<std::size_t>(first->spec().action.size()), 0.3f);
    first->reset(1, expected);
    for (int i = 0; i < 30; ++i) {
      std::vector<std::byte> bytes;
      StateWriter writer(bytes);
      first->save_state(writer);
      const StepResult result = first->step(action, expected);
      other->reset(static_cast<std::uint64_t>(i), observation);
      other->step(action, observation);
      StateReader reader(bytes);
      second->restore_state(reader);
      const StepResult again = second->step(action, observation);
      REQUIRE(observation == expected);
      REQUIRE(again.reward == result.reward);
      REQUIRE(again.terminated == result.terminated);
    }
    // What the last step of another left behind is not in the first observation.
    second->reset(5, observation);
    expected = observation;
    first->step(action, observation);
    second->reset(5, observation);
    CHECK(observation == expected);
  }
}
