// The comparison of policies: closed forms and sampling for the measures, run folders made by hand
// for the whole.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <fstream>
#include <limits>
#include <numbers>
#include <sstream>
#include <vector>

#include "envs/env_config.h"
#include "envs/error.h"
#include "logs/metrics.h"
#include "logs/run_folder.h"
#include "runners/compare_report.h"
#include "runners/learning_curves.h"
#include "tests/logs/test_folder.h"

namespace costate {
namespace {

using Floats = std::vector<float>;

ActionComparison compare(const Distribution& a, const Floats& parameters_a, const Distribution& b,
                         const Floats& parameters_b, int threads = 1) {
  ThreadPool pool(threads);
  return compare_actions(a, parameters_a, b, parameters_b, pool);
}

double normal_cdf(double z) {
  return 0.5 * std::erfc(-z / std::numbers::sqrt2);
}

float log_of(double x) {
  return static_cast<float>(std::log(x));
}

// W1 of executed actions as the mean distance of sorted samples, the optimal coupling on a line.
double sampled_wasserstein(const Distribution& a, const Floats& row_a, const Distribution& b,
                           const Floats& row_b) {
  constexpr int kDraws = 100'000;
  RandomStream random(derive_key({21}));
  const auto draw = [&](const Distribution& distribution, const Floats& row) {
    Floats actions(kDraws);
    for (float& action : actions) {
      distribution.sample(row, random, {&action, 1});
      distribution.execute({&action, 1});
    }
    std::sort(actions.begin(), actions.end());
    return actions;
  };
  const Floats x = draw(a, row_a);
  const Floats y = draw(b, row_b);
  double sum = 0.0;
  for (int i = 0; i < kDraws; ++i) sum += std::abs(x[i] - y[i]);
  return sum / kDraws;
}

TEST_CASE("Two gaussians differ as the closed forms say, averaged over states") {
  const auto gaussian = make_gaussian(2);
  // Rows (mean, mean, log_std, log_std) of two states.
  const Floats a = {0, 0, 0, 0, 0, 0, 0, 0};
  const Floats b = {1, 0, 0, log_of(2), 0, 0, 0, log_of(2)};
  const ActionComparison result = compare(*gaussian, a, *gaussian, b);
  REQUIRE(result.states == 2);
  REQUIRE(result.dimensions.size() == 2);
  CHECK(result.kl_note.empty());
  // KL(N(0,1)‖N(1,1)) = 1/2 in one state of two.
  CHECK(result.dimensions[0].kl_ab == Approx(0.25).margin(1e-6));
  CHECK(result.dimensions[0].kl_ba == Approx(0.25).margin(1e-6));
  // KL(N(0,1)‖N(0,2)) = log 2 + 1/8 − 1/2, and back −log 2 + 2 − 1/2.
  CHECK(result.dimensions[1].kl_ab == Approx(std::log(2.0) - 0.375).margin(1e-6));
  CHECK(result.dimensions[1].kl_ba == Approx(1.5 - std::log(2.0)).margin(1e-6));
  CHECK(result.total.kl_ab == Approx(0.25 + std::log(2.0) - 0.375).margin(1e-6));

  const double entropy = 0.5 * std::log(2.0 * std::numbers::pi * std::numbers::e);
  CHECK(result.dimensions[1].entropy_a == Approx(entropy));
  CHECK(result.dimensions[1].entropy_b == Approx(entropy + std::log(2.0)));
  CHECK(result.dimensions[1].boundary_mass_a == Approx(2.0 * normal_cdf(-0.99)));
  CHECK(result.dimensions[1].boundary_mass_b == Approx(2.0 * normal_cdf(-0.495)));
}

TEST_CASE("The Wasserstein distance is that of the executed actions") {
  const auto gaussian = make_gaussian(1);
  const auto bernoulli = make_bernoulli(1);
  SECTION("narrow gaussians that are not clipped are as far apart as their means") {
    const auto result = compare(*gaussian, {-0.2f, log_of(0.02)}, *gaussian, {0.3f, log_of(0.02)});
    CHECK(result.total.wasserstein == Approx(0.5).margin(1e-3));
  }
  SECTION("means far outside of the box act alike") {
    const auto result = compare(*gaussian, {5.0f, 0.0f}, *gaussian, {8.0f, 0.0f});
    CHECK(result.total.wasserstein == Approx(0.0).margin(1e-4));
  }
  SECTION("bernoullis move the difference of their masses by the width of the box") {
    const double p = 1.0 / (1.0 + std::exp(-1.0));
    const auto result = compare(*bernoulli, {1.0f}, *bernoulli, {0.0f});
    CHECK(result.total.wasserstein == Approx(2.0 * (p - 0.5)));
    CHECK(result.total.boundary_mass_a == 1.0);
    CHECK(result.total.kl_ab == Approx(p * std::log(2 * p) + (1 - p) * std::log(2 * (1 - p))));
    CHECK(result.total.kl_ba == Approx(-0.5 * std::log(4 * p * (1 - p))));
  }
  SECTION("it agrees with samples across families") {
    // Two samples of 100 000 leave a standard error below 0.004.
    const Floats wide = {0.3f, log_of(0.8)};
    CHECK(compare(*gaussian, wide, *bernoulli, {0.7f}).total.wasserstein ==
          Approx(sampled_wasserstein(*gaussian, wide, *bernoulli, {0.7f})).margin(0.015));
    const Floats narrow = {-0.6f, log_of(0.3)};
    CHECK(compare(*gaussian, wide, *gaussian, narrow).total.wasserstein ==
          Approx(sampled_wasserstein(*gaussian, wide, *gaussian, narrow)).margin(0.015));
  }
}

TEST_CASE("Between families, KL is that of the atoms they share, and infinite the other way") {
  const auto gaussian = make_gaussian(1);
  const auto bernoulli = make_bernoulli(1);
  const Floats row = {0.4f, log_of(0.7)};
  const double p = 1.0 / (1.0 + std::exp(-0.9));
  const double expected = p * std::log(p / normal_cdf(-0.6 / 0.7)) +
                          (1 - p) * std::log((1 - p) / normal_cdf(-1.4 / 0.7));
  const auto forth = compare(*bernoulli, {0.9f}, *gaussian, row);
  CHECK(forth.total.kl_ab == Approx(expected).margin(1e-5));
  CHECK(std::isinf(forth.total.kl_ba));
  CHECK(forth.kl_note.find("KL(B||A) is infinite") == 0);
  const auto back = compare(*gaussian, row, *bernoulli, {0.9f});
  CHECK(back.total.kl_ba == Approx(expected).margin(1e-5));
  CHECK(std::isinf(back.total.kl_ab));
  CHECK(back.kl_note.find("KL(A||B) is infinite") == 0);

  SECTION("also where the gaussian's mass at the bound is too small for a double") {
    // log P(Z ≥ 40) = −804.608442.
    const auto far = compare(*bernoulli, {0.0f}, *gaussian, {0.0f, log_of(1.0 / 40)});
    CHECK(far.total.kl_ab == Approx(std::log(0.5) + 804.608442).margin(2e-3));
    // No jump where the series takes over.
    const auto below = compare(*bernoulli, {0.0f}, *gaussian, {0.0f, log_of(1.0 / 24.9999)});
    const auto above = compare(*bernoulli, {0.0f}, *gaussian, {0.0f, log_of(1.0 / 25.0001)});
    CHECK(above.total.kl_ab - below.total.kl_ab == Approx(25.04 * 0.0002).margin(5e-4));
  }
}

TEST_CASE("Families whose KL is not known are compared by the rest") {
  const auto three = make_ternary(1);
  const auto five = make_bins(1, 5);
  // All at 0 against half at each of −½ and ½.
  const Floats off = {-50.0f, 0.0f, -50.0f};
  const Floats halves = {-50.0f, 0.0f, -50.0f, 0.0f, -50.0f};
  const auto result = compare(*three, off, *five, halves);
  CHECK(std::isnan(result.total.kl_ab));
  CHECK(std::isnan(result.total.kl_ba));
  CHECK(result.kl_note.find("KL is known") == 0);
  CHECK(result.total.wasserstein == Approx(0.5).margin(1e-6));
  CHECK(result.total.entropy_b == Approx(std::log(2.0)).margin(1e-6));
  // Two of one name, but with other values.
  CHECK(std::isnan(compare(*make_bins(1, 3), off, *five, halves).total.kl_ab));
}

TEST_CASE("Categorical policies are compared by their probabilities") {
  const auto categorical = make_categorical(3);
  const Floats a = {log_of(0.5), log_of(0.3), log_of(0.2)};
  const Floats b = {log_of(0.1), log_of(0.3), log_of(0.6)};
  const auto result = compare(*categorical, a, *categorical, b);
  CHECK(result.total.kl_ab == Approx(0.5 * std::log(5.0) + 0.2 * std::log(0.2 / 0.6)).margin(1e-6));
  CHECK(result.total.wasserstein == Approx(0.4).margin(1e-6));  // half of 0.4 + 0 + 0.4
  CHECK(std::isnan(result.total.boundary_mass_a));
}

TEST_CASE("A comparison of actions does not depend on threads") {
  const auto gaussian = make_gaussian(3);
  RandomStream random(derive_key({22}));
  Floats a(1000 * 6);
  Floats b(a.size());
  for (float& x : a) x = static_cast<float>(random.normal());
  for (float& x : b) x = static_cast<float>(random.normal());
  const auto one = compare(*gaussian, a, *gaussian, b, 1);
  const auto three = compare(*gaussian, a, *gaussian, b, 3);
  CHECK(one.states == 1000);
  CHECK(one.total.kl_ab == three.total.kl_ab);
  CHECK(one.total.wasserstein == three.total.wasserstein);
  CHECK(one.total.kl_ab ==
        Approx(one.dimensions[0].kl_ab + one.dimensions[1].kl_ab + one.dimensions[2].kl_ab));
}

/// A run folder with an untrained policy.
std::string make_run(const TestFolder& folder, const std::string& name, const std::string& env,
                     const std::string& head, std::uint64_t seed) {
  RunConfig config;
  config.env = env;
  config.policy.head = head;
  config.policy.hidden = {8};
  const EnvSpec spec = make_env(env)->spec();
  const ActorCritic network(config.policy, spec);
  Checkpoint checkpoint;
  checkpoint.put("counters/steps", std::int64_t{1000});
  checkpoint.put("policy/parameters", std::span<const float>(network.initial_parameters(seed)));
  std::vector<std::byte> statistics;
  StateWriter writer(statistics);
  ObservationNormalizer(spec.observation.size()).save_state(writer);
  checkpoint.put("normalizer/observations", std::span<const std::byte>(statistics));

  const auto run = folder / name;
  std::filesystem::create_directories(run_folder::checkpoints(run));
  std::ofstream(run_folder::config(run)) << config.options().to_toml();
  checkpoint.save(run_folder::last_checkpoint(run));
  return run.string();
}

TEST_CASE("Runs are compared in returns and in actions") {
  const TestFolder folder;
  const TrainedRun gaussian = open_run(make_run(folder, "g", "Pendulum-v1", "gaussian", 1));
  const TrainedRun second = open_run(make_run(folder, "g2", "Pendulum-v1", "gaussian", 2));
  const TrainedRun bernoulli = open_run(make_run(folder, "b", "Pendulum-v1", "bernoulli", 1));
  const TrainedRun cart_pole = open_run(make_run(folder, "c", "CartPole-v1", "auto", 1));
  CHECK(gaussian.steps == 1000);
  ThreadPool pool(2);
  CompareOptions options;
  options.episodes = 3;

  SECTION("a run equals itself") {
    const Comparison result = compare_runs({gaussian}, {gaussian}, options, pool);
    CHECK(result.difference == 0.0);
    CHECK(result.difference_ci95.low < 0.0);
    CHECK(result.difference_ci95.high > 0.0);
    CHECK(result.actions.states == 2 * 3 * 200);
    CHECK(result.actions.total.kl_ab == 0.0);
    CHECK(result.actions.total.wasserstein == 0.0);
    CHECK(result.a.values == result.b.values);
    CHECK(result.a.mean ==
          Approx((result.a.values[0] + result.a.values[1] + result.a.values[2]) / 3));
  }
  SECTION("a gaussian and a bernoulli, as JSON and as a table") {
    const Comparison result = compare_runs({gaussian}, {bernoulli}, options, pool);
    const auto json = nlohmann::json::parse(to_json(result).dump());
    CHECK(json["a"]["policy"] == "gaussian");
    CHECK(json["b"]["policy"] == "bernoulli");
    CHECK(json["a"]["unit"] == "episodes");
    CHECK(json["difference"]["mean"].get<double>() ==
          Approx(json["a"]["mean"].get<double>() - json["b"]["mean"].get<double>()));
    CHECK(json["states"] == 1200);
    REQUIRE(json["dimensions"].size() == 1);
    CHECK(json["dimensions"][0]["kl_ab"].is_null());
    CHECK(json["total"]["kl_ba"].get<double>() > 0.0);
    CHECK(json["dimensions"][0]["boundary_mass_b"] == 1.0);
    CHECK(json.contains("kl_note"));
    std::ostringstream table;
    print(result, table);
    CHECK(table.str().find("inf") != std::string::npos);
  }
  SECTION("several runs are compared run by run") {
    const Comparison result = compare_runs({gaussian, second}, {bernoulli}, options, pool);
    CHECK(result.a.episodes == 6);
    REQUIRE(result.a.values.size() == 2);
    CHECK(result.a.ci95.low == std::min(result.a.values[0], result.a.values[1]));
    CHECK(result.b.values.size() == 3);
    CHECK(to_json(result)["a"]["unit"] == "runs");
  }
  SECTION("of different environments, or of different policies on one side, is a wrong command") {
    const auto message = [&](const std::vector<TrainedRun>& a, const std::vector<TrainedRun>& b) {
      return message_of<UsageError>([&] { compare_runs(a, b, options, pool); });
    };
    CHECK(message({gaussian}, {cart_pole}).find("Pendulum-v1") != std::string::npos);
    CHECK(message({gaussian}, {cart_pole}).find("CartPole-v1") != std::string::npos);
    CHECK(message({gaussian}, {bernoulli, second}).find("on one side") != std::string::npos);
  }
}

TEST_CASE("A folder that is no run, or has no checkpoint, is said to be so") {
  const TestFolder folder;
  const std::string nothing = (folder / "nothing").string();
  CHECK(message_of<UsageError>([&] { open_run(nothing); }).find(nothing) == 0);

  const std::string run = make_run(folder, "run", "Pendulum-v1", "gaussian", 1);
  std::filesystem::remove(run_folder::last_checkpoint(run));
  CHECK(message_of<Error>([&] { open_run(run); }) ==
        run + ": no checkpoint at " + run + "/checkpoints/last.h5");
}

TEST_CASE("Learning curves are read from metrics.csv and averaged over runs") {
  const TestFolder folder;
  const auto write = [&](const std::string& name, std::int64_t interval, double slope) {
    CsvMetrics metrics(folder / name);
    const double nan = std::numeric_limits<double>::quiet_NaN();
    metrics.write({interval, {{"kl", 1.0}, {"return_mean_100", nan}}});
    for (std::int64_t step = 2 * interval; step <= 4000; step += interval) {
      metrics.write({step, {{"kl", 1.0}, {"return_mean_100", slope * static_cast<double>(step)}}});
    }
    return folder / name;
  };
  const auto a = write("a.csv", 100, 1.0);
  const auto b = write("b.csv", 250, 3.0);
  { std::ofstream(a, std::ios::app) << "4100,1.0,99"; }  // a killed run's last line

  const std::vector<MetricCurve> curves = {read_metric(a, "return_mean_100"),
                                           read_metric(b, "return_mean_100")};
  CHECK(curves[0].steps.front() == 200);
  CHECK(curves[0].steps.back() == 4000);
  CHECK(curves[1].steps.size() == 15);

  const Curve curve = average_curve("both", curves);
  CHECK(curve.x.front() == 500);
  CHECK(curve.x.back() == 4000);
  for (std::size_t i = 0; i < curve.x.size(); ++i) {
    REQUIRE(curve.y[i] == Approx(2.0 * curve.x[i]));
    REQUIRE(curve.lower[i] == Approx(curve.x[i]));  // of two runs, the interval is their range
    REQUIRE(curve.upper[i] == Approx(3.0 * curve.x[i]));
  }
  CHECK(average_curve("one", std::span(curves).first(1)).lower.empty());

  const auto message = [&](const std::string& metric) {
    return message_of<Error>([&] { read_metric(a, metric); });
  };
  CHECK(message("score") == a.string() + ": no column score");
  { std::ofstream(a, std::ios::app) << "00\n4200,x,5\n4300,1\n"; }
  CHECK(message("kl") == a.string() + ":43: step and kl are not both numbers");
  CHECK(message("return_mean_100") == a.string() + ":44: has 2 fields, expected 3");
}

TEST_CASE("Steps to a share of the best are interpolated, and none where nothing is learned") {
  CHECK(steps_to_share_of_best({{0, 10, 20, 30}, {-100, -50, 0, -20}}, 0.9) == Approx(18.0));
  CHECK(steps_to_share_of_best({{5, 10, 20}, {3, 3, 1}}, 0.9) == 5.0);
  CHECK(steps_to_share_of_best({{5}, {3}}, 0.9) == 5.0);
}

}  // namespace
}  // namespace costate
