// The rollout logger: what it writes against a plain record of the same steps, and that it goes on
// after a stop where it was.
#include "agents/rollout_logger.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <memory>

#include "envs/hash.h"
#include "envs/random.h"
#include "logs/atomic_file.h"
#include "tests/logs/test_folder.h"

namespace costate {
namespace {

constexpr int kEnvs = 3;

RolloutHeader header_of(const VectorEnv& envs) {
  RolloutHeader header;
  header.env = envs.spec().id;
  header.observation_size = envs.observations().size() / kEnvs;
  header.action_size = 1;
  header.distribution_names = {"logit[0]", "logit[1]"};
  std::vector<std::byte> state;
  StateWriter writer(state);
  envs.save_simulator(0, writer);
  header.state_bytes = state.size();
  return header;
}

// Environments that random actions take through rollouts, which are logged, and beside that written
// down step by step into episodes.
struct Run {
  Run(const std::filesystem::path& path, const Checkpoint* checkpoint, std::string mode = "all")
      : pool(1), envs("CartPole-v1", kEnvs, 5, pool), background(4) {
    RolloutLogConfig config;
    config.mode = std::move(mode);
    envs.reset();
    if (checkpoint != nullptr) {
      step = checkpoint->get<std::int64_t>("counters/steps");
      for (int n = 0; n < kEnvs; ++n) {
        const auto bytes = checkpoint->get_vector<std::byte>("env/" + std::to_string(n));
        StateReader reader(bytes);
        envs.restore_state(n, reader);
      }
    }
    envs.keep_final_states();
    logger = std::make_unique<RolloutLogger>(config, path, header_of(envs), kEnvs, checkpoint,
                                             background);
    for (int n = 0; n < kEnvs; ++n) {
      if (checkpoint == nullptr) logger->start_episode(n, envs);
      running[n] = begin(n);
    }
  }

  Episode begin(int n) {
    Episode e;
    e.env_index = static_cast<std::uint64_t>(n);
    e.episode = envs.episode(n);
    e.seed = envs.episode_seed(n);
    StateWriter writer(e.initial_state);
    envs.save_simulator(n, writer);
    return e;
  }

  void rollout(int steps) {
    const auto o = static_cast<int>(envs.observations().size() / kEnvs);
    RolloutBuffer b;
    b.resize(kEnvs, steps, o, 1, 2);
    // The file has the episodes of a rollout environment by environment.
    std::vector<std::vector<Episode>> ended(kEnvs);
    for (int t = 0; t < steps; ++t) {
      RandomStream random(derive_key({static_cast<std::uint64_t>(step + t)}));
      std::vector<float> actions;
      for (int n = 0; n < kEnvs; ++n) actions.push_back(random.uniform() < 0.5 ? 0.0f : 1.0f);
      for (int n = 0; n < kEnvs; ++n) {
        const std::size_t row = static_cast<std::size_t>(n * steps + t);
        const auto observation = envs.observations().subspan(static_cast<std::size_t>(n * o), o);
        std::copy(observation.begin(), observation.end(), b.raw_observations.begin() + row * o);
        running[n].observations.insert(running[n].observations.end(), observation.begin(),
                                       observation.end());
      }
      envs.step(actions);
      for (int n = 0; n < kEnvs; ++n) {
        const std::size_t row = static_cast<std::size_t>(n * steps + t);
        Episode& e = running[n];
        b.actions[row] = actions[n];
        b.raw_actions[row] = actions[n] + 0.25f;
        b.distribution[2 * row] = static_cast<float>(random.uniform());
        b.distribution[2 * row + 1] = -b.distribution[2 * row];
        b.log_probs[row] = static_cast<float>(random.uniform());
        b.values[row] = static_cast<float>(random.uniform());
        b.raw_rewards[row] = envs.rewards()[n];
        b.terminated[row] = envs.terminated()[n];
        b.truncated[row] = envs.truncated()[n];
        e.actions.push_back(actions[n]);
        e.raw_actions.push_back(actions[n] + 0.25f);
        e.distributions.push_back(b.distribution[2 * row]);
        e.distributions.push_back(b.distribution[2 * row + 1]);
        e.log_probs.push_back(b.log_probs[row]);
        e.values.push_back(b.values[row]);
        e.rewards.push_back(envs.rewards()[n]);
        e.terminated.push_back(envs.terminated()[n]);
        e.truncated.push_back(envs.truncated()[n]);
        e.episode_return += envs.rewards()[n];
        if (!e.terminated.back() && !e.truncated.back()) continue;
        const auto last = envs.final_observations().subspan(static_cast<std::size_t>(n * o), o);
        e.final_observation.assign(last.begin(), last.end());
        e.last_step = step + kEnvs * (t + 1);
        e.final_state_hash = fnv1a(envs.final_state(n));
        ended[n].push_back(std::move(e));
        e = begin(n);
        logger->start_episode(n, envs);
      }
    }
    logger->consume(b, step);
    std::fill(b.values.begin(), b.values.end(), -1.0f);  // no longer the logger's
    step += kEnvs * steps;
    for (auto& episodes : ended) {
      for (Episode& e : episodes) truth.push_back(std::move(e));
    }
  }

  void save(Checkpoint& checkpoint) {
    checkpoint.put("counters/steps", step);
    for (int n = 0; n < kEnvs; ++n) {
      std::vector<std::byte> bytes;
      StateWriter writer(bytes);
      envs.save_state(n, writer);
      checkpoint.put("env/" + std::to_string(n), std::span<const std::byte>(bytes));
    }
    background.post([&] { logger->save(checkpoint); });
    background.drain();
  }

  ThreadPool pool;
  VectorEnv envs;
  std::unique_ptr<RolloutLogger> logger;
  std::int64_t step = 0;
  Episode running[kEnvs];
  std::vector<Episode> truth;
  BackgroundThread background;  // the last: its jobs use the logger
};

void check_equal(const Episode& a, const Episode& b) {
  CHECK(a.env_index == b.env_index);
  CHECK(a.episode == b.episode);
  CHECK(a.seed == b.seed);
  CHECK(a.last_step == b.last_step);
  CHECK(a.episode_return == b.episode_return);
  CHECK(a.initial_state == b.initial_state);
  CHECK(a.final_state_hash == b.final_state_hash);
  CHECK(a.final_observation == b.final_observation);
  CHECK(a.observations == b.observations);
  CHECK(a.actions == b.actions);
  CHECK(a.raw_actions == b.raw_actions);
  CHECK(a.rewards == b.rewards);
  CHECK(a.terminated == b.terminated);
  CHECK(a.truncated == b.truncated);
  CHECK(a.log_probs == b.log_probs);
  CHECK(a.distributions == b.distributions);
  CHECK(a.values == b.values);
}

// Rollouts shorter and longer than episodes, of which CartPole's have some 20 steps.
constexpr int kSteps[] = {7, 100, 1, 1, 64, 13, 200, 5};

TEST_CASE("the rollout log holds every step of every episode") {
  const TestFolder folder;
  const auto path = folder / "r.h5";
  Run run(path, nullptr);
  for (const int steps : kSteps) run.rollout(steps);
  run.background.drain();
  const std::size_t ended = run.truth.size();
  REQUIRE(ended > 30);
  // At the end of the run those that have not ended are logged too.
  const auto o = run.envs.observations().size() / kEnvs;
  for (int n = 0; n < kEnvs; ++n) {
    if (run.running[n].length() == 0) continue;
    const auto row = run.envs.observations().subspan(n * o, o);
    run.running[n].final_observation.assign(row.begin(), row.end());
    run.running[n].last_step = run.step + 1;
    std::vector<std::byte> state;
    StateWriter writer(state);
    run.envs.save_simulator(static_cast<int>(n), writer);
    run.running[n].final_state_hash = fnv1a(state);
    run.truth.push_back(run.running[n]);
  }
  run.logger->finish(run.envs, run.step);
  Checkpoint checkpoint;
  run.save(checkpoint);

  const RolloutReader reader(path);
  REQUIRE(reader.episode_count() == run.truth.size());
  for (std::size_t i = 0; i < run.truth.size(); ++i) check_equal(reader.read(i), run.truth[i]);
  CHECK(reader.episodes_until(run.step) == ended);
}

TEST_CASE("a rollout log that is continued ends in the same bytes") {
  const TestFolder folder;
  Checkpoint last;
  for (const char* mode : {"all", "sampled", "last"}) {
    Run whole(folder / "whole.h5", nullptr, mode);
    for (const int steps : kSteps) whole.rollout(steps);
    whole.save(last);
    for (std::size_t stop = 1; stop < std::size(kSteps); ++stop) {
      const auto path = folder / "stopped.h5";
      Checkpoint checkpoint;
      {
        Run first(path, nullptr, mode);
        for (std::size_t i = 0; i < stop; ++i) first.rollout(kSteps[i]);
        first.save(checkpoint);
        // Logged after the checkpoint, and to be forgotten. With "last" they push older ones out.
        if (std::string(mode) != "last") {
          Checkpoint lost;
          first.rollout(50);
          first.save(lost);
        }
      }
      Run second(path, &checkpoint, mode);
      for (std::size_t i = stop; i < std::size(kSteps); ++i) second.rollout(kSteps[i]);
      Checkpoint end;
      second.save(end);
      INFO(mode << " stopped after rollout " << stop);
      CHECK(read_file(path) == read_file(folder / "whole.h5"));
      // The running episodes are in the checkpoint with the same values.
      CHECK(end.names() == last.names());
      for (int n = 0; n < kEnvs; ++n) {
        const std::string name = "rollouts/open/" + std::to_string(n) + "/";
        CHECK(end.get_vector<float>(name + "observations") ==
              last.get_vector<float>(name + "observations"));
        CHECK(end.get<double>(name + "return") == last.get<double>(name + "return"));
      }
    }
  }
}

TEST_CASE("a disk that fills up is reported by the next rollout or the wait for the log") {
  const TestFolder folder;
  const auto path = folder / "r.h5";
  Run run(path, nullptr);
  for (const int steps : kSteps) run.rollout(steps);
  Checkpoint checkpoint;
  run.save(checkpoint);
  const std::size_t saved = run.truth.size();
  run.rollout(100);
  const std::string expected = "cannot write " + path.string() + ": File too large";
  {
    const FullDisk full(1000);
    CHECK(message_of<Error>([&] { run.save(checkpoint); }) == expected);
  }
  CHECK(message_of<Error>([&] { run.rollout(10); }) == expected);
  CHECK(RolloutReader(path).episode_count() == saved);
}

}  // namespace
}  // namespace costate
