// Box2D tasks: momenta, rewards, rays, the road and the car's wheels against formulas of their own;
// saved states in contact and past the time limit; returns of simple policies.
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

#include "envs/box2d/race_track.h"
#include "envs/box2d/walker_terrain.h"
#include "envs/env_config.h"
#include "envs/random.h"
#include "tests/allocation_counter.h"

namespace costate {
namespace {

constexpr double kPi = std::numbers::pi;
constexpr double kTimeStep = 0.02;

using Settings = std::vector<Assignment>;

/// An environment with room for observation and action.
struct Rig {
  explicit Rig(const std::string& id, const Settings& settings = {})
      : env(EnvConfig(id, settings).make()),
        observation(static_cast<std::size_t>(env->spec().observation.size())),
        action(static_cast<std::size_t>(env->spec().action.size())) {}

  void reset(std::uint64_t seed) { env->reset(seed, observation); }
  void reset_to(const std::vector<double>& state) {
    PhysicalState start;
    start.state = state;
    env->reset_to(start, observation);
  }
  void reset_noise_free() { env->reset_to(std::nullopt, observation); }
  StepResult step(std::vector<float> values) {
    action = std::move(values);
    return env->step(action, observation);
  }
  std::vector<double> state() const { return env->physical_state().state; }
  void set_random(RandomStream& random) {
    const Space& space = env->spec().action;
    for (std::size_t i = 0; i < action.size(); ++i) {
      action[i] =
          space.kind == Space::Kind::kBox
              ? static_cast<float>(random.uniform(space.low[i], space.high[i]))
              : static_cast<float>(random.below(static_cast<std::uint64_t>(space.counts[i])));
    }
  }

  std::unique_ptr<Env> env;
  std::vector<double> observation;
  std::vector<float> action;
};

/// A body's six numbers in a physical state.
struct Body {
  double x, y, angle, vx, vy, spin;
};
Body body(const std::vector<double>& state, std::size_t i) {
  const double* at = state.data() + 6 * i;
  return {at[0], at[1], at[2], at[3], at[4], at[5]};
}

/// The linear momentum of the first bodies of a state.
std::array<double, 2> momentum(const std::vector<double>& state,
                               const std::vector<double>& masses) {
  std::array<double, 2> sum{};
  for (std::size_t i = 0; i < masses.size(); ++i) {
    sum[0] += masses[i] * body(state, i).vx;
    sum[1] += masses[i] * body(state, i).vy;
  }
  return sum;
}

double total(const std::vector<double>& masses) {
  double sum = 0.0;
  for (const double mass : masses) sum += mass;
  return sum;
}

/// The area of a polygon, by the shoelace formula.
double area(const std::vector<std::array<double, 2>>& corners) {
  double twice = 0.0;
  for (std::size_t i = 0; i < corners.size(); ++i) {
    const auto& a = corners[i];
    const auto& b = corners[(i + 1) % corners.size()];
    twice += a[0] * b[1] - a[1] * b[0];
  }
  return std::abs(twice) / 2.0;
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

double mean(const std::vector<double>& values) {
  return total(values) / static_cast<double>(values.size());
}

/// Undiscounted returns of a policy from the seeds 0, 1, …; `act(observation, action)`.
template <class Act>
std::vector<double> returns(Rig& rig, int episodes, Act act) {
  std::vector<double> sums;
  for (int episode = 0; episode < episodes; ++episode) {
    rig.reset(static_cast<std::uint64_t>(episode));
    double sum = 0.0;
    for (StepResult result; !result.terminated && !result.truncated;) {
      act(rig.observation, rig.action);
      result = rig.env->step(rig.action, rig.observation);
      sum += result.reward;
    }
    sums.push_back(sum);
  }
  return sums;
}

/// How far the craft should turn and climb: a proportional and derivative rule towards the pad.
std::array<double, 2> lander_demand(const std::vector<double>& s) {
  if (s[6] != 0.0 || s[7] != 0.0) return {0.0, -0.5 * s[3]};
  const double angle = std::clamp(0.5 * s[0] + s[2], -0.4, 0.4);
  const double height = 0.55 * std::abs(s[0]);
  return {0.5 * (angle - s[4]) - s[5], 0.5 * (height - s[1]) - 0.5 * s[3]};
}
void land(const std::vector<double>& observation, std::vector<float>& action) {
  const auto [turn, climb] = lander_demand(observation);
  action[0] = 0.0f;
  if (climb > std::abs(turn) && climb > 0.05) {
    action[0] = 2.0f;
  } else if (turn < -0.05) {
    action[0] = 3.0f;
  } else if (turn > 0.05) {
    action[0] = 1.0f;
  }
}

// ---- LunarLander

const std::vector<double> kLanderMasses = {
    5.0 / 900.0 * area({{-14, 17}, {-17, 0}, {-17, -10}, {17, -10}, {17, 0}, {14, 17}}),
    4.0 * 16.0 / 900.0, 4.0 * 16.0 / 900.0};

/// High above the ground, turned by `angle`, at rest.
std::vector<double> lander_at(double angle) {
  const std::array<std::array<double, 2>, 2> legs = {
      {{20.0 / 30.0, -18.0 / 30.0}, {-20.0 / 30.0, -18.0 / 30.0}}};
  std::vector<double> state = {10.0, 9.0, angle, 0.0, 0.0, 0.0};
  for (const auto& [x, y] : legs) {
    const double c = std::cos(angle);
    const double s = std::sin(angle);
    for (const double value : {10.0 + c * x - s * y, 9.0 + s * x + c * y, angle, 0.0, 0.0, 0.0}) {
      state.push_back(static_cast<double>(static_cast<float>(value)));
    }
  }
  return state;
}

TEST_CASE("A lander without engines falls freely") {
  for (const double gravity : {-10.0, -3.0}) {
    Rig rig("LunarLander-v3", {{"gravity", std::to_string(gravity), "test"}});
    rig.reset_to(lander_at(0.2));
    for (int i = 1; i <= 20; ++i) {
      rig.step({0.0f});
      // Motors and limits of the legs are internal: the momentum is that of gravity alone.
      const auto [px, py] = momentum(rig.state(), kLanderMasses);
      CHECK(px == Approx(0.0).margin(1e-4));
      CHECK(py == Approx(total(kLanderMasses) * gravity * kTimeStep * i).epsilon(1e-4));
    }
  }
}

TEST_CASE("A lander's engines give the impulses of their definition") {
  const double angle = 0.3;
  struct Case {
    const char* id;
    std::vector<float> action;
    double main;  // power
    double side;  // power with its direction
    const char* randomize = "";
    std::vector<double> masses = kLanderMasses;
    double gravity = -10.0;
  };
  std::vector<double> heavy = kLanderMasses;
  heavy[0] *= 6.0;
  heavy[1] *= 2.0;
  heavy[2] *= 2.0;
  const std::vector<Case> cases = {
      {"LunarLander-v3", {0.0f}, 0.0, 0.0},
      {"LunarLander-v3", {1.0f}, 0.0, -1.0},
      {"LunarLander-v3", {2.0f}, 1.0, 0.0},
      {"LunarLander-v3", {3.0f}, 0.0, 1.0},
      {"LunarLanderContinuous-v3", {0.0f, 0.5f}, 0.0, 0.0},
      {"LunarLanderContinuous-v3", {0.5f, 0.0f}, 0.75, 0.0},
      {"LunarLanderContinuous-v3", {-1.0f, -0.75f}, 0.0, -0.75},
      {"LunarLanderContinuous-v3", {30.0f, 7.0f}, 1.0, 1.0},
      {"LunarLander-v3", {2.0f}, 3.0, 0.0, "gear 1.5..1.5, gear/main engine 2..2"},
      {"LunarLander-v3",
       {3.0f},
       0.0,
       0.5,
       "gear/side engines 0.5..0.5, gravity 0.3..0.3",
       kLanderMasses,
       -3.0},
      {"LunarLander-v3", {2.0f}, 1.0, 0.0, "mass 2..2, mass/craft 3..3", heavy},
  };
  for (const Case& c : cases) {
    INFO(c.id << " " << c.action[0] << " " << c.randomize);
    Rig rig(c.id, {{"randomize", c.randomize, "test"}});
    rig.reset_to(lander_at(angle));
    rig.step(c.action);
    // A given start draws its dispersion from seed 0.
    RandomStream random(0);
    const double d0 = random.uniform(-1.0, 1.0) / 30.0;
    const double d1 = random.uniform(-1.0, 1.0) / 30.0;
    // In the craft's frame, turned into the world's: along the tip and to its left.
    const double up = 13.0 * c.main * (4.0 / 30.0 + 2.0 * d0) + 0.6 * std::abs(c.side) * d0;
    const double left =
        13.0 * c.main * d1 + 0.6 * std::abs(c.side) * 3.0 * d1 + 0.6 * c.side * 12.0 / 30.0;
    // The definition's tip is (sin, cos) and its y components are negated in the impulse.
    const double px = -(std::sin(angle) * up - std::cos(angle) * left);
    const double py = std::cos(angle) * up + std::sin(angle) * left;
    const auto [actual_x, actual_y] = momentum(rig.state(), c.masses);
    CHECK(actual_x == Approx(px).margin(1e-4));
    CHECK(actual_y - total(c.masses) * c.gravity * kTimeStep == Approx(py).margin(1e-4));
  }
}

TEST_CASE("Wind pushes a lander as a function of the step alone") {
  Rig rig("LunarLander-v3", {{"enable_wind", "true", "test"}, {"wind_power", "12", "test"}});
  rig.reset_to(lander_at(0.0));
  double expected = 0.0;
  for (int k = 0; k < 20; ++k) {
    expected += 12.0 * kTimeStep * std::tanh(std::sin(0.02 * k) + std::sin(0.01 * kPi * k));
    rig.step({0.0f});
    CHECK(momentum(rig.state(), kLanderMasses)[0] == Approx(expected).margin(2e-4));
  }
}

TEST_CASE("A lander that comes to rest stands on the flat ground of the pad") {
  Rig rig("LunarLander-v3");
  rig.reset_noise_free();
  StepResult result;
  for (int i = 0; i < 1000 && !result.terminated; ++i) {
    land(rig.observation, rig.action);
    result = rig.env->step(rig.action, rig.observation);
  }
  REQUIRE(result.terminated);
  CHECK(result.reward == 100.0);
  CHECK(rig.observation[6] == 1.0);
  CHECK(rig.observation[7] == 1.0);
  const double ground = 0.33 * 3.0 * (400.0 / 30.0 / 4.0);
  for (const std::size_t leg : {1u, 2u}) {
    const Body b = body(rig.state(), leg);
    double lowest = std::numeric_limits<double>::infinity();
    for (const double x : {-2.0 / 30.0, 2.0 / 30.0}) {
      for (const double y : {-8.0 / 30.0, 8.0 / 30.0}) {
        lowest = std::min(lowest, b.y + x * std::sin(b.angle) + y * std::cos(b.angle));
      }
    }
    // Box2D keeps polygons about two of its radii of 0.01 m apart.
    CHECK(lowest == Approx(ground + 0.015).margin(0.01));
  }
}

TEST_CASE("A lander's reward is the change of its potential minus fuel") {
  const auto potential = [](const std::vector<double>& s) {
    return -100.0 * (std::hypot(s[0], s[1]) + std::hypot(s[2], s[3]) + std::abs(s[4])) +
           10.0 * (s[6] + s[7]);
  };
  for (const std::string id : {"LunarLander-v3", "LunarLanderContinuous-v3"}) {
    Rig rig(id);
    RandomStream random(3);
    int crashes = 0;
    for (std::uint64_t seed = 0; seed < 5; ++seed) {
      rig.reset(seed);
      for (StepResult result; !result.terminated && !result.truncated;) {
        const double before = potential(rig.observation);
        rig.set_random(random);
        result = rig.env->step(rig.action, rig.observation);
        double fuel = 0.0;
        if (id == "LunarLander-v3") {
          fuel = rig.action[0] == 2.0f ? 0.3 : (rig.action[0] == 0.0f ? 0.0 : 0.03);
        } else {
          if (rig.action[0] > 0.0f) fuel += 0.3 * (0.5 + 0.5 * rig.action[0]);
          if (std::abs(rig.action[1]) > 0.5f) fuel += 0.03 * std::abs(rig.action[1]);
        }
        if (result.terminated) {
          CHECK(result.reward == -100.0);
          ++crashes;
        } else {
          CHECK(result.reward == Approx(potential(rig.observation) - before - fuel).margin(1e-3));
        }
      }
    }
    CHECK(crashes > 0);
  }
}

TEST_CASE("A lander that leaves to the side has crashed") {
  Rig rig("LunarLander-v3");
  std::vector<double> state = lander_at(0.0);
  for (std::size_t i = 0; i < 3; ++i) state[6 * i] += 9.95;
  for (std::size_t i = 0; i < 3; ++i) state[6 * i + 3] = 2.0;
  rig.reset_to(state);
  CHECK_FALSE(rig.step({0.0f}).terminated);
  const StepResult result = rig.step({0.0f});
  CHECK(rig.observation[0] == Approx(1.0).margin(0.01));
  StepResult last = result;
  for (int i = 0; i < 5 && !last.terminated; ++i) last = rig.step({0.0f});
  CHECK(last.terminated);
  CHECK(last.reward == -100.0);
  CHECK(rig.observation[0] >= 1.0);
}

// ---- BipedalWalker

const std::vector<double> kWalkerMasses = {
    5.0 / 900.0 * area({{-30, 9}, {6, 9}, {34, 1}, {34, -8}, {-30, -8}}), 8.0 * 34.0 / 900.0,
    0.8 * 8.0 * 34.0 / 900.0, 8.0 * 34.0 / 900.0, 0.8 * 8.0 * 34.0 / 900.0};

/// A state moved by (x, y).
std::vector<double> moved(std::vector<double> state, std::size_t bodies, double x, double y) {
  for (std::size_t i = 0; i < bodies; ++i) {
    state[6 * i] += x;
    state[6 * i + 1] += y;
  }
  return state;
}

TEST_CASE("A walker in the air falls freely, whatever its motors do") {
  Rig rig("BipedalWalker-v3");
  rig.reset_noise_free();
  std::vector<double> state = moved(rig.state(), 5, 0.0, 5.0);
  rig.reset_to(state);
  const auto start = momentum(state, kWalkerMasses);
  RandomStream random(1);
  for (int i = 1; i <= 15; ++i) {
    rig.set_random(random);
    rig.env->step(rig.action, rig.observation);
    const auto now = momentum(rig.state(), kWalkerMasses);
    CHECK(now[0] - start[0] == Approx(0.0).margin(2e-3));
    CHECK(now[1] - start[1] == Approx(total(kWalkerMasses) * -10.0 * kTimeStep * i).epsilon(1e-3));
  }
}

TEST_CASE("A walker's weight and motors can be scaled") {
  // What one motor does to a walker in the air: equal and opposite changes of angular momentum, so
  // the hull's spin goes with gear over mass as long as no joint is at its limit.
  const auto hull_spin = [](const std::string& randomize) {
    Rig rig("BipedalWalker-v3", {{"randomize", randomize, "test"}});
    rig.reset_noise_free();
    std::vector<double> state = moved(rig.state(), 5, 0.0, 5.0);
    for (std::size_t i = 0; i < 5; ++i) {
      for (std::size_t k = 3; k < 6; ++k) state[6 * i + k] = 0.0;
    }
    rig.reset_to(state);
    rig.step({0.02f, 0.0f, 0.0f, 0.0f});
    return std::array<double, 2>{body(rig.state(), 0).spin, body(rig.state(), 0).vy};
  };
  const auto [spin, fall] = hull_spin("");
  REQUIRE(std::abs(spin) > 1e-3);
  CHECK(hull_spin("gear 2..2")[0] == Approx(2.0 * spin).epsilon(0.02));
  CHECK(hull_spin("gear/hips 2..2")[0] == Approx(2.0 * spin).epsilon(0.02));
  CHECK(hull_spin("gear/knees 2..2")[0] == Approx(spin).epsilon(1e-6));
  CHECK(hull_spin("mass 2..2")[0] == Approx(0.5 * spin).epsilon(0.02));
  CHECK(hull_spin("gear 2..2, mass 2..2")[0] == Approx(spin).epsilon(1e-3));
  const double afloat = hull_spin("gravity 0..0")[1];  // what the motor alone does
  CHECK(hull_spin("gravity 0.5..0.5")[1] - afloat == Approx(0.5 * (fall - afloat)).epsilon(1e-3));
}

TEST_CASE("A walker's reward pays its way and charges its torques") {
  Rig rig("BipedalWalker-v3");
  RandomStream random(2);
  rig.reset(4);
  const auto potential = [](const Body& hull) {
    return 130.0 / 30.0 * hull.x - 5.0 * std::abs(hull.angle);
  };
  for (int i = 0; i < 60; ++i) {
    const double before = potential(body(rig.state(), 0));
    for (float& a : rig.action) a = static_cast<float>(random.uniform(-2.0, 2.0));
    const StepResult result = rig.env->step(rig.action, rig.observation);
    if (result.terminated) break;
    double effort = 0.0;
    for (const float a : rig.action) effort += std::min(1.0, std::abs(static_cast<double>(a)));
    CHECK(result.reward ==
          Approx(potential(body(rig.state(), 0)) - before - 0.028 * effort).margin(1e-9));
  }
}

TEST_CASE("A walker ends at the far end, behind the start, and on its hull") {
  Rig rig("BipedalWalker-v3");
  rig.reset_noise_free();
  const std::vector<double> start = rig.state();
  const double end = 190.0 * 14.0 / 30.0;
  const double x = start[0];

  rig.reset_to(moved(start, 5, end - x - 0.05, 0.0));
  CHECK_FALSE(rig.step({0, 0, 0, 0}).terminated);
  rig.reset_to(moved(start, 5, end - x + 0.05, 0.0));
  StepResult result = rig.step({0, 0, 0, 0});
  CHECK(result.terminated);
  CHECK(result.reward > -10.0);

  rig.reset_to(moved(start, 5, -x - 0.05, 0.0));
  result = rig.step({0, 0, 0, 0});
  CHECK(result.terminated);
  CHECK(result.reward == -100.0);

  rig.reset_to(start);
  for (result = {}; !result.terminated && !result.truncated;) result = rig.step({0, 0, 0, 0});
  CHECK(result.reward == -100.0);  // without torque it sinks down
}

/// The fraction of the segment from `from` by (dx, dy) at which it cuts a–b, or 1.
double cut(const Body& from, double dx, double dy, Point a, Point b) {
  // from + t (dx, dy) = a + u (b − a), by Cramer's rule.
  const double ex = b.x - a.x;
  const double ey = b.y - a.y;
  const double rx = a.x - from.x;
  const double ry = a.y - from.y;
  const double determinant = dy * ex - dx * ey;
  const double t = (ry * ex - rx * ey) / determinant;
  const double u = (dx * ry - dy * rx) / determinant;
  return u >= 0.0 && u <= 1.0 && t >= 0.0 ? std::min(t, 1.0) : 1.0;
}

TEST_CASE("A walker's rays measure the ground and its obstacles") {
  // Stairs, stumps or pits begin after the start; from a drop beside them they are in sight.
  for (const std::uint64_t seed : {2u, 3u, 5u, 12u}) {
    RandomStream random(seed);
    Draws draws(random, /*centred=*/false);
    const WalkerTerrain terrain = WalkerTerrain::make(draws, /*obstacles=*/true);
    Rig rig("BipedalWalkerHardcore-v3");
    RandomStream actions(5);
    rig.reset(seed);
    for (int i = 0; i < 100; ++i) {
      const Body hull = body(rig.state(), 0);
      for (int ray = 0; ray < 10; ++ray) {
        const double dx = 160.0 / 30.0 * std::sin(0.15 * ray);
        const double dy = -160.0 / 30.0 * std::cos(0.15 * ray);
        double nearest = 1.0;
        for (std::size_t v = 0; v + 1 < terrain.vertices.size(); ++v) {
          nearest =
              std::min(nearest, cut(hull, dx, dy, terrain.vertices[v], terrain.vertices[v + 1]));
        }
        for (const WalkerTerrain::Block& block : terrain.blocks) {
          for (std::size_t c = 0; c < 4; ++c) {
            nearest = std::min(nearest, cut(hull, dx, dy, block[c], block[(c + 1) % 4]));
          }
        }
        INFO("step " << i << ", ray " << ray);
        CHECK(rig.observation[14 + static_cast<std::size_t>(ray)] == Approx(nearest).margin(1e-3));
      }
      rig.set_random(actions);  // past a fall, too
      rig.env->step(rig.action, rig.observation);
    }
  }
}

TEST_CASE("A walker's grass wanders about its level") {
  // Written down once more.
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    RandomStream random(seed);
    Draws draws(random, /*centred=*/false);
    const WalkerTerrain terrain = WalkerTerrain::make(draws, /*obstacles=*/false);
    CHECK(terrain.blocks.empty());
    REQUIRE(terrain.vertices.size() == 200);

    RandomStream again(seed);
    const double level = 10.0 / 3.0;
    double y = level;
    double slope = 0.0;
    int left = 20;
    bool pause = false;  // the first vertex of a stretch repeats the height
    for (std::size_t i = 0; i < 200; ++i) {
      if (!pause) {
        slope = slope * 4.0 / 5.0 + (y < level ? 0.01 : (y > level ? -0.01 : 0.0));
        if (i > 20) slope += again.uniform(-1.0, 1.0) / 30.0;
        y += slope;
      }
      CHECK(terrain.vertices[i].x == Approx(14.0 / 30.0 * static_cast<double>(i)));
      CHECK(terrain.vertices[i].y == Approx(y).epsilon(1e-12));
      pause = --left == 0;
      if (pause) left = 5 + static_cast<int>(again.below(5));
    }
  }
}

TEST_CASE("A walker's obstacles have the shapes of their definition") {
  constexpr double kStep = 14.0 / 30.0;
  int stumps = 0;
  int stairs = 0;
  int pits = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    RandomStream random(seed);
    Draws draws(random, /*centred=*/false);
    const WalkerTerrain terrain = WalkerTerrain::make(draws, /*obstacles=*/true);
    bool in_pit = false;  // between its two walls
    for (std::size_t b = 0; b < terrain.blocks.size(); ++b) {
      const WalkerTerrain::Block& block = terrain.blocks[b];
      const double width = (block[1].x - block[0].x) / kStep;
      const double height = (block[0].y - block[3].y) / kStep;
      const auto at = static_cast<std::size_t>(std::lround(block[0].x / kStep));
      REQUIRE(at >= 20);
      if (at >= 190) break;  // cut off by the end of the ground
      const auto ground = [&](std::size_t i) { return terrain.vertices[i].y; };
      if (width > 3.5) {
        // A stair: four steps wide, one high; the ground is a ramp that follows.
        ++stairs;
        CHECK(width == Approx(4.0));
        CHECK(height == Approx(1.0));
        const double above = (ground(at + 1) - block[0].y) / kStep;
        CHECK((above == Approx(0.0).margin(1e-9) || above == Approx(-0.5)));  // up or down
      } else if (height > 3.5) {
        // A wall of a pit: the next one is 3 or 4 steps on, and between them it is 4 steps deep.
        ++pits;
        CHECK(width == Approx(1.0));
        CHECK(height == Approx(4.0));
        in_pit = !in_pit;
        if (in_pit) {
          const double gap = (terrain.blocks[b + 1][0].x - block[0].x) / kStep;
          CHECK((gap == Approx(3.0) || gap == Approx(4.0)));
          CHECK(ground(at) == Approx(block[0].y));
          CHECK(ground(at + 1) == Approx(block[3].y));
          CHECK(ground(at + static_cast<std::size_t>(std::lround(gap))) == Approx(block[3].y));
          CHECK(ground(at + static_cast<std::size_t>(std::lround(gap)) + 1) == Approx(block[0].y));
        } else {
          CHECK(block[0].y == terrain.blocks[b - 1][0].y);
        }
      } else {
        // A stump: one or two steps square, on the ground.
        ++stumps;
        CHECK((width == Approx(1.0) || width == Approx(2.0)));
        CHECK(height == Approx(width));
        CHECK(ground(at) == Approx(block[3].y));
      }
    }
  }
  // Each a third of the obstacles; stairs have 3.5 blocks on average, pits 2.
  CHECK(stumps > 40);
  CHECK(stairs / 3.5 == Approx(stumps).epsilon(0.4));
  CHECK(pits / 2.0 == Approx(stumps).epsilon(0.4));
}

// ---- CarRacing

TEST_CASE("A road closes, turns once around the middle and has the width of its definition") {
  std::vector<double> counts;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    RandomStream random(seed);
    Draws draws(random, /*centred=*/false);
    const RaceTrack track = RaceTrack::make(draws);
    const std::size_t n = track.points.size();
    counts.push_back(static_cast<double>(n));
    double turned = 0.0;
    for (std::size_t i = 0; i < n; ++i) {
      const auto& a = track.before(i);
      const auto& b = track.points[i];
      turned += std::remainder(std::atan2(b.y, b.x) - std::atan2(a.y, a.x), 2.0 * kPi);
      const double step = std::hypot(b.x - a.x, b.y - a.y);
      if (i > 0) CHECK(step == Approx(3.5).epsilon(1e-9));
      if (i == 0) {
        // Only the gap across the road is bounded where the ends meet.
        CHECK(std::hypot(std::cos(b.heading) * (b.x - a.x), std::sin(b.heading) * (b.y - a.y)) <=
              3.5);
      }
      const RaceTrack::Quad tile = track.tile(i);
      CHECK(std::hypot(tile[0].x - tile[1].x, tile[0].y - tile[1].y) ==
            Approx(2.0 * 40.0 / 6.0).epsilon(1e-9));
      CHECK(0.5 * (tile[0].x + tile[1].x) == Approx(b.x).margin(1e-9));
      CHECK(0.5 * (tile[0].y + tile[1].y) == Approx(b.y).margin(1e-9));
      // The front edge lies across the heading; the back edge is the front edge of the tile before.
      CHECK((tile[1].x - tile[0].x) * -std::sin(b.heading) +
                (tile[1].y - tile[0].y) * std::cos(b.heading) ==
            Approx(0.0).margin(1e-9));
      const RaceTrack::Quad previous = track.tile((i + n - 1) % n);
      CHECK(tile[2].x == previous[1].x);
      CHECK(tile[3].y == previous[0].y);
    }
    CHECK(turned == Approx(2.0 * kPi).margin(1e-6));
  }
  CHECK(median(counts) >= 280.0);
  CHECK(median(counts) <= 305.0);
  CHECK(*std::ranges::min_element(counts) > 220.0);
  CHECK(*std::ranges::max_element(counts) < 400.0);
}

TEST_CASE("A road turns towards the next checkpoint") {
  int followed = 0;
  int steps = 0;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    RandomStream random(seed);
    Draws draws(random, /*centred=*/false);
    const RaceTrack track = RaceTrack::make(draws);
    // An attempt takes two numbers for each of twelve checkpoints; the last one closed.
    REQUIRE(random.counter() % 24 == 0);
    RandomStream again(seed, random.counter() - 24);
    std::vector<std::array<double, 3>> checkpoints;  // angle, x, y
    for (int c = 0; c < 12; ++c) {
      double angle = kPi / 6.0 * c + again.uniform(0.0, kPi / 6.0);
      double radius = again.uniform(50.0, 150.0);
      if (c == 0 || c == 11) {
        angle = kPi / 6.0 * c;
        radius = 225.0;
      }
      checkpoints.push_back({angle, radius * std::cos(angle), radius * std::sin(angle)});
    }
    const auto direction = [&](std::size_t i) {
      const auto& a = track.points[i - 1];
      const auto& b = track.points[i];
      return std::atan2(-(b.x - a.x), b.y - a.y);
    };
    for (std::size_t i = 1; i + 1 < track.points.size(); ++i) {
      const auto& at = track.points[i - 1];
      const double angle = std::atan2(at.y, at.x) + (at.y < 0.0 ? 2.0 * kPi : 0.0);
      const auto target = std::ranges::find_if(
          checkpoints, [&](const auto& checkpoint) { return checkpoint[0] >= angle; });
      const auto& [_, x, y] = target == checkpoints.end() ? checkpoints[0] : *target;
      const double heading = direction(i);
      const double aside = 6.0 * (std::cos(heading) * (x - at.x) + std::sin(heading) * (y - at.y));
      const double turn = std::abs(aside) > 0.3 ? std::clamp(-0.001 * aside, -0.31, 0.31) : 0.0;
      const double turned = std::remainder(direction(i + 1) - heading, 2.0 * kPi);
      followed += std::abs(turned - turn) < 1e-6 ? 1 : 0;
      ++steps;
      CHECK(std::abs(turned) <= 0.31 + 1e-9);
    }
  }
  // All but where a road runs back and keeps to the checkpoint that it already aimed at.
  CHECK(followed > 0.9 * steps);
}

const Settings kNumbers = {{"observation", "state", "test"}};

// Areas in units of 0.02 m: a front wing, the nose, the cockpit (an octagon), a rear wing.
const double kUnit = 0.02 * 0.02;
const std::vector<double> kCarMasses = {
    kUnit * (area({{-60, 130}, {60, 130}, {60, 110}, {-60, 110}}) +
             area({{-15, 120}, {15, 120}, {20, 20}, {-20, 20}}) +
             area({{25, 20},
                   {50, -10},
                   {50, -40},
                   {20, -90},
                   {-20, -90},
                   {-50, -40},
                   {-50, -10},
                   {-25, 20}}) +
             area({{-50, -120}, {50, -120}, {50, -90}, {-50, -90}})),
    0.1 * kUnit * 28.0 * 54.0, 0.1 * kUnit * 28.0 * 54.0, 0.1 * kUnit * 28.0 * 54.0,
    0.1 * kUnit * 28.0 * 54.0};

/// The car somewhere on the grass or on the road, pointing along y, every part at (vx, vy).
std::vector<double> car_at(double x, double y, double vx, double vy) {
  std::vector<double> state;
  const std::array<std::array<double, 2>, 5> places = {
      {{0, 0}, {-1.1, 1.6}, {1.1, 1.6}, {-1.1, -1.64}, {1.1, -1.64}}};
  for (const auto& [px, py] : places) {
    for (const double value : {x + px, y + py, 0.0, vx, vy, 0.0}) {
      state.push_back(static_cast<double>(static_cast<float>(value)));
    }
  }
  state.resize(state.size() + 12, 0.0);
  return state;
}
double wheel_spin(const std::vector<double>& state, std::size_t wheel) {
  return state[30 + 3 * wheel + 1];
}

TEST_CASE("A car's engine turns the rear wheels, and their slip pushes the car") {
  Rig rig("CarRacing-v3", kNumbers);
  rig.reset_to(car_at(0.0, 0.0, 0.0, 0.0));  // the middle of the field is grass
  rig.step({0.0f, 1.0f, 0.0f});
  // Gas rises by 0.1: ω = dt P gas / J / 5 before friction; its slip force of 82 ω r is above what
  // grass bears, 0.6 · 400 N.
  const double spun = 0.02 * 40000.0 * 0.1 / 1.6 / 5.0;
  const double limit = 0.6 * 400.0;
  REQUIRE(82.0 * spun * 0.54 > limit);
  std::vector<double> state = rig.state();
  for (const std::size_t rear : {2u, 3u}) {
    CHECK(state[30 + 3 * rear] == Approx(0.1));
    CHECK(wheel_spin(state, rear) == Approx(spun - 0.02 * limit * 0.54 / 1.6));
  }
  CHECK(wheel_spin(state, 0) == 0.0);
  CHECK(momentum(state, kCarMasses)[1] == Approx(2.0 * limit * 0.02).epsilon(1e-3));
  CHECK(momentum(state, kCarMasses)[0] == Approx(0.0).margin(1e-3));

  // Once more from where it is now: the front wheels only roll with the ground.
  const std::vector<double> before = state;
  rig.step({0.0f, 1.0f, 0.0f});
  state = rig.state();
  double pushed = 0.0;
  for (std::size_t wheel = 0; wheel < 4; ++wheel) {
    double omega = wheel_spin(before, wheel);
    if (wheel >= 2) omega += 0.02 * 40000.0 * 0.2 / 1.6 / (std::abs(omega) + 5.0);
    const double force =
        std::clamp(82.0 * (omega * 0.54 - body(before, wheel + 1).vy), -limit, limit);
    pushed += force * 0.02;
    CHECK(wheel_spin(state, wheel) == Approx(omega - 0.02 * force * 0.54 / 1.6).margin(1e-4));
  }
  CHECK(momentum(state, kCarMasses)[1] - momentum(before, kCarMasses)[1] ==
        Approx(pushed).epsilon(2e-3));
  // Gas falls at once.
  rig.step({0.0f, 0.0f, 0.0f});
  CHECK(rig.state()[30 + 3 * 2] == 0.0);
}

TEST_CASE("A car's mass, engine and tyres can be scaled") {
  const auto start = car_at(0.0, 0.0, 20.0, 0.0);
  const auto drive = [&start](const std::string& randomize) {
    Settings settings = kNumbers;
    settings.push_back({"randomize", randomize, "test"});
    Rig rig("CarRacing-v3", settings);
    rig.reset_to(start);
    rig.step({0.0f, 1.0f, 0.0f});
    return rig.state();
  };
  // Sliding on grass, a car loses the momentum that friction takes: 4 · 240 N for 0.02 s.
  const double mass = total(kCarMasses);
  const auto loss = [&](const std::string& randomize) {
    return (20.0 - momentum(drive(randomize), kCarMasses)[0] / mass) / 0.02;
  };
  CHECK(loss("friction 0.5..0.5, gear 0..0") == Approx(480.0 / mass).epsilon(2e-3));
  CHECK(loss("friction/grass 1.5..1.5, gear 0..0") == Approx(1440.0 / mass).epsilon(2e-3));
  CHECK(loss("friction/road 0.5..0.5, mass 2..2, gear 0..0") == Approx(480.0 / mass).epsilon(2e-3));
  // A wheel that turns too fast for the ground bears friction's force whatever the engine does.
  const double spun = wheel_spin(drive(""), 2);
  CHECK(wheel_spin(drive("gear 2..2"), 2) - spun ==
        Approx(0.02 * 40000.0 * 0.1 / 1.6 / 5.0).epsilon(0.05));
}

TEST_CASE("A car that slides is held by friction, on the road by more than on grass") {
  Rig rig("CarRacing-v3", kNumbers);
  for (const double speed : {1.0, 20.0}) {
    const std::vector<double> start = car_at(0.0, 0.0, speed, 0.0);
    rig.reset_to(start);
    rig.step({0.0f, 0.0f, 0.0f});
    const double lost = momentum(start, kCarMasses)[0] - momentum(rig.state(), kCarMasses)[0];
    CHECK(lost == Approx(4.0 * 0.02 * std::min(82.0 * speed, 240.0)).epsilon(2e-3));
  }

  rig.reset_noise_free();
  const Body hull = body(rig.state(), 0);
  // Where the road starts it runs nearly along y; contacts are known from the second step on.
  const std::vector<double> start = car_at(hull.x, hull.y, 0.0, 30.0);
  rig.reset_to(start);
  rig.step({0.0f, 0.0f, 0.0f});
  CHECK(rig.observation[11] == 4.0);  // wheels on the road
  const std::vector<double> before = rig.state();
  rig.step({0.0f, 0.0f, 1.0f});  // all wheels blocked
  const double lost = momentum(before, kCarMasses)[1] - momentum(rig.state(), kCarMasses)[1];
  CHECK(lost == Approx(4.0 * 0.02 * 400.0).epsilon(5e-3));
}

TEST_CASE("A car's brakes slow the wheels by 15 rad/s times the pressure, or block them") {
  Rig rig("CarRacing-v3", kNumbers);
  const double rolling = 60.0;
  for (const double pressure : {0.4, 0.95}) {
    std::vector<double> start = car_at(0.0, 0.0, 0.0, rolling * 0.54);
    for (std::size_t wheel = 0; wheel < 4; ++wheel) start[30 + 3 * wheel + 1] = rolling;
    rig.reset_to(start);
    rig.step({0.0f, 0.0f, static_cast<float>(pressure)});
    const double braked = pressure >= 0.9 ? 0.0 : rolling - 15.0 * pressure;
    const double force = std::max(82.0 * (braked * 0.54 - rolling * 0.54), -240.0);
    for (std::size_t wheel = 0; wheel < 4; ++wheel) {
      CHECK(wheel_spin(rig.state(), wheel) ==
            Approx(braked - 0.02 * force * 0.54 / 1.6).margin(1e-3));
    }
  }
}

TEST_CASE("A car steers at 3 rad/s up to 0.4 rad, and left is positive") {
  Rig rig("CarRacing-v3", kNumbers);
  Settings five = kNumbers;
  five.push_back({"continuous", "false", "test"});
  Rig discrete("CarRacing-v3", five);
  for (const double side : {1.0, -1.0}) {
    rig.reset_to(car_at(0.0, 0.0, 0.0, 0.0));
    discrete.reset_to(car_at(0.0, 0.0, 0.0, 0.0));
    for (int i = 1; i <= 60; ++i) {
      rig.step({static_cast<float>(-side), 0.0f, 0.0f});
      discrete.step({side > 0.0 ? 2.0f : 1.0f});
      if (i == 3) {
        CHECK(side * rig.observation[5] == Approx(3 * 3.0 * kTimeStep).margin(0.01));
      }
    }
    CHECK(side * rig.observation[5] == Approx(0.4).margin(0.04));
    CHECK(discrete.observation[5] == Approx(rig.observation[5]).margin(1e-6));
  }
  CHECK_THROWS_AS(discrete.step({5.0f}), UsageError);
  CHECK_THROWS_AS(discrete.step({0.5f}), UsageError);
}

/// Steers towards the road 14 and 28 m ahead, slower before turns.
void follow_road(const std::vector<double>& s, std::vector<float>& action) {
  const double x = s[15];
  const double y = s[16];
  const double bend = std::abs(std::atan2(s[19], s[20]));
  const double target = bend < 0.3 ? 45.0 : (bend < 0.7 ? 28.0 : 20.0);
  action[0] = static_cast<float>(std::clamp(16.0 * x / (x * x + y * y), -1.0, 1.0));
  action[1] = s[0] < target ? 0.4f : 0.0f;
  action[2] = s[0] > target + 5.0 ? 0.3f : 0.0f;
}

TEST_CASE("A car is paid for tiles and ends its lap") {
  const double enough = 0.9;
  Settings settings = kNumbers;
  settings.push_back({"time_limit", "0", "test"});
  settings.push_back({"lap_complete_percent", std::to_string(enough), "test"});
  Rig rig("CarRacing-v3", settings);
  rig.reset(1);
  double visited = 0.0;  // those of the step before the first observation are paid with the first
  double sum = 0.0;
  StepResult result;
  int steps = 0;
  for (; steps < 3000 && !result.terminated; ++steps) {
    follow_road(rig.observation, rig.action);
    result = rig.env->step(rig.action, rig.observation);
    const double share = rig.observation[12];
    CHECK(result.reward == Approx(1000.0 * (share - visited) - 0.1).margin(1e-3));
    visited = share;
    sum += result.reward;
  }
  CHECK(result.terminated);
  CHECK(visited > enough);
  CHECK(visited < 1.0);  // it cut a corner, so the lap ended at the first tile
  CHECK(sum == Approx(1000.0 * visited - 0.1 * steps).margin(1e-2));
}

TEST_CASE("A car that leaves the field has lost") {
  Rig rig("CarRacing-v3", kNumbers);
  rig.reset_to(car_at(333.0, 0.0, 0.0, 0.0));
  CHECK_FALSE(rig.step({0.0f, 0.0f, 0.0f}).terminated);
  for (const auto& [x, y] : {std::pair{334.0, 0.0}, {0.0, -334.0}}) {
    rig.reset_to(car_at(x, y, 0.0, 0.0));
    const StepResult result = rig.step({0.0f, 0.0f, 0.0f});
    CHECK(result.terminated);
    CHECK(result.reward == -100.0);
  }
}

TEST_CASE("A car sees itself on the road, and the state as numbers where it is asked for") {
  Rig rig("CarRacing-v3");
  Rig numbers("CarRacing-v3", kNumbers);
  CHECK(rig.env->spec().observation.to_string() == "Box(96, 96, 3)");
  rig.reset(2);
  numbers.reset(2);
  for (int i = 0; i < 55; ++i) {
    rig.step({0.0f, 0.1f, 0.0f});
    numbers.step({0.0f, 0.1f, 0.0f});
  }
  const auto pixel = [&](std::size_t row, std::size_t column) {
    const double* at = rig.observation.data() + 3 * (96 * row + column);
    return std::array<double, 3>{at[0], at[1], at[2]};
  };
  for (const double value : rig.observation) {
    CHECK((value >= 0.0 && value <= 255.0 && value == std::floor(value)));
  }
  // A quarter of the height above the lower edge: the car, and before it the road.
  CHECK(pixel(72, 48) == std::array{204.0, 0.0, 0.0});
  for (const std::size_t row : {58u, 62u}) {
    const auto [red, green, blue] = pixel(row, 48);
    CHECK(red >= 102.0);
    CHECK(red <= 108.0);
    CHECK(red == green);
    CHECK(green == blue);
  }
  // The road is 2 · 20/3 m wide; 2.7 · 6 pixels of a frame of 1000 are a metre.
  double road = 0.0;
  for (std::size_t column = 0; column < 96; ++column) {
    const auto [red, green, blue] = pixel(62, column);
    road += red == green && green == blue && red >= 102.0 && red <= 108.0 ? 1.0 : 0.0;
  }
  CHECK(road == Approx(40.0 / 3.0 * 2.7 * 6.0 * 0.096).margin(2.0));
  CHECK(pixel(94, 80) == std::array{0.0, 0.0, 0.0});  // the bar below
  // The speed's column: 0.02 of a fortieth of the height for each m/s, from a fortieth up.
  const double speed = std::hypot(numbers.observation[0], numbers.observation[1]);
  REQUIRE(speed > 5.0);
  double lit = 0.0;
  for (std::size_t row = 84; row < 96; ++row) lit += pixel(row, 13)[0] / 255.0;
  CHECK(lit == Approx(0.02 * speed * 96.0 / 40.0).margin(0.1));

  // The same physics as numbers; the road ahead is a road: 3.5 m a point, 4 points apart.
  CHECK(rig.state() == numbers.state());
  const Body hull = body(numbers.state(), 0);
  CHECK(numbers.observation[0] ==
        Approx(-std::sin(hull.angle) * hull.vx + std::cos(hull.angle) * hull.vy).margin(1e-4));
  for (std::size_t i = 13; i + 3 < numbers.observation.size(); i += 2) {
    const double gap = std::hypot(numbers.observation[i + 2] - numbers.observation[i],
                                  numbers.observation[i + 3] - numbers.observation[i + 1]);
    CHECK(gap <= 14.0 + 1e-3);
    CHECK(gap > 8.0);
  }
}

TEST_CASE("Randomised colours are those of the seed") {
  const auto first_frame = [](std::uint64_t seed) {
    Rig rig("CarRacing-v3", {{"domain_randomize", "true", "test"}});
    rig.reset(seed);
    return rig.observation;
  };
  CHECK(first_frame(1) == first_frame(1));
  CHECK(first_frame(1) != first_frame(2));
}

// ---- All of them

const std::vector<std::pair<std::string, Settings>> kTasks = {
    {"LunarLander-v3", {}},           {"LunarLander-v3", {{"enable_wind", "true", "test"}}},
    {"LunarLanderContinuous-v3", {}}, {"BipedalWalker-v3", {}},
    {"BipedalWalkerHardcore-v3", {}}, {"CarRacing-v3", kNumbers},
};

/// Saves after `before` random steps, restores elsewhere, and follows both for `after` steps.
void check_restored(const std::string& id, Settings settings, int before, int after,
                    bool from_given) {
  INFO(id << ", saved after " << before << " steps");
  settings.push_back({"time_limit", "0", "test"});
  Rig original(id, settings);
  Rig restored(id, settings);
  RandomStream random(8);
  original.reset(3);
  if (from_given) original.reset_to(original.state());
  for (int i = 0; i < before; ++i) {
    original.set_random(random);
    original.env->step(original.action, original.observation);
  }
  std::vector<std::byte> bytes;
  StateWriter writer(bytes);
  original.env->save_state(writer);
  StateReader reader(bytes);
  restored.env->restore_state(reader);
  CHECK(reader.remaining() == 0);
  bool same = original.state() == restored.state();
  for (int i = 0; i < after; ++i) {
    original.set_random(random);
    const StepResult a = original.env->step(original.action, original.observation);
    const StepResult b = restored.env->step(original.action, restored.observation);
    same = same && a.reward == b.reward && a.terminated == b.terminated &&
           original.observation == restored.observation && original.state() == restored.state();
  }
  CHECK(same);
  std::vector<std::byte> later;
  StateWriter later_writer(later);
  original.env->save_state(later_writer);
  CHECK(later.size() == bytes.size());
}

TEST_CASE("A restored Box2D world goes on in the same bits, in contact and past the time limit") {
  for (const auto& [id, settings] : kTasks) {
    check_restored(id, settings, 0, 20, false);
    check_restored(id, settings, 150, 50, false);  // long in contact by then
    check_restored(id, settings, 40, 50, true);
  }
}

TEST_CASE("A Box2D episode past the time limit keeps its progress") {
  for (const auto& [id, settings] : kTasks) {
    if (id.starts_with("BipedalWalker")) continue;  // the same code, and 1600 steps
    check_restored(id, settings, 990, 30, false);
    check_restored(id, settings, 1010, 30, false);
  }
  // What was visited stays visited, and is not paid again.
  Settings settings = kNumbers;
  settings.push_back({"time_limit", "0", "test"});
  Rig rig("CarRacing-v3", settings);
  rig.reset(1);
  double before = 0.0;
  for (int i = 0; i < 1005; ++i) {
    const StepResult result = rig.step({0.0f, i < 60 ? 0.2f : 0.0f, i < 60 ? 0.0f : 1.0f});
    CHECK(rig.observation[12] >= before);
    if (i > 200) CHECK(result.reward == Approx(-0.1));
    before = rig.observation[12];
  }
}

TEST_CASE("A saved Box2D state that cannot be is an error") {
  Rig rig("LunarLander-v3");
  rig.reset(1);
  std::vector<std::byte> bytes;
  StateWriter writer(bytes);
  rig.env->save_state(writer);
  bytes.resize(bytes.size() - 1);
  StateReader reader(bytes);
  CHECK_THROWS_AS(rig.env->restore_state(reader), Error);
  CHECK_THROWS_AS(rig.reset_to({1.0, 2.0}), UsageError);
}

TEST_CASE("A step of a Box2D task allocates nothing") {
  for (const auto& [id, settings] : kTasks) {
    INFO(id);
    Rig rig(id, settings);
    RandomStream random(1);
    rig.reset(1);
    const std::uint64_t before = allocations_here();
    for (int i = 0; i < 200; ++i) {
      rig.set_random(random);
      rig.env->step(rig.action, rig.observation);
    }
    // Box2D takes its memory in blocks of 16 kB; contacts may need another one.
    CHECK(allocations_here() - before <= 2);
  }
}

auto at_random(Rig& rig, RandomStream& random) {
  return [&](const std::vector<double>&, std::vector<float>&) { rig.set_random(random); };
}
void nothing(const std::vector<double>&, std::vector<float>& action) {
  std::ranges::fill(action, 0.0f);
}

TEST_CASE("Simple policies fly LunarLander as others report") {
  RandomStream random(9);
  Rig lander("LunarLander-v3");
  // Gymnasium's own landing rule solves the task; a random policy crashes at about −150 to −200.
  CHECK(mean(returns(lander, 30, land)) > 200.0);
  const double crash = median(returns(lander, 50, at_random(lander, random)));
  CHECK(crash < -110.0);
  CHECK(crash > -220.0);
  const double drop = median(returns(lander, 60, nothing));
  CHECK(drop < -110.0);
  CHECK(drop > -170.0);

  Rig continuous("LunarLanderContinuous-v3");
  const auto land_continuous = [](const std::vector<double>& observation,
                                  std::vector<float>& action) {
    const auto [turn, climb] = lander_demand(observation);
    action[0] = static_cast<float>(std::clamp(20.0 * climb - 1.0, -1.0, 1.0));
    action[1] = static_cast<float>(std::clamp(-20.0 * turn, -1.0, 1.0));
  };
  CHECK(mean(returns(continuous, 30, land_continuous)) > 200.0);
}

TEST_CASE("Simple policies walk and drive as others report") {
  RandomStream random(9);
  Rig walker("BipedalWalker-v3", {{"time_limit", "300", "test"}});
  const double fall = median(returns(walker, 15, at_random(walker, random)));
  CHECK(fall < -85.0);
  CHECK(fall > -125.0);

  // A car that stands still is paid the two tiles that it stands on.
  Rig car("CarRacing-v3", kNumbers);
  for (const double idle : returns(car, 3, nothing)) {
    CHECK(idle > -95.0);
    CHECK(idle < -90.0);
  }
}

TEST_CASE("Box2D tasks refuse an action that is not a finite number, and go on after a reset") {
  for (const char* id : {"LunarLanderContinuous-v3", "BipedalWalker-v3", "CarRacing-v3"}) {
    const auto env = make_env(EnvConfig(id));
    std::vector<double> observation(static_cast<std::size_t>(env->spec().observation.size()));
    std::vector<float> action(static_cast<std::size_t>(env->spec().action.size()), 0.0f);
    env->reset(1, observation);
    action[0] = std::numeric_limits<float>::quiet_NaN();
    CHECK_THROWS_WITH(env->step(action, observation), Catch::Contains("not a finite number"));
    action[0] = 0.0f;
    CHECK_NOTHROW(env->step(action, observation));
  }
}

}  // namespace
}  // namespace costate
