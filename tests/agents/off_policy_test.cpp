// SAC, MPO and TD3: the critics' gradients, independence of threads, resume, allocation, what is
// refused, and learning with every head and estimator.
#include "agents/off_policy.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <memory>
#include <utility>

#include "agents/mpo.h"
#include "agents/sac.h"
#include "agents/td3.h"
#include "backends/dense/bfloat16.h"
#include "envs/error.h"
#include "tests/allocation_counter.h"

namespace costate {
namespace {

struct Setup {
  std::string algo = "sac";
  SacConfig sac;
  MpoConfig mpo;
  Td3Config td3;
  RuntimeConfig runtime;
  PolicyConfig policy;
  std::string env = "Pendulum-v1";
  std::int64_t steps = 3000;
  int threads = 1;
  std::uint64_t seed = 1;

  explicit Setup(const std::string& learner = "sac") : algo(learner) {
    runtime.envs = 1;
    runtime.normalize_observations = false;
    runtime.normalize_rewards = false;
    policy.value = false;
    policy.hidden = {32, 32};
    policy.activation = "relu";
    policy.state_dependent_std = algo != "td3";
    policy.log_std = algo == "td3" ? -1.0 : 0.0;
    for (OffPolicyConfig* config : std::initializer_list<OffPolicyConfig*>{&sac, &mpo, &td3}) {
      config->batch = 64;
      config->learning_starts = 200;
      config->learning_rate = config->critic_learning_rate = 1e-3;
    }
    sac.temperature_learning_rate = 1e-3;
  }
};

struct Trainer {
  explicit Trainer(const Setup& s)
      : pool(s.threads),
        environments(s.env, static_cast<int>(s.runtime.envs), s.seed, pool),
        policy(s.policy, environments.spec()) {
    const auto make = [&]<class L, class Config>(std::unique_ptr<L>& made, const Config& config) {
      made = std::make_unique<L>(config, s.policy, s.runtime, environments, policy, s.seed, s.steps,
                                 pool);
    };
    if (s.algo == "sac") {
      std::unique_ptr<Sac> sac;
      make(sac, s.sac);
      learner = std::move(sac);
    } else if (s.algo == "td3") {
      std::unique_ptr<Td3> td3;
      make(td3, s.td3);
      learner = std::move(td3);
    } else {
      std::unique_ptr<Mpo> mpo;
      make(mpo, s.mpo);
      learner = std::move(mpo);
    }
  }

  void iterate(int n) {
    for (int i = 0; i < n && !learner->done(); ++i) {
      learner->collect();
      learner->update();
    }
  }
  std::vector<float> parameters() const {
    return {learner->parameters().begin(), learner->parameters().end()};
  }

  ThreadPool pool;
  VectorEnv environments;
  ActorCritic policy;
  std::unique_ptr<OffPolicy> learner;
};

TEST_CASE("critics know their parameters' and inputs' gradients, with and without each other") {
  PolicyConfig config;
  config.hidden = {8, 8};
  for (const bool layer_norm : {false, true}) {
    config.layer_norm = layer_norm;
    const auto distribution = make_squashed_gaussian(2);
    const Critic critic(config, 3, *distribution, 2);
    REQUIRE(critic.inputs() == 5);
    std::vector<float> parameters = critic.initial_parameters(3);
    RandomStream random(4);
    std::vector<float> inputs(4 * 5);
    for (float& x : inputs) x = static_cast<float>(random.normal());
    auto workspace = critic.make_workspace(4, true);
    const auto values = [&](int k) {
      std::vector<float> q(4);
      critic.forward(parameters, k, inputs.data(), 4, q.data(), workspace);
      return q;
    };
    CHECK(values(0) != values(1));  // each has weights of its own
    for (const int k : {0, 1}) {
      const std::vector<float> dq = {1.0f, -0.5f, 0.25f, 2.0f};
      const auto loss = [&] {
        double sum = 0.0;
        const auto q = values(k);
        for (std::size_t i = 0; i < 4; ++i) sum += static_cast<double>(dq[i] * q[i]);
        return sum;
      };
      std::vector<float> gradients(parameters.size());
      std::vector<float> d_inputs(inputs.size());
      std::vector<float> alone(inputs.size());
      values(k);
      critic.backward(parameters, k, inputs.data(), dq.data(), 4, gradients, d_inputs.data(),
                      workspace);
      values(k);
      critic.backward(parameters, k, inputs.data(), dq.data(), 4, {}, alone.data(), workspace);
      CHECK(alone == d_inputs);
      constexpr float kStep = 1e-2f;
      const auto slope = [&](float& x) {
        const float kept = x;
        x = kept + kStep;
        const double above = loss();
        x = kept - kStep;
        const double below = loss();
        x = kept;
        return (above - below) / (2.0 * static_cast<double>(kStep));
      };
      for (std::size_t i = 0; i < inputs.size(); ++i) {
        CHECK(d_inputs[i] == Approx(slope(inputs[i])).margin(5e-3));
      }
      for (std::size_t i = 0; i < parameters.size(); i += 7) {
        CHECK(gradients[i] == Approx(slope(parameters[i])).margin(5e-3));
      }
    }
  }
}

TEST_CASE("a critic takes an index as a one among zeros") {
  const auto distribution = make_categorical(3);
  const Critic critic({}, 2, *distribution, 1);
  REQUIRE(critic.inputs() == 5);
  const std::vector<float> observation = {0.5f, -1.0f};
  const float action = 2.0f;
  std::vector<float> input(5, 9.0f);
  critic.encode(observation, {&action, 1}, input.data());
  CHECK(input == std::vector<float>{0.5f, -1.0f, 0.0f, 0.0f, 1.0f});
}

// float32 and, where the processor has it, bfloat16.
std::vector<std::string> precisions() {
  return matmul::has_bfloat16() ? std::vector<std::string>{"float32", "bfloat16"}
                                : std::vector<std::string>{"float32"};
}

TEST_CASE("off-policy learners give the same bits with any number of threads") {
  Setup s(GENERATE("sac", "mpo", "td3"));
  s.policy.precision = GENERATE(from_range(precisions()));
  s.sac.slices = s.mpo.slices = s.td3.slices = 3;
  s.runtime.envs = 4;
  s.runtime.shard = 2;
  s.steps = 1200;
  Trainer one(s);
  one.iterate(300);
  s.threads = 3;
  Trainer three(s);
  three.iterate(300);
  CHECK(one.learner->updates() == three.learner->updates());
  CHECK(one.parameters() == three.parameters());
}

TEST_CASE("off-policy learners go on from a checkpoint as if they had not stopped") {
  const auto [algo, optimizer] = GENERATE(table<const char*, const char*>(
      {{"sac", "adam"}, {"mpo", "adam"}, {"mpo", "armijo"}, {"td3", "adam"}}));
  const std::string precision = GENERATE(from_range(precisions()));
  for (const char* head : {"squashed", "bernoulli"}) {
    if (std::string_view(algo) == "td3" && std::string_view(head) != "squashed") continue;
    Setup s(algo);
    s.mpo.optimizer.kind = optimizer;
    s.policy.precision = precision;
    s.policy.head = head;
    s.runtime.normalize_observations = true;
    s.sac.priority.enabled = s.mpo.priority.enabled = s.td3.priority.enabled = true;
    s.sac.kl = s.mpo.kl = s.td3.kl = {.coefficient = 0.1, .reference = "pivot:250", .target = 0.02};
    s.sac.n_step = 3;
    s.sac.updates_per_step = 0.4;
    s.sac.estimator = std::string(head) == "bernoulli" ? "gumbel" : "auto";
    Trainer whole(s);
    whole.iterate(700);
    Checkpoint checkpoint;
    whole.learner->save(checkpoint);
    whole.iterate(400);

    Trainer resumed(s);
    resumed.iterate(30);  // it has another past
    resumed.learner->load(checkpoint);
    resumed.iterate(400);
    CHECK(whole.learner->updates() == resumed.learner->updates());
    CHECK(whole.parameters() == resumed.parameters());
  }
}

TEST_CASE("off-policy learners earn updates by their steps") {
  Setup s;
  s.runtime.envs = 2;
  s.sac.rollout_steps = 5;
  s.sac.learning_starts = 100;
  for (const double ratio : {0.25, 1.0, 2.0}) {
    s.sac.updates_per_step = ratio;
    Trainer t(s);
    t.iterate(30);  // 300 steps, the first hundred but for their last rollout without an update
    CHECK(t.learner->updates() == static_cast<std::int64_t>(ratio * 210.0));
  }
}

TEST_CASE("off-policy learners allocate nothing once they are under way") {
  const std::string algo = GENERATE("sac", "mpo", "td3");
  for (const char* head : {"squashed", "bernoulli", "ternary"}) {
    if (algo == "td3" && std::string_view(head) != "squashed") continue;
    Setup s(algo);
    s.policy.head = head;
    s.sac.report_steps = s.mpo.report_steps = s.td3.report_steps = 1 << 20;
    s.sac.kl = s.mpo.kl = s.td3.kl = {.coefficient = 0.1, .reference = "pivot:50"};
    s.steps = 1 << 20;
    Trainer t(s);
    t.iterate(600);
    const std::uint64_t before = allocations_here();
    t.iterate(200);
    CHECK(allocations_here() == before);
  }
}

// A short step along the gradient of a loss lowers it by nearly what the slope promises. Of a step
// that Armijo's condition grants nine tenths of that from the first trial on, the losses that MPO
// evaluates again are those whose gradients it takes.
TEST_CASE("MPO's and TD3's losses fall as their gradients promise") {
  struct Case {
    const char* algo;
    const char* head;
  };
  for (const auto [algo, head] :
       {Case{"mpo", "squashed"}, Case{"mpo", "gaussian"}, Case{"mpo", "bernoulli"},
        Case{"mpo", "ternary"}, Case{"td3", "squashed"}}) {
    Setup s(algo);
    s.policy.head = head;
    for (OffPolicyConfig* config : std::initializer_list<OffPolicyConfig*>{&s.mpo, &s.td3}) {
      config->optimizer.kind = "armijo";
      config->optimizer.armijo = {.decrease = 0.9, .trials = 1};
      config->learning_rate = 1e-3;
      config->critic_learning_rate = 1e-6;
      config->report_steps = 1;
      config->priority.enabled = true;
      config->kl = {.coefficient = 0.5, .reference = "pivot:10"};
    }
    s.td3.policy_delay = 1;
    s.mpo.target_period = 5;
    s.mpo.entropy_coefficient = 0.1;
    Trainer t(s);
    t.iterate(200);
    int changes = 0;
    for (int i = 0; i < 60; ++i) {
      const std::vector<float> before = t.parameters();
      t.iterate(1);
      changes += t.parameters() != before;
    }
    INFO(algo << " " << head);
    CHECK(changes == 60);
  }
}

TEST_CASE("only losses that can be evaluated again are searched along") {
  SacConfig sac;
  Options table;
  sac.describe(table);
  CHECK_THROWS_WITH(table.set("sac.optimizer.kind", "armijo", "test"),
                    Catch::Contains("sac.optimizer.kind") && Catch::Contains("adam | adamw | sgd"));
  MpoConfig mpo;
  mpo.describe(table);
  CHECK_NOTHROW(table.set("mpo.optimizer.kind", "armijo", "test"));
}

TEST_CASE("SAC refuses what its policy cannot do") {
  using Catch::Contains;
  Setup s;
  s.sac.estimator = "local";
  CHECK_THROWS_WITH(Trainer(s),
                    Contains("sac.estimator") && Contains("squashed") && Contains("pathwise"));
  s = Setup();
  s.policy.head = "bernoulli";
  s.sac.target_entropy = "-1";
  CHECK_THROWS_WITH(Trainer(s), Contains("sac.target_entropy is -1") && Contains("bernoulli"));
  s.sac.target_entropy = "much";
  CHECK_THROWS_WITH(Trainer(s), Contains("expected auto or a number"));
}

TEST_CASE("SAC swings the pendulum up with every head and estimator") {
  struct Case {
    const char* head;
    const char* estimator;
    double enough;
  };
  // 9000 steps of small networks; before learning the return is about −1200. The biased estimators
  // stop where the mean action is right, so that sampled actions go on being a toss of a coin.
  for (const Case c :
       {Case{"squashed", "pathwise", -450.0}, Case{"gaussian", "pathwise", -450.0},
        Case{"mixture", "pathwise", -450.0}, Case{"bernoulli", "local", -450.0},
        Case{"bernoulli", "enum", -450.0}, Case{"bernoulli", "straight-through", -1000.0},
        Case{"bernoulli", "gumbel", -1000.0}}) {
    Setup s;
    s.policy.head = c.head;
    s.sac.estimator = c.estimator;
    s.steps = 9000;
    Trainer t(s);
    t.iterate(4000);
    const double early = t.learner->runtime()->statistics().return_mean_100();
    t.iterate(5000);
    const double all = t.learner->runtime()->statistics().return_mean_100();
    const double late = (all * 45.0 - early * 20.0) / 25.0;  // of the last 25 episodes
    INFO(c.head << " " << c.estimator << ": " << early << ", then " << late);
    CHECK(late > c.enough);
  }
}

TEST_CASE("TD3 swings the pendulum up and leaves its exploration as it is") {
  Setup s("td3");
  s.steps = 9000;
  Trainer t(s);
  t.iterate(4000);
  const double early = t.learner->runtime()->statistics().return_mean_100();
  t.iterate(5000);
  const double all = t.learner->runtime()->statistics().return_mean_100();
  const double late = (all * 45.0 - early * 20.0) / 25.0;  // of the last 25 episodes
  INFO(early << ", then " << late);
  CHECK(late > -450.0);
  CHECK(t.parameters().back() == -1.0f);
}

TEST_CASE("TD3 refuses a policy that has no such mode or no such deviation") {
  using Catch::Contains;
  Setup s("td3");
  s.policy.head = "gaussian";
  CHECK_THROWS_WITH(Trainer(s), Contains("td3") && Contains("policy = squashed") &&
                                    Contains("not gaussian and false"));
  s.policy.head = "squashed";
  s.policy.state_dependent_std = true;
  CHECK_THROWS_WITH(Trainer(s), Contains("not squashed and true"));
}

TEST_CASE("SAC stays finite with a clipped Gaussian whose entropy has no bound") {
  Setup s;
  s.policy.head = "gaussian";
  s.sac.bounds_penalty = 0.0;
  s.steps = 3000;
  Trainer t(s);
  CHECK_NOTHROW(t.iterate(3000));
  CHECK(std::ranges::all_of(t.parameters(), [](float x) { return std::isfinite(x); }));
}

TEST_CASE("MPO swings the pendulum up with every head, its KL near the bound") {
  for (const char* head : {"squashed", "gaussian", "bernoulli", "ternary"}) {
    Setup s;
    s.algo = "mpo";
    s.policy.head = head;
    s.steps = 9000;
    Trainer t(s);
    t.iterate(4000);
    const double early = t.learner->runtime()->statistics().return_mean_100();
    t.iterate(4999);
    t.learner->collect();
    const MetricValues last = t.learner->update();
    const double all = t.learner->runtime()->statistics().return_mean_100();
    const double late = (all * 45.0 - early * 20.0) / 25.0;  // of the last 25 episodes
    INFO(head << ": " << early << ", then " << late);
    CHECK(late > -500.0);
    const auto kl = std::ranges::find(last, "kl", &MetricValues::value_type::first);
    REQUIRE(kl != last.end());
    // From 0 after each copy of the target up to the bound of 0.0025, and beyond it for a while.
    CHECK(kl->second > 2e-4);
    CHECK(kl->second < 2e-2);
  }
}

}  // namespace
}  // namespace costate
