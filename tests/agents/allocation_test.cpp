// The steady-state loop of collect, update and log allocates nothing on the learner's thread.
#include <catch2/catch.hpp>
#include <new>

#include "agents/ppo.h"
#include "agents/rollout_logger.h"
#include "logs/metrics.h"
#include "tests/allocation_counter.h"
#include "tests/logs/test_folder.h"

namespace costate {
namespace {

TEST_CASE("collecting, updating and logging allocate nothing once they are under way") {
  const std::uint64_t before = allocations_here();
  ::operator delete(::operator new(1000));
  REQUIRE(allocations_here() > before);  // the counter counts

  const auto env = GENERATE("CartPole-v1", "Pendulum-v1", "HalfCheetah-v5", "Hopper-v5");
  const auto [head, overlap] =
      GENERATE(table<const char*, bool>({{"auto", false}, {"auto", true}, {"bernoulli", false}}));
  if (std::string_view(env) == "CartPole-v1" && std::string_view(head) == "bernoulli") return;
  const TestFolder folder;
  BackgroundThread background(4);  // which may allocate: the learner does not wait for it
  ThreadPool pool(1);
  VectorEnv environments(env, 4, /*seed=*/1, pool);
  PolicyConfig policy_config;
  policy_config.head = head;
  const ActorCritic policy(policy_config, environments.spec());
  PpoConfig config;
  config.rollout_steps = 64;
  config.epochs = 2;
  if (overlap) config.kl = {.coefficient = 0.1, .reference = "previous", .target = 0.01};
  RuntimeConfig runtime;
  runtime.envs = 4;
  runtime.overlap = overlap;
  Ppo learner(config, runtime, environments, policy, /*seed=*/1, /*total_steps=*/1 << 20, pool);

  RolloutHeader header;
  header.env = env;
  header.observation_size = static_cast<std::uint64_t>(policy.observation_size());
  header.action_size = static_cast<std::uint64_t>(policy.distribution().action_size());
  header.distribution_names = policy.distribution().parameter_names();
  std::vector<std::byte> state;
  StateWriter writer(state);
  environments.save_simulator(0, writer);
  header.state_bytes = state.size();
  RolloutLogConfig logging;
  logging.mode = "all";
  RolloutLogger logger(logging, folder / "rollouts.h5", header, 4, nullptr, background);
  learner.runtime()->attach(logger);
  CsvMetrics csv(folder / "metrics.csv");
  JsonLinesMetrics json(folder / "metrics.jsonl");
  TensorBoardMetrics tensorboard(folder / "");
  MetricRow row;
  const auto iterate = [&](int times) {
    for (int i = 0; i < times; ++i) {
      learner.collect();
      row.values = learner.update();
      row.step = learner.steps();
      for (MetricsSink* sink : std::initializer_list<MetricsSink*>{&csv, &json, &tensorboard}) {
        sink->write(row);
      }
      // Where the background thread falls behind, the logger takes one more block for the next
      // rollout, up to a bound; here it never does.
      background.drain();
    }
  };
  // Long enough for every buffer of the logger to have met its largest rollout.
  iterate(30);
  const std::uint64_t start = allocations_here();
  iterate(10);
  const std::uint64_t counted = allocations_here() - start;
  INFO(env << ", policy " << head << ", overlap " << overlap);
  CHECK(counted == 0);
}

}  // namespace
}  // namespace costate
