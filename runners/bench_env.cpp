// Environments: VectorEnv, resets included, against bare loops over the same simulation.
#include <chrono>

#include "envs/random.h"
#include "envs/vector_env.h"
#include "runners/bench.h"
#include "runners/bench_physics.h"

namespace costate {
namespace {

/// N environments under random actions drawn beforehand.
class SteppedEnvs {
 public:
  SteppedEnvs(const std::string& env, int count, int threads)
      : pool_(threads), environments_(env, count, /*seed=*/1, pool_) {
    const Space& space = environments_.spec().action;
    const auto width = static_cast<std::size_t>(space.size());
    row_block_ = static_cast<std::size_t>(count) * width;
    RandomStream random(1);
    for (std::size_t i = 0; i < kBlocks * row_block_; ++i) {
      const std::size_t entry = i % width;
      actions_.push_back(static_cast<float>(
          space.kind == Space::Kind::kBox ? random.uniform(space.low[entry], space.high[entry])
                                          : static_cast<double>(random.below(
                                                static_cast<std::uint64_t>(space.counts[entry])))));
    }
    environments_.reset();
  }

  /// Takes `steps` steps, rounded up to whole steps of all environments; returns steps a second.
  /// All environments step together, and the threads meet after each step.
  double run(std::int64_t steps) {
    return timed(steps, [&](std::int64_t rounds) {
      for (std::int64_t i = 0; i < rounds; ++i) environments_.step(actions(i));
    });
  }

  /// The same in shards, as the runtime of a learner steps them: each thread takes an equal share
  /// of the environments through all steps.
  double run_shards(std::int64_t steps) {
    const int shards = pool_.threads();
    const auto bound = [&](int shard) { return environments_.size() * shard / shards; };
    const std::size_t width = row_block_ / static_cast<std::size_t>(environments_.size());
    return timed(steps, [&](std::int64_t rounds) {
      pool_.parallel_for(shards, [&](int shard) {
        const int first = bound(shard);
        const int count = bound(shard + 1) - first;
        for (std::int64_t i = 0; i < rounds; ++i) {
          environments_.step_range(first, count,
                                   actions(i).subspan(static_cast<std::size_t>(first) * width,
                                                      static_cast<std::size_t>(count) * width));
        }
      });
    });
  }

 private:
  template <class Step>
  double timed(std::int64_t steps, const Step& step) {
    const std::int64_t rounds = (steps + environments_.size() - 1) / environments_.size();
    const auto start = std::chrono::steady_clock::now();
    step(rounds);
    const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - start;
    return static_cast<double>(rounds * environments_.size()) / wall.count();
  }
  std::span<const float> actions(std::int64_t round) const {
    const auto block = static_cast<std::size_t>(round) % kBlocks;
    return std::span(actions_).subspan(block * row_block_, row_block_);
  }

  static constexpr std::size_t kBlocks = 64;

  ThreadPool pool_;
  VectorEnv environments_;
  std::vector<float> actions_;  // [kBlocks, N, action]
  std::size_t row_block_ = 0;
};

}  // namespace

std::vector<Benchmark> env_benchmarks(int threads) {
  struct Case {
    const char* env;
    std::vector<int> counts;
  };
  const std::vector<Case> cases = {{"CartPole-v1", {256}},      {"Pendulum-v1", {256}},
                                   {"HalfCheetah-v5", {8, 64}}, {"Hopper-v5", {8, 64}},
                                   {"Walker2d-v5", {8, 64}},    {"InvertedPendulum-v5", {64}}};
  std::vector<int> thread_counts = {1};
  if (threads > 1) thread_counts.push_back(threads);

  std::vector<Benchmark> benchmarks;
  const auto add = [&](const std::string& name, const std::string& env, int t, int n,
                       double (SteppedEnvs::*run)(std::int64_t)) {
    benchmarks.push_back({{name}, [=](const BenchOptions& options) {
                            BarePhysics physics(env, t);
                            SteppedEnvs stepped(env, n, t);
                            const std::int64_t steps = physics.steps_in(options.seconds);
                            return std::vector<BenchRow>{interleave(
                                name, "steps/s", Better::kHigher, options.runs,
                                [&] { return (stepped.*run)(steps); },
                                [&] { return physics.run(steps).steps_per_second; })};
                          }});
  };
  for (const Case& c : cases) {
    for (const int t : thread_counts) {
      for (const int n : c.counts) {
        const std::string name =
            std::string("env.") + c.env + ".t" + std::to_string(t) + ".n" + std::to_string(n);
        add(name, c.env, t, n, &SteppedEnvs::run);
        if (t > 1) add(name + ".shards", c.env, t, n, &SteppedEnvs::run_shards);
      }
    }
  }
  return benchmarks;
}

}  // namespace costate
