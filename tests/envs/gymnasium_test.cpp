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
      : shared(shared_model(asset_path(asset))), m(*shared), owned(mj_makeData(&m)), d(*owned) {}

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
  std::unique_ptr<mjData, Delete> owned;

  void set(const PhysicalState& state) {
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

double squared_forces(const Bare& bare) {
  return std::inner_product(bare.d.cfrc_ext, bare.d.cfrc_ext + 6 * bare.m.nbody, bare.d.cfrc_ext,
                            0.0);
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
  compare(make_ant({}), "ant.xml", 5, truth({}, 0.05, 1, 2));

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
  compare(make_humanoid_standup({}), "humanoid_standup.xml", 5, truth({}, 2), 30);
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
