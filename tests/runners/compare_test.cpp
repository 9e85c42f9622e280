// The comparison of policies: closed forms and sampling for the measures, run folders made by hand
// for the whole.
#include <algorithm>
#include <array>
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
#include "runners/compare_behaviour.h"
#include "runners/compare_report.h"
#include "runners/learning_curves.h"
#include "tests/logs/test_folder.h"

namespace costate {
namespace {

using Floats = std::vector<float>;

using Json = nlohmann::ordered_json;

Json compare(const Distribution& a, const Floats& parameters_a, const Distribution& b,
             const Floats& parameters_b, int threads = 1) {
  ThreadPool pool(threads);
  return action_divergences(a, parameters_a, b, parameters_b, pool);
}

float log_of(double x) {
  return static_cast<float>(std::log(x));
}

TEST_CASE("Two gaussians differ as the closed forms say, averaged over states") {
  const auto gaussian = make_gaussian(2);
  // Two states; the second dimension is the same on both sides.
  const Floats a = {0.0f, 0.1f, log_of(0.1), log_of(0.2), 0.2f, 0.1f, log_of(0.1), log_of(0.2)};
  const Floats b = {0.1f, 0.1f, log_of(0.2), log_of(0.2), 0.2f, 0.1f, log_of(0.2), log_of(0.2)};
  const Json result = compare(*gaussian, a, *gaussian, b);
  // log(s2/s1) + (s1² + d²)/(2 s2²) − 1/2, with d = 0.1 and d = 0.
  const double kl = std::log(2.0) - 0.5 + 0.5 * ((0.01 + 0.01) / 0.08 + 0.01 / 0.08);
  CHECK(result["dimensions"][0]["kl_ab"].get<double>() == Approx(kl).epsilon(1e-5));
  CHECK(result["dimensions"][1]["kl_ab"].get<double>() == Approx(0.0).margin(1e-6));
  CHECK(result["joint"]["kl_ab"].get<double>() == Approx(kl).epsilon(1e-5));
  CHECK(result["dimensions"][1]["js"].get<double>() == Approx(0.0).margin(1e-9));
  CHECK(result["states"] == 2);
}

TEST_CASE("Joint divergences by sampling agree with exact ones within their errors") {
  // Where only one dimension differs, the joint divergence is that dimension's.
  const auto family = make_gaussian(3);
  Floats a;
  Floats b;
  for (int i = 0; i < 4000; ++i) {
    a.insert(a.end(), {0.2f, 0.5f, -0.1f, log_of(0.3), log_of(0.5), log_of(0.2)});
    b.insert(b.end(), {0.2f, -0.2f, -0.1f, log_of(0.3), log_of(0.4), log_of(0.2)});
  }
  const Json result = compare(*family, a, *family, b, 2);
  for (const char* key : {"js", "total_variation"}) {
    const double exact = result["dimensions"][1][key];
    const double error = result["joint"][key]["standard_error"];
    CHECK(error > 0.0);
    CHECK(error < 0.01);
    CHECK(std::abs(result["joint"][key]["value"].get<double>() - exact) < 4.0 * error);
  }
}

TEST_CASE("The error of a sampled divergence is what it says") {
  // Two bernoullis of two dimensions each: the joint divergence is a sum over four actions.
  const auto family = make_bernoulli(2);
  const Floats row_a = {0.8f, -0.3f};
  const Floats row_b = {-0.2f, 0.4f};
  const auto probability = [](const Floats& row, int action) {
    double p = 1.0;
    for (int d = 0; d < 2; ++d) {
      const double up =
          1.0 / (1.0 + std::exp(-static_cast<double>(row[static_cast<std::size_t>(d)])));
      p *= (action >> d) & 1 ? up : 1.0 - up;
    }
    return p;
  };
  double js = 0.0;
  double variation = 0.0;
  for (int action = 0; action < 4; ++action) {
    const double p = probability(row_a, action);
    const double q = probability(row_b, action);
    js += 0.5 * (p * std::log(2.0 * p / (p + q)) + q * std::log(2.0 * q / (p + q)));
    variation += 0.5 * std::abs(p - q);
  }
  // Whole comparisons of 100 states, whose draws differ since the states of the other blocks come
  // before: of intervals of ±1.96 errors 95 % should hold the truth. The share of 300 has a
  // standard error of 1.3 %.
  constexpr int kStates = 64;
  constexpr int kDraws = 300;
  Floats a;
  Floats b;
  for (int i = 0; i < kStates * kDraws; ++i) {
    a.insert(a.end(), row_a.begin(), row_a.end());
    b.insert(b.end(), row_b.begin(), row_b.end());
  }
  int covered[2] = {};
  Json before;
  const auto rows = [&](const Floats& all, int draws) {
    return Floats(all.begin(), all.begin() + 2 * kStates * draws);
  };
  for (int k = 1; k <= kDraws; ++k) {
    // Sums of the first k blocks; their differences are those of block k alone.
    const Json now = compare(*family, rows(a, k), *family, rows(b, k));
    for (int i = 0; i < 2; ++i) {
      const char* key = i == 0 ? "js" : "total_variation";
      const auto moments = [&](const Json& c, double n) -> std::array<double, 2> {
        if (c.is_null()) return {0.0, 0.0};
        const double mean = c["joint"][key]["value"];
        const double error = c["joint"][key]["standard_error"];
        return {n * mean, n * (error * error * (n - 1.0) + mean * mean)};
      };
      const auto all = moments(now, kStates * k);
      const auto old = moments(before, kStates * (k - 1.0));
      const double mean = (all[0] - old[0]) / kStates;
      const double error = std::sqrt(((all[1] - old[1]) / kStates - mean * mean) / (kStates - 1.0));
      covered[i] += std::abs(mean - (i == 0 ? js : variation)) <= 1.96 * error ? 1 : 0;
    }
    before = now;
  }
  CHECK(covered[0] / double{kDraws} == Approx(0.95).margin(0.05));
  CHECK(covered[1] / double{kDraws} == Approx(0.95).margin(0.05));
}

TEST_CASE("Between families, KL is that of what both can do, and infinite the other way") {
  const auto gaussian = make_gaussian(1);
  const auto bernoulli = make_bernoulli(1);
  const Floats g = {0.3f, log_of(0.5)};
  const Floats p = {0.4f};
  const Json result = compare(*bernoulli, p, *gaussian, g);
  const double up = 1.0 / (1.0 + std::exp(-0.4));
  const double above = 0.5 * std::erfc((1.0 - 0.3) / 0.5 / std::numbers::sqrt2);
  const double under = 0.5 * std::erfc((1.0 + 0.3) / 0.5 / std::numbers::sqrt2);
  CHECK(
      result["joint"]["kl_ab"].get<double>() ==
      Approx(up * std::log(up / above) + (1.0 - up) * std::log((1.0 - up) / under)).epsilon(1e-5));
  CHECK(result["joint"]["kl_ba"].is_null());
  CHECK(result["joint"]["js"]["value"] == result["dimensions"][0]["js"]);  // nothing to sample
  CHECK(result["joint"]["js"]["standard_error"] == 0.0);
  CHECK(result["note"].get<std::string>().find("KL(B||A) is infinite") != std::string::npos);
  // Far outside, where the gaussian's mass at a bound underflows.
  const Json far = compare(*bernoulli, {50.0f}, *gaussian, {-2.0f, log_of(0.05)});
  CHECK(far["joint"]["kl_ab"].get<double>() == Approx(1805.0).epsilon(0.01));  // z² / 2, z = 60
}

TEST_CASE("A comparison of actions does not depend on threads") {
  const auto gaussian = make_gaussian(3);
  RandomStream random(derive_key({22}));
  Floats a(300 * 6);
  Floats b(a.size());
  for (float& x : a) x = static_cast<float>(random.normal());
  for (float& x : b) x = static_cast<float>(random.normal());
  CHECK(compare(*gaussian, a, *gaussian, b, 1) == compare(*gaussian, a, *gaussian, b, 3));
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

TEST_CASE("Runs are compared in returns, actions, states and behaviour") {
  const TestFolder folder;
  const auto open = [&](const std::string& name, const std::string& env, const std::string& head,
                        std::uint64_t seed) {
    return open_run(make_run(folder, name, env, head, seed));
  };
  const TrainedRun gaussian = open("g", "Pendulum-v1", "gaussian", 1);
  const TrainedRun second = open("g2", "Pendulum-v1", "gaussian", 2);
  const TrainedRun bernoulli = open("b", "Pendulum-v1", "bernoulli", 1);
  const TrainedRun cart_pole = open("c", "CartPole-v1", "auto", 1);
  CHECK(gaussian.steps == 1000);
  ThreadPool pool(2);
  CompareOptions options;
  options.episodes = 3;
  const auto groups = [](std::vector<std::vector<TrainedRun>> runs) {
    std::vector<CompareGroup> out;
    for (auto& group : runs) out.push_back({group[0].folder.string(), group});
    return out;
  };

  SECTION("a run equals itself") {
    const Json c = compare_groups(groups({{gaussian}, {gaussian}}), options, pool);
    const Json& pair = c["pairs"][0];
    CHECK(pair["difference"]["value"] == 0.0);
    CHECK(pair["difference"]["ci95"][0] < 0.0);
    CHECK(pair["probability_of_improvement"]["value"] == 0.5);
    CHECK(pair["actions"]["states"] == 2 * 3 * 200);
    CHECK(pair["actions"]["joint"]["kl_ab"]["value"].get<double>() == Approx(0.0).margin(1e-9));
    CHECK(pair["actions"]["joint"]["js"]["value"].get<double>() == Approx(0.0).margin(1e-9));
    CHECK(pair["visited"]["sliced_wasserstein"] == 0.0);
    CHECK(pair["visited"]["mmd_squared"] < 0.0);  // unbiased, and the points are the same
    CHECK(pair["visited"]["mmd_p_value"].get<double>() > 0.9);
    CHECK(c["groups"][0]["return"]["values"].size() == 3);
    CHECK(c["groups"][0]["unit"] == "episodes");
  }
  SECTION("a gaussian and a bernoulli, as JSON, tables and a page") {
    const Json c = compare_groups(groups({{gaussian}, {bernoulli}}), options, pool);
    const Json& joint = c["pairs"][0]["actions"]["joint"];
    CHECK(joint["kl_ab"]["value"].is_null());
    CHECK(joint["kl_ba"]["value"].get<double>() > 0.0);
    CHECK(c["groups"][1]["actions"]["dimensions"][0]["boundary_mass"] == 1.0);
    CHECK(c["groups"][1]["actions"]["bang_bang_index"]["value"] == 1.0);
    CHECK(c["groups"][1]["behaviour"]["effort"]["value"] == 1.0);
    CHECK(c["groups"][1]["behaviour"]["length"]["value"] == 200.0);
    CHECK(c["groups"][1]["behaviour"]["power"]["value"].is_null());  // no actuators of MuJoCo's
    CHECK(c["threshold"].is_null());                                 // no metrics
    std::ostringstream text;
    print(c, text);
    CHECK(text.str().find("inf") != std::string::npos);
    const std::string html = comparison_page(c);
    const auto begin = html.find('>', html.find("id=\"costate-comparison\"")) + 1;
    CHECK(Json::parse(html.substr(begin, html.find("</script>", begin) - begin)) ==
          Json::parse(c.dump()));
    CHECK(html.find("src=") == std::string::npos);
    CHECK(html.find("href=\"http") == std::string::npos);
  }
  SECTION("several runs are compared run by run, whatever the number of threads") {
    const auto three = groups({{gaussian, second}, {bernoulli}, {second}});
    const Json c = compare_groups(three, options, pool);
    CHECK(c["groups"][0]["unit"] == "runs");
    CHECK(c["groups"][0]["return"]["values"].size() == 2);
    CHECK(c["groups"][1]["return"]["values"].size() == 3);
    CHECK(c["pairs"].size() == 3);
    ThreadPool one(1);
    CHECK(compare_groups(three, options, one) == c);
  }
  SECTION("own states, and those of a file") {
    options.states = "own";
    const Json own = compare_groups(groups({{gaussian}, {second}}), options, pool);
    options.states = "union";
    const Json both = compare_groups(groups({{gaussian}, {second}}), options, pool);
    const auto kl = [](const Json& c) {
      return c["pairs"][0]["actions"]["joint"]["kl_ab"]["value"];
    };
    CHECK(kl(own) != kl(both));
    options.states = (folder / "gone.h5").string();
    CHECK_THROWS_WITH(compare_groups(groups({{gaussian}, {second}}), options, pool),
                      Catch::Contains("gone.h5"));
  }
  SECTION("what cannot be compared is refused, and what differs is said") {
    const auto message = [&](std::vector<std::vector<TrainedRun>> runs) {
      return message_of<UsageError>([&] { compare_groups(groups(runs), options, pool); });
    };
    CHECK_THAT(message({{gaussian}, {cart_pole}}),
               Catch::Contains("Pendulum-v1 and CartPole-v1, expected one environment"));
    CHECK_THAT(message({{gaussian}, {bernoulli, second}}), Catch::Contains("in one group"));
    CHECK_THAT(message({{gaussian}}), Catch::Contains("at least two"));
    TrainedRun other = second;
    other.config.env = EnvConfig("Pendulum-v1", {{"action_repeat", "2", "--env-set"}});
    CHECK_THAT(message({{gaussian}, {other}}),
               Catch::Contains("action_repeat = 1") && Catch::Contains("action_repeat = 2"));
  }
}

TEST_CASE("The gait's frequency is that of the signal") {
  // Two signals of 1.7 Hz in quadrature, sampled at 50 Hz for 8 s, with noise and an offset.
  RandomStream random(derive_key({31}));
  Floats signals;
  for (int t = 0; t < 400; ++t) {
    const double phase = 2.0 * std::numbers::pi * 1.7 * t * 0.02;
    signals.push_back(static_cast<float>(0.4 + std::sin(phase) + 0.3 * random.normal()));
    signals.push_back(static_cast<float>(-0.2 + std::cos(phase) + 0.3 * random.normal()));
  }
  CHECK(peak_frequency(signals, 2, 0.02) == Approx(1.7).margin(0.02));
  CHECK(std::isnan(peak_frequency(Floats(200, 0.5f), 2, 0.02)));
  CHECK(std::isnan(peak_frequency(Floats(20), 1, 0.02)));
}

TEST_CASE("Behaviour equals hand-worked values") {
  const auto family = make_gaussian(1);
  EvaluatedEpisode episode;
  episode.actions = {0.5f, -0.5f, 1.0f, 1.0f};
  episode.length = 4;
  episode.power = 3.0;
  const auto b = behaviour(*family, std::span(&episode, 1), 0.1);
  CHECK(b[0].effort == Approx((0.25 + 0.25 + 1.0 + 1.0) / 4));
  CHECK(b[0].slew_rate == Approx(std::sqrt((1.0 + 2.25 + 0.0) / 3) / 0.1));
  CHECK(b[0].jerk == Approx(std::sqrt((6.25 + 2.25) / 2) / 0.01));  // 1.5 + 1, 0 − 1.5
  CHECK(b[0].reversals == Approx(2.0 / 3.0 / 0.1));
  CHECK(b[0].power == 3.0);
  CHECK(std::isnan(b[0].frequency));
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
