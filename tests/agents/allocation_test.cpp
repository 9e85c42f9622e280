// The steady-state loop of collect, update and log allocates nothing: every call of the C library's
// allocator on this thread is counted.
#include <catch2/catch.hpp>
#include <cstddef>
#include <memory>

#include "agents/ppo.h"

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

TEST_CASE("collecting and updating allocate nothing once they are under way") {
  if (!COSTATE_COUNTS_ALLOCATIONS) return;
  const long before = allocations;
  const auto probe = std::make_unique<int[]>(1000);
  REQUIRE(allocations > before);  // the counter counts

  const auto env = GENERATE("CartPole-v1", "Pendulum-v1", "HalfCheetah-v5", "Hopper-v5");
  const auto [head, overlap] =
      GENERATE(table<const char*, bool>({{"auto", false}, {"auto", true}, {"bernoulli", false}}));
  if (std::string_view(env) == "CartPole-v1" && std::string_view(head) == "bernoulli") return;
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
  const auto iterate = [&](int times) {
    for (int i = 0; i < times; ++i) {
      learner.collect();
      learner.update();
    }
  };
  iterate(3);
  const long start = allocations;
  iterate(10);
  const long counted = allocations - start;
  INFO(env << ", policy " << head << ", overlap " << overlap);
  CHECK(counted == 0);
}

}  // namespace
}  // namespace costate
