// The wrappers against independent truth: stepping by hand, an environment that echoes its action,
// and closed forms for a mass on a rail. Bands of statistics are 5 standard deviations wide: a
// right wrapper would leave one with probability 6e-7, and the seeds are fixed.
#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

#include "envs/env_config.h"
#include "envs/error.h"
#include "envs/random.h"
#include "envs/registry.h"
#include "envs/wrappers/time_limit.h"

namespace costate {
namespace {

using Catch::Contains;
using Setting = std::pair<std::string, std::string>;

EnvConfig configure(const std::string& id, const std::vector<Setting>& settings) {
  std::vector<Assignment> assignments;
  for (const auto& [key, value] : settings) assignments.push_back({key, value, "--env-set"});
  return {id, assignments};
}

/// Observes the action that reached it.
class ActionEcho final : public Env {
 public:
  explicit ActionEcho(Space action) {
    spec_.id = "ActionEcho";
    spec_.action = std::move(action);
    spec_.observation =
        spec_.action.kind == Space::Kind::kBox ? Space::box(2, -10.0, 10.0) : spec_.action;
  }
  const EnvSpec& spec() const override { return spec_; }
  void reset(std::uint64_t, std::span<double> observation) override {
    std::ranges::fill(observation, 1.0);
  }
  StepResult step(std::span<const float> action, std::span<double> observation) override {
    std::ranges::copy(action, observation.begin());
    return {};
  }
  void save_state(StateWriter&) const override {}
  void restore_state(StateReader&) override {}
  PhysicalState physical_state() const override { return {}; }
  void reset_to(const std::optional<PhysicalState>&, std::span<double> observation) override {
    reset(0, observation);
  }

 private:
  EnvSpec spec_;
};

/// Registers "BoxEcho-v0" with actions in [-1, 1] x [0, 4] and "DiscreteEcho-v0" with five.
void register_echoes() {
  static const bool done = [] {
    register_env("BoxEcho-v0", [] {
      return std::unique_ptr<Env>(
          std::make_unique<ActionEcho>(Space::box({-1.0, 0.0}, {1.0, 4.0})));
    });
    register_env("DiscreteEcho-v0", [] {
      return std::unique_ptr<Env>(std::make_unique<ActionEcho>(Space::discrete(5)));
    });
    return true;
  }();
  (void)done;
}

std::vector<double> observation_of(const Env& env) {
  return std::vector<double>(static_cast<std::size_t>(env.spec().observation.size()));
}

void draw_action(const Space& space, RandomStream& random, std::vector<float>& action) {
  action.resize(static_cast<std::size_t>(space.size()));
  for (std::size_t i = 0; i < action.size(); ++i) {
    action[i] = space.kind == Space::Kind::kBox
                    ? static_cast<float>(random.uniform(space.low[i], space.high[i]))
                    : static_cast<float>(random.below(static_cast<std::uint64_t>(space.counts[i])));
  }
}

bool same_bits(const std::vector<double>& a, const std::vector<double>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0;
}

struct Moments {
  double mean;
  double deviation;
};

Moments moments(const std::vector<double>& values) {
  const auto n = static_cast<double>(values.size());
  double mean = 0.0;
  for (const double value : values) mean += value / n;
  double variance = 0.0;
  for (const double value : values) variance += (value - mean) * (value - mean) / n;
  return {mean, std::sqrt(variance)};
}

/// Whether the sample may be of a normal distribution with mean 0 and that deviation.
void check_normal(const std::vector<double>& values, double deviation) {
  const auto n = static_cast<double>(values.size());
  const Moments found = moments(values);
  CHECK(std::abs(found.mean) < 5.0 * deviation / std::sqrt(n));
  CHECK(std::abs(found.deviation - deviation) < 5.0 * deviation / std::sqrt(2.0 * n));
  // One in 22 lies more than two deviations out.
  const auto outside = std::ranges::count_if(
      values, [&](double value) { return std::abs(value) > 2.0 * deviation; });
  CHECK(std::abs(static_cast<double>(outside) / n - 0.0455) < 5.0 * std::sqrt(0.0455 / n));
}

constexpr int kSamples = 20000;

/// A mass of 2 kg on a rail without friction, pushed with 10 N per unit of action, and one that
/// falls: after one step of 0.01 s from rest v = 0.05 u (m/s) and -0.1 m/s.
struct Rail {
  Rail()
      : folder(std::filesystem::temp_directory_path() /
               ("costate_wrappers_test_" + std::to_string(getpid()))) {
    std::filesystem::create_directories(folder);
    std::ofstream(folder / "rail.xml") << R"(<mujoco>
      <option timestep="0.01" gravity="0 0 -10"/>
      <default><geom contype="0" conaffinity="0"/></default>
      <worldbody>
        <body name="cart"><joint name="rail" type="slide" axis="1 0 0"/>
          <geom type="sphere" size="0.1" mass="2"/></body>
        <body name="stone"><joint name="fall" type="slide" axis="0 0 1"/>
          <geom type="sphere" size="0.1" mass="3"/></body>
      </worldbody>
      <actuator><motor name="push" joint="rail" gear="10" ctrllimited="true" ctrlrange="-1 1"/>
      </actuator></mujoco>)";
  }
  ~Rail() { std::filesystem::remove_all(folder); }
  Rail(const Rail&) = delete;
  Rail& operator=(const Rail&) = delete;

  std::unique_ptr<Env> make(std::vector<Setting> settings) const {
    settings.emplace_back("frame_skip", "1");
    settings.emplace_back("reset_noise_scale", "0");
    return configure("mjcf:" + (folder / "rail.xml").string(), settings).make();
  }

  std::filesystem::path folder;
};

TEST_CASE("The time limit truncates at exactly its step, also after a restore") {
  const std::vector<float> coast = {1.0f};
  std::vector<double> observation(2);
  auto env = make_env("MountainCar-v0");
  const int limit = env->spec().time_limit;
  REQUIRE(limit == 200);

  std::vector<std::byte> bytes;
  for (int episode = 0; episode < 2; ++episode) {
    env->reset(1, observation);
    for (int step = 1; step <= limit; ++step) {
      const StepResult result = env->step(coast, observation);
      REQUIRE_FALSE(result.terminated);
      REQUIRE(result.truncated == (step == limit));
      if (episode == 0 && step == 150) {
        StateWriter writer(bytes);
        env->save_state(writer);
      }
    }
    CHECK(env->step(coast, observation).truncated);  // and stays so until the reset
  }

  auto restored = make_env("MountainCar-v0");
  StateReader reader(bytes);
  restored->restore_state(reader);
  for (int step = 151; step <= limit; ++step) {
    REQUIRE(restored->step(coast, observation).truncated == (step == limit));
  }
  restored->reset_to(std::nullopt, observation);
  CHECK_FALSE(restored->step(coast, observation).truncated);
}

TEST_CASE("An environment can terminate on the step that reaches the limit") {
  auto env = make_env("MountainCar-v0");
  std::vector<double> observation(2);
  env->reset(1, observation);
  const std::vector<float> left = {0.0f};
  const std::vector<float> right = {2.0f};
  for (int step = 1; step < 200; ++step) env->step(left, observation);
  // Keep the step count, but stand just before the goal.
  std::vector<std::byte> bytes;
  StateWriter writer(bytes);
  env->save_state(writer);
  StateReader reader(bytes);
  const auto steps = reader.read<std::int64_t>();
  CHECK(steps == 199);
  std::vector<std::byte> moved;
  StateWriter moved_writer(moved);
  moved_writer.write(steps);
  moved_writer.write(std::array<double, 2>{0.49, 0.05});
  StateReader moved_reader(moved);
  env->restore_state(moved_reader);
  const StepResult result = env->step(right, observation);
  CHECK(result.terminated);
  CHECK(result.truncated);
}

TEST_CASE("A time limit of 0 is none, -1 the task's own, n its own number") {
  const auto truncated_after = [](const std::string& limit, int most) {
    auto env = configure("Pendulum-v1", {{"time_limit", limit}}).make();
    auto observation = observation_of(*env);
    env->reset(1, observation);
    for (int step = 1; step <= most; ++step) {
      if (env->step(std::vector<float>{0.0f}, observation).truncated) return step;
    }
    return 0;
  };
  CHECK(truncated_after("-1", 1000) == 200);
  CHECK(truncated_after("0", 1000) == 0);
  CHECK(truncated_after("7", 1000) == 7);
  CHECK(truncated_after("300", 1000) == 300);
  CHECK(configure("Pendulum-v1", {{"time_limit", "0"}}).make()->spec().time_limit == 0);
  CHECK(configure("Pendulum-v1", {{"time_limit", "7"}}).make()->spec().time_limit == 7);
}

TEST_CASE("Action repeat is stepping by hand, and ends with the episode") {
  for (const std::string id : {"HalfCheetah-v5", "CartPole-v1"}) {
    INFO(id);
    auto env = configure(id, {{"action_repeat", "3"}, {"time_limit", "8"}}).make();
    auto plain = configure(id, {{"time_limit", "8"}}).make();
    CHECK(env->spec().time_limit == 3);
    CHECK(env->spec().control_step == Approx(3.0 * plain->spec().control_step));
    auto observation = observation_of(*env);
    auto expected = observation_of(*plain);
    RandomStream random(7);
    std::vector<float> action;
    for (std::uint64_t episode = 0; episode < 3; ++episode) {
      env->reset(episode, observation);
      plain->reset(episode, expected);
      CHECK(same_bits(observation, expected));
      for (int step = 0; step < 3; ++step) {
        draw_action(env->spec().action, random, action);
        const StepResult result = env->step(action, observation);
        double reward = 0.0;
        StepResult once;
        for (int i = 0; i < (step == 2 ? 2 : 3); ++i) {
          once = plain->step(action, expected);
          reward += once.reward;
        }
        REQUIRE(result.reward == reward);
        REQUIRE(result.terminated == once.terminated);
        REQUIRE(result.truncated == (step == 2));
        REQUIRE(same_bits(observation, expected));
      }
    }
  }
  // A pole that is always pushed to the left falls within a repetition: a reward for each step up
  // to its fall.
  auto plain = make_env("CartPole-v1");
  auto env = configure("CartPole-v1", {{"action_repeat", "100"}}).make();
  auto observation = observation_of(*env);
  auto expected = observation_of(*plain);
  plain->reset(5, expected);
  int steps = 1;
  while (!plain->step(std::vector<float>{0.0f}, expected).terminated) ++steps;
  env->reset(5, observation);
  const StepResult result = env->step(std::vector<float>{0.0f}, observation);
  CHECK(result.terminated);
  CHECK(result.reward == steps);
  CHECK(same_bits(observation, expected));
}

TEST_CASE("A delay executes the action of d steps before, at first the middle of the box") {
  register_echoes();
  for (const int delay : {1, 4}) {
    auto env = configure("BoxEcho-v0", {{"action_delay", std::to_string(delay)}}).make();
    std::vector<double> observation(2);
    for (std::uint64_t episode = 0; episode < 2; ++episode) {
      env->reset(episode, observation);
      CHECK(observation == std::vector<double>{1.0, 1.0});
      for (int step = 0; step < 12; ++step) {
        const auto sent = [](int when) { return 0.0625 * when; };
        env->step(std::vector<float>{static_cast<float>(sent(step)),
                                     static_cast<float>(4.0 - sent(step))},
                  observation);
        const std::vector<double> expected =
            step < delay ? std::vector<double>{0.0, 2.0}
                         : std::vector<double>{sent(step - delay), 4.0 - sent(step - delay)};
        REQUIRE(observation == expected);
      }
    }
  }
  auto env = configure("DiscreteEcho-v0", {{"action_delay", "2"}}).make();
  std::vector<double> observation(1);
  env->reset(0, observation);
  for (const double expected : {0.0, 0.0, 3.0, 3.0}) {
    env->step(std::vector<float>{3.0f}, observation);
    CHECK(observation[0] == expected);
  }
}

TEST_CASE("Action noise is a share of half the range, clipped to the range") {
  register_echoes();
  std::vector<double> observation(2);
  {
    auto env = configure("BoxEcho-v0", {{"action_noise", "0.1"}}).make();
    env->reset(1, observation);
    std::vector<double> first;
    std::vector<double> second;
    for (int i = 0; i < kSamples; ++i) {
      env->step(std::vector<float>{0.0f, 2.0f}, observation);
      first.push_back(observation[0]);
      second.push_back(observation[1] - 2.0);
    }
    check_normal(first, 0.1);
    check_normal(second, 0.2);
    double product = 0.0;
    for (std::size_t i = 0; i < first.size(); ++i) product += first[i] * second[i] / kSamples;
    CHECK(std::abs(product) < 5.0 * 0.1 * 0.2 / std::sqrt(kSamples));
  }
  auto env = configure("BoxEcho-v0", {{"action_noise", "2"}}).make();
  env->reset(1, observation);
  int clipped = 0;
  for (int i = 0; i < kSamples; ++i) {
    env->step(std::vector<float>{0.0f, 2.0f}, observation);
    REQUIRE((observation[0] >= -1.0 && observation[0] <= 1.0));
    REQUIRE((observation[1] >= 0.0 && observation[1] <= 4.0));
    clipped += std::abs(observation[0]) == 1.0 ? 1 : 0;
  }
  const double beyond = std::erfc(0.5 / std::sqrt(2.0));  // half a deviation, both sides
  CHECK(std::abs(static_cast<double>(clipped) / kSamples - beyond) <
        5.0 * std::sqrt(beyond * (1.0 - beyond) / kSamples));

  CHECK_THROWS_WITH(configure("DiscreteEcho-v0", {{"action_noise", "1.5"}}).make(),
                    Contains("action_noise is a probability"));
}

TEST_CASE("Noise on a discrete action puts a uniform one in its place with that probability") {
  register_echoes();
  auto env = configure("DiscreteEcho-v0", {{"action_noise", "0.3"}}).make();
  std::vector<double> observation(1);
  env->reset(1, observation);
  std::array<int, 5> counts = {};
  for (int i = 0; i < kSamples; ++i) {
    env->step(std::vector<float>{2.0f}, observation);
    ++counts[static_cast<std::size_t>(observation[0])];
  }
  for (std::size_t i = 0; i < 5; ++i) {
    const double share = i == 2 ? 0.7 + 0.3 / 5.0 : 0.3 / 5.0;
    CHECK(std::abs(static_cast<double>(counts[i]) / kSamples - share) <
          5.0 * std::sqrt(share * (1.0 - share) / kSamples));
  }
}

TEST_CASE("Observation noise has its deviation in the units of the observation") {
  register_echoes();
  auto env = configure("BoxEcho-v0", {{"observation_noise", "0.5"}}).make();
  CHECK_FALSE(env->spec().observation.bounded());
  std::vector<double> observation(2);
  std::vector<double> noise;
  env->reset(1, observation);
  CHECK(observation[0] != 1.0);  // the first observation has it too
  for (int i = 0; i < kSamples / 2; ++i) {
    env->step(std::vector<float>{0.25f, 3.0f}, observation);
    noise.push_back(observation[0] - 0.25);
    noise.push_back(observation[1] - 3.0);
  }
  check_normal(noise, 0.5);
}

TEST_CASE("A sensor drops out at its rate and reads 0 for its number of steps") {
  register_echoes();
  auto env = configure("BoxEcho-v0", {{"sensor_drop", "0.1"}, {"sensor_drop_steps", "3"}}).make();
  std::vector<double> observation(2);
  env->reset(1, observation);
  std::array<int, 2> out = {};
  std::array<int, 2> run = {};
  int both = 0;
  for (int i = 0; i < kSamples; ++i) {
    env->step(std::vector<float>{1.0f, 1.0f}, observation);
    both += observation[0] == 0.0 && observation[1] == 0.0 ? 1 : 0;
    for (std::size_t k = 0; k < 2; ++k) {
      if (observation[k] == 0.0) {
        ++out[k];
        ++run[k];
        continue;
      }
      REQUIRE(observation[k] == 1.0);
      // Only one that was out since before the first step may seem out for less.
      if (i > 3) REQUIRE(run[k] % 3 == 0);
      run[k] = 0;
    }
  }
  // On average 9 steps pass before a drop (variance 90), then 3 out: a renewal process, whose share
  // has the variance 3² 90 / 12³ / n.
  const double deviation = std::sqrt(9.0 * 90.0 / std::pow(12.0, 3) / kSamples);
  for (const int count : out) {
    CHECK(std::abs(static_cast<double>(count) / kSamples - 0.25) < 5.0 * deviation);
  }
  // Sensors drop out independently.
  CHECK(std::abs(static_cast<double>(both) / kSamples - 0.0625) < 5.0 * 0.5 * deviation);
}

TEST_CASE("A sensor sticks at its rate and repeats what it read last for its number of steps") {
  register_echoes();
  auto env = configure("BoxEcho-v0", {{"sensor_stuck", "0.1"}, {"sensor_stuck_steps", "3"}}).make();
  std::vector<double> observation(2);
  env->reset(1, observation);
  std::vector<double> last = observation;
  std::array<int, 2> stuck = {};
  std::array<int, 2> run = {};
  int both = 0;
  for (int i = 0; i < kSamples; ++i) {
    const float sent = -1.0f + 2.0f * static_cast<float>(i) / kSamples;  // never the same
    env->step(std::vector<float>{sent, sent + 2.0f}, observation);
    const std::array<double, 2> now = {sent, sent + 2.0f};
    both += observation[0] != now[0] && observation[1] != now[1] ? 1 : 0;
    for (std::size_t k = 0; k < 2; ++k) {
      if (observation[k] != now[k]) {
        REQUIRE(observation[k] == last[k]);
        ++stuck[k];
        ++run[k];
        continue;
      }
      // Only one that was stuck since before the first step may seem stuck for less.
      if (i > 3) REQUIRE(run[k] % 3 == 0);
      run[k] = 0;
    }
    last = observation;
  }
  // The renewal process of the sensors that drop out.
  const double deviation = std::sqrt(9.0 * 90.0 / std::pow(12.0, 3) / kSamples);
  for (const int count : stuck) {
    CHECK(std::abs(static_cast<double>(count) / kSamples - 0.25) < 5.0 * deviation);
  }
  CHECK(std::abs(static_cast<double>(both) / kSamples - 0.0625) < 5.0 * 0.5 * deviation);
}

TEST_CASE("A sensor that always sticks stays at its first reading, noise and zeros included") {
  register_echoes();
  for (const std::string disturbance : {"observation_noise", "sensor_drop"}) {
    auto env = configure("BoxEcho-v0", {{"sensor_stuck", "1"}, {disturbance, "1"}}).make();
    std::vector<double> observation(2);
    env->reset(4, observation);
    const std::vector<double> first = observation;
    CHECK((first[0] == 0.0) == (disturbance == "sensor_drop"));
    CHECK(first[0] != 1.0);
    for (int i = 0; i < 10; ++i) {
      env->step(std::vector<float>{0.5f, 3.0f}, observation);
      CHECK(observation == first);
    }
  }
}

TEST_CASE("Observations and rewards come as late as asked, at first the start and 0") {
  for (const int observation_delay : {0, 1, 5}) {
    for (const int reward_delay : {0, 1, 7}) {
      auto env = configure("Pendulum-v1", {{"observation_delay", std::to_string(observation_delay)},
                                           {"reward_delay", std::to_string(reward_delay)}})
                     .make();
      auto plain = make_env("Pendulum-v1");
      std::vector<double> observation(3);
      RandomStream random(8);
      std::vector<float> action;
      for (std::uint64_t episode = 0; episode < 2; ++episode) {
        std::vector<std::vector<double>> observations(1, observation);
        std::vector<double> rewards;
        plain->reset(episode, observations[0]);
        env->reset(episode, observation);
        CHECK(same_bits(observation, observations[0]));
        for (int step = 0; step < 20; ++step) {
          draw_action(env->spec().action, random, action);
          observations.emplace_back(3);
          rewards.push_back(plain->step(action, observations.back()).reward);
          const double reward = env->step(action, observation).reward;
          const int seen = std::max(0, step + 1 - observation_delay);
          REQUIRE(same_bits(observation, observations[static_cast<std::size_t>(seen)]));
          REQUIRE(
              reward ==
              (step < reward_delay ? 0.0 : rewards[static_cast<std::size_t>(step - reward_delay)]));
        }
      }
    }
  }
}

TEST_CASE("Dummy observations are fresh standard normal noise behind the true ones") {
  auto env =
      configure("Pendulum-v1", {{"dummy_observations", "4"}, {"observation_delay", "2"}}).make();
  auto plain = configure("Pendulum-v1", {{"observation_delay", "2"}}).make();
  const Space& space = env->spec().observation;
  REQUIRE(space.shape == std::vector<int>{7});
  REQUIRE(space.labels.size() == 7);
  CHECK(space.labels[3] == "dummy 0 (1)");
  CHECK(space.labels[6] == "dummy 3 (1)");
  CHECK(space.high[2] == 8.0);
  CHECK(std::isinf(space.low[3]));
  CHECK(std::isinf(space.high[6]));
  std::vector<double> observation(7);
  std::vector<double> expected(3);
  std::vector<double> noise;
  double next = 0.0;
  for (std::uint64_t episode = 0; episode < 50; ++episode) {
    env->reset(episode, observation);
    plain->reset(episode, expected);
    for (int step = 0; step < 100; ++step) {
      REQUIRE(std::equal(expected.begin(), expected.end(), observation.begin()));
      next += noise.empty() ? 0.0 : noise.back() * observation[3];
      noise.insert(noise.end(), observation.begin() + 3, observation.end());
      env->step(std::vector<float>{1.0f}, observation);
      plain->step(std::vector<float>{1.0f}, expected);
    }
  }
  check_normal(noise, 1.0);
  CHECK(std::abs(next) < 5.0 * std::sqrt(5000.0));  // no number has to do with the one before

  CHECK_THROWS_WITH(
      configure("CartPole-v1", {{"pixels", "8x8"}, {"dummy_observations", "1"}}).make(),
      Contains("dummy_observations needs an observation that is a row of numbers"));
}

TEST_CASE(
    "Actions cost the mean of their squares or sizes, scaled to their range and clipped to it") {
  register_echoes();
  const std::vector<std::pair<std::vector<float>, double>> cases = {
      {{0.0f, 2.0f}, 0.0},  {{1.0f, 0.0f}, 1.0},   {{-1.0f, 4.0f}, 1.0},
      {{0.5f, 3.0f}, 0.25}, {{0.5f, 2.0f}, 0.125}, {{3.0f, -7.0f}, 1.0}};
  std::vector<double> observation(2);
  for (const double cost : {0.0, 0.3, 2.0}) {
    auto env = configure("BoxEcho-v0", {{"action_cost", std::to_string(cost)}}).make();
    env->reset(1, observation);
    for (const auto& [action, square] : cases) {
      CHECK(env->step(action, observation).reward == Approx(-cost * square).margin(1e-15));
    }
  }
  {
    auto env = configure("BoxEcho-v0", {{"action_cost", "0.3"}, {"action_cost_power", "1"}}).make();
    CHECK_THAT(env->spec().reward, Contains("minus 0.3 mean(|action|)"));
    env->reset(1, observation);
    const double fuel[] = {0.0, 1.0, 1.0, 0.5, 0.25, 1.0};
    for (std::size_t i = 0; i < cases.size(); ++i) {
      CHECK(env->step(cases[i].first, observation).reward == Approx(-0.3 * fuel[i]).margin(1e-15));
    }
  }
  {
    // What is executed costs: here the action of the step before, twice.
    auto env = configure("BoxEcho-v0",
                         {{"action_cost", "1"}, {"action_delay", "1"}, {"action_repeat", "2"}})
                   .make();
    env->reset(1, observation);
    CHECK(env->step(std::vector<float>{1.0f, 4.0f}, observation).reward == 0.0);
    CHECK(env->step(std::vector<float>{0.5f, 3.0f}, observation).reward == -2.0);
    CHECK(env->step(std::vector<float>{0.0f, 0.0f}, observation).reward == -0.5);
  }
  CHECK_THAT(configure("BoxEcho-v0", {{"action_cost", "0.3"}, {"action_cost_ramp", "9"}})
                 .make()
                 ->spec()
                 .reward,
             Contains("minus 0.3 mean(action^2)") && Contains("over 9 steps"));
  CHECK_THROWS_WITH(configure("CartPole-v1", {{"action_cost", "0.1"}}).make(),
                    Contains("action_cost needs an action that is a bounded box"));
}

TEST_CASE("The cost of actions measures the energy of the cheapest way") {
  // One metre from rest to rest in 3 s: u = (6 d / T²)(1 − 2 t / T) has the energy 12 d² / T³.
  constexpr int kSteps = 3000;
  constexpr double kTime = 3.0;
  constexpr double kStep = kTime / kSteps;
  auto env = configure("DoubleIntegrator-v0",
                       {{"time_step", "0.001"}, {"tolerance", "1e-9"}, {"action_cost", "1"}})
                 .make();
  std::vector<double> observation(2);
  PhysicalState start;
  start.state = {-1.0, 0.0};
  env->reset_to(start, observation);
  double energy = 0.0;
  for (int i = 0; i < kSteps; ++i) {
    const double u = 6.0 / (kTime * kTime) * (1.0 - 2.0 * (i + 0.5) / kSteps);
    const double reward = env->step(std::vector<float>{static_cast<float>(u)}, observation).reward;
    energy += (-reward - kStep) * kStep;
  }
  CHECK(energy == Approx(12.0 / 27.0).margin(1e-6));
}

TEST_CASE("The cost of actions grows over all steps of an instance, and goes on after a restore") {
  register_echoes();
  const EnvConfig config = configure(
      "BoxEcho-v0", {{"action_cost", "0.5"}, {"action_cost_ramp", "10"}, {"time_limit", "4"}});
  auto env = config.make();
  std::vector<double> observation(2);
  const std::vector<float> action = {1.0f, 4.0f};
  std::vector<std::byte> bytes;
  const auto expected = [](int step) { return -0.5 * std::min(1.0, step / 10.0); };
  int step = 0;
  for (std::uint64_t episode = 0; episode < 4; ++episode) {
    if (episode == 2) {
      env->reset_to(std::nullopt, observation);
    } else {
      env->reset(episode, observation);
    }
    for (int i = 0; i < 4; ++i) {
      if (step == 6) {
        StateWriter writer(bytes);
        env->save_state(writer);
      }
      CHECK(env->step(action, observation).reward == Approx(expected(step++)).margin(1e-15));
    }
  }
  auto fresh = config.make();
  for (Env* other : {env.get(), fresh.get()}) {
    StateReader reader(bytes);
    other->restore_state(reader);
    for (int i = 6; i < 14; ++i) {
      CHECK(other->step(action, observation).reward == Approx(expected(i)).margin(1e-15));
    }
  }
  auto grown = config.without_ramps().make();
  grown->reset(1, observation);
  CHECK(grown->step(action, observation).reward == -0.5);
}

TEST_CASE("A challenge is the suite's combination, which single options change") {
  const auto toml = [](EnvConfig config) {
    Options options;
    config.describe(options);
    return options.to_toml();
  };
  const auto combination = [](const std::vector<std::string>& values) {
    const std::vector<std::string> keys = {
        "action_delay",       "observation_delay", "reward_delay",      "action_noise",
        "observation_noise",  "sensor_drop",       "sensor_stuck",      "sensor_drop_steps",
        "sensor_stuck_steps", "action_repeat",     "dummy_observations"};
    std::vector<Setting> settings;
    for (std::size_t i = 0; i < keys.size(); ++i) settings.emplace_back(keys[i], values[i]);
    return settings;
  };
  const std::vector<std::pair<std::string, std::vector<Setting>>> levels = {
      {"easy", combination({"3", "3", "10", "0.1", "0.1", "0.01", "0.01", "1", "1", "1", "10"})},
      {"medium", combination({"6", "6", "20", "0.3", "0.3", "0.05", "0.05", "5", "5", "2", "20"})},
      {"hard", combination({"9", "9", "40", "1", "1", "0.1", "0.1", "10", "10", "3", "50"})}};
  for (const auto& [level, settings] : levels) {
    INFO(level);
    std::string expected = toml(configure("Hopper-v5", settings));
    const std::string none = "challenge = \"none\"";
    expected.replace(expected.find(none), none.size(), "challenge = \"" + level + "\"");
    CHECK(toml(configure("Hopper-v5", {{"challenge", level}})) == expected);
    CHECK(toml(configure("Hopper-v5", {{"challenge", level}, {"challenge", "none"}})) ==
          toml("Hopper-v5"));
    const auto env = configure("Hopper-v5", {{"challenge", level}}).make();
    const auto plain = configure("Hopper-v5", settings).make();
    CHECK(env->spec().observation.shape == plain->spec().observation.shape);
    CHECK(env->spec().time_limit == plain->spec().time_limit);
  }
  CHECK(toml(configure("Hopper-v5", {{"action_delay", "2"}, {"challenge", "hard"}})) ==
        toml(configure("Hopper-v5", {{"challenge", "hard"}, {"action_delay", "2"}})));
  CHECK_THAT(toml(configure("Hopper-v5", {{"action_delay", "2"}, {"challenge", "hard"}})),
             Contains("action_delay = 2\n") && Contains("observation_delay = 9\n"));
  CHECK_THROWS_WITH(configure("CartPole-v1", {{"challenge", "easy"}}).make(),
                    Contains("challenge = easy needs an action that is a box"));
  CHECK_THROWS_WITH(configure("Hopper-v5", {{"challenge", "hrad"}}),
                    Contains("expected none | easy | medium | hard"));
}

TEST_CASE("A frame stack shows the last observations, padded with the first") {
  for (const std::string id : {"HalfCheetah-v5", "CartPole-v1"}) {
    auto env = configure(id, {{"frame_stack", "3"}}).make();
    auto plain = make_env(id);
    const int size = plain->spec().observation.size();
    CHECK(env->spec().observation.shape == std::vector<int>{3, size});
    auto observation = observation_of(*env);
    auto newest = observation_of(*plain);
    RandomStream random(3);
    std::vector<float> action;
    for (std::uint64_t episode = 0; episode < 2; ++episode) {
      std::vector<std::vector<double>> history;
      env->reset(episode, observation);
      plain->reset(episode, newest);
      history.assign(3, newest);
      for (int step = 0; step < 6; ++step) {
        std::vector<double> expected;
        for (auto frame = history.end() - 3; frame != history.end(); ++frame) {
          expected.insert(expected.end(), frame->begin(), frame->end());
        }
        REQUIRE(same_bits(observation, expected));
        draw_action(env->spec().action, random, action);
        env->step(action, observation);
        plain->step(action, newest);
        history.push_back(newest);
      }
    }
  }
}

TEST_CASE("Factors of mass and gear act as Newton's law says") {
  const Rail rail;
  const auto speeds = [&](const std::string& ranges, float action) {
    auto env = rail.make({{"randomize", ranges}});
    auto observation = observation_of(*env);
    env->reset(1, observation);
    env->step(std::vector<float>{action}, observation);
    return env->physical_state().qvel;
  };
  const std::vector<double> nominal = speeds("mass 1..1", 0.5f);
  CHECK(nominal[0] == Approx(0.025));
  CHECK(nominal[1] == Approx(-0.1));
  CHECK(speeds("mass 2..2", 0.5f)[0] == Approx(0.0125));
  CHECK(speeds("mass 2..2", 0.5f)[1] == Approx(-0.1));  // all fall alike
  CHECK(speeds("mass/cart 4..4", 0.5f)[0] == Approx(0.00625));
  CHECK(speeds("mass/stone 4..4", 0.5f)[0] == Approx(0.025));
  CHECK(speeds("gear 3..3", 0.5f)[0] == Approx(0.075));
  CHECK(speeds("gear/push 3..3, gear 0.5..0.5", 0.5f)[0] == Approx(0.0375));
  CHECK(speeds("mass 2..2, mass/cart 2..2, gear 4..4", 0.5f)[0] == Approx(0.025));

  // Twice the gear with half of the action is the same force, in every bit.
  auto strong = configure("InvertedPendulum-v5", {{"randomize", "gear 2..2"}}).make();
  auto plain = make_env("InvertedPendulum-v5");
  std::vector<double> observation(4);
  std::vector<double> expected(4);
  strong->reset(3, observation);
  plain->reset(3, expected);
  for (int step = 0; step < 20; ++step) {
    strong->step(std::vector<float>{0.25f}, observation);
    plain->step(std::vector<float>{0.5f}, expected);
    REQUIRE(same_bits(observation, expected));
  }
}

TEST_CASE("Factors are uniform in their ranges, logged, and drawn from the seed alone") {
  const Rail rail;
  const std::vector<Setting> settings = {{"randomize", "mass/cart 0.5..1.5, gear 1..3"}};
  auto env = rail.make(settings);
  auto other = rail.make(settings);
  REQUIRE(env->spec().episode_values ==
          std::vector<std::string>{"mass/cart factor", "gear factor"});
  auto observation = observation_of(*env);
  constexpr int kEpisodes = 2000;
  std::vector<double> masses;
  std::vector<double> gears;
  for (std::uint64_t seed = 0; seed < kEpisodes; ++seed) {
    env->reset(seed, observation);
    const double mass = env->episode_values()[0];
    const double gear = env->episode_values()[1];
    REQUIRE((mass >= 0.5 && mass < 1.5 && gear >= 1.0 && gear < 3.0));
    masses.push_back(mass);
    gears.push_back(gear);
    env->step(std::vector<float>{1.0f}, observation);
    REQUIRE(env->physical_state().qvel[0] == Approx(0.05 * gear / mass));
  }
  for (const std::uint64_t seed : {1999u, 0u, 7u}) {
    other->reset(seed, observation);
    CHECK(other->episode_values()[0] == masses[seed]);
    CHECK(other->episode_values()[1] == gears[seed]);
  }
  // A uniform distribution of width w has the deviation w / √12; that of its estimate is
  // w / √12 · √(0.2 / n), from the fourth moment w⁴ / 80.
  const auto check_uniform = [](const std::vector<double>& values, double middle, double width) {
    const Moments found = moments(values);
    const double deviation = width / std::sqrt(12.0);
    CHECK(std::abs(found.mean - middle) < 5.0 * deviation / std::sqrt(kEpisodes));
    CHECK(std::abs(found.deviation - deviation) < 5.0 * deviation * std::sqrt(0.2 / kEpisodes));
  };
  check_uniform(masses, 1.0, 1.0);
  check_uniform(gears, 2.0, 2.0);
  env->reset_to(std::nullopt, observation);  // the middle of each range
  CHECK(env->episode_values()[0] == 1.0);
  CHECK(env->episode_values()[1] == 2.0);
}

TEST_CASE("Wrappers say what is wrong with their options") {
  const auto randomize = [](const std::string& id, const std::string& ranges) {
    return configure(id, {{"randomize", ranges}}).make();
  };
  CHECK_THROWS_WITH(randomize("HalfCheetah-v5", "mas 0.5..2"),
                    Contains("no parameter \"mas\"") && Contains("did you mean \"mass\"?"));
  CHECK_THROWS_WITH(randomize("HalfCheetah-v5", "xyzzyxyzzyxyzzy 0.5..2"), Contains("it has mass"));
  for (const std::string ranges :
       {"mass", "mass 1", "mass 2..1", "mass -1..1", "mass 1..inf", "mass 1..nan", "mass 1...",
        "mass a..b", "mass 0.5..2,, gear 1..2", "0.5..2"}) {
    INFO(ranges);
    CHECK_THROWS_AS(randomize("HalfCheetah-v5", ranges), UsageError);
    CHECK_THROWS_WITH(randomize("HalfCheetah-v5", ranges), Contains("randomize: \""));
  }
  register_echoes();
  CHECK_THROWS_WITH(randomize("BoxEcho-v0", "mass 1..2"), Contains("no parameters"));
  CHECK_THROWS_WITH(configure("DiscreteEcho-v0", {{"frame_stack", "2"}}).make(),
                    Contains("frame_stack needs an observation that is a box"));
  for (const auto& [key, value] : std::vector<Setting>{{"action_repeat", "0"},
                                                       {"frame_stack", "0"},
                                                       {"time_limit", "-2"},
                                                       {"action_delay", "-1"},
                                                       {"action_noise", "-0.1"},
                                                       {"sensor_drop", "1.1"},
                                                       {"sensor_drop_steps", "0"},
                                                       {"sensor_stuck", "-0.1"},
                                                       {"sensor_stuck_steps", "0"},
                                                       {"observation_delay", "1001"},
                                                       {"reward_delay", "-1"},
                                                       {"dummy_observations", "-1"},
                                                       {"action_cost", "-1"},
                                                       {"action_cost_power", "0"},
                                                       {"action_cost_power", "3"},
                                                       {"action_cost_ramp", "-1"}}) {
    CHECK_THROWS_WITH(configure("CartPole-v1", {{key, value}}), Contains(key));
  }
  for (const std::string size : {"16", "16x", "x16", "0x16", "16x16x3", "16 x 16", "99999x16"}) {
    CHECK_THROWS_WITH(configure("CartPole-v1", {{"pixels", size}}).make(),
                      Contains("pixels = " + size));
  }
}

TEST_CASE("Every wrapper, and all at once, repeats and restores in every bit") {
  for (const std::string id :
       {"HalfCheetah-v5", "CartPole-v1", "LunarLander-v3", "dmc/finger-turn_easy"}) {
    const std::vector<std::string> parameters = make_env(id)->parameter_names();
    std::vector<std::vector<Setting>> cases = {
        {{"time_limit", "9"}},
        {{"action_repeat", "2"}},
        {{"action_delay", "3"}},
        {{"action_noise", "0.2"}},
        {{"observation_noise", "0.1"}},
        {{"sensor_drop", "0.2"}, {"sensor_drop_steps", "3"}},
        {{"sensor_stuck", "0.2"}, {"sensor_stuck_steps", "3"}},
        {{"observation_delay", "2"}},
        {{"reward_delay", "4"}},
        {{"dummy_observations", "3"}},
        {{"frame_stack", "3"}}};
    if (make_env(id)->spec().action.bounded()) {
      cases.push_back({{"action_cost", "0.5"}, {"action_cost_ramp", "20"}});
    }
    if (!parameters.empty()) cases.push_back({{"randomize", parameters.front() + " 0.5..2"}});
    std::vector<Setting> all;
    for (const auto& settings : cases) all.insert(all.end(), settings.begin(), settings.end());
    cases.push_back(all);
    for (const auto& settings : cases) {
      INFO(id << " " << settings.front().first);
      const EnvConfig config = configure(id, settings);
      auto env = config.make();
      auto twin = config.make();
      auto late = config.make();
      auto observation = observation_of(*env);
      auto expected = observation;
      env->reset(11, expected);
      twin->reset(11, observation);
      REQUIRE(same_bits(observation, expected));
      RandomStream random(5);
      std::vector<float> action;
      late->reset(12, observation);  // it has another past
      for (int step = 0; step < 3; ++step) {
        draw_action(env->spec().action, random, action);
        late->step(action, observation);
      }
      for (int step = 0; step < 14; ++step) {
        if (step == 5) {
          std::vector<std::byte> bytes;
          StateWriter writer(bytes);
          env->save_state(writer);
          StateReader reader(bytes);
          late->restore_state(reader);
          REQUIRE(reader.remaining() == 0);
        }
        draw_action(env->spec().action, random, action);
        const StepResult result = env->step(action, expected);
        for (Env* other : {twin.get(), late.get()}) {
          const StepResult again = other->step(action, observation);
          if (other == late.get() && step < 5) continue;
          REQUIRE(again.reward == result.reward);
          REQUIRE(again.terminated == result.terminated);
          REQUIRE(again.truncated == result.truncated);
          REQUIRE(same_bits(observation, expected));
          REQUIRE(std::ranges::equal(other->episode_values(), env->episode_values()));
        }
      }
    }
  }
}

TEST_CASE("Pixels are bytes of the asked shape that follow the state alone") {
  for (const std::string id : {"Hopper-v5", "CartPole-v1"}) {
    INFO(id);
    const EnvConfig config = configure(id, {{"pixels", "20x16"}, {"action_repeat", "15"}});
    auto env = config.make();
    auto other = config.make();
    CHECK(env->spec().observation.shape == std::vector<int>{16, 20, 3});
    auto first = observation_of(*env);
    auto again = first;
    auto moved = first;
    env->reset(1, first);
    CHECK(std::ranges::all_of(
        first, [](double byte) { return byte >= 0 && byte <= 255 && byte == std::floor(byte); }));
    CHECK(std::ranges::count(first, first[0]) < static_cast<std::ptrdiff_t>(first.size()));
    other->reset(1, again);
    CHECK(same_bits(first, again));
    std::vector<float> action(static_cast<std::size_t>(env->spec().action.size()), 1.0f);
    env->step(action, moved);
    other->step(action, again);
    CHECK(same_bits(moved, again));
    CHECK_FALSE(same_bits(moved, first));
    env->reset(1, again);
    CHECK(same_bits(first, again));
  }
}

}  // namespace
}  // namespace costate
