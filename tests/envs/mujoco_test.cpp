// The MuJoCo environments against independent truth: a cart-pole integrated here from its
// Lagrangian, free fall, and rewards and observations recomputed from qpos and qvel. The models
// have a test of their own (model_facts_test.cpp).
#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <memory>
#include <mujoco/mujoco.h>
#include <numbers>
#include <span>
#include <string>
#include <unistd.h>
#include <vector>

#include "envs/assets.h"
#include "envs/env.h"
#include "envs/env_config.h"
#include "envs/mujoco/model.h"
#include "envs/mujoco/tasks.h"
#include "envs/random.h"

using namespace costate;
using Catch::Contains;

namespace {

constexpr double kPi = std::numbers::pi;

/// Volume of a capsule with the given radius and half-length of its cylinder.
double capsule_volume(double radius, double half_length) {
  return kPi * radius * radius * 2.0 * half_length + 4.0 / 3.0 * kPi * std::pow(radius, 3);
}

/// An environment with the buffers to drive it.
struct Driver {
  explicit Driver(std::unique_ptr<Env> made)
      : env(std::move(made)),
        observation(static_cast<std::size_t>(env->spec().observation.size())),
        action(static_cast<std::size_t>(env->spec().action.size())) {}

  StepResult step() { return env->step(action, observation); }
  StepResult step_randomly(RandomStream& random, double scale = 1.0) {
    for (std::size_t i = 0; i < action.size(); ++i) {
      action[i] =
          static_cast<float>(scale * random.uniform(-1.0, 1.0) * env->spec().action.high[i]);
    }
    return step();
  }
  void start_at(std::vector<double> qpos, std::vector<double> qvel) {
    env->reset_to(PhysicalState{std::move(qpos), std::move(qvel), {}}, observation);
  }
  std::vector<double> qpos() const { return env->physical_state().qpos; }
  std::vector<double> qvel() const { return env->physical_state().qvel; }

  std::unique_ptr<Env> env;
  std::vector<double> observation;
  std::vector<float> action;
};

using Maker = std::unique_ptr<Env> (*)();
const Maker half_cheetah = [] { return make_half_cheetah({}); };
const Maker hopper = [] { return make_hopper({}); };
const Maker walker2d = [] { return make_walker2d({}); };
const Maker inverted_pendulum = [] { return make_inverted_pendulum({}); };
const std::array<Maker, 4> kMakers = {half_cheetah, hopper, walker2d, inverted_pendulum};

/// A folder of this process alone: tests may run at the same time.
std::filesystem::path own_folder() {
  return std::filesystem::temp_directory_path() /
         ("costate_mujoco_test_" + std::to_string(getpid()));
}

bool same_bits(const std::vector<double>& a, const std::vector<double>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0;
}

}  // namespace

TEST_CASE("specs state limits, thresholds, bounds and durations") {
  struct Facts {
    const char* id;
    int observation, action;
    double bound, control_step;
    std::optional<double> threshold;
  };
  const std::array<Facts, 4> facts = {{{"HalfCheetah-v5", 17, 6, 1.0, 0.05, 4800.0},
                                       {"Hopper-v5", 11, 3, 1.0, 0.008, 3800.0},
                                       {"Walker2d-v5", 17, 6, 1.0, 0.008, std::nullopt},
                                       {"InvertedPendulum-v5", 4, 1, 3.0, 0.04, 950.0}}};
  for (std::size_t i = 0; i < facts.size(); ++i) {
    const auto env = kMakers[i]();
    const EnvSpec& spec = env->spec();
    INFO(spec.id);
    CHECK(spec.id == facts[i].id);
    CHECK(spec.family == "mujoco");
    CHECK(spec.observation.size() == facts[i].observation);
    CHECK(spec.observation.labels.size() == spec.observation.low.size());
    CHECK_FALSE(spec.observation.bounded());
    CHECK(spec.action.size() == facts[i].action);
    CHECK(spec.action.labels.size() == spec.action.low.size());
    for (const double low : spec.action.low) CHECK(low == -facts[i].bound);
    for (const double high : spec.action.high) CHECK(high == facts[i].bound);
    CHECK(spec.control_step == Approx(facts[i].control_step).epsilon(1e-14));
    CHECK(spec.time_limit == 1000);
    CHECK(spec.reward_threshold == facts[i].threshold);
  }
}

TEST_CASE("resets add noise to qpos, then to qvel, from the seed's stream") {
  const auto widths = std::array{0.1, 0.005, 0.005, 0.01};
  for (std::size_t task = 0; task < kMakers.size(); ++task) {
    Driver driver(kMakers[task]());
    INFO(driver.env->spec().id);
    driver.env->reset_to(std::nullopt, driver.observation);
    std::vector<double> qpos = driver.qpos();
    std::vector<double> qvel = driver.qvel();
    CHECK(qvel == std::vector<double>(qvel.size(), 0.0));

    driver.env->reset(42, driver.observation);
    RandomStream random(42);
    for (double& q : qpos) q += random.uniform(-widths[task], widths[task]);
    for (double& v : qvel) {
      v = task == 0 ? 0.1 * random.normal() : random.uniform(-widths[task], widths[task]);
    }
    CHECK(driver.qpos() == qpos);
    CHECK(driver.qvel() == qvel);
  }
}

TEST_CASE("resets of the tasks beyond the planar ones follow their definitions") {
  const auto within = [](std::span<const double> values, double half_width) {
    return std::ranges::all_of(values, [=](double x) { return std::abs(x) <= half_width; });
  };
  Driver reacher(make_reacher({}));
  Driver pusher(make_pusher({}));
  double farthest_target = 0.0;
  double nearest_object = 1.0;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    INFO(seed);
    reacher.env->reset(seed, reacher.observation);
    const auto arm = reacher.env->physical_state();
    const double target = std::hypot(arm.qpos[2], arm.qpos[3]);
    CHECK(target < 0.2);
    farthest_target = std::max(farthest_target, target);
    CHECK(within(std::span(arm.qpos).first(2), 0.1));
    CHECK(within(std::span(arm.qvel).first(2), 0.005));
    CHECK(within(std::span(arm.qvel).last(2), 0.0));

    pusher.env->reset(seed, pusher.observation);
    const auto push = pusher.env->physical_state();
    const double object = std::hypot(push.qpos[7], push.qpos[8]);
    CHECK(object > 0.17);
    nearest_object = std::min(nearest_object, object);
    CHECK((-0.3 <= push.qpos[7] && push.qpos[7] <= 0.0));
    CHECK(std::abs(push.qpos[8]) <= 0.2);
    CHECK(within(std::span(push.qpos).first(7), 0.0));
    CHECK(within(std::span(push.qpos).last(2), 0.0));
    CHECK(within(std::span(push.qvel).first(7), 0.005));
    CHECK(within(std::span(push.qvel).last(4), 0.0));
  }
  CHECK(farthest_target > 0.19);
  CHECK(nearest_object < 0.18);

  // The others add noise from the seed's stream, in order. Quaternions are normalised afterwards.
  struct Noise {
    std::unique_ptr<Env> env;
    double scale;
    bool gaussian_speed, free_root;
  };
  std::vector<Noise> noises;
  noises.push_back({make_ant({}), 0.1, true, true});
  noises.push_back({make_humanoid({}), 0.01, false, true});
  noises.push_back({make_humanoid_standup({}), 0.01, false, true});
  noises.push_back({make_swimmer({}), 0.1, false, false});
  noises.push_back({make_inverted_double_pendulum({}), 0.1, true, false});
  for (Noise& noise : noises) {
    Driver driver(std::move(noise.env));
    INFO(driver.env->spec().id);
    driver.env->reset_to(std::nullopt, driver.observation);
    PhysicalState start = driver.env->physical_state();
    driver.env->reset(42, driver.observation);
    RandomStream random(42);
    for (double& q : start.qpos) q += random.uniform(-noise.scale, noise.scale);
    for (double& v : start.qvel) {
      v = noise.gaussian_speed ? noise.scale * random.normal()
                               : random.uniform(-noise.scale, noise.scale);
    }
    if (noise.free_root) mju_normalize4(start.qpos.data() + 3);
    for (std::size_t i = 0; i < start.qpos.size(); ++i) {
      CHECK(driver.qpos()[i] == Approx(start.qpos[i]).margin(1e-14));
    }
    CHECK(driver.qvel() == start.qvel);
  }
}

TEST_CASE("HalfCheetah's observation and reward follow from qpos and qvel") {
  Driver driver(half_cheetah());
  RandomStream random(1);
  driver.env->reset(1, driver.observation);
  for (int i = 0; i < 200; ++i) {
    const double x = driver.qpos()[0];
    const StepResult result = driver.step_randomly(random, 1.5);
    const auto qpos = driver.qpos();
    const auto qvel = driver.qvel();
    double squares = 0.0;
    for (const float a : driver.action) squares += double{a} * double{a};
    CHECK(result.reward == Approx((qpos[0] - x) / 0.05 - 0.1 * squares).epsilon(1e-12));
    CHECK_FALSE(result.terminated);
    std::vector<double> expected(qpos.begin() + 1, qpos.end());
    expected.insert(expected.end(), qvel.begin(), qvel.end());
    CHECK(driver.observation == expected);
  }
}

TEST_CASE("Hopper's and Walker2d's observations and rewards follow from qpos and qvel") {
  for (const bool walker : {false, true}) {
    Driver driver(walker ? walker2d() : hopper());
    INFO(driver.env->spec().id);
    RandomStream random(2);
    driver.env->reset(1, driver.observation);
    int healthy_steps = 0;
    int unhealthy_steps = 0;
    bool clipped = false;
    for (int i = 0; i < 300; ++i) {
      const double x = driver.qpos()[0];
      // Actions that are held for a while make joints fast enough for the clip.
      const StepResult result = i % 20 == 0 ? driver.step_randomly(random, 2.0) : driver.step();
      const auto qpos = driver.qpos();
      const auto qvel = driver.qvel();
      const bool healthy = walker ? qpos[1] > 0.8 && qpos[1] < 2.0 && std::abs(qpos[2]) < 1.0
                                  : qpos[1] > 0.7 && std::abs(qpos[2]) < 0.2;
      ++(healthy ? healthy_steps : unhealthy_steps);
      double squares = 0.0;
      for (const float a : driver.action) squares += double{a} * double{a};
      const double reward = (qpos[0] - x) / 0.008 + (healthy ? 1.0 : 0.0) - 0.001 * squares;
      CHECK(result.reward == Approx(reward).epsilon(1e-12));
      CHECK(result.terminated == !healthy);
      for (std::size_t k = 1; k < qpos.size(); ++k) CHECK(driver.observation[k - 1] == qpos[k]);
      for (std::size_t k = 0; k < qvel.size(); ++k) {
        const double v = std::min(10.0, std::max(-10.0, qvel[k]));
        CHECK(driver.observation[qpos.size() - 1 + k] == v);
        clipped = clipped || v != qvel[k];
      }
    }
    CHECK(healthy_steps > 0);
    CHECK(unhealthy_steps > 0);
    CHECK(clipped);
  }
}

TEST_CASE("tasks terminate at their boundaries") {
  const auto terminates = [](Maker make, std::vector<double> qpos, std::vector<double> qvel) {
    Driver driver(make());
    driver.start_at(std::move(qpos), std::move(qvel));
    return driver.step().terminated;
  };
  const std::vector<double> rest6(6, 0.0);
  const std::vector<double> rest9(9, 0.0);
  // Free fall over 8 ms takes off 0.31 mm and turns nothing, so 1 mm around a bound is decisive.
  // The hopper's legs are folded away from the floor.
  CHECK_FALSE(terminates(hopper, {0, 0.7015, 0, -1.5, -2.5, 0}, rest6));
  CHECK(terminates(hopper, {0, 0.6995, 0, -1.5, -2.5, 0}, rest6));
  for (const double sign : {1.0, -1.0}) {
    CHECK_FALSE(terminates(hopper, {0, 4, sign * 0.1999, 0, 0, 0}, rest6));
    CHECK(terminates(hopper, {0, 4, sign * 0.2001, 0, 0, 0}, rest6));
    // Angles and velocities outside (−100, 100); one that terminates no other way.
    CHECK_FALSE(terminates(hopper, {0, 4, 0, 0, 0, 0}, {sign * 99, 0, 0, 0, 0, 0}));
    CHECK(terminates(hopper, {0, 4, 0, 0, 0, 0}, {sign * 101, 0, 0, 0, 0, 0}));
    CHECK_FALSE(terminates(walker2d, {0, 1.9, sign * 0.999, 0, 0, 0, 0, 0, 0}, rest9));
    CHECK(terminates(walker2d, {0, 1.9, sign * 1.001, 0, 0, 0, 0, 0, 0}, rest9));
    CHECK_FALSE(terminates(inverted_pendulum, {0, sign * 0.19}, {0, 0}));
    CHECK(terminates(inverted_pendulum, {0, sign * 0.201}, {0, 0}));
  }
  // A hopper may be anywhere along x, and as high as it likes.
  CHECK_FALSE(terminates(hopper, {1000, 1000, 0, 0, 0, 0}, rest6));
  CHECK_FALSE(terminates(walker2d, {0, 1.9995, 0, 0, 0, 0, 0, 0, 0}, rest9));
  CHECK(terminates(walker2d, {0, 2.001, 0, 0, 0, 0, 0, 0, 0}, rest9));
  CHECK(terminates(walker2d, {0, 0.799, 0, -1.5, -2.5, 0, -1.5, -2.5, 0}, rest9));

  Driver pendulum(inverted_pendulum());
  pendulum.start_at({0, 0.1}, {0, 0});
  CHECK(pendulum.step().reward == 1.0);
  pendulum.start_at({0, 0.3}, {0, 0});
  CHECK(pendulum.step().reward == 0.0);
}

TEST_CASE("bodies in free fall follow the closed form") {
  // RK4 is exact for a constant acceleration.
  Driver falling(hopper());
  falling.start_at({0, 20, 0.1, -0.4, -0.7, 0.2}, std::vector<double>(6, 0.0));
  for (int i = 0; i < 50; ++i) falling.step();
  const double t = 50 * 0.008;
  CHECK(falling.qpos()[1] == Approx(20 - 0.5 * 9.81 * t * t).epsilon(1e-9));
  CHECK(falling.qvel()[1] == Approx(-9.81 * t).epsilon(1e-9));
  CHECK(falling.qpos()[3] == Approx(-0.4).epsilon(1e-9));
  CHECK(falling.qvel()[4] == Approx(0.0).margin(1e-9));

  // Semi-implicit Euler: v_n = −g·n·h, z_n = z_0 − g·h²·n(n+1)/2. Springs are at rest.
  Driver cheetah(half_cheetah());
  std::vector<double> start(9, 0.0);
  start[1] = 20;
  cheetah.start_at(start, std::vector<double>(9, 0.0));
  for (int i = 0; i < 10; ++i) cheetah.step();
  CHECK(cheetah.qpos()[1] == Approx(20 - 9.81 * 1e-4 * 50 * 51 / 2).epsilon(1e-12));
  CHECK(cheetah.qvel()[1] == Approx(-9.81 * 0.5).epsilon(1e-12));
}

TEST_CASE("InvertedPendulum agrees with a cart-pole integrated from its Lagrangian") {
  // Cart x, pole angle θ about +y; the pole's centre of mass sits at (dx, dz) when θ = 0.
  const double radius = 0.049;
  const double length = std::hypot(0.001, 0.6);
  const double cart = 1000 * capsule_volume(0.1, 0.1);
  const double cylinder = 1000 * kPi * radius * radius * length;
  const double ball = 1000 * 4.0 / 3.0 * kPi * std::pow(radius, 3);
  const double pole = cylinder + ball;
  const double dx = 0.0005;
  const double dz = 0.3;
  const double inertia =
      cylinder * (3 * radius * radius + length * length) / 12 +
      ball * (0.4 * radius * radius + length * length / 4 + 3.0 / 8.0 * length * radius);
  using State = std::array<double, 4>;  // x, θ, x', θ'
  const auto derivative = [&](const State& s, double force) {
    const double com_x = dx * std::cos(s[1]) + dz * std::sin(s[1]);   // relative to the cart
    const double com_z = -dx * std::sin(s[1]) + dz * std::cos(s[1]);  // = d com_x / dθ
    const double m11 = cart + pole;
    const double m12 = pole * com_z;
    const double m22 = inertia + pole * (dx * dx + dz * dz);
    const double f1 = force - s[2] + pole * com_x * s[3] * s[3];
    const double f2 = -s[3] + pole * 9.81 * com_x;
    const double det = m11 * m22 - m12 * m12;
    return State{s[2], s[3], (m22 * f1 - m12 * f2) / det, (m11 * f2 - m12 * f1) / det};
  };
  const auto rk4 = [&](const State& s, double force, double h) {
    const auto at = [&](const State& k, double step) {
      State moved = s;
      for (std::size_t i = 0; i < 4; ++i) moved[i] += step * k[i];
      return moved;
    };
    const State k1 = derivative(s, force);
    const State k2 = derivative(at(k1, h / 2), force);
    const State k3 = derivative(at(k2, h / 2), force);
    const State k4 = derivative(at(k3, h), force);
    State next = s;
    for (std::size_t i = 0; i < 4; ++i) next[i] += h / 6 * (k1[i] + 2 * k2[i] + 2 * k3[i] + k4[i]);
    return next;
  };

  Driver driver(inverted_pendulum());
  State state = {0.05, 0.1, -0.2, -0.3};
  driver.start_at({state[0], state[1]}, {state[2], state[3]});
  RandomStream random(3);
  for (int i = 0; i < 15; ++i) {
    driver.action[0] = static_cast<float>(random.uniform(-0.2, 0.2));
    if (i == 5) driver.action[0] = 7.0f;  // clamped to 3 by the actuator
    if (i == 6) driver.action[0] = -7.0f;
    driver.step();
    const double force = 100.0 * std::min(3.0, std::max(-3.0, double{driver.action[0]}));
    for (int k = 0; k < 2; ++k) state = rk4(state, force, 0.02);
    REQUIRE(std::abs(state[0]) < 0.95);  // off the rail's ends, which the formula does not know
    REQUIRE(std::abs(state[1]) < 1.5);
    for (std::size_t k = 0; k < 4; ++k) {
      CHECK(driver.observation[k] == Approx(state[k]).epsilon(1e-9).margin(1e-10));
    }
  }
}

TEST_CASE("saving and restoring in mid-episode is bit-exact, with contacts") {
  for (const Maker make : kMakers) {
    Driver original(make());
    Driver restored(make());
    INFO(original.env->spec().id);
    RandomStream random(4);
    original.env->reset(1, original.observation);
    restored.env->reset(2, restored.observation);
    for (int i = 0; i < 30; ++i) original.step_randomly(random);
    std::vector<std::byte> bytes;
    StateWriter writer(bytes);
    original.env->save_state(writer);
    StateReader reader(bytes);
    restored.env->restore_state(reader);
    CHECK(reader.remaining() == 0);
    for (int i = 0; i < 200; ++i) {
      const StepResult a = original.step_randomly(random);
      restored.action = original.action;
      const StepResult b = restored.step();
      REQUIRE(same_bits(original.observation, restored.observation));
      REQUIRE(same_bits({a.reward}, {b.reward}));
      REQUIRE(same_bits(original.qpos(), restored.qpos()));
    }
    bytes.pop_back();
    StateReader too_short(bytes);
    CHECK_THROWS_AS(restored.env->restore_state(too_short), Error);
  }
}

TEST_CASE("what is simulated ahead of a step changes nothing but who does it") {
  const std::string id = GENERATE("HalfCheetah-v5", "Hopper-v5", "Ant-v5", "dmc/quadruped-walk");
  Driver whole(EnvConfig(id).make());
  Driver parts(EnvConfig(id).make());
  const int head_starts = parts.env->head_starts();
  REQUIRE(head_starts >= 3);
  whole.env->reset(7, whole.observation);
  parts.env->reset(7, parts.observation);
  RandomStream random(3);
  for (int step = 0; step < 40; ++step) {
    const StepResult expected = whole.step_randomly(random);
    parts.action = whole.action;
    std::vector<std::byte> before;
    StateWriter writer(before);
    parts.env->save_state(writer);
    for (int i = 0; i < step % (head_starts + 1); ++i) parts.env->head_start(parts.action);
    if (step % 7 == 3) {  // dropped, and nothing of it stays
      StateReader reader(before);
      parts.env->restore_state(reader);
    }
    const StepResult got = parts.step();
    CHECK(got.reward == expected.reward);
    CHECK(got.terminated == expected.terminated);
    CHECK(parts.observation == whole.observation);
  }
}

TEST_CASE("a given start leaves no trace of what was before") {
  Driver used(half_cheetah());
  Driver fresh(half_cheetah());
  RandomStream random(5);
  used.env->reset(1, used.observation);
  for (int i = 0; i < 50; ++i) used.step_randomly(random);
  const auto state = used.env->physical_state();
  for (Driver* driver : {&used, &fresh}) {
    driver->start_at(state.qpos, state.qvel);
    CHECK(driver->qpos() == state.qpos);
    CHECK(driver->qvel() == state.qvel);
  }
  CHECK(same_bits(used.observation, fresh.observation));
  for (int i = 0; i < 50; ++i) {
    used.step_randomly(random);
    fresh.action = used.action;
    fresh.step();
    REQUIRE(same_bits(used.observation, fresh.observation));
  }
  CHECK_THROWS_WITH(used.start_at({1, 2}, std::vector<double>(9, 0.0)),
                    Contains("HalfCheetah-v5") && Contains("9 qpos and 9 qvel, got 2 qpos"));
}

TEST_CASE("buffers never overflow, whatever the pose") {
  // Deep in the floor every capsule touches it in two points, and wild angles exceed all limits.
  for (const std::string& id : env_ids()) {
    const auto env = make_env(id);
    if (env->spec().family != "mujoco" && env->spec().family != "dmc") continue;
    INFO(id);
    Driver driver(make_env(id));
    driver.env->reset(1, driver.observation);
    RandomStream random(6);
    for (int trial = 0; trial < 15; ++trial) {
      std::vector<double> qpos(driver.qpos().size());
      std::vector<double> qvel(driver.qvel().size());
      for (double& q : qpos) q = random.uniform(-4, 4);
      for (double& v : qvel) v = random.uniform(-20, 20);
      // A free root has a height and a quaternion, a planar one a height alone.
      const bool is_free = qpos.size() == qvel.size() + 1;
      if (is_free) {
        qpos[2] = random.uniform(-4, 1);
        mju_normalize4(qpos.data() + 3);
      } else if (qpos.size() > 2) {
        qpos[1] = random.uniform(-6, 1);
      }
      try {
        driver.start_at(qpos, qvel);
        for (int i = 0; i < 3; ++i) driver.step_randomly(random, 1000.0);
      } catch (const Error& error) {
        // Some of these motions diverge, which is reported; that there was no room is a fault.
        REQUIRE_THAT(error.what(), Contains("diverged"));
      }
    }
  }
}

namespace {

std::size_t allocated = 0;

void* counting_malloc(std::size_t size) {
  allocated += size;
  return std::aligned_alloc(64, (size + 63) / 64 * 64);
}

}  // namespace

TEST_CASE("an environment of a model that is loaded takes less than 300 kB") {
  for (const Maker make : kMakers) {
    const auto first = make();
    allocated = 0;
    mju_user_malloc = counting_malloc;
    mju_user_free = std::free;
    const auto second = make();
    mju_user_malloc = nullptr;
    INFO(second->spec().id);
    CHECK(allocated > 10'000);
    CHECK(allocated < 300'000);
  }
  mju_user_free = nullptr;
}

TEST_CASE("a diverging simulation is an Error and can be reset") {
  Driver driver(half_cheetah());
  std::vector<double> speeds(9, 0.0);
  speeds[3] = 1e11;
  driver.start_at(std::vector<double>(9, 0.0), speeds);
  CHECK_THROWS_WITH(driver.step(), Contains("HalfCheetah-v5") && Contains("qvel diverged"));
  driver.env->reset(1, driver.observation);
  CHECK_NOTHROW(driver.step());

  driver.action[2] = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_WITH(driver.step(), Contains("an action is not a finite number"));
  driver.action[2] = 0.0f;
  driver.env->reset(1, driver.observation);
  CHECK_NOTHROW(driver.step());
}

TEST_CASE("environments that take turns on one simulator do not disturb each other") {
  for (const Maker make : kMakers) {
    Driver alone(make());
    Driver shared(make());
    Driver other(make());
    INFO(alone.env->spec().id);
    alone.env->reset(1, alone.observation);
    std::vector<std::vector<double>> expected;
    RandomStream actions(2);
    for (int i = 0; i < 50; ++i) {
      alone.step_randomly(actions);
      expected.push_back(alone.observation);
    }

    shared.env->reset(1, shared.observation);
    RandomStream same_actions(2);
    RandomStream other_actions(3);
    for (int i = 0; i < 50; ++i) {
      if (i % 10 == 0) {
        // One that fails leaves neither its numbers nor its warnings behind.
        std::vector<double> speeds(other.qvel().size(), 0.0);
        speeds[0] = 1e11;
        other.start_at(std::vector<double>(other.qpos().size(), 0.0), speeds);
        CHECK_THROWS_AS(other.step(), Error);
        CHECK(other.qvel() == speeds);
        other.env->reset(static_cast<std::uint64_t>(i), other.observation);
      }
      other.step_randomly(other_actions);
      shared.step_randomly(same_actions);
      CHECK(same_bits(shared.observation, expected[static_cast<std::size_t>(i)]));
    }
  }
}

TEST_CASE("MuJoCo's errors are thrown, and it leaves no log file behind") {
  namespace fs = std::filesystem;
  const fs::path folder = own_folder();
  fs::create_directories(folder);
  const fs::path before = fs::current_path();
  fs::current_path(folder);

  const auto model = shared_model(asset_path("hopper.xml"));
  CHECK(shared_model(asset_path("hopper.xml")) == model);
  CHECK_THROWS_WITH(mju_error("out of stack"), Contains("out of stack"));
  // The same through frames of MuJoCo's own C code.
  const std::unique_ptr<mjData, void (*)(mjData*)> data(mj_makeData(model.get()), mj_deleteData);
  CHECK_THROWS_AS(mj_stackAlloc(data.get(), 1 << 28), Error);
  mju_warning("nothing to see");

  std::ofstream("broken.xml") << "<mujoco><worldbody><body><geom size=\"x\"/></body></worldbody>";
  CHECK_THROWS_WITH(shared_model(folder / "broken.xml"), Contains("broken.xml") && !Contains("\n"));
  CHECK_THROWS_WITH(asset_path("no_such.xml"), Contains("no_such.xml") && Contains("COSTATE_DATA"));
  CHECK_FALSE(fs::exists("MUJOCO_LOG.TXT"));

  fs::current_path(before);
  fs::remove_all(folder);
}

TEST_CASE("COSTATE_DATA goes before the installed data") {
  namespace fs = std::filesystem;
  const fs::path folder = own_folder();
  fs::create_directories(folder / "assets");
  std::ofstream(folder / "assets" / "hopper.xml") << "<mujoco/>";
  const char* set_before = std::getenv("COSTATE_DATA");
  const std::string saved = set_before != nullptr ? set_before : "";
  setenv("COSTATE_DATA", folder.c_str(), 1);
  CHECK(asset_path("hopper.xml") == folder / "assets" / "hopper.xml");
  CHECK_THROWS_WITH(asset_path("no_such.xml"), Contains(folder.string()));
  set_before != nullptr ? setenv("COSTATE_DATA", saved.c_str(), 1) : unsetenv("COSTATE_DATA");
  fs::remove_all(folder);
}
