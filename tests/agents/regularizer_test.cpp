// Regularisers: their gradients against finite differences of the loss through a network, which
// policy the reference is, the dual variable against a solved problem, and what they do to PPO and
// SAC.
#include "agents/regularizer.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <filesystem>

#include "agents/evaluation.h"
#include "agents/objective.h"
#include "agents/ppo.h"
#include "agents/sac.h"
#include "envs/error.h"
#include "logs/run_folder.h"
#include "tests/logs/test_folder.h"

namespace costate {
namespace {

using Floats = std::vector<float>;
constexpr int kObservation = 3;

EnvSpec spec_of(const std::string& head) {
  EnvSpec spec;
  spec.observation = Space::box(kObservation, -10.0, 10.0);
  spec.action = head == "categorical" ? Space::discrete(3) : Space::box(2, -1.0, 1.0);
  return spec;
}

PolicyConfig small_policy(const std::string& head) {
  PolicyConfig config;
  config.head = head;
  config.hidden = {6};
  config.state_dependent_std = true;
  config.value = false;
  return config;
}

Floats random_floats(std::size_t count, std::uint64_t seed, double scale = 1.0) {
  RandomStream random(seed);
  Floats floats(count);
  for (float& x : floats) x = static_cast<float>(scale * random.normal());
  return floats;
}

TEST_CASE("objectives and regularisers have the gradients of their loss, through a network") {
  constexpr int kRows = 5;
  constexpr double kEntropy = 0.3;
  const std::string direction = GENERATE("forward", "reverse");
  for (const char* head :
       {"gaussian", "squashed", "mixture", "bernoulli", "ternary", "categorical"}) {
    const ActorCritic policy(small_policy(head), spec_of(head));
    const Distribution& family = policy.distribution();
    const auto p = static_cast<std::size_t>(family.parameter_size());
    const auto a = static_cast<std::size_t>(family.action_size());
    const auto d = static_cast<std::size_t>(family.dimensions());
    Floats parameters = random_floats(policy.parameter_count(), 1, 0.4);
    const Floats old = random_floats(policy.parameter_count(), 2, 0.4);
    const Floats observations = random_floats(kRows * kObservation, 3);
    const Floats advantages = random_floats(kRows, 4);
    const auto workspace = policy.make_workspace(kRows, true);

    Regularizers list({.coefficient = 0.7, .direction = direction, .reference = "fixed"}, "a.",
                      policy);
    auto scratch = list.make_scratch(kRows);
    list.begin_update(old);
    Floats reference(kRows * p);
    list.refer(observations.data(), kRows, reference.data(), *workspace);

    Floats actions(kRows * a);
    RandomStream random(5);
    for (std::size_t i = 0; i < kRows; ++i) {
      family.sample(std::span(reference).subspan(i * p, p), random,
                    std::span(actions).subspan(i * a, a));
    }
    Floats distribution(kRows * p);
    Floats each(kRows * d);
    const auto log_probs = [&](const Floats& of) {
      Floats joint(kRows);
      family.log_prob(of, actions, each);
      family.joint(each, joint);
      return joint;
    };
    const Floats old_log_probs = log_probs(reference);
    const Objective objective({.kind = "gradient"});
    Floats weights(kRows);

    // The mean loss, and with `gradient` what it adds to dL/d(distribution parameters).
    const auto loss = [&](Floats* gradient) {
      policy.policy(parameters, observations.data(), kRows, distribution.data(), *workspace);
      Floats log_ratios = log_probs(distribution);
      for (std::size_t i = 0; i < kRows; ++i) log_ratios[i] -= old_log_probs[i];
      double sum = objective.weigh(log_ratios, advantages, 1.0f / kRows, weights).loss;
      family.entropy(distribution, each);
      for (const float entropy : each) sum -= kEntropy * static_cast<double>(entropy);
      sum += list.coefficient() * list.divergence(distribution, reference, scratch);
      if (gradient != nullptr) {
        family.log_prob_gradient(distribution, actions, weights, *gradient);
        list.add_gradient(distribution, reference, kEntropy, 1.0f / kRows, scratch, *gradient);
      }
      return sum / kRows;
    };
    Floats d_distribution(kRows * p);
    Floats gradients(parameters.size());
    loss(&d_distribution);
    policy.backward(parameters, observations.data(), kRows, d_distribution.data(), nullptr,
                    gradients, *workspace);
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      constexpr float kStep = 1e-2f;
      const float kept = parameters[i];
      parameters[i] = kept + kStep;
      const double above = loss(nullptr);
      parameters[i] = kept - kStep;
      const double below = loss(nullptr);
      parameters[i] = kept;
      INFO(head << ", " << direction << ", parameter " << i);
      CHECK(
          gradients[i] ==
          Approx((above - below) / (2.0 * static_cast<double>(kStep))).margin(3e-3).epsilon(0.01));
    }
  }
}

TEST_CASE("the direction of the KL is that of its name") {
  const ActorCritic policy(small_policy("bernoulli"), spec_of("bernoulli"));
  // One row of two dimensions, of which the second agrees.
  const Floats pi = {0.0f, 1.0f};             // P(+1) = 1/2
  const Floats ref = {std::log(3.0f), 1.0f};  // P(+1) = 3/4
  const double forward = 0.75 * std::log(0.75 / 0.5) + 0.25 * std::log(0.25 / 0.5);
  const double reverse = 0.5 * std::log(0.5 / 0.75) + 0.5 * std::log(0.5 / 0.25);
  for (const auto& [direction, expected] :
       {std::pair("forward", forward), std::pair("reverse", reverse)}) {
    const Regularizers list({.coefficient = 1.0, .direction = direction}, "a.", policy);
    auto scratch = list.make_scratch(1);
    CHECK(list.divergence(pi, ref, scratch) == Approx(expected));
  }
}

TEST_CASE("the reference is the policy that its rule says, also after a resume") {
  const ActorCritic policy(small_policy("gaussian"), spec_of("gaussian"));
  const auto workspace = policy.make_workspace(1, false);
  const Floats observation = {0.1f, -0.4f, 0.9f};
  const auto p = static_cast<std::size_t>(policy.distribution().parameter_size());
  std::vector<Floats> policies;
  for (std::uint64_t i = 0; i < 7; ++i) {
    policies.push_back(random_floats(policy.parameter_count(), 10 + i));
  }
  struct Case {
    const char* rule;
    int expected[7];  // the policy that is the reference in each update
  };
  for (const Case& c :
       {Case{"fixed", {0, 0, 0, 0, 0, 0, 0}}, Case{"previous", {0, 1, 2, 3, 4, 5, 6}},
        Case{"pivot:3", {0, 0, 0, 3, 3, 3, 6}}}) {
    const KlConfig config{.coefficient = 1.0, .reference = c.rule};
    std::optional<Regularizers> list(std::in_place, config, "a.", policy);
    for (int update = 0; update < 7; ++update) {
      if (update == 4) {
        Checkpoint checkpoint;
        list->save(checkpoint);
        list.emplace(config, "a.", policy);
        list->load(checkpoint);
      }
      list->begin_update(policies[static_cast<std::size_t>(update)]);
      Floats got(p);
      Floats expected(p);
      list->refer(observation.data(), 1, got.data(), *workspace);
      policy.policy(policies[static_cast<std::size_t>(c.expected[update])], observation.data(), 1,
                    expected.data(), *workspace);
      INFO(c.rule << ", update " << update);
      CHECK(got == expected);
    }
  }
}

TEST_CASE("what is no reference is refused in one line") {
  using Catch::Contains;
  const auto period = [](KlConfig config) { return config.period("sac."); };
  CHECK(period({.reference = "pivot:12"}) == 12);
  for (const char* bad : {"", "first", "pivot", "pivot:", "pivot:0", "pivot:-1", "pivot:2x"}) {
    CHECK_THROWS_WITH(period({.reference = bad}),
                      Contains("sac.kl.reference is \"" + std::string(bad) + "\"") &&
                          Contains("fixed, previous or pivot:N"));
  }
  CHECK_THROWS_WITH(period({.coefficient = 1.0, .reference = "previous", .run = "runs/a"}),
                    Contains("sac.kl.run") && Contains("fixed"));
  CHECK_THROWS_WITH(period({.target = 0.1}),
                    Contains("sac.kl.coefficient is 0") && Contains("sac.kl.target"));
}

// min (x − 1)² where ½x² = 0.08: x = 0.4, and 2(x − 1) + λx = 0 makes λ = 3.
TEST_CASE("a dual variable finds the multiplier of its constraint") {
  DualVariable dual(0.5);
  CHECK(dual.value() == Approx(0.5).epsilon(1e-5));
  CHECK(DualVariable(1e3).value() == Approx(1e3));
  double x = 0.0;
  for (int i = 0; i < 20000; ++i) {
    x -= 0.05 * (2.0 * (x - 1.0) + dual.value() * x);
    dual.step(0.08 - 0.5 * x * x, 5e-3);
  }
  CHECK(x == Approx(0.4).margin(5e-3));
  CHECK(dual.value() == Approx(3.0).margin(0.05));

  Checkpoint checkpoint;
  dual.save(checkpoint, "dual");
  DualVariable restored(0.5);
  restored.load(checkpoint, "dual");
  restored.step(0.1, 1e-2);
  dual.step(0.1, 1e-2);
  CHECK(restored.value() == dual.value());
}

struct Setup {
  PpoConfig ppo;
  SacConfig sac;
  RuntimeConfig runtime;
  PolicyConfig policy;
  std::int64_t steps = 8 * 256 * 4;

  explicit Setup(const std::string& algo) {
    policy.hidden = {32};
    if (algo == "ppo") return;
    steps = 1500;
    policy.value = false;
    policy.state_dependent_std = true;
    runtime.envs = 1;
    runtime.normalize_observations = false;
    sac.batch = 64;
    sac.learning_rate = 1e-3;
    sac.learning_starts = 300;
  }
};

struct Result {
  Floats parameters;
  Floats initial;
  MetricValues metrics;
  double kl = 0.0;  // KL(initial‖last) in nats, a mean over observations of a grid

  double metric(const std::string& name) const {
    const auto at = std::ranges::find(metrics, name, &MetricValues::value_type::first);
    REQUIRE(at != metrics.end());
    return at->second;
  }
};

Result train(const std::string& algo, const Setup& s) {
  ThreadPool pool(1);
  VectorEnv environments("Pendulum-v1", static_cast<int>(s.runtime.envs), 1, pool);
  const ActorCritic policy(s.policy, environments.spec());
  Result result;
  const auto run = [&](auto& learner) {
    result.initial.assign(learner.parameters().begin(), learner.parameters().end());
    while (!learner.done()) {
      learner.collect();
      const MetricValues& metrics = learner.update();
      if (learner.reports()) result.metrics = metrics;
    }
    result.parameters.assign(learner.parameters().begin(), learner.parameters().end());
  };
  if (algo == "ppo") {
    Ppo learner(s.ppo, s.runtime, environments, policy, 1, s.steps, pool);
    run(learner);
  } else {
    Sac learner(s.sac, s.policy, s.runtime, environments, policy, 1, s.steps, pool);
    run(learner);
  }
  const auto p = static_cast<std::size_t>(policy.distribution().parameter_size());
  const auto workspace = policy.make_workspace(1, false);
  constexpr int kPoints = 64;
  for (int i = 0; i < kPoints; ++i) {
    const double angle = 0.1 * i;
    const Floats observation = {static_cast<float>(std::cos(angle)),
                                static_cast<float>(std::sin(angle)),
                                static_cast<float>(0.05 * i - 1.6)};
    Floats first(p);
    Floats last(p);
    Floats each(static_cast<std::size_t>(policy.distribution().dimensions()));
    policy.policy(result.initial, observation.data(), 1, first.data(), *workspace);
    policy.policy(result.parameters, observation.data(), 1, last.data(), *workspace);
    policy.distribution().kl(first, last, each);
    for (const float kl : each) result.kl += static_cast<double>(kl) / kPoints;
  }
  return result;
}

TEST_CASE("a strong fixed reference holds PPO and SAC to where they began") {
  const std::string algo = GENERATE("ppo", "sac");
  const Setup free(algo);
  const Result unbound = train(algo, free);
  for (const char* direction : {"forward", "reverse"}) {
    Setup held(algo);
    for (KlConfig* kl : {&held.ppo.kl, &held.sac.kl}) {
      *kl = {.coefficient = 300.0, .direction = direction, .reference = "fixed"};
    }
    const Result bound = train(algo, held);
    INFO(algo << " " << direction << ": KL " << bound.kl << ", free " << unbound.kl);
    CHECK(bound.kl < 0.01);
    CHECK(bound.kl < 0.1 * unbound.kl);
    CHECK(bound.metric("reference_kl") < 0.01);
    CHECK(bound.metric("reference_weight") == 300.0);
  }
}

TEST_CASE("without a coefficient there is no reference, whatever its rule") {
  const std::string algo = GENERATE("ppo", "sac");
  Setup s(algo);
  s.steps /= 2;
  const Result plain = train(algo, s);
  s.ppo.kl.reference = s.sac.kl.reference = "pivot:2";
  const Result other = train(algo, s);
  CHECK(plain.parameters == other.parameters);
  CHECK(std::ranges::find(other.metrics, "reference_kl", &MetricValues::value_type::first) ==
        other.metrics.end());
}

TEST_CASE("a target keeps PPO's KL to its fixed reference there") {
  Setup s("ppo");
  s.steps *= 3;
  s.ppo.learning_rate = 1e-3;
  s.ppo.schedule.kind = "constant";
  s.ppo.kl = {.coefficient = 1.0, .target = 0.02, .dual_learning_rate = 0.05};
  const Result result = train("ppo", s);
  INFO("weight " << result.metric("reference_weight"));
  CHECK(result.metric("reference_kl") == Approx(0.02).epsilon(0.3));
}

TEST_CASE("the policy of another run is seen with that run's statistics") {
  const TestFolder folder;
  const bool normalize = GENERATE(true, false);
  Setup s("ppo");
  s.runtime.normalize_observations = normalize;
  ThreadPool pool(1);
  VectorEnv environments("Pendulum-v1", 8, 1, pool);
  const ActorCritic policy(s.policy, environments.spec());
  Ppo learner(s.ppo, s.runtime, environments, policy, 1, s.steps, pool);
  learner.collect();
  learner.update();
  Checkpoint checkpoint;
  learner.save(checkpoint);
  Options table;
  s.runtime.describe(table);
  checkpoint.put("config", table.to_toml(/*results_only=*/true));
  std::filesystem::create_directories(run_folder::checkpoints(folder / "run"));
  checkpoint.save(run_folder::last_checkpoint(folder / "run"));

  Regularizers list({.coefficient = 1.0, .run = (folder / "run").string()}, "ppo.", policy);
  list.begin_update(policy.initial_parameters(5));
  REQUIRE(list.observes());
  const FrozenPolicy frozen(s.policy, environments.spec(), normalize, checkpoint);
  const auto workspace = policy.make_workspace(4, false);
  const Floats raw = random_floats(4 * kObservation, 8);
  const auto p = static_cast<std::size_t>(policy.distribution().parameter_size());
  Floats expected(4 * p);
  frozen.act(raw, 4, expected, *workspace);
  const auto got = [&](const Regularizers& from) {
    Floats seen(raw.size());
    Floats out(4 * p);
    from.observe(raw, seen);
    from.refer(seen.data(), 4, out.data(), *workspace);
    return out;
  };
  CHECK(got(list) == expected);

  // A resumed run needs the other run no more.
  Checkpoint own;
  list.save(own);
  std::filesystem::remove_all(folder / "run");
  Regularizers restored({.coefficient = 1.0, .run = (folder / "run").string()}, "ppo.", policy);
  restored.load(own);
  restored.begin_update(policy.initial_parameters(6));
  CHECK(got(restored) == expected);
}

}  // namespace
}  // namespace costate
