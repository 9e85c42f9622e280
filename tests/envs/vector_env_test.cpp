// VectorEnv: the same results for any number of threads, autoreset, save and restore,
// and what is reported when an environment goes wrong.
#include "envs/vector_env.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstddef>
#include <limits>
#include <string>
#include <vector>

#include "envs/random.h"
#include "envs/registry.h"
#include "tests/allocation_counter.h"

namespace costate {
namespace {

/// Observes action 0, pays action 1, and terminates when action 2 is not 0. Starts at 0.
class Echo : public Env {
 public:
  Echo() {
    spec_.id = "Echo-v0";
    spec_.observation = Space::box(2, -10.0, 10.0);
    spec_.action = Space::box(3, -10.0, 10.0);
  }
  const EnvSpec& spec() const override { return spec_; }
  void reset(std::uint64_t, std::span<double> observation) override {
    std::ranges::fill(observation, 0.0);
  }
  StepResult step(std::span<const float> action, std::span<double> observation) override {
    std::ranges::fill(observation, 0.0);
    // 1e30f stands for a number that a double holds and a float does not.
    observation[1] = action[0] == 1e30f ? 1e300 : action[0];
    return {.reward = action[1], .terminated = action[2] != 0.0f};
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

void register_echo() {
  static const bool done = [] {
    register_env("Echo-v0", [] { return std::make_unique<Echo>(); });
    return true;
  }();
  (void)done;
}

/// A row of CartPole actions, each from a stream of its own environment.
void draw_actions(std::vector<RandomStream>& streams, std::vector<float>& actions) {
  for (std::size_t i = 0; i < actions.size(); ++i) {
    actions[i] = static_cast<float>(streams[i].below(2));
  }
}

std::vector<RandomStream> action_streams(int count) {
  std::vector<RandomStream> streams;
  for (int i = 0; i < count; ++i) {
    streams.emplace_back(derive_key({99, static_cast<std::uint64_t>(i)}));
  }
  return streams;
}

/// Everything that random steps of `count` environments return, one number after the other.
std::vector<double> trace(const std::string& env, int count, int steps, int threads,
                          Autoreset autoreset) {
  ThreadPool pool(threads);
  VectorEnv envs(env, count, 5, pool, autoreset);
  RandomStream random(99);
  const auto width = static_cast<std::size_t>(envs.spec().action.size());
  std::vector<float> actions(static_cast<std::size_t>(count) * width);
  std::vector<double> out;
  const auto append = [&out](auto values) { out.insert(out.end(), values.begin(), values.end()); };
  envs.reset();
  append(envs.observations());
  for (int step = 0; step < steps; ++step) {
    for (std::size_t i = 0; i < actions.size(); i += width) {
      envs.spec().action.sample(random, std::span(actions).subspan(i, width));
    }
    envs.step(actions);
    append(envs.observations());
    append(envs.final_observations());
    append(envs.rewards());
    append(envs.terminated());
    append(envs.truncated());
  }
  return out;
}

TEST_CASE("Results do not depend on the number of threads") {
  const auto autoreset = GENERATE(Autoreset::kSameStep, Autoreset::kNextStep);
  // Hopper's and the suite's walker's steps are handed out in parts (Env::head_start); one of the
  // numbers of environments is less than two a thread.
  const auto [env, count, steps] =
      GENERATE(table<std::string, int, int>({{"CartPole-v1", 13, 200},
                                             {"Hopper-v5", 13, 60},
                                             {"Hopper-v5", 5, 60},
                                             {"dmc/walker-walk", 5, 20}}));
  const std::vector<double> one = trace(env, count, steps, 1, autoreset);
  CHECK(one == trace(env, count, steps, 2, autoreset));
  CHECK(one == trace(env, count, steps, 4, autoreset));
  CHECK(one == trace(env, count, steps, 7, autoreset));
}

TEST_CASE("Each environment is one of its own, reset at the end of its episodes") {
  constexpr int kEnvs = 4;
  ThreadPool pool(2);
  VectorEnv envs("CartPole-v1", kEnvs, 5, pool);
  CHECK(envs.size() == kEnvs);
  CHECK(envs.spec().id == "CartPole-v1");
  CHECK(envs.episode(0) == 0);
  envs.reset();

  std::vector<std::unique_ptr<Env>> single;
  std::vector<std::uint64_t> episodes(kEnvs, 1);
  std::vector<double> observation(4);
  const auto rounded = [&] { return std::vector<float>(observation.begin(), observation.end()); };
  const auto row = [](std::span<const float> block, int i) {
    const auto part = block.subspan(static_cast<std::size_t>(i) * 4, 4);
    return std::vector<float>(part.begin(), part.end());
  };
  const auto start = [&](int i) {
    const auto index = static_cast<std::size_t>(i);
    const auto number = static_cast<std::uint64_t>(i);
    CHECK(envs.episode(i) == episodes[index]);
    CHECK(envs.episode_seed(i) == derive_key({5, number, episodes[index]}));
    single[index]->reset(derive_key({5, number, episodes[index]}), observation);
    CHECK(row(envs.observations(), i) == rounded());
  };
  for (int i = 0; i < kEnvs; ++i) {
    single.push_back(make_env("CartPole-v1"));
    start(i);
  }
  CHECK(row(envs.observations(), 0) != row(envs.observations(), 1));

  std::vector<RandomStream> streams = action_streams(kEnvs);
  std::vector<float> actions(kEnvs);
  int ends = 0;
  for (int step = 0; step < 150; ++step) {
    draw_actions(streams, actions);
    envs.step(actions);
    for (int i = 0; i < kEnvs; ++i) {
      const auto index = static_cast<std::size_t>(i);
      const StepResult result =
          single[index]->step(std::span(actions).subspan(index, 1), observation);
      CHECK(envs.rewards()[index] == result.reward);
      CHECK(envs.terminated()[index] == result.terminated);
      CHECK(envs.truncated()[index] == result.truncated);
      if (result.terminated || result.truncated) {
        ++ends;
        CHECK(row(envs.final_observations(), i) == rounded());
        ++episodes[index];
        start(i);
      } else {
        CHECK(row(envs.observations(), i) == rounded());
      }
    }
  }
  CHECK(ends > kEnvs);
}

TEST_CASE("Stepping range by range equals stepping all") {
  ThreadPool pool(1);
  VectorEnv all("MountainCarContinuous-v0", 5, 3, pool);
  VectorEnv parts("MountainCarContinuous-v0", 5, 3, pool);
  all.reset();
  parts.reset();
  const std::vector<float> actions = {-1.0f, -0.5f, 0.0f, 0.5f, 1.0f};
  const std::span<const float> rows(actions);
  for (int step = 0; step < 20; ++step) {
    all.step(rows);
    parts.step_range(3, 2, rows.subspan(3, 2));
    parts.step_range(0, 3, rows.subspan(0, 3));
  }
  CHECK(std::ranges::equal(all.observations(), parts.observations()));
  CHECK(std::ranges::equal(all.rewards(), parts.rewards()));
}

TEST_CASE("A restored VectorEnv goes on as if it had never stopped") {
  constexpr int kEnvs = 3;
  ThreadPool pool(1);
  VectorEnv envs("CartPole-v1", kEnvs, 8, pool);
  envs.reset();
  std::vector<RandomStream> streams = action_streams(kEnvs);
  std::vector<float> actions(kEnvs);
  for (int step = 0; step < 37; ++step) {
    draw_actions(streams, actions);
    envs.step(actions);
  }
  std::vector<std::byte> bytes;
  StateWriter writer(bytes);
  for (int i = 0; i < kEnvs; ++i) envs.save_state(i, writer);

  VectorEnv restored("CartPole-v1", kEnvs, 8, pool);
  StateReader reader(bytes);
  for (int i = 0; i < kEnvs; ++i) restored.restore_state(i, reader);
  CHECK(reader.remaining() == 0);
  CHECK(std::ranges::equal(restored.observations(), envs.observations()));

  int ends = 0;
  for (int step = 0; step < 150; ++step) {
    draw_actions(streams, actions);
    envs.step(actions);
    restored.step(actions);
    REQUIRE(std::ranges::equal(restored.observations(), envs.observations()));
    REQUIRE(std::ranges::equal(restored.terminated(), envs.terminated()));
    for (int i = 0; i < kEnvs; ++i) {
      REQUIRE(restored.episode_seed(i) == envs.episode_seed(i));
      ends += envs.terminated()[static_cast<std::size_t>(i)];
    }
  }
  CHECK(ends > kEnvs);

  std::vector<std::byte> simulator;
  StateWriter simulator_writer(simulator);
  envs.save_simulator(1, simulator_writer);
  auto single = make_env("CartPole-v1");
  StateReader simulator_reader(simulator);
  single->restore_state(simulator_reader);
  CHECK(simulator_reader.remaining() == 0);
  CHECK(static_cast<float>(single->physical_state().state[2]) == envs.observations()[4 + 2]);

  StateReader short_reader(std::span<const std::byte>(bytes).first(10));
  CHECK_THROWS_WITH(restored.restore_state(0, short_reader), Catch::Contains("too short"));
}

TEST_CASE("What is not finite is reported with environment, episode, step and entry") {
  register_echo();
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (const int threads : {1, 2}) {
    ThreadPool pool(threads);
    VectorEnv envs("Echo-v0", 3, 1, pool);
    envs.reset();
    std::vector<float> actions(9, 0.0f);
    actions[3 + 2] = 1.0f;  // ends the episode of environment 1
    envs.step(actions);
    actions[3 + 2] = 0.0f;
    envs.step(actions);

    actions[3] = kNan;
    CHECK_THROWS_WITH(envs.step(actions),
                      "environment Echo-v0 (index 1, episode 2, step 2): observation[1] is nan, "
                      "expected a finite number");
    actions[3] = 1e30f;
    CHECK_THROWS_WITH(envs.step(actions), Catch::Contains("observation[1] is 1e+300, expected"));
    actions[3] = 0.0f;
    actions[6 + 1] = -kInfinity;
    CHECK_THROWS_WITH(envs.step(actions),
                      Catch::Contains("index 2, episode 1") && Catch::Contains("reward is -inf"));
    // The last observation of an episode is checked too.
    actions[6 + 1] = 0.0f;
    actions[6 + 2] = 1.0f;
    actions[6] = kNan;
    CHECK_THROWS_AS(envs.step(actions), Error);
  }
}

TEST_CASE("Bad arguments are refused") {
  ThreadPool pool(1);
  CHECK_THROWS_AS(VectorEnv("CartPole-v1", 0, 1, pool), UsageError);
  CHECK_THROWS_AS(VectorEnv("CartPole-v2000", 1, 1, pool), UsageError);
  VectorEnv envs("CartPole-v1", 2, 1, pool);
  envs.reset();
  CHECK_THROWS_WITH(envs.step(std::vector<float>{1.0f, 2.0f}),
                    "CartPole-v1: action 2, expected a whole number from 0 to 1");
}

TEST_CASE("Steps allocate nothing, resets included") {
  for (const int threads : {1, 2}) {
    ThreadPool pool(threads);
    VectorEnv envs("CartPole-v1", 8, 1, pool);
    envs.reset();
    const std::vector<float> actions(8, 1.0f);
    envs.step(actions);
    const std::uint64_t before = allocations();
    for (int step = 0; step < 100; ++step) envs.step(actions);
    CHECK(allocations() == before);
    CHECK(envs.episode(0) > 5);
  }
}

}  // namespace
}  // namespace costate
