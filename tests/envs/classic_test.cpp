// Classic control: each step against equations of motion written down another way, values worked by
// hand, and what the six environments have in common.
#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstddef>
#include <limits>
#include <memory>
#include <numbers>
#include <string>
#include <utility>
#include <vector>

#include "envs/classic/double_integrator.h"
#include "envs/env_config.h"
#include "envs/format.h"
#include "envs/random.h"

namespace costate {
namespace {

constexpr double kPi = std::numbers::pi;

const std::vector<std::string> kIds = {"Acrobot-v1",
                                       "CartPole-v1",
                                       "DoubleIntegrator-v0",
                                       "MountainCar-v0",
                                       "MountainCarContinuous-v0",
                                       "Pendulum-v1"};

/// Rounded to float32, through memory that the compiler cannot skip.
double as_float32(double value) {
  const volatile float rounded = static_cast<float>(value);
  return rounded;
}

struct Step {
  StepResult result;
  std::vector<double> state;
  std::vector<double> observation;
};

/// One step of `id` with a one-number action from a given state, its parameters scaled as the
/// option `randomize` says.
Step step_from(const std::string& id, const std::vector<double>& state, float action,
               const std::string& randomize = "") {
  auto env = EnvConfig(id, {{"randomize", randomize, "test"}}).make();
  Step step;
  step.observation.resize(static_cast<std::size_t>(env->spec().observation.size()));
  PhysicalState start;
  start.state = state;
  env->reset_to(start, step.observation);
  REQUIRE(env->physical_state().state == state);
  step.result = env->step(std::vector<float>{action}, step.observation);
  step.state = env->physical_state().state;
  return step;
}

void check_near(const std::vector<double>& actual, const std::vector<double>& expected,
                double margin) {
  REQUIRE(actual.size() == expected.size());
  for (std::size_t i = 0; i < actual.size(); ++i) {
    INFO("entry " << i);
    CHECK(actual[i] == Approx(expected[i]).margin(margin).epsilon(0.0));
  }
}

/// The solution of the symmetric system [[a, b], [b, c]] y = (p, q), by Cramer's rule.
std::array<double, 2> solve(double a, double b, double c, double p, double q) {
  const double determinant = a * c - b * b;
  return {(p * c - b * q) / determinant, (a * q - b * p) / determinant};
}

// ---- CartPole

TEST_CASE("CartPole follows the coupled equations of cart and pole") {
  struct Case {
    const char* randomize;
    double cart, pole, half_length, push, gravity;
  };
  RandomStream stream(1);
  for (int trial = 0; trial < 60; ++trial) {
    const Case c =
        trial < 30   ? Case{"", 1.0, 0.1, 0.5, 10.0, 9.8}
        : trial < 45 ? Case{"mass 2..2, mass/pole 3..3, length 0.5..0.5", 2.0, 0.6, 0.25, 10.0, 9.8}
                     : Case{"mass/cart 0.5..0.5, gear 1.5..1.5, gravity 0.25..0.25",
                            0.5,
                            0.1,
                            0.5,
                            15.0,
                            2.45};
    const std::vector<double> s = {stream.uniform(-2, 2), stream.uniform(-3, 3),
                                   stream.uniform(-0.2, 0.2), stream.uniform(-3, 3)};
    const int action = static_cast<int>(stream.below(2));
    const Step step = step_from("CartPole-v1", s, static_cast<float>(action), c.randomize);

    // Lagrange's equations of a cart (1 kg) and a uniform rod (0.1 kg, half length 0.5 m, inertia
    // 4/3 m l² about the hinge), all as given:
    //   (M + m) ẍ + m l cos θ θ̈ = F + m l θ̇² sin θ
    //   m l cos θ ẍ + 4/3 m l² θ̈ = m g l sin θ
    const double ml = c.pole * c.half_length;
    const double force = action == 1 ? c.push : -c.push;
    const auto [x_acceleration, angle_acceleration] =
        solve(c.cart + c.pole, ml * std::cos(s[2]), 4.0 / 3.0 * ml * c.half_length,
              force + ml * s[3] * s[3] * std::sin(s[2]), ml * c.gravity * std::sin(s[2]));
    check_near(step.state,
               {s[0] + 0.02 * s[1], s[1] + 0.02 * x_acceleration, s[2] + 0.02 * s[3],
                s[3] + 0.02 * angle_acceleration},
               1e-13);
    for (std::size_t i = 0; i < 4; ++i) {
      CHECK(step.observation[i] == as_float32(step.state[i]));
    }
    CHECK(step.result.reward == 1.0);
  }
}

TEST_CASE("CartPole by hand: a push to the right from rest") {
  // θ̈ = −(10 / 1.1) / (0.5 (4/3 − 0.1 / 1.1)) = −600 / 41; ẍ = 10 / 1.1 + 0.05 · 600 / 41 / 1.1 =
  // 400 / 41.
  const Step step = step_from("CartPole-v1", {0, 0, 0, 0}, 1.0f);
  check_near(step.state, {0.0, 0.02 * 400.0 / 41.0, 0.0, -0.02 * 600.0 / 41.0}, 1e-15);
  CHECK_FALSE(step.result.terminated);
}

TEST_CASE("CartPole terminates beyond 2.4 m or 12 degrees, with reward 1") {
  CHECK_FALSE(step_from("CartPole-v1", {2.38, 0.9, 0, 0}, 0.0f).result.terminated);
  CHECK(step_from("CartPole-v1", {2.38, 1.1, 0, 0}, 0.0f).result.terminated);
  CHECK(step_from("CartPole-v1", {-2.38, -1.1, 0, 0}, 0.0f).result.terminated);
  const double limit = 12.0 * kPi / 180.0;
  CHECK_FALSE(step_from("CartPole-v1", {0, 0, limit - 0.001, 0.04}, 0.0f).result.terminated);
  const Step fallen = step_from("CartPole-v1", {0, 0, limit - 0.001, 0.06}, 0.0f);
  CHECK(fallen.result.terminated);
  CHECK(fallen.result.reward == 1.0);
  CHECK(step_from("CartPole-v1", {0, 0, 0.001 - limit, -0.06}, 1.0f).result.terminated);
}

// ---- Pendulum

TEST_CASE("Pendulum follows the equation of a rod about its end") {
  RandomStream stream(2);
  for (int trial = 0; trial < 50; ++trial) {
    const double angle = stream.uniform(-10, 10);
    const double speed = stream.uniform(-5, 5);
    const auto action = static_cast<float>(stream.uniform(-3, 3));
    const Step step = step_from("Pendulum-v1", {angle, speed}, action);

    // Inertia m l² / 3, torque of the weight m g l / 2 sin θ.
    const double torque = std::fmin(2.0, std::fmax(-2.0, action));
    const double next_speed = speed + 0.05 * (5.0 * std::sin(angle) + torque) / (1.0 / 3.0);
    check_near(step.state, {angle + 0.05 * next_speed, next_speed}, 1e-13);
    // atan2 of the sine and cosine is the angle within half a turn.
    const double wrapped = std::atan2(std::sin(angle), std::cos(angle));
    CHECK(step.result.reward ==
          Approx(-(wrapped * wrapped + 0.1 * speed * speed + 0.001 * torque * torque))
              .epsilon(1e-12));
    CHECK(step.observation[0] == Approx(std::cos(step.state[0])).margin(6e-8));
    CHECK(step.observation[1] == Approx(std::sin(step.state[0])).margin(6e-8));
    CHECK(step.observation[2] == Approx(step.state[1]).margin(5e-7));
    CHECK_FALSE(step.result.terminated);
  }
}

TEST_CASE("Pendulum by hand: level, with a torque beyond the limit") {
  const Step step = step_from("Pendulum-v1", {kPi / 2.0, 1.0}, 3.0f);
  check_near(step.state, {kPi / 2.0 + 0.1025, 2.05}, 1e-14);  // (15 + 3 · 2) · 0.05 = 1.05
  CHECK(step.result.reward == Approx(-(kPi * kPi / 4.0 + 0.1 + 0.004)).epsilon(1e-14));

  const Step fast = step_from("Pendulum-v1", {kPi / 2.0, 7.9}, 2.0f);
  check_near(fast.state, {kPi / 2.0 + 0.4, 8.0}, 1e-14);

  // Twice the mass, half the length: 3 · 10 / (2 · ½) + 3 / (2 · ¼) · 2 = 42; then a gravity of 5
  // and half the torque: 7.5 + 3 · 1.
  check_near(step_from("Pendulum-v1", {kPi / 2.0, 1.0}, 3.0f, "mass 2..2, length 0.5..0.5").state,
             {kPi / 2.0 + 0.155, 3.1}, 1e-14);
  check_near(
      step_from("Pendulum-v1", {kPi / 2.0, 1.0}, 3.0f, "gravity 0.5..0.5, gear 0.5..0.5").state,
      {kPi / 2.0 + 0.07625, 1.525}, 1e-14);
}

TEST_CASE("Pendulum's torque costs what the option says, and nothing else changes") {
  auto plain = make_env("Pendulum-v1");
  std::vector<double> observation(3);
  std::vector<double> expected(3);
  for (const double cost : {0.0, 0.001, 0.3}) {
    auto env = EnvConfig("Pendulum-v1", {{"torque_cost", std::to_string(cost), "test"}}).make();
    RandomStream stream(8);
    env->reset(5, observation);
    plain->reset(5, expected);
    for (int step = 0; step < 50; ++step) {
      const auto action = static_cast<float>(stream.uniform(-3, 3));
      const double torque = std::fmin(2.0, std::fmax(-2.0, action));
      const double reward = env->step(std::vector<float>{action}, observation).reward;
      const double nominal = plain->step(std::vector<float>{action}, expected).reward;
      CHECK(observation == expected);
      CHECK(reward == Approx(nominal + (0.001 - cost) * torque * torque).margin(1e-13));
      if (cost == 0.001) CHECK(reward == nominal);
    }
  }
  const EnvConfig config("Pendulum-v1", {{"torque_cost", "0.3", "test"}});
  CHECK_THAT(config.make()->spec().reward, Catch::Contains("0.3 torque^2"));
  CHECK_THAT(plain->spec().reward, Catch::Contains("0.001 torque^2"));
  CHECK_THROWS_WITH(EnvConfig("Pendulum-v1", {{"torque_cost", "-1", "test"}}),
                    Catch::Contains("torque_cost = -1: expected a number >= 0"));
}

// ---- Acrobot

/// Two links: masses, lengths with the centres in the middle, moments of inertia about these.
struct Links {
  double m1 = 1.0, m2 = 1.0, l1 = 1.0, l2 = 1.0, i1 = 1.0, i2 = 1.0, g = 9.8;
};

/// d/dt (θ1, θ2, θ̇1, θ̇2) from M(q) q̈ + C(q, q̇) + G(q) = (0, τ).
std::array<double, 4> acrobot_derivative(const std::array<double, 4>& s, double torque,
                                         const Links& k) {
  const double r1 = k.l1 / 2.0;
  const double r2 = k.l2 / 2.0;
  const double c = k.m2 * k.l1 * r2 * std::cos(s[1]);
  const double h = k.m2 * k.l1 * r2 * std::sin(s[1]);
  const double m22 = k.m2 * r2 * r2 + k.i2;
  const double m12 = m22 + c;
  const double m11 = k.m1 * r1 * r1 + k.i1 + k.m2 * k.l1 * k.l1 + m22 + 2.0 * c;
  const double g2 = k.m2 * r2 * k.g * std::sin(s[0] + s[1]);
  const double g1 = (k.m1 * r1 + k.m2 * k.l1) * k.g * std::sin(s[0]) + g2;
  const double c1 = -h * (2.0 * s[2] * s[3] + s[3] * s[3]);
  const double c2 = h * s[2] * s[2];
  const auto [a1, a2] = solve(m11, m12, m22, -c1 - g1, torque - c2 - g2);
  return {s[2], s[3], a1, a2};
}

/// Kinetic and potential energy from the velocities and heights of the two centres of mass.
double acrobot_energy(const std::vector<double>& s) {
  const double elbow_x = std::cos(s[0]) * s[2];
  const double elbow_y = std::sin(s[0]) * s[2];
  const double spin = s[2] + s[3];
  const double centre_x = elbow_x + 0.5 * std::cos(s[0] + s[1]) * spin;
  const double centre_y = elbow_y + 0.5 * std::sin(s[0] + s[1]) * spin;
  const double kinetic = 0.5 * (0.25 * s[2] * s[2]) + 0.5 * s[2] * s[2] +
                         0.5 * (centre_x * centre_x + centre_y * centre_y) + 0.5 * spin * spin;
  const double potential =
      9.8 * (-0.5 * std::cos(s[0])) + 9.8 * (-std::cos(s[0]) - 0.5 * std::cos(s[0] + s[1]));
  return kinetic + potential;
}

/// s after one step of 0.2 s of the classical method of Runge and Kutta, in its tableau form.
template <class Derivative>
std::array<double, 4> acrobot_runge_kutta(const std::array<double, 4>& s,
                                          const Derivative& derivative) {
  const std::array<double, 4> nodes = {0.0, 0.5, 0.5, 1.0};
  const std::array<double, 4> weights = {1.0 / 6.0, 1.0 / 3.0, 1.0 / 3.0, 1.0 / 6.0};
  std::array<double, 4> next = s;
  std::array<double, 4> slope{};
  for (std::size_t stage = 0; stage < 4; ++stage) {
    std::array<double, 4> at = s;
    for (std::size_t i = 0; i < 4; ++i) at[i] += 0.2 * nodes[stage] * slope[i];
    slope = derivative(at);
    for (std::size_t i = 0; i < 4; ++i) next[i] += 0.2 * weights[stage] * slope[i];
  }
  return next;
}

TEST_CASE("Acrobot takes one Runge-Kutta step of the mass-matrix equations") {
  struct Case {
    const char* randomize;
    Links links;
    double gear;
  };
  RandomStream stream(3);
  for (int trial = 0; trial < 75; ++trial) {
    const Case c =
        trial < 35 ? Case{"", {}, 1.0}
        : trial < 55
            ? Case{"mass 2..2, length/link 1 1.5..1.5, gravity 0.5..0.5",
                   {.m1 = 2.0, .m2 = 2.0, .l1 = 1.5, .l2 = 1.0, .i1 = 4.5, .i2 = 2.0, .g = 4.9},
                   1.0}
            : Case{"mass/link 2 0.5..0.5, length/link 2 0.8..0.8, gear 3..3",
                   {.m1 = 1.0, .m2 = 0.5, .l1 = 1.0, .l2 = 0.8, .i1 = 1.0, .i2 = 0.32, .g = 9.8},
                   3.0};
    std::array<double, 4> s;
    for (double& value : s) value = stream.uniform(-2.0, 2.0);
    const int action = static_cast<int>(stream.below(3));
    const Step step =
        step_from("Acrobot-v1", {s.begin(), s.end()}, static_cast<float>(action), c.randomize);

    const std::array<double, 4> next = acrobot_runge_kutta(s, [&](const std::array<double, 4>& at) {
      return acrobot_derivative(at, c.gear * (action - 1.0), c.links);
    });
    const auto wrap = [](double angle) { return std::atan2(std::sin(angle), std::cos(angle)); };
    check_near(step.state,
               {wrap(next[0]), wrap(next[1]), std::clamp(next[2], -4.0 * kPi, 4.0 * kPi),
                std::clamp(next[3], -9.0 * kPi, 9.0 * kPi)},
               1e-12);
    check_near(step.observation,
               {std::cos(next[0]), std::sin(next[0]), std::cos(next[1]), std::sin(next[1]),
                step.state[2], step.state[3]},
               1e-6);
    const bool above = -std::cos(next[0]) - std::cos(next[0] + next[1]) > 1.0;
    CHECK(step.result.terminated == above);
    CHECK(step.result.reward == (above ? 0.0 : -1.0));
  }
}

/// d/dt (θ1, θ2, θ̇1, θ̇2) as Sutton and Barto's book has it.
std::array<double, 4> acrobot_of_the_book(const std::array<double, 4>& s, double torque) {
  const auto [theta1, theta2, omega1, omega2] = s;
  const double d1 = 0.25 + (1.0 + 0.25 + std::cos(theta2)) + 1.0 + 1.0;
  const double d2 = 0.25 + 0.5 * std::cos(theta2) + 1.0;
  const double phi2 = 0.5 * 9.8 * std::cos(theta1 + theta2 - kPi / 2.0);
  const double phi1 = -0.5 * omega2 * omega2 * std::sin(theta2) -
                      omega2 * omega1 * std::sin(theta2) +
                      1.5 * 9.8 * std::cos(theta1 - kPi / 2.0) + phi2;
  const double a2 = (torque + d2 / d1 * phi1 - 0.5 * omega1 * omega1 * std::sin(theta2) - phi2) /
                    (0.25 + 1.0 - d2 * d2 / d1);
  return {omega1, omega2, -(d2 * a2 + phi1) / d1, a2};
}

TEST_CASE("Acrobot stays with the book's equations over episodes of random torques") {
  auto env = make_env("Acrobot-v1");
  std::vector<double> observation(6);
  RandomStream stream(12);
  double worst = 0.0;
  for (std::uint64_t episode = 1; episode <= 50; ++episode) {
    env->reset(episode, observation);
    std::array<double, 4> s;
    std::ranges::copy(env->physical_state().state, s.begin());
    for (int step = 0; step < 200; ++step) {
      const auto action = static_cast<double>(stream.below(3));
      s = acrobot_runge_kutta(s, [action](const std::array<double, 4>& at) {
        return acrobot_of_the_book(at, action - 1.0);
      });
      for (const std::size_t i : {0, 1}) {
        while (s[i] > kPi) s[i] -= 2.0 * kPi;
        while (s[i] < -kPi) s[i] += 2.0 * kPi;
      }
      const bool above = -std::cos(s[0]) - std::cos(s[0] + s[1]) > 1.0;

      const StepResult result =
          env->step(std::vector<float>{static_cast<float>(action)}, observation);
      const std::vector<double> state = env->physical_state().state;
      for (std::size_t i = 0; i < 4; ++i) {
        worst = std::max(worst, std::abs(state[i] - s[i]) / (1.0 + std::abs(s[i])));
      }
      REQUIRE(result.terminated == above);
      REQUIRE(result.reward == (above ? 0.0 : -1.0));
      if (above) break;
    }
  }
  CHECK(worst < 1e-9);
}

TEST_CASE("Acrobot without torque keeps its energy") {
  const std::vector<double> start = {0.3, -0.2, 0.1, 0.2};
  const double energy = acrobot_energy(start);
  // The energy above the lowest point is about 0.8 J; RK4 at 0.2 s loses some 1e-4 of it a step.
  const Step step = step_from("Acrobot-v1", start, 1.0f);
  CHECK(acrobot_energy(step.state) == Approx(energy).margin(1e-3).epsilon(0.0));
  // The torque acts on θ2 alone: the energy changes by its work.
  const Step driven = step_from("Acrobot-v1", start, 2.0f);
  const double work = driven.state[1] - start[1];
  CHECK(std::abs(work) > 0.02);
  CHECK(acrobot_energy(driven.state) - energy == Approx(work).margin(1e-3).epsilon(0.0));
}

TEST_CASE("Acrobot wraps its angles and clamps its speeds") {
  const Step wrapped = step_from("Acrobot-v1", {kPi - 0.01, -kPi + 0.01, 2.0, -2.0}, 1.0f);
  CHECK(wrapped.state[0] < -2.0);
  CHECK(wrapped.state[1] > 2.0);
  const Step fast = step_from("Acrobot-v1", {0.0, 0.0, 100.0, -200.0}, 1.0f);
  CHECK(std::abs(fast.state[2]) == 4.0 * kPi);
  CHECK(std::abs(fast.state[3]) == 9.0 * kPi);
  // A state that makes no sense gives no endless loop.
  CHECK(std::abs(step_from("Acrobot-v1", {1e300, 0.0, 0.0, 0.0}, 1.0f).state[0]) <= kPi);
}

TEST_CASE("Acrobot observes the rounded cosines and sines of its angles, whatever they are") {
  auto env = make_env("Acrobot-v1");
  std::vector<double> observation(6);
  RandomStream stream(8);
  std::vector<double> angles = {0.0,   kPi,   -kPi, kPi / 2.0, -kPi / 2.0, 1e-9, kPi / 2.0 + 1e-9,
                                100.0, -1e15, 1e300};
  for (int i = 0; i < 200000; ++i) angles.push_back(stream.uniform(-kPi, kPi));
  int wrong = 0;
  for (const double angle : angles) {
    PhysicalState start;
    start.state = {angle, -angle, 0.0, 0.0};
    env->reset_to(start, observation);
    wrong += observation[0] != as_float32(std::cos(angle));
    wrong += observation[1] != as_float32(std::sin(angle));
    wrong += observation[2] != as_float32(std::cos(angle));
    wrong += observation[3] != as_float32(-std::sin(angle));
  }
  CHECK(wrong == 0);
}

TEST_CASE("Acrobot starts at float32 numbers") {
  auto env = make_env("Acrobot-v1");
  std::vector<double> observation(6);
  env->reset(4, observation);
  for (const double value : env->physical_state().state) {
    CHECK(value == as_float32(value));
    CHECK(std::abs(value) <= 0.1);
  }
}

// ---- MountainCar

TEST_CASE("MountainCar by hand") {
  // v = 0.001 − 0.0025 cos(−1.5) = 0.001 − 0.0025 · 0.0707372016677029
  const Step right = step_from("MountainCar-v0", {-0.5, 0.0}, 2.0f);
  check_near(right.state, {-0.49917684300416926, 0.00082315699583074}, 1e-15);
  CHECK(right.result.reward == -1.0);
  CHECK_FALSE(right.result.terminated);
  // Free: only the slope. Left: the push subtracted.
  check_near(step_from("MountainCar-v0", {-0.5, 0.0}, 1.0f).state,
             {-0.5 - 0.00017684300416926, -0.00017684300416926}, 1e-15);
  check_near(step_from("MountainCar-v0", {-0.5, 0.0}, 0.0f).state,
             {-0.5 - 0.00117684300416926, -0.00117684300416926}, 1e-15);
  for (const char* id : {"MountainCar-v0", "MountainCarContinuous-v0"}) {
    const double push = id[11] == '-' ? 0.002 : 0.003;  // twice of what it is
    const double velocity = push - 3.0 * 0.00017684300416926;
    check_near(
        step_from(id, {-0.5, 0.0}, id[11] == '-' ? 2.0f : 1.0f, "gear 2..2, gravity 3..3").state,
        {-0.5 + velocity, velocity}, id[11] == '-' ? 1e-15 : 3e-8);
  }
  // The wall on the left stops the car; the speed is limited; so is the position on the right.
  check_near(step_from("MountainCar-v0", {-1.19, -0.05}, 0.0f).state, {-1.2, 0.0}, 0.0);
  check_near(step_from("MountainCar-v0", {-1.0, 0.07}, 2.0f).state, {-0.93, 0.07}, 1e-15);
  check_near(step_from("MountainCar-v0", {0.59, 0.07}, 2.0f).state, {0.6, 0.07}, 0.0);
}

TEST_CASE("MountainCar ends at the goal and only when not rolling back") {
  CHECK(step_from("MountainCar-v0", {0.46, 0.06}, 2.0f).result.terminated);
  CHECK(step_from("MountainCar-v0", {0.46, 0.06}, 2.0f).result.reward == -1.0);
  CHECK_FALSE(step_from("MountainCar-v0", {0.42, 0.06}, 2.0f).result.terminated);
  CHECK_FALSE(step_from("MountainCar-v0", {0.58, -0.01}, 0.0f).result.terminated);
}

TEST_CASE("MountainCarContinuous clips the push but pays for all of it, and rounds its state") {
  const Step step = step_from("MountainCarContinuous-v0", {-0.5, 0.0}, 3.0f);
  const double velocity = 0.0015 - 0.00017684300416926;
  CHECK(step.state[1] == as_float32(velocity));
  CHECK(step.state[0] == as_float32(-0.5 + velocity));
  CHECK(step.result.reward == Approx(-0.9).epsilon(1e-14));

  const Step goal = step_from("MountainCarContinuous-v0", {0.42, 0.05}, 0.5f);
  CHECK(goal.result.terminated);
  CHECK(goal.result.reward == Approx(100.0 - 0.025).epsilon(1e-14));
  CHECK_FALSE(step_from("MountainCarContinuous-v0", {0.38, 0.05}, 0.5f).result.terminated);
  // A start is kept as given: rounding begins with the first step.
  auto env = make_env("MountainCarContinuous-v0");
  std::vector<double> observation(2);
  env->reset(1, observation);
  const double position = env->physical_state().state[0];
  CHECK(position != as_float32(position));
}

// ---- DoubleIntegrator

/// A second of full force costs `fuel_cost`, beside the second itself, which costs 1.
std::unique_ptr<Env> double_integrator(double time_step, double tolerance, double fuel_cost) {
  return EnvConfig("DoubleIntegrator-v0",
                   {{"time_step", format_number(time_step), "test"},
                    {"tolerance", format_number(tolerance), "test"},
                    {"action_cost", format_number(fuel_cost * time_step), "test"},
                    {"action_cost_power", "1", "test"}})
      .make();
}

/// Positive where the shortest way begins with u = −1.
double switching_function(double x, double v) {
  return x + 0.5 * v * std::abs(v);
}

float sign(double value) {
  return value > 0.0 ? 1.0f : value < 0.0 ? -1.0f : 0.0f;
}

TEST_CASE("DoubleIntegrator moves as under a constant force, however the time is cut") {
  RandomStream stream(9);
  for (int trial = 0; trial < 50; ++trial) {
    const double x = stream.uniform(-2, 2);
    const double v = stream.uniform(-2, 2);
    const auto action = static_cast<float>(stream.uniform(-2, 2));
    const double u = std::fmin(1.0, std::fmax(-1.0, action));
    const int steps = 1 + static_cast<int>(stream.below(40));
    const double t = stream.uniform(0.1, 3.0);
    auto env = double_integrator(t / steps, 0.1, 0.25);
    std::vector<double> observation(2);
    PhysicalState start;
    start.state = {x, v};
    env->reset_to(start, observation);
    double sum = 0.0;
    for (int i = 0; i < steps; ++i) {
      sum += env->step(std::vector<float>{action}, observation).reward;
    }
    check_near(env->physical_state().state, {x + v * t + 0.5 * u * t * t, v + u * t}, 1e-12);
    CHECK(observation[0] == as_float32(env->physical_state().state[0]));
    CHECK(observation[1] == as_float32(env->physical_state().state[1]));
    CHECK(sum == Approx(-t * (1.0 + 0.25 * std::abs(u))).epsilon(1e-12));
  }
  // Twice the mass and three times the force: 1.5 m/s² for 0.05 s.
  check_near(step_from("DoubleIntegrator-v0", {1.0, 0.0}, 1.0f, "mass 2..2, gear 3..3").state,
             {1.001875, 0.075}, 1e-15);
}

TEST_CASE("DoubleIntegrator ends at rest near the origin, and costs its time") {
  const auto step = [](double x, double v, float action) {
    return step_from("DoubleIntegrator-v0", {x, v}, action).result;
  };
  CHECK(step(0.09, 0.05, 0.0f).terminated);
  CHECK(step(-0.09, -0.05, 0.0f).terminated);
  CHECK_FALSE(step(0.099, 0.09, 0.0f).terminated);  // 0.1035 m away
  CHECK_FALSE(step(-0.05, 0.11, 0.0f).terminated);  // too fast
  CHECK(step(-0.05, 0.11, -1.0f).terminated);
  CHECK(step(0.09, 0.05, 0.0f).reward == -0.05);
  CHECK(step(1.0, 0.0, -1.0f).reward == -0.05);  // fuel is free
  CHECK(make_env("DoubleIntegrator-v0")->spec().reward == "-dt, dt = 0.05 s");
  CHECK_THROWS_WITH(EnvConfig("DoubleIntegrator-v0", {{"time_step", "0", "test"}}),
                    Catch::Contains("time_step = 0: expected a number > 0"));
}

TEST_CASE("The shortest time to the origin has its known values") {
  CHECK(minimum_time(1.0, 0.0) == 2.0);
  CHECK(minimum_time(1.0, 1.0) == Approx(3.449490).margin(5e-7));
  CHECK(minimum_time(-1.0, 0.5) == Approx(1.621320).margin(5e-7));
  CHECK(minimum_time(2.0, -1.0) == Approx(2.162278).margin(5e-7));
  CHECK(minimum_time(0.0, 0.0) == 0.0);
  for (const double v : {0.3, 1.0, 2.5}) {
    // On the switching curve the mass only brakes; at the origin it has to come back.
    CHECK(minimum_time(-0.5 * v * v, v) == Approx(v));
    CHECK(minimum_time(0.5 * v * v, -v) == Approx(v));
    CHECK(minimum_time(0.0, v) == Approx(v * (1.0 + std::sqrt(2.0))));
  }
}

TEST_CASE(
    "No force shortens the way by more than the time it acts, and the feedback by all of it") {
  // Bellman's principle, on both sides of the switching curve.
  constexpr double kStep = 0.05;
  auto env = double_integrator(kStep, 0.1, 0.0);
  std::vector<double> observation(2);
  RandomStream stream(10);
  int optimal = 0;
  for (int trial = 0; trial < 2000; ++trial) {
    PhysicalState from;
    from.state = {stream.uniform(-1.5, 1.5), stream.uniform(-1, 1)};
    const double side = switching_function(from.state[0], from.state[1]);
    const bool best = trial % 2 == 0;
    const float action = best ? -sign(side) : static_cast<float>(stream.uniform(-1, 1));
    env->reset_to(from, observation);
    env->step(std::vector<float>{action}, observation);
    const std::vector<double> to = env->physical_state().state;
    const double shorter = minimum_time(from.state[0], from.state[1]) - minimum_time(to[0], to[1]);
    CHECK(shorter <= kStep + 1e-9);
    // A step that crosses the curve goes on with a force that is right no more.
    if (best && side * switching_function(to[0], to[1]) > 0.0) {
      CHECK(shorter == Approx(kStep).margin(1e-9));
      ++optimal;
    }
  }
  CHECK(optimal > 800);
}

TEST_CASE("The switching feedback arrives in the shortest time") {
  auto env = double_integrator(0.01, 0.02, 0.0);
  std::vector<double> observation(2);
  PhysicalState start;
  start.state = {1.0, 0.0};
  env->reset_to(start, observation);
  double sum = 0.0;
  int steps = 0;
  for (StepResult result; !result.terminated; ++steps) {
    REQUIRE(steps < 400);
    const std::vector<double> state = env->physical_state().state;
    const float action = -sign(switching_function(state[0], state[1]));
    CHECK(action == (steps < 100 ? -1.0f : 1.0f));  // it switches half-way
    result = env->step(std::vector<float>{action}, observation);
    sum += result.reward;
  }
  CHECK(steps == 198);
  CHECK(sum == Approx(-1.98));
}

TEST_CASE("DoubleIntegrator reproduces the fuel of the cheapest way in a given time") {
  // One metre from rest to rest in 3 s: full force for t1 at either end, and coasting between. The
  // burns do not end on a grid, so each part is one step of its own length.
  constexpr double kTime = 3.0;
  constexpr double kPrice = 10.0;
  const double burn = (kTime - std::sqrt(kTime * kTime - 4.0)) / 2.0;
  CHECK(burn == Approx(0.381966).margin(5e-7));
  std::vector<double> observation(2);
  PhysicalState state;
  state.state = {-1.0, 0.0};
  double sum = 0.0;
  for (const auto& [seconds, action] : std::vector<std::pair<double, float>>{
           {burn, 1.0f}, {kTime - 2.0 * burn, 0.0f}, {burn, -1.0f}}) {
    auto env = double_integrator(seconds, 0.1, kPrice);
    env->reset_to(state, observation);
    const StepResult result = env->step(std::vector<float>{action}, observation);
    CHECK(result.terminated == (action < 0.0f));
    sum += result.reward;
    state = env->physical_state();
  }
  check_near(state.state, {0.0, 0.0}, 1e-12);
  CHECK((-sum - kTime) / kPrice == Approx(0.763932).margin(5e-7));
  CHECK(minimum_fuel(-1.0, 0.0, 0.0, 0.0, kTime) == Approx(0.763932).margin(5e-7));

  // The way of least energy, u = (6 d / T²)(1 − 2 t / T), burns more, at no more than 2/3.
  constexpr int kSteps = 3000;
  auto env = double_integrator(kTime / kSteps, 1e-9, kPrice);
  state.state = {-1.0, 0.0};
  env->reset_to(state, observation);
  sum = 0.0;
  double energy = 0.0;
  for (int i = 0; i < kSteps; ++i) {
    const double u = 6.0 / (kTime * kTime) * (1.0 - 2.0 * (i + 0.5) / kSteps);
    REQUIRE(std::abs(u) < 2.0 / 3.0);
    energy += u * u * kTime / kSteps;
    sum += env->step(std::vector<float>{static_cast<float>(u)}, observation).reward;
  }
  check_near(env->physical_state().state, {0.0, 0.0}, 1e-6);
  CHECK((-sum - kTime) / kPrice == Approx(1.0).margin(1e-6));
  CHECK(energy == Approx(12.0 / 27.0).margin(1e-6));
}

/// The least fuel of all ways of a burn of up to two seconds, coasting and a burn that ends at the
/// speed v1, by going through the first one's lengths.
double search_least_fuel(double x0, double v0, double x1, double v1, double time) {
  double best = std::numeric_limits<double>::infinity();
  for (int i = -20000; i <= 20000; ++i) {
    const double first = 1e-4 * i;  // the change of speed
    const double speed = v0 + first;
    const double fuel = std::abs(first) + std::abs(v1 - speed);
    if (fuel > time) continue;
    // With all the time that is left the mass coasts just as far as it has to: the first burn for
    // which that turns from too short to too far.
    const auto end = [&](double w) {
      const double burns = 0.5 * (w * w - v0 * v0) * (w > v0 ? 1.0 : -1.0) +
                           0.5 * (v1 * v1 - w * w) * (v1 > w ? 1.0 : -1.0);
      return x0 + burns + w * (time - std::abs(w - v0) - std::abs(v1 - w)) - x1;
    };
    if ((end(speed) > 0.0) != (end(speed + 1e-4) > 0.0)) best = std::min(best, fuel);
  }
  return best;
}

TEST_CASE("The least fuel is that of the best of all ways of two burns") {
  const std::vector<std::array<double, 5>> cases = {
      {1.0, 0.0, 0.0, 0.0, 3.0},   {1.0, 1.0, 0.0, 0.0, 4.0},     {-1.0, 0.5, 0.0, 0.0, 2.0},
      {-0.7, -0.6, 0.0, 0.0, 5.0}, {1.2, -0.4, 0.0, 0.0, 8.0},    {1.2, -0.4, 0.1, -0.05, 2.5},
      {0.3, 0.2, 1.0, 0.5, 2.0},   {-1.0, 0.3, -0.02, 0.09, 2.6}, {0.5, 0.5, 0.6, -0.1, 1.2}};
  for (const auto& [x0, v0, x1, v1, time] : cases) {
    INFO(x0 << ", " << v0 << " to " << x1 << ", " << v1 << " in " << time);
    CHECK(minimum_fuel(x0, v0, x1, v1, time) ==
          Approx(search_least_fuel(x0, v0, x1, v1, time)).margin(5e-4));
  }
  CHECK(minimum_fuel(1.0, 0.0, 0.0, 0.0, 2.0) == Approx(2.0));   // full force throughout
  CHECK(minimum_fuel(-0.5, 1.0, 0.0, 0.0, 1.0) == Approx(1.0));  // it brakes all the way
  CHECK(minimum_fuel(0.0, 0.5, 1.0, 0.5, 2.0) == 0.0);           // it coasts all the way
  CHECK(minimum_fuel(0.0, 0.0, 0.0, 0.0, 1.0) == 0.0);
}

TEST_CASE("The least cost is that of the best time for the least fuel") {
  for (const double price : {0.0, 0.3, 1.0, 4.0}) {
    for (const auto& [x, v] : {std::array{1.0, 0.0}, std::array{1.0, 1.0}, std::array{-0.3, 0.6},
                               std::array{0.9, -0.8}, std::array{1.2, -0.2}}) {
      const double shortest = minimum_time(x, v);
      double best = std::numeric_limits<double>::infinity();
      for (int i = 0; i <= 20000; ++i) {
        const double time = shortest + 1e-9 + 1e-3 * i;
        best = std::min(best, time + price * minimum_fuel(x, v, 0.0, 0.0, time));
      }
      INFO(x << ", " << v << " at " << price);
      CHECK(minimum_cost(x, v, price) == Approx(best).epsilon(2e-3));
      CHECK(minimum_cost(-x, -v, price) == minimum_cost(x, v, price));
      CHECK(minimum_cost(x, v, price) <= best + 1e-3);
    }
  }
  // From rest: 1 / √3 s at either end and as long between, of a way of 1 m at a price of 1.
  CHECK(minimum_cost(1.0, 0.0, 1.0) == Approx(2.0 * std::sqrt(3.0)));
}

// ---- what all have in common

TEST_CASE("Specs name everything") {
  for (const std::string& id : kIds) {
    INFO(id);
    const auto env = make_env(id);
    const EnvSpec& spec = env->spec();
    CHECK(spec.id == id);
    CHECK(spec.family == "classic-control");
    CHECK_FALSE(spec.summary.empty());
    CHECK_FALSE(spec.reward.empty());
    CHECK_FALSE(spec.termination.empty());
    CHECK(spec.control_step > 0.0);
    CHECK(spec.observation.labels.size() == static_cast<std::size_t>(spec.observation.size()));
    CHECK(spec.action.labels.size() == 1);
    CHECK(spec.reward_threshold.has_value() ==
          (id != "Pendulum-v1" && id != "DoubleIntegrator-v0"));
  }
  CHECK(make_env("CartPole-v1")->spec().time_limit == 500);
  CHECK(make_env("CartPole-v1")->spec().reward_threshold == 475.0);
  CHECK(make_env("Acrobot-v1")->spec().time_limit == 500);
  CHECK(make_env("Acrobot-v1")->spec().reward_threshold == -100.0);
  CHECK(make_env("DoubleIntegrator-v0")->spec().time_limit == 200);
  CHECK(make_env("MountainCar-v0")->spec().time_limit == 200);
  CHECK(make_env("MountainCar-v0")->spec().reward_threshold == -110.0);
  CHECK(make_env("MountainCarContinuous-v0")->spec().time_limit == 999);
  CHECK(make_env("MountainCarContinuous-v0")->spec().reward_threshold == 90.0);
  CHECK(make_env("Pendulum-v1")->spec().time_limit == 200);
}

TEST_CASE("Starts fill their box, evenly, and depend on the seed alone") {
  const std::vector<std::vector<double>> halves = {{0.1, 0.1, 0.1, 0.1}, {0.05, 0.05, 0.05, 0.05},
                                                   {1.5, 1.0},           {0.1, 0.0},
                                                   {0.1, 0.0},           {kPi, 1.0}};
  for (std::size_t k = 0; k < kIds.size(); ++k) {
    INFO(kIds[k]);
    auto env = make_env(kIds[k]);
    std::vector<double> observation(static_cast<std::size_t>(env->spec().observation.size()));
    env->reset_to(std::nullopt, observation);
    const std::vector<double> centre = env->physical_state().state;
    CHECK(centre[0] == (kIds[k].starts_with("MountainCar") ? -0.5 : 0.0));

    constexpr int kEpisodes = 2000;
    std::vector<double> sum(centre.size(), 0.0);
    std::vector<double> furthest(centre.size(), 0.0);
    for (int episode = 0; episode < kEpisodes; ++episode) {
      env->reset(derive_key({static_cast<std::uint64_t>(episode)}), observation);
      const std::vector<double> state = env->physical_state().state;
      for (std::size_t i = 0; i < centre.size(); ++i) {
        const double offset = state[i] - centre[i];
        sum[i] += offset;
        furthest[i] = std::max(furthest[i], std::abs(offset));
      }
    }
    for (std::size_t i = 0; i < centre.size(); ++i) {
      const double half = halves[k][i];
      // Five standard errors of a uniform mean; the furthest of 2000 is within 1 % of the edge.
      CHECK(std::abs(sum[i] / kEpisodes) <= 5.0 * half / std::sqrt(3.0 * kEpisodes));
      CHECK(furthest[i] <= half * (1.0 + 1e-6));
      CHECK(furthest[i] >= half * 0.99);
    }

    env->reset(77, observation);
    const std::vector<double> first = env->physical_state().state;
    env->reset(78, observation);
    CHECK(env->physical_state().state != first);
    env->reset(77, observation);
    CHECK(env->physical_state().state == first);
  }
}

TEST_CASE("Observations stay in their space and hold float32 numbers; a restored state replays") {
  for (const std::string& id : kIds) {
    INFO(id);
    auto env = make_env(id);
    auto other = make_env(id);
    const EnvSpec& spec = env->spec();
    RandomStream stream(6);
    const auto draw = [&] {
      if (spec.action.kind == Space::Kind::kDiscrete) {
        return static_cast<float>(
            stream.below(static_cast<std::uint64_t>(spec.action.counts.front())));
      }
      return static_cast<float>(stream.uniform(spec.action.low[0], spec.action.high[0]));
    };
    std::vector<double> observation(static_cast<std::size_t>(spec.observation.size()));
    std::vector<double> observation_other(observation.size());
    env->reset(3, observation);
    for (int step = 0; step < 300; ++step) {
      const std::vector<float> action = {draw()};
      std::vector<std::byte> bytes;
      StateWriter writer(bytes);
      env->save_state(writer);
      StateReader reader(bytes);
      other->restore_state(reader);
      REQUIRE(reader.remaining() == 0);

      const StepResult result = env->step(action, observation);
      const StepResult replayed = other->step(action, observation_other);
      REQUIRE(observation == observation_other);
      REQUIRE(result.reward == replayed.reward);
      REQUIRE(env->physical_state().state == other->physical_state().state);

      const std::vector<float> rounded(observation.begin(), observation.end());
      REQUIRE(spec.observation.contains(rounded));
      REQUIRE(std::equal(rounded.begin(), rounded.end(), observation.begin()));
      if (result.terminated || result.truncated) env->reset(stream.bits(), observation);
    }
  }
}

TEST_CASE("Wrong actions and starts are refused, NaN in a box goes through the physics") {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  for (const char* id : {"CartPole-v1", "Acrobot-v1", "MountainCar-v0"}) {
    auto env = make_env(id);
    std::vector<double> observation(6);
    env->reset(1, observation);
    for (const float bad : {-1.0f, 3.0f, 0.5f, kNan}) {
      CHECK_THROWS_AS(env->step(std::vector<float>{bad}, observation), UsageError);
    }
  }
  for (const char* id : {"Pendulum-v1", "MountainCarContinuous-v0", "DoubleIntegrator-v0"}) {
    auto env = make_env(id);
    std::vector<double> observation(3);
    env->reset(1, observation);
    const double reward = env->step(std::vector<float>{kNan}, observation).reward;
    CHECK((std::isnan(reward) || std::isnan(observation[0])));
  }
  auto env = make_env("CartPole-v1");
  std::vector<double> observation(4);
  PhysicalState start;
  start.state = {0.0, 0.0};
  CHECK_THROWS_WITH(env->reset_to(start, observation),
                    Catch::Contains("CartPole-v1") && Catch::Contains("expected 4"));
}

}  // namespace
}  // namespace costate
