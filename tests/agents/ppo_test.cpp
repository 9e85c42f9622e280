// The runtime and PPO: what a rollout holds, independence of threads, resume, and learning.
#include "agents/ppo.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <memory>

#include "agents/evaluation.h"
#include "envs/registry.h"

namespace costate {
namespace {

// Counts its steps in the observation, pays 1, 2, 3, … and is cut by a limit after `limit` steps.
class CountingEnv final : public Env {
 public:
  CountingEnv() {
    spec_.id = "counting";
    spec_.family = "test";
    spec_.observation = Space::box(1, 0.0, 100.0);
    spec_.action = Space::box(1, -1.0, 1.0);
    spec_.time_limit = 5;
  }
  const EnvSpec& spec() const override { return spec_; }
  void reset(std::uint64_t, std::span<double> observation) override {
    count_ = 0.0;
    observation[0] = count_;
  }
  StepResult step(std::span<const float>, std::span<double> observation) override {
    observation[0] = ++count_;
    return {count_, false, false};
  }
  void save_state(StateWriter& writer) const override { writer.write(count_); }
  void restore_state(StateReader& reader) override { count_ = reader.read<double>(); }
  PhysicalState physical_state() const override { return {{}, {}, {count_}}; }
  void reset_to(const std::optional<PhysicalState>&, std::span<double> observation) override {
    reset(0, observation);
  }

 private:
  EnvSpec spec_;
  double count_ = 0.0;
};

void register_counting() {
  static const bool once = [] {
    register_env("counting", [] { return std::make_unique<CountingEnv>(); });
    return true;
  }();
  (void)once;
}

struct Setup {
  PpoConfig ppo;
  RuntimeConfig runtime;
  PolicyConfig policy;
  std::string env = "Pendulum-v1";
  std::int64_t steps = 4096;
  int threads = 1;
  std::uint64_t seed = 1;
};

struct Trainer {
  explicit Trainer(const Setup& s)
      : pool(s.threads),
        environments(s.env, static_cast<int>(s.runtime.envs), s.seed, pool),
        policy(s.policy, environments.spec()),
        learner(s.ppo, s.runtime, environments, policy, s.seed, s.steps, pool) {}

  void iterate(int n) {
    for (int i = 0; i < n && !learner.done(); ++i) {
      learner.collect();
      last = learner.update();
    }
  }
  std::vector<std::byte> checkpoint_state() const {
    Checkpoint c;
    learner.save(c);
    std::vector<std::byte> all;
    StateWriter writer(all);
    for (const std::string& name : c.names()) {
      if (name.starts_with("environments") || name.starts_with("normalizer") ||
          name == "statistics") {
        const auto bytes = c.get_vector<std::byte>(name);
        writer.write(std::span<const std::byte>(bytes));
      }
    }
    const auto parameters = learner.parameters();
    writer.write(parameters);
    return all;
  }

  ThreadPool pool;
  VectorEnv environments;
  ActorCritic policy;
  Ppo learner;
  MetricValues last;
};

TEST_CASE("a rollout holds what happened, across episode ends") {
  register_counting();
  Setup s;
  s.env = "counting";
  s.runtime.envs = 3;
  s.runtime.shard = 2;
  s.runtime.normalize_observations = false;
  s.runtime.normalize_rewards = false;
  s.ppo.rollout_steps = 7;
  s.steps = 42;
  Trainer t(s);
  t.learner.collect();
  const RolloutBuffer& b = t.learner.rollout();
  REQUIRE(b.rows() == 21);
  const auto workspace = t.policy.make_workspace(1, false);
  const auto value = [&](float observation) {
    float v = 0.0f;
    t.policy.value(t.learner.parameters(), &observation, 1, &v, *workspace);
    return v;
  };
  for (int n = 0; n < 3; ++n) {
    for (int step = 0; step < 7; ++step) {
      const int row = n * 7 + step;
      const int count = step % 5;  // truncated after the fifth step
      CHECK(b.observations[row] == static_cast<float>(count));
      CHECK(b.rewards[row] == static_cast<float>(count + 1));
      CHECK(b.truncated[row] == (count == 4));
      CHECK(b.terminated[row] == 0);
      CHECK(b.values[row] == Approx(value(static_cast<float>(count))).margin(1e-6));
      // What followed the truncated step is the final observation 5, not the reset's 0.
      CHECK(b.next_values[row] == Approx(value(static_cast<float>(count + 1))).margin(1e-6));
    }
  }
  CHECK(t.learner.runtime()->statistics().episodes() == 3);
  CHECK(t.learner.runtime()->statistics().return_mean_100() == 15.0);
}

TEST_CASE("the last rollout is shortened so that no step is taken beyond the total") {
  Setup s;
  s.runtime.envs = 4;
  s.ppo.rollout_steps = 100;
  s.steps = 4 * 130 + 3;
  Trainer t(s);
  t.iterate(10);
  CHECK(t.learner.done());
  CHECK(t.learner.runtime()->steps() == 4 * 130);
}

TEST_CASE("training gives the same bits for any number of threads") {
  const auto [kind, overlap] =
      GENERATE(table<const char*, bool>({{"dense", false}, {"dense", true}, {"torch", false}}));
  {
    Setup s;
    s.policy.network = kind;
    s.runtime.overlap = overlap;
    s.runtime.envs = 6;
    s.runtime.shard = 2;
    s.ppo.rollout_steps = 64;
    s.ppo.epochs = 2;
    s.ppo.slices = 3;
    if (overlap) s.ppo.kl = {.coefficient = 0.5, .reference = "previous"};
    std::vector<std::byte> reference;
    for (const int threads : {1, 2, 7}) {
      s.threads = threads;
      Trainer t(s);
      t.iterate(3);
      if (reference.empty()) reference = t.checkpoint_state();
      INFO(kind << " with " << threads << " threads, overlap " << overlap);
      CHECK(t.checkpoint_state() == reference);
    }
  }
}

TEST_CASE("a resumed learner goes on with the same bits") {
  const auto [env, overlap, schedule, reference] = GENERATE(
      table<const char*, bool, const char*, const char*>({{"Pendulum-v1", false, "linear", ""},
                                                          {"Pendulum-v1", true, "kl", "pivot:2"},
                                                          {"Hopper-v5", false, "kl", "fixed"}}));
  const auto optimizer = GENERATE("adam", "armijo");
  {
    Setup s;
    s.env = env;
    s.runtime.overlap = overlap;
    s.ppo.schedule.kind = schedule;
    s.ppo.optimizer.kind = optimizer;
    if (s.ppo.optimizer.kind == "armijo") s.ppo.learning_rate = 0.5;
    if (*reference != 0) s.ppo.kl = {.coefficient = 0.5, .reference = reference, .target = 0.01};
    s.steps = 8 * 50 * 6;
    s.ppo.rollout_steps = 50;
    s.ppo.epochs = 2;
    Trainer whole(s);
    whole.iterate(6);
    Trainer first(s);
    first.iterate(2);
    Checkpoint checkpoint;
    first.learner.save(checkpoint);
    Trainer second(s);
    second.learner.load(checkpoint);
    second.iterate(4);
    INFO(env << ", overlap " << overlap);
    CHECK(second.checkpoint_state() == whole.checkpoint_state());
    for (std::size_t i = 0; i < whole.last.size(); ++i) {
      INFO(whole.last[i].first);
      const double a = whole.last[i].second;
      const double b = second.last[i].second;
      CHECK((a == b || (std::isnan(a) && std::isnan(b))));
    }
  }
}

TEST_CASE("overlapped rollouts come from the policy before the last update, all steps taken") {
  Setup s;
  s.runtime.envs = 4;
  s.runtime.overlap = true;
  s.runtime.normalize_observations = false;
  s.ppo.rollout_steps = 30;
  s.steps = 4 * 100;  // 30 + 30 + 30 + 10
  Trainer t(s);
  using Floats = std::vector<float>;
  std::vector<Floats> versions;  // the parameters before each update
  int rollouts = 0;
  std::int64_t rows = 0;
  while (!t.learner.done()) {
    t.learner.collect();
    const auto parameters = t.learner.parameters();
    versions.emplace_back(parameters.begin(), parameters.end());
    // Rollout k (from 0) acts by the parameters from before update k − 1; the first two by the
    // initial ones.
    const Floats& acting = versions[std::max(0, rollouts - 1)];
    const RolloutBuffer& b = t.learner.rollout();
    const auto workspace = t.policy.make_workspace(b.rows(), false);
    Floats expected(b.distribution.size());
    t.policy.policy(acting, b.observations.data(), b.rows(), expected.data(), *workspace);
    for (std::size_t i = 0; i < expected.size(); ++i) {
      REQUIRE(b.distribution[i] == Approx(expected[i]).margin(1e-5));
    }
    rows += b.rows();
    t.learner.update();
    CHECK(t.learner.steps() == rows);
    ++rollouts;
  }
  CHECK(rollouts == 4);
  CHECK(rows == 400);
  CHECK(versions[2] != versions[1]);
}

TEST_CASE("seeds give different runs") {
  Setup s;
  Trainer one(s);
  s.seed = 2;
  Trainer two(s);
  one.iterate(1);
  two.iterate(1);
  CHECK(one.checkpoint_state() != two.checkpoint_state());
}

// A two-armed problem in disguise: CartPole must be learned to a mean return that a random policy
// (about 22) and a constant one (about 9) are far from.
TEST_CASE("PPO learns CartPole") {
  Setup s;
  const auto [objective, optimizer] = GENERATE(
      table<const char*, const char*>({{"clip", "adam"}, {"kl", "adam"}, {"clip", "armijo"}}));
  s.ppo.objective.kind = objective;
  s.ppo.optimizer.kind = optimizer;
  if (s.ppo.objective.kind == "kl") s.ppo.kl = {.coefficient = 2.0, .reference = "previous"};
  s.env = "CartPole-v1";
  s.steps = 60000;
  s.ppo.learning_rate = s.ppo.optimizer.kind == "armijo" ? 2.0 : 1e-3;
  Trainer t(s);
  t.iterate(1000);
  Checkpoint checkpoint;
  t.learner.save(checkpoint);
  const FrozenPolicy policy(s.policy, t.environments.spec(), true, checkpoint);
  double sum = 0.0;
  for (const auto& e : evaluate(s.env, policy, {.episodes = 20}, t.pool)) sum += e.episode_return;
  INFO("objective " << objective << ", optimizer " << optimizer);
  CHECK(sum / 20.0 >= 400.0);
}

TEST_CASE("an evaluation does not depend on threads and runs exactly the episodes asked for") {
  Setup s;
  s.steps = 800;
  Trainer t(s);
  t.iterate(1);
  Checkpoint checkpoint;
  t.learner.save(checkpoint);
  const FrozenPolicy policy(s.policy, t.environments.spec(), true, checkpoint);
  ThreadPool one(1);
  ThreadPool three(3);
  for (const bool deterministic : {false, true}) {
    const EvaluationOptions options{.episodes = 5, .deterministic = deterministic, .seed = 3};
    const auto a = evaluate(s.env, policy, options, one);
    const auto b = evaluate(s.env, policy, options, three);
    REQUIRE(a.size() == 5);
    REQUIRE(b.size() == 5);
    for (int i = 0; i < 5; ++i) {
      CHECK(a[i].episode_return == b[i].episode_return);
      CHECK(a[i].length == 200);
    }
    CHECK(a[0].episode_return != a[1].episode_return);

    // A cost that grows over training counts in full, whichever worker runs how many episodes.
    const EnvConfig costly(s.env, {{"action_cost", "0.5", "test"}});
    const EnvConfig growing(s.env,
                            {{"action_cost", "0.5", "test"}, {"action_cost_ramp", "700", "test"}});
    const auto whole = evaluate(costly, policy, options, one);
    for (ThreadPool* pool : {&one, &three}) {
      const auto grown = evaluate(growing, policy, options, *pool);
      for (int i = 0; i < 5; ++i) CHECK(grown[i].episode_return == whole[i].episode_return);
    }
    CHECK(whole[0].episode_return < a[0].episode_return);
  }
}

TEST_CASE("an evaluation keeps executed actions and the distributions that they came from") {
  Setup s;
  s.steps = 800;
  Trainer t(s);
  t.iterate(1);
  Checkpoint checkpoint;
  t.learner.save(checkpoint);
  const FrozenPolicy policy(s.policy, t.environments.spec(), true, checkpoint);
  const Distribution& distribution = policy.distribution();
  const auto parameters = static_cast<std::size_t>(distribution.parameter_size());
  for (const bool deterministic : {false, true}) {
    EvaluationOptions options{.episodes = 2, .deterministic = deterministic};
    CHECK(evaluate(s.env, policy, options, t.pool)[0].actions.empty());
    options.keep_actions = true;
    const EvaluatedEpisode episode = evaluate(s.env, policy, options, t.pool)[1];
    REQUIRE(episode.actions.size() == 200);
    REQUIRE(episode.parameters.size() == 200 * parameters);
    int at_mode = 0;
    for (std::size_t i = 0; i < episode.actions.size(); ++i) {
      REQUIRE(std::abs(episode.actions[i]) <= 1.0f);
      float mode = 0.0f;
      distribution.mode(std::span(episode.parameters).subspan(i * parameters, parameters),
                        {&mode, 1});
      distribution.execute({&mode, 1});
      at_mode += episode.actions[i] == mode;
    }
    CHECK((at_mode == 200) == deterministic);
  }
}

}  // namespace
}  // namespace costate
