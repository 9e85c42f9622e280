// The arithmetic of the benchmark rows against numbers worked by hand, and the JSON of a short run.
// Nothing here depends on how fast the machine is.
#include "runners/bench.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <set>

#include "envs/vector_env.h"
#include "runners/bench_network.h"
#include "runners/bench_physics.h"
#include "runners/bench_sac_peer.h"

namespace costate {
namespace {

TEST_CASE("the median is the middle value, or the mean of the two in the middle") {
  CHECK(median({7.0}) == 7.0);
  CHECK(median({9.0, 1.0, 4.0}) == 4.0);
  CHECK(median({8.0, 1.0, 2.0, 100.0}) == 5.0);
}

TEST_CASE("a row of rates: medians, and the pairs' ratios of ours to the limit") {
  const std::vector<double> ours = {80.0, 60.0, 90.0};
  const std::vector<double> limit = {100.0, 120.0, 100.0};
  const BenchRow row = make_row("a.row", "steps/s", Better::kHigher, ours, limit);
  CHECK(row.name == "a.row");
  CHECK(row.unit == "steps/s");
  CHECK(row.ours == 80.0);
  CHECK(row.limit == 100.0);
  CHECK(row.ratio == Approx(0.8));
  CHECK(row.runs == 3);
  CHECK(row.spread == Approx((0.9 - 0.5) / 0.8));  // of 0.8, 0.5 and 0.9
}

TEST_CASE("a row of times: the limit over ours, so that shorter is better") {
  const BenchRow row =
      make_row("a.row", "us", Better::kLower, std::vector{4.0, 5.0}, std::vector{2.0, 2.0});
  CHECK(row.ours == 4.5);
  CHECK(row.limit == 2.0);
  CHECK(row.ratio == Approx(0.45));  // between 0.5 and 0.4
  CHECK(row.spread == Approx((0.5 - 0.4) / 0.45));
  // Twice as fast as a peer is 2.
  CHECK(make_row("", "us", Better::kLower, std::vector{1.0}, std::vector{2.0}).ratio == 2.0);
}

TEST_CASE("both sides are measured in turn, after one of each that does not count") {
  std::string order;
  double ours = 0.0;
  double limit = 0.0;
  const BenchRow row = interleave(
      "", "", Better::kHigher, 2,
      [&] {
        order += 'a';
        return ours += 1.0;
      },
      [&] {
        order += 'b';
        return limit += 10.0;
      });
  CHECK(order == "ababab");
  CHECK(row.ours == 2.5);
  CHECK(row.limit == 25.0);
  CHECK(row.runs == 2);
}

TEST_CASE("the operations of a perceptron, counted by hand") {
  const MlpShape shape = {3, {5}, 2, Activation::kTanh};
  // 7 rows: 2·7·(3·5 + 5·2) forward; backward the same for the weights, and 2·7·5·2 for the hidden
  // layer's inputs.
  CHECK(flops(forward_products(shape, 7)) == 350.0);
  CHECK(flops(backward_products(shape, 7)) == 350.0 + 140.0);
}

TEST_CASE("a bare simulation takes the steps that it was asked for") {
  BarePhysics physics("CartPole-v1", 2);
  const BarePhysics::Result result = physics.run(10'000);
  CHECK(result.steps_per_second > 0.0);
  CHECK(result.cpu_seconds_per_step > 0.0);
  CHECK(make_bare_simulation("Hopper-v5", 0)->run(500) == 500);
}

/// Mean length of so many episodes of the environment under random actions.
double mean_episode_length(const std::string& id, int episodes) {
  ThreadPool pool(1);
  VectorEnv env(id, 1, /*seed=*/3, pool);
  env.reset();
  const Space& space = env.spec().action;
  RandomStream random(5);
  std::vector<float> action(static_cast<std::size_t>(space.size()));
  int steps = 0;
  for (int ended = 0; ended < episodes; ++steps) {
    for (std::size_t i = 0; i < action.size(); ++i) {
      action[i] =
          space.kind == Space::Kind::kBox
              ? static_cast<float>(random.uniform(space.low[i], space.high[i]))
              : static_cast<float>(random.below(static_cast<std::uint64_t>(space.counts[i])));
    }
    env.step(action);
    ended += env.terminated()[0] + env.truncated()[0];
  }
  return static_cast<double>(steps) / episodes;
}

TEST_CASE("the episodes of bare simulations are as long as those of the environments") {
  struct Case {
    const char* env;
    int episodes;
    /// Four standard errors or more of the two means together. CartPole's bare lanes repeat their
    /// forces every 16 steps, which shortens episodes by some 5 %.
    double tolerance;
  };
  const auto c = GENERATE(values<Case>({{"CartPole-v1", 40000, 0.1},
                                        {"Hopper-v5", 150, 0.25},
                                        {"Walker2d-v5", 100, 0.25},
                                        {"Humanoid-v5", 30, 0.2},
                                        {"LunarLander-v3", 100, 0.15}}));
  CAPTURE(c.env);
  const double expected = mean_episode_length(c.env, c.episodes);
  const auto bare = make_bare_simulation(c.env, 7);
  // It counts the episodes that are under way too: one, or, in classic control, 256.
  const std::int64_t steps = bare->run(std::llround(expected * c.episodes));
  const double length = static_cast<double>(steps) / static_cast<double>(bare->episodes());
  CHECK(length == Approx(expected).epsilon(c.tolerance));
}

TEST_CASE("the LibTorch peer of SAC does its jobs") {
  const RunConfig config = resolve_config(std::nullopt, {{"env", "Pendulum-v1", "test"},
                                                         {"algo", "sac", "test"},
                                                         {"steps", "430", "test"},
                                                         {"network.hidden", "16", "test"},
                                                         {"sac.batch", "8", "test"},
                                                         {"sac.learning_starts", "400", "test"}});
  CHECK(SacPeerUpdates(config).microseconds(0.001) > 0.0);
  // Two episodes of 200 steps have ended, of −16.3 to 0 a step. Untrained policies get a few a
  // step, and nobody swings up at once.
  const double mean_return = train_sac_peer(config);
  CHECK(mean_return > -16.3 * 200);
  CHECK(mean_return < -200.0);
}

TEST_CASE("the rows of all groups have names of their own") {
  std::set<std::string> names;
  std::size_t count = 0;
  for (const auto& group : {env_benchmarks(2), infer_benchmarks(), learn_benchmarks(2),
                            train_benchmarks(), logs_benchmarks()}) {
    CHECK(!group.empty());
    for (const Benchmark& benchmark : group) {
      for (const std::string& name : benchmark.names) {
        names.insert(name);
        ++count;
      }
    }
  }
  CHECK(names.size() == count);
  for (const char* name : {"env.HalfCheetah-v5.t2.n64", "infer.256-256.b1", "learn.ppo.64-64.b64",
                           "train.ppo.HalfCheetah-v5", "logs.rollouts"}) {
    CHECK(names.contains(name));
  }
}

TEST_CASE("the rows of env: counts, ways to step, and cores") {
  const auto names_of = [](int threads) {
    std::set<std::string> names;
    for (const Benchmark& benchmark : env_benchmarks(threads)) {
      names.insert(benchmark.names.begin(), benchmark.names.end());
    }
    return names;
  };
  const auto two = names_of(2);
  for (const std::string env : {"HalfCheetah", "Hopper", "Walker2d", "Ant", "Humanoid"}) {
    const std::string row = "env." + env + "-v5";
    for (const char* t : {".t1", ".t2"}) {
      for (const char* n : {".n1", ".n8", ".n64", ".n256"}) {
        CHECK(two.contains(row + t + n));
        CHECK(two.contains(row + t + n + ".async") == (std::string(n) != ".n1"));
        CHECK(two.contains(row + t + n + ".shards") ==
              (std::string(t) == ".t2" && std::string(n) != ".n1"));
      }
    }
    CHECK(two.contains(row + ".scaling"));
  }
  for (const char* name : {"env.CartPole-v1.t1.n256", "env.Pendulum-v1.t1.n256",
                           "env.MountainCar-v0.t1.n256", "env.Acrobot-v1.t1.n256",
                           "env.LunarLander-v3.t1.n64", "env.LunarLander-v3.t2.n64.shards"}) {
    CHECK(two.contains(name));
  }
  // On one core there is nothing to share and nothing to scale to.
  for (const std::string& name : names_of(1)) {
    CHECK(name.find(".t1.") != std::string::npos);
    CHECK(!name.ends_with(".shards"));
  }
}

TEST_CASE("asynchronous rows and rows of scaling measure both sides") {
  const std::set<std::string> wanted = {"env.HalfCheetah-v5.t2.n8.async",
                                        "env.HalfCheetah-v5.scaling"};
  std::size_t measured = 0;
  for (const Benchmark& benchmark : env_benchmarks(2)) {
    if (!wanted.contains(benchmark.names.front())) continue;
    const auto rows = benchmark.run({.runs = 1, .seconds = 0.002, .threads = 2});
    REQUIRE(rows.size() == 1);
    CHECK(rows[0].name == benchmark.names.front());
    CHECK(rows[0].ours > 0.0);
    CHECK(rows[0].limit > 0.0);
    ++measured;
  }
  CHECK(measured == wanted.size());
}

TEST_CASE("a short run of env.CartPole gives the JSON that is promised") {
  for (const Benchmark& benchmark : env_benchmarks(1)) {
    if (!benchmark.names.front().starts_with("env.CartPole")) continue;
    const auto rows = benchmark.run({.runs = 2, .seconds = 0.002, .threads = 1});
    const auto json = to_json(rows);
    CHECK(json["machine"]["cores"].get<int>() >= 1);
    for (const char* key : {"cpu", "isa", "compiler", "git", "mujoco", "openblas", "libtorch"}) {
      CHECK(!json["machine"][key].get<std::string>().empty());
    }
    REQUIRE(json["rows"].size() == 1);
    const auto& row = json["rows"][0];
    std::vector<std::string> keys;
    for (const auto& [key, value] : row.items()) keys.push_back(key);
    CHECK(keys ==
          std::vector<std::string>{"name", "ours", "limit", "ratio", "unit", "runs", "spread"});
    CHECK(row["name"] == "env.CartPole-v1.t1.n256");
    CHECK(row["unit"] == "steps/s");
    CHECK(row["runs"] == 2);
    CHECK(row["ours"].get<double>() > 0.0);
    CHECK(row["limit"].get<double>() > 0.0);
    CHECK(row["spread"].get<double>() >= 0.0);
    CHECK(row["ratio"].get<double>() ==
          Approx(row["ours"].get<double>() / row["limit"].get<double>())
              .epsilon(std::min(1.0, 0.01 + row["spread"].get<double>())));
    return;
  }
  FAIL("there is no row env.CartPole…");
}

}  // namespace
}  // namespace costate
