// The control suite's tasks against a bare mjData that is stepped in the reference's order
// (mj_step2, mj_step, …, mj_step1, always in the same mjData), with observations and rewards
// written down once more from dm_control's definitions.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <mujoco/mujoco.h>
#include <numbers>
#include <string>
#include <vector>

#include "envs/assets.h"
#include "envs/env.h"
#include "envs/env_config.h"
#include "envs/random.h"
#include "tests/allocation_counter.h"

using namespace costate;

namespace {

constexpr double kPi = std::numbers::pi;

/// An environment with the buffers to drive it.
struct Driver {
  explicit Driver(const std::string& id)
      : env(make_env(id)),
        observation(static_cast<std::size_t>(env->spec().observation.size())),
        action(static_cast<std::size_t>(env->spec().action.size())) {}
  void reset(std::uint64_t seed) { env->reset(seed, observation); }
  StepResult step() { return env->step(action, observation); }
  StepResult step_randomly(RandomStream& random) {
    for (float& a : action) a = static_cast<float>(random.uniform(-1.0, 1.0));
    return step();
  }
  std::vector<double> qpos() const { return env->physical_state().qpos; }
  std::vector<double> qvel() const { return env->physical_state().qvel; }
  /// As MuJoCo leaves it after it has computed positions from it.
  std::vector<double> normalised_qpos(const mjModel& model) const {
    std::vector<double> result = qpos();
    if (model.jnt_type[0] == mjJNT_FREE) mju_normalize4(result.data() + 3);
    return result;
  }
  std::vector<std::byte> save() const {
    std::vector<std::byte> bytes;
    StateWriter writer(bytes);
    env->save_state(writer);
    return bytes;
  }
  void restore(const std::vector<std::byte>& bytes) {
    StateReader reader(bytes);
    env->restore_state(reader);
  }

  std::unique_ptr<Env> env;
  std::vector<double> observation;
  std::vector<float> action;
};

/// A model and an mjData of the test's own.
struct Bare {
  explicit Bare(const std::string& domain)
      : model(mj_loadXML(asset_path("dmc_" + domain + ".xml").c_str(), nullptr, nullptr, 0),
              mj_deleteModel),
        data(mj_makeData(model.get()), mj_deleteData) {}

  int id(mjtObj kind, const char* name) const {
    const int found = mj_name2id(model.get(), kind, name);
    REQUIRE(found >= 0);
    return found;
  }
  double xmat(const char* body, int row, int column) const {
    return data->xmat[9 * id(mjOBJ_BODY, body) + 3 * row + column];
  }
  const double* xpos(const char* body) const { return data->xpos + 3 * id(mjOBJ_BODY, body); }
  const double* sensor(const char* name) const {
    return data->sensordata + model->sensor_adr[id(mjOBJ_SENSOR, name)];
  }
  std::vector<double> qpos(int from = 0) const {
    return {data->qpos + from, data->qpos + model->nq};
  }
  std::vector<double> qvel(int from = 0) const {
    return {data->qvel + from, data->qvel + model->nv};
  }
  /// The reference's control step. mj_step2 cannot integrate by Runge-Kutta.
  void step(int substeps) {
    const bool split = model->opt.integrator == mjINT_EULER;
    if (split) mj_step2(model.get(), data.get());
    for (int i = split ? 1 : 0; i < substeps; ++i) mj_step(model.get(), data.get());
    mj_step1(model.get(), data.get());
  }

  std::unique_ptr<mjModel, void (*)(mjModel*)> model;
  std::unique_ptr<mjData, void (*)(mjData*)> data;
};

using Row = std::vector<double>;

Row join(std::initializer_list<Row> rows) {
  Row all;
  for (const Row& row : rows) all.insert(all.end(), row.begin(), row.end());
  return all;
}

double gaussian(double x, double margin) {  // 0.1 at the margin
  return std::pow(0.1, (x / margin) * (x / margin));
}
double linear_to_half(double x, double bound, double margin) {
  return std::clamp(1.0 - 0.5 * (bound - x) / margin, 0.0, 1.0);
}
double control_factor(const Bare& b) {
  double sum = 0.0;
  for (int i = 0; i < b.model->nu; ++i) {
    sum += std::max(0.0, 1.0 - b.data->ctrl[i] * b.data->ctrl[i]);
  }
  return 0.8 + 0.2 * sum / b.model->nu;
}
double inside(bool condition) {
  return condition ? 1.0 : 0.0;
}

struct Truth {
  std::string id;
  int substeps;
  std::function<Row(const Bare&)> observation;
  std::function<double(const Bare&)> reward;
};

Row cartpole_row(const Bare& b) {
  return {b.data->qpos[0], std::cos(b.data->qpos[1]), std::sin(b.data->qpos[1]), b.data->qvel[0],
          b.data->qvel[1]};
}
double cartpole_dense(const Bare& b) {
  return (std::cos(b.data->qpos[1]) + 1.0) / 2.0 * control_factor(b) *
         (1.0 + gaussian(b.data->qvel[1], 5.0)) / 2.0 * (1.0 + gaussian(b.data->qpos[0], 2.0)) /
         2.0;
}
double cartpole_sparse(const Bare& b) {
  return inside(std::abs(b.data->qpos[0]) <= 0.25 && std::cos(b.data->qpos[1]) >= 0.995);
}

Row acrobot_row(const Bare& b) {
  const double upper = b.data->qpos[0];
  const double lower = upper + b.data->qpos[1];
  return join({{std::sin(upper), std::sin(lower), std::cos(upper), std::cos(lower)}, b.qvel()});
}
/// Distance of the tip from the point 4 m up, whose links of 1 m hang from 2 m up.
double acrobot_distance(const Bare& b) {
  const double upper = b.data->qpos[0];
  const double lower = upper + b.data->qpos[1];
  return std::hypot(std::sin(upper) + std::sin(lower), std::cos(upper) + std::cos(lower) - 2.0);
}

Row finger_row(const Bare& b) {
  const double angle = b.data->qpos[2];  // round -y
  return {b.data->qpos[0],
          b.data->qpos[1],
          -0.13 * std::sin(angle),
          0.13 * std::cos(angle),
          b.data->qvel[0],
          b.data->qvel[1],
          b.data->qvel[2],
          std::log(1.0 + *b.sensor("touchtop")),
          std::log(1.0 + *b.sensor("touchbottom"))};
}

double hopper_standing(const Bare& b) {
  const double height = b.data->xipos[3 * b.id(mjOBJ_BODY, "torso") + 2] -
                        b.data->xipos[3 * b.id(mjOBJ_BODY, "foot") + 2];
  return inside(height >= 0.6 && height <= 2.0);
}
Row hopper_row(const Bare& b) {
  return join({b.qpos(1),
               b.qvel(),
               {std::log(1.0 + *b.sensor("touch_toe")), std::log(1.0 + *b.sensor("touch_heel"))}});
}

/// The velocity of the centre of mass of everything, from the bodies' own velocities.
Row com_velocity(const Bare& b) {
  Row velocity(3, 0.0);
  double mass = 0.0;
  for (int i = 1; i < b.model->nbody; ++i) {
    mjtNum own[6];
    mj_objectVelocity(b.model.get(), b.data.get(), mjOBJ_BODY, i, own, 0);
    for (std::size_t k = 0; k < 3; ++k) velocity[k] += b.model->body_mass[i] * own[3 + k];
    mass += b.model->body_mass[i];
  }
  for (double& v : velocity) v /= mass;
  return velocity;
}

Row walker_row(const Bare& b) {
  Row row;
  for (int i = 1; i < 8; ++i) {
    row.push_back(b.data->xmat[9 * i]);
    row.push_back(b.data->xmat[9 * i + 2]);
  }
  row.push_back(1.3 + b.data->qpos[0]);
  return join({row, b.qvel()});
}
double walker_stand(const Bare& b) {
  const double height = 1.3 + b.data->qpos[0];
  const double standing = height >= 1.2 ? 1.0 : gaussian(1.2 - height, 0.6);
  return (3.0 * standing + (1.0 + std::cos(b.data->qpos[2])) / 2.0) / 4.0;
}

Row humanoid_row(const Bare& b) {
  Row row = b.qpos(7);
  row.push_back(b.xpos("head")[2]);
  for (const char* limb : {"left_hand", "left_foot", "right_hand", "right_foot"}) {
    for (int axis = 0; axis < 3; ++axis) {
      double along = 0.0;
      for (int k = 0; k < 3; ++k) {
        along += (b.xpos(limb)[k] - b.xpos("torso")[k]) * b.xmat("torso", k, axis);
      }
      row.push_back(along);
    }
  }
  for (int axis = 0; axis < 3; ++axis) row.push_back(b.xmat("torso", 2, axis));
  return join({row, com_velocity(b), b.qvel()});
}
double humanoid_stand(const Bare& b) {
  const double height = b.xpos("head")[2];
  const double upright = b.xmat("torso", 2, 2);
  return control_factor(b) * (height >= 1.4 ? 1.0 : gaussian(1.4 - height, 0.35)) *
         std::min(1.0, 1.0 - (0.9 - upright) / 1.9);
}

Row quadruped_row(const Bare& b) {
  Row row = join({b.qpos(7), b.qvel(6), Row(b.data->act, b.data->act + 12)});
  // The velocity of the torso in its own frame.
  for (int axis = 0; axis < 3; ++axis) {
    double along = 0.0;
    for (int k = 0; k < 3; ++k) along += b.data->qvel[k] * b.xmat("torso", k, axis);
    row.push_back(along);
  }
  row.push_back(b.xmat("torso", 2, 2));
  for (const char* sensor : {"imu_accel", "imu_gyro"}) {
    row.insert(row.end(), b.sensor(sensor), b.sensor(sensor) + 3);
  }
  for (const char* kind : {"force", "torque"}) {
    for (const char* toe : {"front_left", "front_right", "back_right", "back_left"}) {
      const double* values = b.sensor((std::string(kind) + "_toe_" + toe).c_str());
      for (int i = 0; i < 3; ++i) {
        row.push_back(std::log(values[i] + std::sqrt(values[i] * values[i] + 1.0)));
      }
    }
  }
  return row;
}
double quadruped_reward(const Bare& b, double speed) {
  double forward = 0.0;
  for (int k = 0; k < 3; ++k) forward += b.data->qvel[k] * b.xmat("torso", k, 0);
  return (1.0 + b.xmat("torso", 2, 2)) / 2.0 * linear_to_half(forward, speed, speed);
}

/// Every task but those whose target is drawn.
std::vector<Truth> truths() {
  const auto positions_and_velocities = [](const Bare& b) { return join({b.qpos(), b.qvel()}); };
  std::vector<Truth> all = {
      {"dmc/pendulum-swingup", 1,
       [](const Bare& b) {
         return Row{std::cos(b.data->qpos[0]), std::sin(b.data->qpos[0]), b.data->qvel[0]};
       },
       [](const Bare& b) {
         return inside(std::cos(b.data->qpos[0]) >= std::cos(8.0 * kPi / 180.0));
       }},
      {"dmc/acrobot-swingup", 1, acrobot_row,
       [](const Bare& b) { return gaussian(std::max(0.0, acrobot_distance(b) - 0.2), 1.0); }},
      {"dmc/acrobot-swingup_sparse", 1, acrobot_row,
       [](const Bare& b) { return inside(acrobot_distance(b) <= 0.2); }},
      {"dmc/ball_in_cup-catch", 10, positions_and_velocities,
       [](const Bare& b) {
         // The middle of the cup is at 0.6 - 0.05, the ball's body at 0.2.
         const double x = b.data->qpos[0] - b.data->qpos[2];
         const double z = 0.55 + b.data->qpos[1] - 0.2 - b.data->qpos[3];
         return inside(std::abs(x) < 0.025 && std::abs(z) < 0.025);
       }},
      {"dmc/finger-spin", 2, finger_row,
       [](const Bare& b) { return inside(b.data->qvel[2] <= -15.0); }},
      {"dmc/hopper-stand", 4, hopper_row,
       [](const Bare& b) { return hopper_standing(b) * control_factor(b); }},
      {"dmc/hopper-hop", 4, hopper_row,
       [](const Bare& b) {
         return hopper_standing(b) * linear_to_half(com_velocity(b)[0], 2.0, 1.0);
       }},
      {"dmc/cheetah-run", 1,
       [](const Bare& b) {
         return join({b.qpos(1), b.qvel()});
       },
       [](const Bare& b) { return std::clamp(com_velocity(b)[0] / 10.0, 0.0, 1.0); }},
      {"dmc/walker-stand", 10, walker_row, walker_stand},
      {"dmc/humanoid-stand", 5, humanoid_row,
       [](const Bare& b) {
         const Row v = com_velocity(b);
         return humanoid_stand(b) * (gaussian(v[0], 2.0) + gaussian(v[1], 2.0)) / 2.0;
       }},
      {"dmc/quadruped-walk", 4, quadruped_row,
       [](const Bare& b) { return quadruped_reward(b, 0.5); }},
      {"dmc/quadruped-run", 4, quadruped_row,
       [](const Bare& b) { return quadruped_reward(b, 5.0); }}};
  for (const char* task : {"balance", "swingup"}) {
    const std::string id = std::string("dmc/cartpole-") + task;
    all.push_back({id, 1, cartpole_row, cartpole_dense});
    all.push_back({id + "_sparse", 1, cartpole_row, cartpole_sparse});
  }
  for (const auto& [task, speed] : std::map<std::string, double>{{"walk", 1.0}, {"run", 8.0}}) {
    all.push_back({"dmc/walker-" + task, 10, walker_row, [speed = speed](const Bare& b) {
                     return walker_stand(b) *
                            (5.0 * linear_to_half(com_velocity(b)[0], speed, speed / 2.0) + 1.0) /
                            6.0;
                   }});
  }
  for (const auto& [task, speed] : std::map<std::string, double>{{"walk", 1.0}, {"run", 10.0}}) {
    all.push_back({"dmc/humanoid-" + task, 5, humanoid_row, [speed = speed](const Bare& b) {
                     const Row v = com_velocity(b);
                     const double move = std::min(1.0, std::hypot(v[0], v[1]) / speed);
                     return humanoid_stand(b) * (5.0 * move + 1.0) / 6.0;
                   }});
  }
  return all;
}

std::string domain_of(const std::string& id) {
  return id.substr(4, id.find('-') - 4);
}

/// Puts the bare simulation where the environment is after a reset.
void follow(Bare& bare, const Driver& driver) {
  mj_resetData(bare.model.get(), bare.data.get());
  std::ranges::copy(driver.qpos(), bare.data->qpos);
  std::ranges::copy(driver.qvel(), bare.data->qvel);
  bare.model->opt.disableflags |= mjDSBL_ACTUATION;
  mj_forward(bare.model.get(), bare.data.get());
  bare.model->opt.disableflags &= ~mjDSBL_ACTUATION;
}

void require_close(const Row& a, const Row& b) {
  REQUIRE(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    INFO("entry " << i);
    REQUIRE(a[i] == Approx(b[i]).epsilon(1e-9).margin(1e-9));
  }
}

bool same_bits(const Row& a, const Row& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0;
}

}  // namespace

TEST_CASE("control suite: observations and rewards are those of the reference's step") {
  for (const Truth& truth : truths()) {
    INFO(truth.id);
    Driver driver(truth.id);
    Driver other(truth.id);  // which uses the same mjData in between
    Bare bare(domain_of(truth.id));
    if (truth.id == "dmc/finger-spin") bare.model->dof_damping[2] = 0.03;
    RandomStream random(5);
    other.reset(99);
    for (std::uint64_t seed = 0; seed < 3; ++seed) {
      driver.reset(seed);
      // The warm start of a settled or twice normalised start is not the environment's, but that of
      // a state set by hand is.
      driver.env->reset_to(driver.env->physical_state(), driver.observation);
      follow(bare, driver);
      require_close(driver.observation, truth.observation(bare));
      mju_zero(bare.data->qacc_warmstart, bare.model->nv);
      for (int i = 0; i < 25; ++i) {
        INFO("step " << i);
        const StepResult result = driver.step_randomly(random);
        std::ranges::copy(driver.action, bare.data->ctrl);
        bare.step(truth.substeps);
        REQUIRE(same_bits(driver.normalised_qpos(*bare.model), bare.qpos()));
        REQUIRE(same_bits(driver.qvel(), bare.qvel()));
        require_close(driver.observation, truth.observation(bare));
        REQUIRE(result.reward == Approx(truth.reward(bare)).epsilon(1e-9).margin(1e-9));
        REQUIRE(result.reward >= 0.0);
        REQUIRE(result.reward <= 1.0);
        other.step_randomly(random);
      }
    }
  }
}

TEST_CASE("control suite: targets are drawn for an episode and are part of the state") {
  for (const auto& [id, contact] :
       std::map<std::string, double>{{"dmc/reacher-easy", 0.06}, {"dmc/reacher-hard", 0.025}}) {
    INFO(id);
    Driver driver(id);
    RandomStream random(1);
    double reached = 0.0;
    for (std::uint64_t seed = 0; seed < 300; ++seed) {
      driver.reset(seed);
      // Links of 0.12 m; the target stays where it is, at 0.05 to 0.2 m from the shoulder.
      const auto target = [&] {
        const Row& o = driver.observation;
        return Row{0.12 * std::cos(o[0]) + 0.12 * std::cos(o[0] + o[1]) + o[2],
                   0.12 * std::sin(o[0]) + 0.12 * std::sin(o[0] + o[1]) + o[3]};
      };
      const Row start = target();
      const double radius = std::hypot(start[0], start[1]);
      REQUIRE(radius >= 0.05 - 1e-12);
      REQUIRE(radius <= 0.20 + 1e-12);
      Driver copy(id);
      copy.restore(driver.save());
      const double reward = driver.step_randomly(random).reward;
      copy.action = driver.action;
      copy.step();
      REQUIRE(same_bits(copy.observation, driver.observation));
      require_close(target(), start);
      const double distance = std::hypot(driver.observation[2], driver.observation[3]);
      REQUIRE(reward == inside(distance <= contact));
      reached += reward;
    }
    CHECK(reached > 0.0);
  }
  for (const auto& [id, radius] : std::map<std::string, double>{{"dmc/finger-turn_easy", 0.07},
                                                                {"dmc/finger-turn_hard", 0.03}}) {
    INFO(id);
    Driver driver(id);
    RandomStream random(1);
    double reached = 0.0;
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
      driver.reset(seed);
      const Row& o = driver.observation;
      const Row target = {o[9], o[10]};
      REQUIRE(std::hypot(o[9], o[10]) == Approx(0.13));
      const double reward = driver.step_randomly(random).reward;
      const double angle = driver.qpos()[2];
      const double distance =
          std::hypot(o[9] + 0.13 * std::sin(angle), o[10] - 0.13 * std::cos(angle)) - radius;
      REQUIRE(Row{o[9], o[10]} == target);
      REQUIRE(o[11] == Approx(distance).margin(1e-12));
      REQUIRE(reward == inside(distance <= 0.0));
      reached += reward;
    }
    CHECK(reached > 0.0);
  }
}

TEST_CASE("control suite: resets draw joints from their ranges, at rest, free of contacts") {
  for (const char* id : {"dmc/walker-walk", "dmc/hopper-hop", "dmc/humanoid-run", "dmc/finger-spin",
                         "dmc/reacher-easy", "dmc/ball_in_cup-catch", "dmc/quadruped-walk"}) {
    INFO(id);
    const std::string domain = domain_of(id);
    Driver driver(id);
    Bare bare(domain);
    const mjModel& m = *bare.model;
    Row low(static_cast<std::size_t>(m.njnt), 1e9);
    Row high(static_cast<std::size_t>(m.njnt), -1e9);
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
      driver.reset(seed);
      follow(bare, driver);
      REQUIRE(driver.qvel() == Row(static_cast<std::size_t>(m.nv), 0.0));
      if (domain != "walker" && domain != "hopper") REQUIRE(bare.data->ncon == 0);
      for (int i = 0; i < m.njnt; ++i) {
        const auto k = static_cast<std::size_t>(i);
        low[k] = std::min(low[k], bare.data->qpos[m.jnt_qposadr[i]]);
        high[k] = std::max(high[k], bare.data->qpos[m.jnt_qposadr[i]]);
      }
    }
    if (domain == "quadruped") continue;  // which draws its orientation alone
    for (int i = 0; i < m.njnt; ++i) {
      const auto k = static_cast<std::size_t>(i);
      INFO("joint " << i);
      const bool hinge = m.jnt_type[i] == mjJNT_HINGE;
      if (!hinge) continue;
      const double from = m.jnt_limited[i] ? m.jnt_range[2 * i] : -kPi;
      const double to = m.jnt_limited[i] ? m.jnt_range[2 * i + 1] : kPi;
      REQUIRE(low[k] >= from);
      REQUIRE(high[k] <= to);
      REQUIRE(high[k] - low[k] > 0.7 * (to - from));
    }
  }
}

TEST_CASE("control suite: extreme actions are simulated whole, without allocating") {
  for (const char* id : {"dmc/cartpole-swingup", "dmc/reacher-hard", "dmc/ball_in_cup-catch",
                         "dmc/finger-spin", "dmc/hopper-hop", "dmc/cheetah-run", "dmc/walker-run",
                         "dmc/humanoid-run", "dmc/quadruped-run"}) {
    INFO(id);
    Driver driver(id);
    RandomStream random(3);
    CHECK(driver.env->spec().time_limit == 1000);
    for (std::uint64_t seed = 0; seed < 4; ++seed) {
      driver.reset(seed);
      const std::uint64_t before = allocations_here();
      for (int i = 0; i < 60; ++i) {
        if (i % 10 == 0) {
          for (float& a : driver.action) a = random.uniform() < 0.5 ? -1.0f : 1.0f;
        }
        const StepResult result = driver.step();
        if (result.terminated || result.truncated) FAIL("ended");
        if (!(result.reward >= 0.0 && result.reward <= 1.0)) FAIL("reward " << result.reward);
      }
      CHECK(allocations_here() == before);
    }
  }
}

TEST_CASE("control suite: episodes take 1000 steps and truncate") {
  Driver driver("dmc/cartpole-balance");
  driver.reset(0);
  for (int i = 1; i <= 1000; ++i) {
    const StepResult result = driver.step();
    REQUIRE_FALSE(result.terminated);
    REQUIRE(result.truncated == (i == 1000));
  }
}
