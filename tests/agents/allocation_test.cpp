// The steady-state loop of collect, update and log allocates nothing: every call of the C library's
// allocator on this thread is counted.
#include <catch2/catch.hpp>
#include <cstddef>
#include <memory>

#include "agents/ppo.h"
#include "agents/rollout_logger.h"
#include "logs/metrics.h"
#include "tests/logs/test_folder.h"

// Sanitizers bring an allocator of their own, which cannot be counted like this.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define COSTATE_COUNTS_ALLOCATIONS 0
#else
#define COSTATE_COUNTS_ALLOCATIONS 1
#endif

namespace {

thread_local long allocations = 0;

}  // namespace

#if COSTATE_COUNTS_ALLOCATIONS
extern "C" {

void* __libc_malloc(std::size_t size);                     // NOLINT(bugprone-reserved-identifier)
void* __libc_calloc(std::size_t count, std::size_t size);  // NOLINT(bugprone-reserved-identifier)
void* __libc_realloc(void* old, std::size_t size);         // NOLINT(bugprone-reserved-identifier)
void* __libc_memalign(std::size_t alignment,
                      std::size_t n);  // NOLINT(bugprone-reserved-identifier)

void* malloc(std::size_t size) {
  ++allocations;
  return __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) {
  ++allocations;
  return __libc_calloc(count, size);
}
void* realloc(void* old, std::size_t size) {
  ++allocations;
  return __libc_realloc(old, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) {
  ++allocations;
  return __libc_memalign(alignment, size);
}

}  // extern "C"
#endif

namespace costate {
namespace {

TEST_CASE("collecting, updating and logging allocate nothing once they are under way") {
  if (!COSTATE_COUNTS_ALLOCATIONS) return;
  const long before = allocations;
  const auto probe = std::make_unique<int[]>(1000);
  REQUIRE(allocations > before);  // the counter counts

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
  learner.runtime().attach(logger);
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
  const long start = allocations;
  iterate(10);
  const long counted = allocations - start;
  INFO(env << ", policy " << head << ", overlap " << overlap);
  CHECK(counted == 0);
}

}  // namespace
}  // namespace costate
