// Environments: VectorEnv and AsyncVectorEnv, resets included, against bare loops over the same
// simulation.
#include <algorithm>
#include <chrono>
#include <numeric>

#include "envs/async_vector_env.h"
#include "envs/random.h"
#include "envs/vector_env.h"
#include "runners/bench.h"
#include "runners/bench_physics.h"

namespace costate {
namespace {

/// Control steps that every environment takes before anything is measured: at the start of an
/// episode nothing touches the ground yet, which is cheaper than what the bare loops, further on in
/// theirs, simulate.
constexpr int kWarmUp = 50;

/// Control steps that every environment takes at least in a run: episodes that began together are
/// still in step with each other for a while, and what a few steps of them cost is not the average.
constexpr std::int64_t kLeastRounds = 10;

/// Actions for `rows` environments, drawn beforehand.
class RandomActions {
 public:
  RandomActions(const Space& space, int rows) {
    const auto width = static_cast<std::size_t>(space.size());
    block_ = static_cast<std::size_t>(rows) * width;
    RandomStream random(1);
    actions_.resize(kBlocks * block_);
    for (std::size_t i = 0; i < actions_.size(); i += width) {
      space.sample(random, std::span(actions_).subspan(i, width));
    }
  }

  /// [rows, action]
  std::span<const float> operator()(std::int64_t round) const {
    return std::span(actions_).subspan(static_cast<std::size_t>(round) % kBlocks * block_, block_);
  }

 private:
  static constexpr std::size_t kBlocks = 64;

  std::vector<float> actions_;  // [kBlocks, rows, action]
  std::size_t block_ = 0;
};

/// Calls work(), which takes `steps` steps; returns steps a second.
template <class Work>
double rate(std::int64_t steps, const Work& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - start;
  return static_cast<double>(steps) / wall.count();
}

/// N environments that step together.
class SteppedEnvs {
 public:
  SteppedEnvs(const std::string& env, int count, int threads)
      : pool_(threads),
        environments_(env, count, /*seed=*/1, pool_),
        actions_(environments_.spec().action, count) {
    environments_.reset();
    for (int i = 0; i < kWarmUp; ++i) environments_.step(actions_(i));
  }

  /// Takes `steps` steps, rounded up to whole steps of all environments; returns steps a second.
  /// All environments step together, and the threads meet after each step.
  double run(std::int64_t steps) {
    const std::int64_t rounds = rounds_of(steps);
    return rate(rounds * environments_.size(), [&] {
      for (std::int64_t i = 0; i < rounds; ++i) environments_.step(actions_(i));
    });
  }

  /// The same in shards, as the runtime of a learner steps them: each thread takes an equal share
  /// of the environments through all steps.
  double run_shards(std::int64_t steps) {
    const std::int64_t rounds = rounds_of(steps);
    const int shards = pool_.threads();
    const auto bound = [&](int shard) { return environments_.size() * shard / shards; };
    const auto width = static_cast<std::size_t>(environments_.spec().action.size());
    return rate(rounds * environments_.size(), [&] {
      pool_.parallel_for(shards, [&](int shard) {
        const int first = bound(shard);
        const int count = bound(shard + 1) - first;
        for (std::int64_t i = 0; i < rounds; ++i) {
          environments_.step_range(first, count,
                                   actions_(i).subspan(static_cast<std::size_t>(first) * width,
                                                       static_cast<std::size_t>(count) * width));
        }
      });
    });
  }

 private:
  std::int64_t rounds_of(std::int64_t steps) const {
    return (steps + environments_.size() - 1) / environments_.size();
  }

  ThreadPool pool_;
  VectorEnv environments_;
  RandomActions actions_;
};

/// N environments of which those that come back first, half of them at a time, are sent again.
class AsyncEnvs {
 public:
  /// `count` is even.
  AsyncEnvs(const std::string& env, int count, int threads)
      : environments_(env, count, count / 2, /*seed=*/1, threads),
        actions_(environments_.spec().action, count),
        all_(static_cast<std::size_t>(count)) {
    std::iota(all_.begin(), all_.end(), 0);
    environments_.reset();
    receive_all();
    run(kWarmUp * count);
  }

  /// Takes `steps` steps, rounded up to whole batches but at least one of every environment;
  /// returns steps a second. No environment is on its way before or after, so that every step is
  /// taken while it is timed.
  double run(std::int64_t steps) {
    const std::int64_t batch = environments_.batch();
    const std::int64_t rounds = std::max<std::int64_t>(2, (steps + batch - 1) / batch);
    const std::size_t batch_entries = static_cast<std::size_t>(batch) *
                                      static_cast<std::size_t>(environments_.spec().action.size());
    return rate(rounds * batch, [&] {
      environments_.send(all_, actions_(0));
      for (std::int64_t i = 2; i < rounds; ++i) {
        const auto ids = environments_.recv();
        environments_.send(ids, actions_(i).first(batch_entries));
      }
      receive_all();
    });
  }

 private:
  void receive_all() {
    environments_.recv();
    environments_.recv();
  }

  AsyncVectorEnv environments_;
  RandomActions actions_;
  std::vector<int> all_;
};

/// One environment never keeps more than one thread busy, in a bare loop as little as in ours.
template <class Envs>
Benchmark against_bare(const std::string& name, const std::string& env, int threads, int count,
                       double (Envs::*run)(std::int64_t)) {
  return {{name}, [=](const BenchOptions& options) {
            BarePhysics physics(env, std::min(threads, count));
            Envs envs(env, count, threads);
            const std::int64_t steps =
                std::max(physics.steps_in(options.seconds), kLeastRounds * count);
            return std::vector<BenchRow>{interleave(
                name, "steps/s", Better::kHigher, options.runs, [&] { return (envs.*run)(steps); },
                [&] { return physics.run(steps).steps_per_second; })};
          }};
}

/// Ours on all cores against ours on one.
Benchmark scaling(const std::string& env, int threads) {
  const std::string name = "env." + env + ".scaling";
  return {{name}, [=](const BenchOptions& options) {
            constexpr int kCount = 64;
            const std::int64_t steps =
                std::max(BarePhysics(env, 1).steps_in(options.seconds), kLeastRounds * kCount);
            SteppedEnvs all(env, kCount, threads);
            SteppedEnvs one(env, kCount, 1);
            return std::vector<BenchRow>{interleave(
                name, "steps/s", Better::kHigher, options.runs, [&] { return all.run(steps); },
                [&] { return one.run(steps); })};
          }};
}

}  // namespace

std::vector<Benchmark> env_benchmarks(int threads) {
  struct Case {
    const char* env;
    std::vector<int> counts;
    bool in_depth = false;  ///< also asynchronously, and all cores against one
  };
  const std::vector<int> counts = {1, 8, 64, 256};
  const std::vector<Case> cases = {{"CartPole-v1", {256}},           {"Pendulum-v1", {256}},
                                   {"MountainCar-v0", {256}},        {"Acrobot-v1", {256}},
                                   {"LunarLander-v3", {64}},         {"InvertedPendulum-v5", {64}},
                                   {"HalfCheetah-v5", counts, true}, {"Hopper-v5", counts, true},
                                   {"Walker2d-v5", counts, true},    {"Ant-v5", counts, true},
                                   {"Humanoid-v5", counts, true}};
  std::vector<int> thread_counts = {1};
  if (threads > 1) thread_counts.push_back(threads);

  std::vector<Benchmark> benchmarks;
  for (const Case& c : cases) {
    for (const int t : thread_counts) {
      for (const int n : c.counts) {
        const std::string name =
            std::string("env.") + c.env + ".t" + std::to_string(t) + ".n" + std::to_string(n);
        benchmarks.push_back(against_bare(name, c.env, t, n, &SteppedEnvs::run));
        if (t > 1 && n >= t) {
          benchmarks.push_back(
              against_bare(name + ".shards", c.env, t, n, &SteppedEnvs::run_shards));
        }
        if (c.in_depth && n >= 8) {
          benchmarks.push_back(against_bare(name + ".async", c.env, t, n, &AsyncEnvs::run));
        }
      }
    }
    if (c.in_depth && threads > 1) benchmarks.push_back(scaling(c.env, threads));
  }
  return benchmarks;
}

}  // namespace costate
