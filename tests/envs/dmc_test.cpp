// The control suite's tasks against a bare mjData that is stepped in the reference's order
// (mj_step2, mj_step, …, mj_step1, always in the same mjData), with observations and rewards
// written down once more from dm_control's definitions; starts against the distributions that they
// are drawn from.
#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <mujoco/mujoco.h>
#include <numbers>
#include <string>
#include <utility>
#include <vector>

#include "envs/assets.h"
#include "envs/dmc/tolerance.h"
#include "envs/env.h"
#include "envs/env_config.h"
#include "envs/random.h"
#include "envs/registry.h"
#include "tests/allocation_counter.h"

using namespace costate;

namespace {

constexpr double kPi = std::numbers::pi;

/// An environment with the buffers to drive it.
struct Driver {
  explicit Driver(const std::string& id) : Driver(make_env(id)) {}
  explicit Driver(std::unique_ptr<Env> made)
      : env(std::move(made)),
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
  /// Reacher: x and y. Finger: x and z from the spinner's axis.
  std::array<double, 2> target = {};
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

/// From the spinner's tip to the target.
double finger_distance(const Bare& b) {
  const double angle = b.data->qpos[2];
  return std::hypot(b.target[0] + 0.13 * std::sin(angle), b.target[1] - 0.13 * std::cos(angle));
}

/// Where the finger of two links of 0.12 m is.
std::array<double, 2> reach(double shoulder, double wrist) {
  return {0.12 * (std::cos(shoulder) + std::cos(shoulder + wrist)),
          0.12 * (std::sin(shoulder) + std::sin(shoulder + wrist))};
}
Row reacher_row(const Bare& b) {
  const auto finger = reach(b.data->qpos[0], b.data->qpos[1]);
  return join({b.qpos(), {b.target[0] - finger[0], b.target[1] - finger[1]}, b.qvel()});
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
  for (const auto& [task, radius] :
       std::map<std::string, double>{{"easy", 0.05}, {"hard", 0.015}}) {
    all.push_back({"dmc/reacher-" + task, 1, reacher_row, [radius = radius](const Bare& b) {
                     const Row row = reacher_row(b);
                     return inside(std::hypot(row[2], row[3]) <= radius + 0.01);
                   }});
  }
  for (const auto& [task, radius] : std::map<std::string, double>{{"easy", 0.07}, {"hard", 0.03}}) {
    all.push_back(
        {"dmc/finger-turn_" + task, 2,
         [radius = radius](const Bare& b) {
           return join({finger_row(b), {b.target[0], b.target[1], finger_distance(b) - radius}});
         },
         [radius = radius](const Bare& b) { return inside(finger_distance(b) <= radius); }});
  }
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

/// Starts from which rewards come and go; zeros at the end are left out.
const std::map<std::string, PhysicalState> kRewardingStarts = {
    {"acrobot", {{0.1, -0.1}, {-0.5}, {}}},
    {"ball_in_cup", {{0.0, 0.0, 0.0, 0.35}, {0.0, 0.0, 0.3, 1.0}, {}}},
    {"cartpole", {{0.2, 0.05}, {0.5, -0.3}, {}}},
    {"cheetah", {{}, {10.5}, {}}},
    {"finger", {{-1.5, 0.0, 0.3}, {0.0, 0.0, -16.0}, {}}},
    {"hopper", {{0.0, 0.1, 0.0, 0.0, -0.3, 0.5, -0.2}, {1.5}, {}}},
    {"humanoid", {{0.0, 0.0, 1.4, 1.0}, {1.0, 0.5}, {}}},
    {"pendulum", {{0.1}, {0.2}, {}}},
    {"quadruped", {{0.0, 0.0, 0.7, 1.0}, {0.4}, {}}},
    {"reacher", {{0.0, 2.75}, {}, {}}},
    {"walker", {{}, {0.0, 2.0}, {}}}};

/// All tasks that are registered.
std::vector<std::string> control_suite_ids() {
  std::vector<std::string> ids = env_ids();
  std::erase_if(ids, [](const std::string& id) { return !id.starts_with("dmc/"); });
  return ids;
}

/// Puts the bare simulation where the environment is after a reset.
void follow(Bare& bare, const Driver& driver) {
  mj_resetData(bare.model.get(), bare.data.get());
  std::ranges::copy(driver.qpos(), bare.data->qpos);
  std::ranges::copy(driver.qvel(), bare.data->qvel);
  bare.model->opt.disableflags |= mjDSBL_ACTUATION;
  mj_forward(bare.model.get(), bare.data.get());
  bare.model->opt.disableflags &= ~mjDSBL_ACTUATION;
  // The target is no part of the physics; it must stay where the first observation has it.
  const std::string& id = driver.env->spec().id;
  const std::vector<double>& o = driver.observation;
  if (id.starts_with("dmc/reacher")) {
    const auto finger = reach(o[0], o[1]);
    bare.target = {finger[0] + o[2], finger[1] + o[3]};
  } else if (id.starts_with("dmc/finger-turn")) {
    bare.target = {o[9], o[10]};
  }
}

void require_close(const Row& a, const Row& b) {
  REQUIRE(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!(std::abs(a[i] - b[i]) <= 1e-9 * (1.0 + std::abs(b[i])))) {
      FAIL("entry " << i << " is " << a[i] << ", not " << b[i]);
    }
  }
}

bool same_bits(const Row& a, const Row& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0;
}

}  // namespace

TEST_CASE("control suite: rewards fall off outside their bounds as defined") {
  // The closed forms for a value v at the margin, written without the reference's scale factors.
  struct Shape {
    Sigmoid sigmoid;
    std::function<double(double d, double v)> value;
    bool down_to_zero;  // v may be 0
  };
  const std::vector<Shape> shapes = {
      {Sigmoid::kGaussian, [](double d, double v) { return std::pow(v, d * d); }, false},
      {Sigmoid::kHyperbolic,
       [](double d, double v) {
         const double e = std::pow((1.0 + std::sqrt(1.0 - v * v)) / v, d);
         return 2.0 / (e + 1.0 / e);
       },
       false},
      {Sigmoid::kLongTail, [](double d, double v) { return v / (v + d * d * (1.0 - v)); }, false},
      {Sigmoid::kReciprocal, [](double d, double v) { return v / (v + d * (1.0 - v)); }, false},
      {Sigmoid::kCosine,
       [](double d, double v) {
         const double half_angle = d * std::acos(std::sqrt(v));
         return half_angle < kPi / 2.0 ? std::pow(std::cos(half_angle), 2) : 0.0;
       },
       true},
      {Sigmoid::kLinear, [](double d, double v) { return std::max(0.0, 1.0 - d + d * v); }, true},
      {Sigmoid::kQuadratic,
       [](double d, double v) { return std::max(0.0, 1.0 - d * d + d * d * v); }, true},
      {Sigmoid::kTanhSquared,
       [](double d, double v) {
         const double root = std::sqrt(1.0 - v);
         const double e = std::pow((1.0 + root) / (1.0 - root), d / 2.0);
         return 4.0 / std::pow(e + 1.0 / e, 2);
       },
       false}};
  const Bounds bounds = {-1.0, 3.0};
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    INFO("sigmoid " << i);
    for (const double v : {0.0, 0.1, 0.5, 0.9}) {
      if (v == 0.0 && !shapes[i].down_to_zero) continue;
      INFO("value at the margin " << v);
      for (const double margin : {0.5, 1.0, 4.0}) {
        const Falloff falloff = {margin, shapes[i].sigmoid, v};
        for (const double x : {-1.0, 0.0, 3.0}) CHECK(tolerance(x, bounds, falloff) == 1.0);
        CHECK(tolerance(-1.0 - margin, bounds, falloff) == Approx(v).margin(1e-14));
        CHECK(tolerance(3.0 + margin, bounds, falloff) == Approx(v).margin(1e-14));
        for (const double d : {1e-3, 0.2, 0.7, 1.3, 2.5, 12.0}) {
          INFO("distance of " << d << " margins");
          const double expected = shapes[i].value(d, v);
          CHECK(tolerance(-1.0 - d * margin, bounds, falloff) ==
                Approx(expected).epsilon(1e-11).margin(1e-14));
          CHECK(tolerance(3.0 + d * margin, bounds, falloff) ==
                Approx(expected).epsilon(1e-11).margin(1e-14));
          const Falloff upwards = {margin, shapes[i].sigmoid, v};
          CHECK(tolerance(3.0 - d * margin, at_least(3.0), upwards) ==
                Approx(expected).epsilon(1e-11).margin(1e-14));
        }
      }
    }
  }
  // No margin, no falling off; gaussian to 0.1 by default.
  CHECK(tolerance(3.0, bounds) == 1.0);
  CHECK(tolerance(std::nextafter(3.0, 4.0), bounds) == 0.0);
  CHECK(tolerance(std::nextafter(-1.0, -2.0), bounds) == 0.0);
  CHECK(tolerance(1e300, at_least(3.0)) == 1.0);
  CHECK(tolerance(std::numeric_limits<double>::infinity(), at_least(3.0)) == 1.0);
  CHECK(tolerance(std::nextafter(3.0, 2.0), at_least(3.0)) == 0.0);
  CHECK(tolerance(-1e300, Bounds{}) == 1.0);
  CHECK(tolerance(5.0, bounds, {.margin = 4.0}) == Approx(std::pow(0.1, 0.25)));
}

TEST_CASE("control suite: all tasks have their time steps and sizes") {
  struct Facts {
    const char* domain;
    double physics_step, control_step;
    int integrator, action;
    std::vector<std::string> tasks;
    std::vector<int> observation;
  };
  const std::vector<Facts> facts = {
      {"acrobot", 0.01, 0.01, mjINT_RK4, 1, {"swingup", "swingup_sparse"}, {6, 6}},
      {"ball_in_cup", 0.002, 0.02, mjINT_EULER, 2, {"catch"}, {8}},
      {"cartpole",
       0.01,
       0.01,
       mjINT_RK4,
       1,
       {"balance", "balance_sparse", "swingup", "swingup_sparse"},
       {5, 5, 5, 5}},
      {"cheetah", 0.01, 0.01, mjINT_EULER, 6, {"run"}, {17}},
      {"finger", 0.01, 0.02, mjINT_EULER, 2, {"spin", "turn_easy", "turn_hard"}, {9, 12, 12}},
      {"hopper", 0.005, 0.02, mjINT_EULER, 4, {"hop", "stand"}, {15, 15}},
      {"humanoid", 0.005, 0.025, mjINT_EULER, 21, {"run", "stand", "walk"}, {67, 67, 67}},
      {"pendulum", 0.02, 0.02, mjINT_EULER, 1, {"swingup"}, {3}},
      {"quadruped", 0.005, 0.02, mjINT_EULER, 12, {"run", "walk"}, {78, 78}},
      {"reacher", 0.02, 0.02, mjINT_EULER, 2, {"easy", "hard"}, {6, 6}},
      {"walker", 0.0025, 0.025, mjINT_EULER, 6, {"run", "stand", "walk"}, {24, 24, 24}}};
  std::vector<std::string> ids;
  for (const Facts& fact : facts) {
    const Bare bare(fact.domain);
    CHECK(bare.model->opt.timestep == fact.physics_step);
    CHECK(bare.model->opt.integrator == fact.integrator);
    for (std::size_t i = 0; i < fact.tasks.size(); ++i) {
      ids.push_back(std::string("dmc/") + fact.domain + "-" + fact.tasks[i]);
      INFO(ids.back());
      const auto env = make_env(ids.back());
      const EnvSpec& spec = env->spec();
      CHECK(spec.id == ids.back());
      CHECK(spec.observation.size() == fact.observation[i]);
      CHECK(spec.observation.labels.size() == spec.observation.low.size());
      CHECK(spec.action.size() == fact.action);
      CHECK(spec.control_step == Approx(fact.control_step).epsilon(1e-14));
      CHECK(spec.time_limit == 1000);
    }
  }
  CHECK(ids == control_suite_ids());
  std::vector<std::string> compared;
  for (const Truth& truth : truths()) compared.push_back(truth.id);
  std::ranges::sort(compared);
  CHECK(compared == ids);
}

TEST_CASE("control suite: observations and rewards are those of the reference's step") {
  for (const Truth& truth : truths()) {
    INFO(truth.id);
    Driver driver(truth.id);
    Bare bare(domain_of(truth.id));
    if (truth.id == "dmc/finger-spin") bare.model->dof_damping[2] = 0.03;
    RandomStream random(5);
    Row rewards;
    const auto compare = [&](int steps) {
      for (int i = 0; i < steps; ++i) {
        INFO("step " << i);
        const StepResult result = driver.step_randomly(random);
        std::ranges::copy(driver.action, bare.data->ctrl);
        bare.step(truth.substeps);
        REQUIRE(same_bits(driver.normalised_qpos(*bare.model), bare.qpos()));
        REQUIRE(same_bits(driver.qvel(), bare.qvel()));
        require_close(driver.observation, truth.observation(bare));
        require_close({result.reward}, {truth.reward(bare)});
        rewards.push_back(result.reward);
      }
    };
    const auto start_at = [&](const PhysicalState& start) {
      driver.env->reset_to(start, driver.observation);
      follow(bare, driver);
      require_close(driver.observation, truth.observation(bare));
      mju_zero(bare.data->qacc_warmstart, bare.model->nv);
    };
    for (std::uint64_t seed = 0; seed < 2; ++seed) {
      driver.reset(seed);
      // The warm start of a start that was settled or normalised before is not that of a bare
      // simulation; where nothing of the kind happens, a drawn start will do, and its target.
      if (domain_of(truth.id) == "reacher" || domain_of(truth.id) == "finger") {
        follow(bare, driver);
        require_close(driver.observation, truth.observation(bare));
        compare(50);
        driver.reset(seed);
      }
      start_at(driver.env->physical_state());
      compare(50);
      // From where random actions led, with activations and time gone.
      start_at(driver.env->physical_state());
      compare(50);
    }
    // Around all edges of a reward.
    for (int i = 0; i < 40; ++i) {
      PhysicalState start = kRewardingStarts.at(domain_of(truth.id));
      start.qpos.resize(static_cast<std::size_t>(bare.model->nq));
      start.qvel.resize(static_cast<std::size_t>(bare.model->nv));
      for (double& q : start.qpos) q += random.uniform(-0.03, 0.03);
      for (double& v : start.qvel) v += random.uniform(-1.0, 1.0);
      start_at(start);
      compare(5);
    }
    // A small target is out of reach where a start by hand has it.
    if (truth.id != "dmc/reacher-hard" && truth.id != "dmc/finger-turn_hard") {
      REQUIRE(std::ranges::max(rewards) > 0.2);
      REQUIRE(std::ranges::min(rewards) < 0.9 * std::ranges::max(rewards));
    }
  }
}

TEST_CASE("control suite: targets are drawn for an episode and are part of the state") {
  for (const auto& [id, contact] :
       std::map<std::string, double>{{"dmc/reacher-easy", 0.06}, {"dmc/reacher-hard", 0.025}}) {
    INFO(id);
    Driver driver(id);
    Driver copy(id);
    RandomStream random(1);
    double reached = 0.0;
    for (std::uint64_t seed = 0; seed < 2000; ++seed) {
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
      copy.restore(driver.save());
      for (int i = 0; i < 10; ++i) {
        const double reward = driver.step_randomly(random).reward;
        copy.action = driver.action;
        copy.step();
        REQUIRE(same_bits(copy.observation, driver.observation));
        require_close(target(), start);
        const double distance = std::hypot(driver.observation[2], driver.observation[3]);
        REQUIRE(reward == inside(distance <= contact));
        reached += reward;
      }
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

namespace {

/// Kolmogorov and Smirnov's test at a level of 1 in 1000: whether the values have the distribution.
void require_distribution(Row values, const std::function<double(double)>& probability_below) {
  std::ranges::sort(values);
  const auto n = static_cast<double>(values.size());
  double farthest = 0.0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double p = probability_below(values[i]);
    farthest =
        std::max({farthest, static_cast<double>(i + 1) / n - p, p - static_cast<double>(i) / n});
  }
  REQUIRE(farthest * std::sqrt(n) < 1.95);
}
void require_range(const Row& values, double low, double high) {
  REQUIRE(std::ranges::min(values) >= low);
  REQUIRE(std::ranges::max(values) <= high);
}
void require_uniform(const Row& values, double low, double high) {
  require_range(values, low, high);
  require_distribution(values, [=](double x) { return (x - low) / (high - low); });
}
void require_normal(const Row& values, double mean, double deviation) {
  require_distribution(values, [=](double x) {
    return std::erfc((mean - x) / (deviation * std::numbers::sqrt2)) / 2.0;
  });
}

/// Observations, or states, of many resets: a row for each number, over the seeds.
template <class Value>
std::vector<Row> over_seeds(Driver& driver, std::uint64_t seeds, const Value& value) {
  std::vector<Row> rows;
  for (std::uint64_t seed = 0; seed < seeds; ++seed) {
    driver.reset(seed);
    const Row values = value();
    rows.resize(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) rows[i].push_back(values[i]);
  }
  return rows;
}

}  // namespace

TEST_CASE("control suite: carts, poles and targets are drawn from their distributions") {
  constexpr std::uint64_t kSeeds = 4000;
  for (const std::string id :
       {"dmc/pendulum-swingup", "dmc/acrobot-swingup", "dmc/acrobot-swingup_sparse",
        "dmc/reacher-easy", "dmc/reacher-hard", "dmc/cartpole-balance",
        "dmc/cartpole-balance_sparse", "dmc/cartpole-swingup", "dmc/cartpole-swingup_sparse"}) {
    INFO(id);
    Driver driver(id);
    const auto rows = over_seeds(driver, kSeeds, [&] {
      return join({driver.qpos(), driver.qvel()});
    });
    if (!id.starts_with("dmc/cartpole")) {
      for (std::size_t i = rows.size() / 2; i < rows.size(); ++i) require_range(rows[i], 0.0, 0.0);
      require_uniform(rows[0], -kPi, kPi);
      if (id.starts_with("dmc/acrobot")) require_uniform(rows[1], -kPi, kPi);
      if (id.starts_with("dmc/reacher")) {
        require_uniform(rows[1], -160.0 / 180.0 * kPi, 160.0 / 180.0 * kPi);
      }
      continue;
    }
    if (id.starts_with("dmc/cartpole-balance")) {
      require_uniform(rows[0], -0.1, 0.1);
      require_uniform(rows[1], -0.034, 0.034);
    } else {
      require_normal(rows[0], 0.0, 0.01);
      require_normal(rows[1], kPi, 0.01);
    }
    require_normal(rows[2], 0.0, 0.01);
    require_normal(rows[3], 0.0, 0.01);
  }
  for (const char* id : {"dmc/reacher-easy", "dmc/reacher-hard"}) {
    INFO(id);
    Driver driver(id);
    const auto rows = over_seeds(driver, kSeeds, [&] {
      const Row& o = driver.observation;
      const auto finger = reach(o[0], o[1]);
      const double x = finger[0] + o[2];
      const double y = finger[1] + o[3];
      return Row{std::hypot(x, y), std::atan2(x, y)};
    });
    require_range(rows[0], 0.05 - 1e-12, 0.20 + 1e-12);
    require_distribution(rows[0], [](double x) { return (x - 0.05) / 0.15; });
    require_uniform(rows[1], -kPi, kPi);
  }
  for (const char* id : {"dmc/finger-turn_easy", "dmc/finger-turn_hard"}) {
    INFO(id);
    Driver driver(id);
    const auto rows = over_seeds(driver, kSeeds, [&] {
      const Row& o = driver.observation;
      return Row{std::hypot(o[9], o[10]), std::atan2(o[9], o[10])};
    });
    require_range(rows[0], 0.13 - 1e-12, 0.13 + 1e-12);
    require_uniform(rows[1], -kPi, kPi);
  }
}

TEST_CASE("control suite: planar legs are drawn from their joints' ranges, the ball free") {
  for (const char* id : {"dmc/hopper-hop", "dmc/hopper-stand", "dmc/walker-run", "dmc/walker-stand",
                         "dmc/walker-walk"}) {
    INFO(id);
    Driver driver(id);
    const Bare bare(domain_of(id));
    const mjModel& m = *bare.model;
    const auto rows = over_seeds(driver, 500, [&] { return driver.qpos(); });
    for (int i = 0; i < m.njnt; ++i) {
      INFO("joint " << i);
      const Row& row = rows[static_cast<std::size_t>(i)];
      if (m.jnt_type[i] == mjJNT_SLIDE) {
        require_range(row, 0.0, 0.0);
      } else if (m.jnt_limited[i]) {
        require_uniform(row, m.jnt_range[2 * i], m.jnt_range[2 * i + 1]);
      } else {
        require_uniform(row, -kPi, kPi);
      }
    }
  }
  Driver ball("dmc/ball_in_cup-catch");
  const auto rows = over_seeds(ball, 500, [&] { return ball.qpos(); });
  require_range(rows[0], 0.0, 0.0);
  require_range(rows[1], 0.0, 0.0);
  require_range(rows[2], -0.2, 0.2);
  require_range(rows[3], 0.2, 0.5);
  for (const double sign : {-1.0, 1.0}) {
    CHECK(std::ranges::any_of(rows[2], [=](double x) { return sign * x > 0.19; }));
    CHECK(std::ranges::any_of(rows[3], [=](double z) { return sign * (z - 0.35) > 0.14; }));
  }
}

TEST_CASE("control suite: a cheetah starts settled, at time 0") {
  // Without the time limit, a MuJoCo task's state begins with its time.
  Driver driver(task_config("dmc/cheetah-run")->make());
  Bare bare("cheetah");
  const mjModel& m = *bare.model;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    INFO(seed);
    driver.reset(seed);
    // The six limited joints, in order, then two seconds without control.
    mj_resetData(bare.model.get(), bare.data.get());
    RandomStream random(seed);
    for (int i = 3; i < 9; ++i) {
      bare.data->qpos[i] = random.uniform(m.jnt_range[2 * i], m.jnt_range[2 * i + 1]);
    }
    for (int i = 0; i < 200; ++i) mj_step(bare.model.get(), bare.data.get());
    REQUIRE(same_bits(driver.qpos(), bare.qpos()));
    REQUIRE(same_bits(driver.qvel(), bare.qvel()));
    const std::vector<std::byte> state = driver.save();
    double time = 1.0;
    std::memcpy(&time, state.data(), sizeof time);
    REQUIRE(time == 0.0);
    follow(bare, driver);
    REQUIRE(bare.data->ncon > 0);
  }
}

TEST_CASE("control suite: free roots start as they are drawn, as low as nothing touches") {
  Driver humanoid("dmc/humanoid-walk");
  const auto rows = over_seeds(humanoid, 50, [&] { return humanoid.qpos(); });
  require_range(rows[0], 0.0, 0.0);
  require_range(rows[1], 0.0, 0.0);
  require_range(rows[2], 1.5, 1.5);
  for (std::size_t i = 3; i < 7; ++i) {
    require_range(rows[i], 0.0, 1.0);  // not the other half: four numbers from [0, 1)
    CHECK(std::ranges::min(rows[i]) < 0.1);
    CHECK(std::ranges::max(rows[i]) > 0.75);
  }
  Bare bare("quadruped");
  for (const char* id : {"dmc/quadruped-walk", "dmc/quadruped-run"}) {
    INFO(id);
    Driver driver(id);
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
      INFO(seed);
      driver.reset(seed);
      const Row qpos = driver.qpos();
      REQUIRE(qpos[0] == 0.0);
      REQUIRE(qpos[1] == 0.0);
      for (std::size_t i = 7; i < qpos.size(); ++i) REQUIRE(qpos[i] == 0.0);
      // Nothing touches here, and something does one centimetre below.
      REQUIRE(qpos[2] == Approx(0.01 * std::round(100.0 * qpos[2])).margin(1e-12));
      follow(bare, driver);
      REQUIRE(bare.data->ncon == 0);
      bare.data->qpos[2] -= 0.01;
      mj_fwdPosition(bare.model.get(), bare.data.get());
      REQUIRE(bare.data->ncon > 0);
      // Normal numbers have no direction that they prefer.
      RandomStream random(seed);
      Row orientation(4);
      for (double& part : orientation) part = random.normal();
      mju_normalize4(orientation.data());
      require_close(Row(qpos.begin() + 3, qpos.begin() + 7), orientation);
    }
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

TEST_CASE("control suite: whole episodes of wild actions stay in bounds, without allocating") {
  std::string previous;
  for (const std::string& id : control_suite_ids()) {
    INFO(id);
    // The first task of a domain stands for all of its physics.
    const int steps = domain_of(id) != std::exchange(previous, domain_of(id)) ? 1000 : 150;
    Driver driver(id);
    RandomStream random(3);
    driver.reset(1);
    const std::uint64_t before = allocations_here();
    for (int i = 1; i <= steps; ++i) {
      // Random ones, then the extremes held for a while, then beyond the bounds.
      const int kind = i / 50 % 3;
      if (kind != 1 || i % 10 == 0) {
        for (float& a : driver.action) {
          a = static_cast<float>(random.uniform(-1.0, 1.0));
          if (kind == 1) a = a < 0.0f ? -1.0f : 1.0f;
          if (kind == 2) a *= 100.0f;
        }
      }
      const StepResult result = driver.step();
      if (result.terminated || result.truncated != (i == 1000)) FAIL("ended at " << i);
      if (!(result.reward >= 0.0 && result.reward <= 1.0)) FAIL("reward " << result.reward);
    }
    CHECK(allocations_here() == before);
  }
}

TEST_CASE("control suite: tasks that take turns, and saved ones, go on with the same bits") {
  const std::vector<std::string> ids = control_suite_ids();
  for (std::size_t k = 0; k < ids.size(); ++k) {
    INFO(ids[k]);
    Driver alone(ids[k]);
    alone.reset(1);
    std::vector<Row> expected;
    std::vector<std::byte> saved;
    RandomStream actions(2);
    for (int i = 0; i < 60; ++i) {
      if (i == 30) saved = alone.save();
      const double reward = alone.step_randomly(actions).reward;
      expected.push_back(join({alone.observation, {reward}, alone.qpos(), alone.qvel()}));
    }

    // The other one is of the same model, where the domain has a second task.
    Driver shared(ids[k]);
    Driver other(k > 0 && domain_of(ids[k - 1]) == domain_of(ids[k]) ? ids[k - 1] : ids[k]);
    shared.reset(1);
    other.reset(2);
    const auto go_on = [&](int first, RandomStream same_actions) {
      RandomStream other_actions(3);
      for (int i = first; i < 60; ++i) {
        INFO("step " << i);
        other.step_randomly(other_actions);
        const double reward = shared.step_randomly(same_actions).reward;
        REQUIRE(same_bits(join({shared.observation, {reward}, shared.qpos(), shared.qvel()}),
                          expected[static_cast<std::size_t>(i)]));
      }
    };
    go_on(0, RandomStream(2));
    // Back to the middle of the episode, in an environment that is elsewhere.
    shared.reset(4);
    shared.restore(saved);
    go_on(30, RandomStream(2, 30 * shared.action.size()));
  }
}

TEST_CASE("control suite: the spinner turns freely where it has to spin, in a scaled model too") {
  const auto factors = [](const Env& env, const std::string& name, double factor) {
    const std::vector<std::string> names = env.parameter_names();
    Row all(names.size(), 1.0);
    const auto place = std::ranges::find(names, name);
    REQUIRE(place != names.end());
    all[static_cast<std::size_t>(place - names.begin())] = factor;
    return all;
  };
  const auto run = [](Driver& driver) {
    // Turning, the finger stretched out away from it.
    driver.env->reset_to(PhysicalState{{-1.5, 0.0, 0.3}, {0.0, 0.0, 10.0}, {}}, driver.observation);
    RandomStream random(6);
    Row row;
    for (int i = 0; i < 50; ++i) {
      driver.step_randomly(random);
      row = join({row, driver.qpos(), driver.qvel()});
    }
    return row;
  };
  Driver spin("dmc/finger-spin");
  Driver turn("dmc/finger-turn_easy");
  const Row spinning = run(spin);
  const Row turning = run(turn);
  CHECK(spinning.back() > 1.5 * turning.back());
  spin.env->scale_parameters(factors(*spin.env, "damping", 1.0));
  CHECK(same_bits(run(spin), spinning));
  // 0.03 instead of 0.5.
  turn.env->scale_parameters(factors(*turn.env, "damping/hinge", 0.06));
  require_close(run(turn), spinning);
  spin.env->scale_parameters(factors(*spin.env, "damping/hinge", 0.5 / 0.03));
  require_close(run(spin), turning);
}
