// The verification of rollouts: what was really logged replays without a difference, and one
// flipped bit anywhere is found and named.
#include <bit>
#include <catch2/catch.hpp>
#include <cmath>
#include <functional>
#include <numeric>
#include <vector>

#include "envs/env_config.h"
#include "envs/error.h"
#include "policies/action_map.h"
#include "policies/distribution.h"
#include "runners/replay_check.h"
#include "runners/run_config.h"
#include "tests/logs/test_folder.h"

namespace costate {
namespace {

constexpr int kMaxSteps = 60;

/// An episode of an untrained policy, as a run logs it; at most kMaxSteps long.
Episode play(const std::string& id, const Distribution& head, std::uint64_t seed) {
  const auto env = make_env(id);
  const ActionMap map(env->spec().action);
  const std::vector<float> parameters(static_cast<std::size_t>(head.parameter_size()), 0.1f);
  std::vector<double> observation(static_cast<std::size_t>(env->spec().observation.size()));
  std::vector<float> action(static_cast<std::size_t>(head.action_size()));
  RandomStream random(seed);

  Episode e;
  e.seed = seed;
  env->reset(seed, observation);
  StateWriter writer(e.initial_state);
  env->save_state(writer);
  for (bool ended = false; !ended && e.length() < kMaxSteps;) {
    e.observations.insert(e.observations.end(), observation.begin(), observation.end());
    head.sample(parameters, random, action);
    e.raw_actions.insert(e.raw_actions.end(), action.begin(), action.end());
    head.execute(action);
    map.to_env(action);
    e.actions.insert(e.actions.end(), action.begin(), action.end());
    const StepResult result = env->step(action, observation);
    e.rewards.push_back(result.reward);
    e.episode_return += result.reward;
    e.terminated.push_back(result.terminated);
    e.truncated.push_back(result.truncated);
    ended = result.terminated || result.truncated;
  }
  e.final_observation.assign(observation.begin(), observation.end());
  e.log_probs.resize(e.length());
  e.values.resize(e.length());
  return e;
}

struct Log {
  RolloutHeader header;
  std::vector<Episode> episodes;
};

Log make_log(const std::string& id, const std::string& policy, int episodes) {
  RunConfig config;
  config.env = id;
  config.policy.head = policy;
  const EnvSpec spec = make_env(id)->spec();
  const auto head = make_distribution(policy, spec.action);
  Log log;
  for (int i = 0; i < episodes; ++i) {
    log.episodes.push_back(play(id, *head, derive_key({7, static_cast<std::uint64_t>(i)})));
  }
  log.header.env = id;
  log.header.attributes["config"] = config.options().to_toml();
  log.header.observation_size = static_cast<std::uint64_t>(spec.observation.size());
  log.header.action_size = static_cast<std::uint64_t>(head->action_size());
  log.header.state_bytes = log.episodes[0].initial_state.size();
  return log;
}

ReplayCheck check(const Log& log, int threads = 1) {
  const TestFolder folder;
  const auto file = folder / "rollouts.h5";
  RolloutWriter writer(file, log.header);
  for (const Episode& episode : log.episodes) writer.append(episode);
  writer.flush();
  ThreadPool pool(threads);
  std::vector<std::uint64_t> all(log.episodes.size());
  std::iota(all.begin(), all.end(), std::uint64_t{0});
  return check_replay(RolloutReader(file), all, "rollouts.h5", pool);
}

// The number whose lowest bit is the other one.
float flipped(float value) {
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(value) ^ 1u);
}
double flipped(double value) {
  return std::bit_cast<double>(std::bit_cast<std::uint64_t>(value) ^ 1u);
}

TEST_CASE("Logged rollouts replay without a difference") {
  const auto [env, policy] = GENERATE(values<std::pair<const char*, const char*>>({
      {"CartPole-v1", "categorical"},
      {"Pendulum-v1", "gaussian"},
      {"MountainCarContinuous-v0", "bernoulli"},
      {"Hopper-v5", "gaussian"},
  }));
  INFO(env);
  const Log log = make_log(env, policy, 5);
  std::uint64_t steps = 0;
  for (const Episode& episode : log.episodes) steps += episode.length();
  for (const int threads : {1, 3}) {
    const ReplayCheck result = check(log, threads);
    CHECK(result.episodes == 5);
    CHECK(result.steps == steps);
    CHECK(result.differences == 0);
    CHECK_FALSE(result.first);
  }
}

TEST_CASE("One flipped bit is found and named, whatever it is in") {
  struct Damage {
    const char* field;
    std::uint64_t step;
    std::uint64_t index;
    std::function<void(Episode&)> apply;
  };
  const Damage damage = GENERATE(values<Damage>({
      {"initial_state", 0, 5, [](Episode& e) { e.initial_state[5] ^= std::byte{1}; }},
      {"observations", 0, 2, [](Episode& e) { e.observations[2] = flipped(e.observations[2]); }},
      {"observations", 20, 1, [](Episode& e) { e.observations[61] = flipped(e.observations[61]); }},
      {"actions", 17, 0, [](Episode& e) { e.actions[17] = flipped(e.actions[17]); }},
      {"rewards", 30, 0, [](Episode& e) { e.rewards[30] = flipped(e.rewards[30]); }},
      {"terminated", 8, 0, [](Episode& e) { e.terminated[8] ^= 1; }},
      {"truncated", 59, 0, [](Episode& e) { e.truncated[59] ^= 1; }},
      {"final_observation", 59, 1,
       [](Episode& e) { e.final_observation[1] = flipped(e.final_observation[1]); }},
      {"return", 59, 0, [](Episode& e) { e.episode_return = flipped(e.episode_return); }},
  }));
  Log log = make_log("Pendulum-v1", "gaussian", 4);
  damage.apply(log.episodes[2]);
  INFO(damage.field);
  for (const int threads : {1, 3}) {
    const ReplayCheck result = check(log, threads);
    CHECK(result.differences == 1);
    REQUIRE(result.first);
    CHECK(result.first->episode == 2);
    CHECK(result.first->step == damage.step);
    CHECK(result.first->field == damage.field);
    CHECK(result.first->index == damage.index);
    CHECK(result.first->logged != result.first->replayed);
  }
}

TEST_CASE("A changed action is found even where the environment clips it") {
  Log log = make_log("Pendulum-v1", "gaussian", 1);
  auto& actions = log.episodes[0].actions;
  const auto edge = std::find(actions.begin(), actions.end(), 2.0f);
  REQUIRE(edge != actions.end());
  const auto step = static_cast<std::uint64_t>(edge - actions.begin());
  *edge = 2.5f;
  const ReplayCheck result = check(log);
  REQUIRE(result.first);
  CHECK(to_string(*result.first) ==
        "episode 0, step " + std::to_string(step) + ": actions[0] is 2.5, replayed 2");

  SECTION("Only the configuration in the file can tell") {
    log.header.attributes.clear();
    CHECK(check(log).differences == 0);
  }
}

TEST_CASE("Without a configuration a changed action shows in what follows") {
  Log log = make_log("Pendulum-v1", "gaussian", 1);
  log.header.attributes.clear();
  auto& actions = log.episodes[0].actions;
  std::size_t step = 0;
  while (std::abs(actions[step]) == 2.0f) ++step;
  actions[step] = -0.5f * actions[step];
  const ReplayCheck result = check(log);
  REQUIRE(result.first);
  CHECK(result.first->field == "rewards");  // which has the squared torque in it
  CHECK(result.first->step == step);
}

TEST_CASE("Every damaged episode counts, and the first of the file is named") {
  Log log = make_log("CartPole-v1", "categorical", 40);
  for (const std::size_t i : {39u, 4u, 20u}) log.episodes[i].rewards[1] = 0.5;
  log.episodes[4].observations[4] += 1.0f;  // comes before the reward of that step
  log.episodes[4].observations[7] += 1.0f;
  const ReplayCheck result = check(log, 2);
  CHECK(result.differences == 4);  // two values of one observation, and two rewards
  REQUIRE(result.first);
  CHECK(result.first->episode == 4);
  CHECK(result.first->field == "observations");
  CHECK(result.first->step == 1);
  CHECK(result.first->index == 0);
}

TEST_CASE("A file that does not fit its environment is an error that names the file") {
  Log log = make_log("CartPole-v1", "categorical", 1);
  const auto message = [&] { return message_of<Error>([&] { check(log); }); };
  SECTION("unknown environment") {
    log.header.env = "CartPole-v9";
    CHECK(message().find("rollouts.h5: ") == 0);
    CHECK(message().find("CartPole-v9") != std::string::npos);
  }
  SECTION("another environment") {
    log.header.env = "Acrobot-v1";
    CHECK(message() == "rollouts.h5: observation_size is 4, the environment's is 6");
  }
  SECTION("a simulator state of another size") {
    log.header.state_bytes += 8;
    log.episodes[0].initial_state.resize(log.header.state_bytes);
    CHECK(message().find("rollouts.h5: episode 0: state_bytes is ") == 0);
  }
  SECTION("a configuration with an unknown key") {
    log.header.attributes["config"] = "polciy = \"gaussian\"\n";
    CHECK(message().find("rollouts.h5: ") == 0);
    CHECK(message().find("polciy") != std::string::npos);
  }
}

}  // namespace
}  // namespace costate
