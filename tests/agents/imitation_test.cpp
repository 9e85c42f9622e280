// Imitation: the loss against its definition and finite differences, the minimisers that theory
// gives (least squares, the mean action, its sign), threads, resume, allocation, early stopping,
// and what of a rollout file is refused.
#include "agents/imitation.h"

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <numbers>

#include "agents/evaluation.h"
#include "envs/env_config.h"
#include "envs/error.h"
#include "logs/rollout_file.h"
#include "tests/allocation_counter.h"
#include "tests/logs/test_folder.h"

namespace costate {
namespace {

// A head of every family for two dimensions, and one for an index.
std::vector<std::unique_ptr<Distribution>> heads() {
  std::vector<std::unique_ptr<Distribution>> all;
  all.push_back(make_gaussian(2));
  all.push_back(make_squashed_gaussian(2));
  all.push_back(make_mixture(2, 2));
  all.push_back(make_bernoulli(2));
  all.push_back(make_ternary(2));
  all.push_back(make_bins(2, 5));
  all.push_back(make_categorical(3));
  return all;
}

// Rows of parameters and executed actions of that head.
struct Batch {
  Batch(const Distribution& head, int rows, std::uint64_t seed) {
    RandomStream random(seed);
    for (int i = 0; i < rows * head.parameter_size(); ++i) {
      parameters.push_back(static_cast<float>(random.normal()));
    }
    for (int i = 0; i < rows * head.action_size(); ++i) {
      const bool index = head.support() == Distribution::Support::kFinite;
      actions.push_back(index ? static_cast<float>(random.below(3))
                              : static_cast<float>(random.uniform(-1, 1)));
    }
  }
  std::vector<float> parameters;
  std::vector<float> actions;
};

TEST_CASE("The gradient of the imitation loss is that of its value, for every head and label") {
  const bool hard = GENERATE(false, true);
  for (const auto& head : heads()) {
    INFO(head->name() << (hard ? ", hard" : ", soft"));
    constexpr int kRows = 3;
    const Batch batch(*head, kRows, 5);
    ImitationLoss loss(*head, hard, 0.1, kRows);
    std::vector<float> gradient(batch.parameters.size(), 0.25f);  // which it adds to
    const double value = loss.add_gradient(batch.parameters, batch.actions, 0.5f, gradient);
    CHECK(value == loss.value(batch.parameters, batch.actions));
    for (std::size_t k = 0; k < gradient.size(); ++k) {
      constexpr float kStep = 3e-3f;
      std::vector<float> moved = batch.parameters;
      moved[k] += kStep;
      const double up = loss.value(moved, batch.actions);
      moved[k] -= 2 * kStep;
      const double down = loss.value(moved, batch.actions);
      CHECK(gradient[k] == Approx(0.25 + 0.5 * (up - down) / (2 * kStep)).margin(2e-3));
    }
  }
}

TEST_CASE("Soft labels share an action between its two neighbours, hard ones take the nearer") {
  // By hand, from probabilities: −y log σ(l) − (1 − y) log σ(−l), y = (1 + a)/2.
  const auto bernoulli = make_bernoulli(1);
  ImitationLoss soft(*bernoulli, false, 0.1, 1);
  ImitationLoss hard(*bernoulli, true, 0.1, 1);
  const auto of = [](ImitationLoss& loss, float logit, float action) {
    return loss.value({&logit, 1}, {&action, 1});
  };
  const double up = std::log(1 / (1 + std::exp(-0.5)));   // -0.474077
  const double down = std::log(1 / (1 + std::exp(0.5)));  // -0.974077
  CHECK(of(soft, 0.5f, 1.0f) == Approx(-up));
  CHECK(of(soft, 0.5f, -1.0f) == Approx(-down));
  CHECK(of(soft, 0.5f, 0.4f) == Approx(-0.7 * up - 0.3 * down));
  CHECK(of(hard, 0.5f, 0.4f) == Approx(-up));
  CHECK(of(hard, 0.5f, -0.4f) == Approx(-down));
  CHECK(of(hard, 0.5f, 0.0f) == Approx(-down));  // 1[a > 0]

  // Five values −1, −0.5 … 1: 0.3 is 0.6 of the way from 0 to 0.5.
  const auto bins = make_bins(1, 5);
  const std::vector<float> logits = {0.0f, 1.0f, -0.5f, 0.25f, 2.0f};
  double total = 0.0;
  for (const float l : logits) total += std::exp(l);
  const float action = 0.3f;
  CHECK(ImitationLoss(*bins, false, 0.1, 1).value(logits, {&action, 1}) ==
        Approx(-0.6 * (0.25 - std::log(total)) - 0.4 * (-0.5 - std::log(total))));
  CHECK(ImitationLoss(*bins, true, 0.1, 1).value(logits, {&action, 1}) ==
        Approx(-(0.25 - std::log(total))));

  // The density of what is executed, a = tanh(u), at u ∓ 0.1; and what is at the bound counts as
  // 0.999.
  const auto squashed = make_squashed_gaussian(1);
  ImitationLoss density(*squashed, false, 0.1, 1);
  const std::vector<float> standard = {0.0f, 0.0f};
  const auto expected = [](double a) {
    double sum = 0.0;
    for (const double u : {std::atanh(a) - 0.1, std::atanh(a) + 0.1}) {
      sum += 0.5 * u * u + 0.5 * std::log(2 * std::numbers::pi) +
             std::log(1 - std::tanh(u) * std::tanh(u));
    }
    return sum / 2;
  };
  const std::array<float, 2> actions = {0.5f, 1.0f};
  CHECK(density.value(standard, {&actions[0], 1}) == Approx(expected(0.5)));
  CHECK(density.value(standard, {&actions[1], 1}) == Approx(expected(0.999)).epsilon(1e-4));
}

// An environment's spaces, of which nothing else is needed.
EnvSpec spec_of(int observations, Space action) {
  EnvSpec spec;
  spec.id = "Test-v0";
  spec.observation = Space::box(observations, -10, 10);
  spec.action = std::move(action);
  return spec;
}

PolicyConfig linear_policy(const std::string& head) {
  PolicyConfig config;
  config.head = head;
  config.hidden = {};
  config.value = false;
  return config;
}

// `episodes` of `length` steps with standard normal observations of two numbers, and
// action(observation, random).
template <class Action>
Demonstrations demonstrate(int episodes, int length, const Action& action) {
  Demonstrations made;
  RandomStream random(11);
  for (int e = 0; e < episodes; ++e) {
    made.lengths.push_back(length);
    for (int t = 0; t < length; ++t) {
      const std::array<float, 2> observation = {static_cast<float>(random.normal()),
                                                static_cast<float>(random.normal())};
      made.observations.insert(made.observations.end(), observation.begin(), observation.end());
      made.actions.push_back(action(observation, random));
    }
  }
  return made;
}

struct Setup {
  ImitationConfig config;
  PolicyConfig policy;
  EnvSpec spec = spec_of(2, Space::box(1, -1, 1));
  bool normalize = false;
  std::int64_t steps = 50000;
  int threads = 1;
};

struct Fit {
  Fit(const Setup& s, Demonstrations demonstrations)
      : pool(s.threads),
        policy(s.policy, s.spec),
        learner(s.config, s.normalize, policy, /*seed=*/1, s.steps, pool,
                std::move(demonstrations)) {}

  void finish() {
    while (!learner.done()) {
      const MetricValues& row = learner.update();
      if (learner.reports()) rows.push_back(row);
    }
  }
  std::vector<float> parameters() const {
    return {learner.parameters().begin(), learner.parameters().end()};
  }
  std::vector<float> head(std::array<float, 2> observation) const {
    const auto workspace = policy.make_workspace(1, false);
    std::vector<float> out(static_cast<std::size_t>(policy.distribution().parameter_size()));
    policy.policy(learner.parameters(), observation.data(), 1, out.data(), *workspace);
    return out;
  }

  ThreadPool pool;
  ActorCritic policy;
  Imitation learner;
  std::vector<MetricValues> rows;  // of metrics
};

TEST_CASE("A linear gaussian fitted to a linear gaussian is the least-squares solution") {
  const Demonstrations demonstrations =
      demonstrate(10, 100, [](std::array<float, 2> o, RandomStream& random) {
        return 0.2f + 0.3f * o[0] - 0.1f * o[1] + 0.1f * static_cast<float>(random.normal());
      });
  // The normal equations of a = w·(1, o) over all rows, by Cramer's rule, and the deviation.
  double m[3][3] = {};
  double b[3] = {};
  const std::size_t rows = demonstrations.actions.size();
  for (std::size_t i = 0; i < rows; ++i) {
    const double x[3] = {1.0, demonstrations.observations[2 * i],
                         demonstrations.observations[2 * i + 1]};
    for (int r = 0; r < 3; ++r) {
      b[r] += x[r] * demonstrations.actions[i];
      for (int c = 0; c < 3; ++c) m[r][c] += x[r] * x[c];
    }
  }
  const auto determinant = [](const double(&a)[3][3]) {
    return a[0][0] * (a[1][1] * a[2][2] - a[1][2] * a[2][1]) -
           a[0][1] * (a[1][0] * a[2][2] - a[1][2] * a[2][0]) +
           a[0][2] * (a[1][0] * a[2][1] - a[1][1] * a[2][0]);
  };
  double w[3];
  for (int k = 0; k < 3; ++k) {
    double replaced[3][3];
    for (int r = 0; r < 3; ++r) {
      for (int c = 0; c < 3; ++c) replaced[r][c] = c == k ? b[r] : m[r][c];
    }
    w[k] = determinant(replaced) / determinant(m);
  }
  double squares = 0.0;
  for (std::size_t i = 0; i < rows; ++i) {
    const double error = demonstrations.actions[i] - w[0] -
                         w[1] * demonstrations.observations[2 * i] -
                         w[2] * demonstrations.observations[2 * i + 1];
    squares += error * error;
  }

  Setup s;
  s.policy = linear_policy("gaussian");
  s.config.smoothing = 0.2;
  s.config.holdout = 0.0;
  s.config.minibatch = 1000;  // all of them: the gradient is exact
  s.config.learning_rate = 0.05;
  s.steps = 1'000'000;
  Fit fit(s, demonstrations);
  fit.finish();
  CHECK(fit.head({0, 0})[0] == Approx(w[0]).margin(1e-3));
  CHECK(fit.head({1, 0})[0] - fit.head({0, 0})[0] == Approx(w[1]).margin(1e-3));
  CHECK(fit.head({0, 1})[0] - fit.head({0, 0})[0] == Approx(w[2]).margin(1e-3));
  CHECK(fit.head({0, 0})[1] == Approx(0.5 * std::log(squares / rows + 0.2 * 0.2)).margin(2e-3));
}

TEST_CASE("A head of few values reproduces the mean action by soft labels, its sign by hard ones") {
  // Two states; in each the action is at random one of two, with means −0.4 and 0.25.
  const auto action = [](std::array<float, 2> o, RandomStream& random) {
    const bool first = random.uniform() < 0.5;
    return o[0] > 0 ? (first ? 0.9f : -0.4f) : (first ? -0.1f : -0.7f);
  };
  Demonstrations demonstrations = demonstrate(20, 20, action);
  double sum[2] = {};
  double positive[2] = {};
  double count[2] = {};
  for (std::size_t i = 0; i < demonstrations.actions.size(); ++i) {
    float* const o = demonstrations.observations.data() + 2 * i;
    const int state = o[0] > 0 ? 1 : 0;
    o[0] = state == 1 ? 1.0f : -1.0f;
    o[1] = 0.0f;
    sum[state] += demonstrations.actions[i];
    positive[state] += demonstrations.actions[i] > 0;
    ++count[state];
  }
  Setup s;
  s.config.holdout = 0.0;
  s.config.minibatch = 400;
  s.config.learning_rate = 0.05;
  s.steps = 600'000;
  const std::string head = GENERATE("bernoulli", "ternary", "bins");
  s.policy = linear_policy(head);
  SECTION("soft") {
    INFO(head);
    Fit fit(s, demonstrations);
    fit.finish();
    for (const int state : {0, 1}) {
      float mean = 0.0f;
      fit.policy.distribution().mean(fit.head({state == 1 ? 1.0f : -1.0f, 0.0f}), {&mean, 1});
      CHECK(mean == Approx(sum[state] / count[state]).margin(2e-3));
    }
  }
  SECTION("hard") {
    if (head != "bernoulli") return;
    s.config.labels = "hard";
    Fit fit(s, demonstrations);
    fit.finish();
    for (const int state : {0, 1}) {
      const double p = 1 / (1 + std::exp(-fit.head({state == 1 ? 1.0f : -1.0f, 0.0f})[0]));
      CHECK(p == Approx(positive[state] / count[state]).margin(5e-3));
    }
  }
}

TEST_CASE("Observations are normalised by the episodes that are learned from, not the held-out") {
  Demonstrations demonstrations = demonstrate(10, 10, [](auto, RandomStream&) { return 0.0f; });
  // Each episode at a level of its own, so that the mean tells which were taken.
  for (std::size_t i = 0; i < demonstrations.observations.size(); ++i) {
    demonstrations.observations[i] = std::ldexp(1.0f, static_cast<int>(i / 20));
  }
  Setup s;
  s.policy = linear_policy("gaussian");
  s.normalize = true;
  s.config.holdout = 0.3;
  const Fit fit(s, demonstrations);
  CHECK(fit.learner.held_out_episodes() == 3);
  const double sum = fit.learner.normalizer().statistics().mean(0) * 7;  // of seven powers of two
  CHECK(sum == Approx(std::round(sum)).epsilon(1e-4));
  int taken = 0;
  for (auto rest = static_cast<int>(std::lround(sum)); rest > 0; rest /= 2) taken += rest % 2;
  CHECK(taken == 7);
}

Setup network_setup(const std::string& head) {
  Setup s;
  s.policy = linear_policy(head);
  s.policy.hidden = {16, 16};
  s.policy.state_dependent_std = true;
  s.normalize = true;
  s.steps = 4000;
  s.config.minibatch = 100;
  s.config.slices = 3;
  s.config.report_steps = 700;
  return s;
}
float wavy(std::array<float, 2> o, RandomStream& random) {
  return static_cast<float>(std::tanh(std::sin(2 * o[0]) * o[1] + 0.3 * random.normal()));
}

TEST_CASE("Imitation ends in the same bits with any number of threads, and across a resume") {
  const std::string head = GENERATE("squashed", "bernoulli");
  Setup s = network_setup(head);
  const Demonstrations demonstrations = demonstrate(30, 20, wavy);
  Fit whole(s, demonstrations);
  whole.finish();

  Setup threaded = s;
  threaded.threads = 3;
  Fit other(threaded, demonstrations);
  other.finish();
  CHECK(other.parameters() == whole.parameters());
  CHECK(other.rows == whole.rows);
  CHECK(whole.rows.size() == 6);  // every 700 steps of 4000, and at the end

  for (const int updates : {0, 3, 17}) {  // in the middle of an epoch of 540 rows, too
    Fit first(s, demonstrations);
    for (int i = 0; i < updates; ++i) first.learner.update();
    Checkpoint checkpoint;
    first.learner.save(checkpoint);
    Fit second(s, {});
    second.learner.load(checkpoint);
    CHECK(second.learner.steps() == first.learner.steps());
    second.finish();
    Fit complete(s, demonstrations);
    complete.finish();
    CHECK(second.parameters() == complete.parameters());
    CHECK(second.rows.back() == complete.rows.back());
    CHECK(second.learner.steps() == 4000);
  }
}

TEST_CASE("Imitation stops early with the policy of the lowest validation loss") {
  // Labels without any rule: the more is learned, the worse it does on what was held out.
  const Demonstrations demonstrations = demonstrate(
      6, 10, [](auto, RandomStream& random) { return static_cast<float>(random.uniform(-1, 1)); });
  Setup s = network_setup("bernoulli");
  s.config.holdout = 0.5;
  s.config.report_steps = 1000;
  s.config.learning_rate = 1e-2;
  s.config.patience = 4;
  s.steps = 1'000'000;
  Fit fit(s, demonstrations);
  std::vector<double> losses;
  std::vector<std::vector<float>> parameters;
  while (!fit.learner.done()) {
    const MetricValues& metrics = fit.learner.update();
    if (!fit.learner.reports()) continue;
    losses.push_back(metrics[1].second);
    parameters.push_back(fit.parameters());
  }
  REQUIRE(losses.size() >= 5);
  CHECK(fit.learner.steps() < s.steps);
  const auto least = std::ranges::min_element(losses) - losses.begin();
  CHECK(least == static_cast<std::ptrdiff_t>(losses.size()) - 5);
  CHECK(fit.parameters() == parameters[static_cast<std::size_t>(least)]);

  s.config.holdout = 0.0;
  CHECK(message_of<UsageError>([&] {
          const Fit refused(s, demonstrations);
        }).find("imitation.holdout above 0") != std::string::npos);
}

TEST_CASE("Updates of imitation allocate nothing once they are under way") {
  const std::string head = GENERATE("gaussian", "squashed", "bernoulli", "ternary");
  Setup s = network_setup(head);
  s.config.report_steps = 1'000'000;
  Fit fit(s, demonstrate(30, 20, wavy));
  for (int i = 0; i < 10; ++i) fit.learner.update();  // more than an epoch
  const std::uint64_t before = allocations_here();
  for (int i = 0; i < 10; ++i) fit.learner.update();
  CHECK(allocations_here() == before);
}

RolloutHeader header_of(const EnvSpec& spec) {
  RolloutHeader header;
  header.env = spec.id;
  header.observation_size = static_cast<std::uint64_t>(spec.observation.size());
  header.action_size = static_cast<std::uint64_t>(spec.action.size());
  return header;
}

Episode episode_of(std::vector<float> observations, std::vector<float> actions, std::size_t steps) {
  Episode e;
  e.final_observation.resize(observations.size() / steps);
  e.observations = std::move(observations);
  e.raw_actions = std::vector<float>(actions.size(), 7.0f);  // another head's: no business of ours
  e.actions = std::move(actions);
  e.rewards.resize(steps);
  e.terminated.resize(steps);
  e.truncated.resize(steps);
  e.log_probs.resize(steps);
  e.values.resize(steps);
  return e;
}

TEST_CASE("Demonstrations are read from rollout files, mapped to [-1, 1], and checked") {
  const TestFolder folder;
  const EnvSpec spec = spec_of(2, Space::box(1, -2, 2));
  const auto write = [&](const EnvSpec& of, const std::vector<Episode>& episodes) {
    RolloutWriter writer(folder / "a.h5", header_of(of));
    for (const Episode& episode : episodes) writer.append(episode);
    writer.flush();
  };
  const auto message = [&] {
    const std::string text = message_of<Error>([&] {
      Demonstrations read;
      read_demonstrations(folder / "a.h5", spec, read);
    });
    const std::string file = (folder / "a.h5").string() + ": ";
    return text.starts_with(file) ? text.substr(file.size()) : "elsewhere: " + text;
  };
  const Episode good = episode_of({1, 2, 3, 4}, {-2, 1}, 2);

  write(spec, {good, episode_of({5, 6}, {2}, 1)});
  Demonstrations read;
  read_demonstrations(folder / "a.h5", spec, read);
  read_demonstrations(folder / "a.h5", spec, read);
  CHECK(read.lengths == std::vector<std::int64_t>{2, 1, 2, 1});
  CHECK(read.steps() == 6);
  CHECK(read.observations == std::vector<float>{1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6});
  CHECK(read.actions == std::vector<float>{-1, 0.5, 1, -1, 0.5, 1});

  const float nan = std::numeric_limits<float>::quiet_NaN();
  write(spec, {good, episode_of({1, 2, 3, nan}, {1, 1}, 2)});
  CHECK(message() == "episode 1, step 1: an observation is not a finite number");
  write(spec, {episode_of({1, 2}, {2.5}, 1)});
  CHECK(message() == "episode 0, step 0: action[0] is 2.5, expected an element of Box(1)");
  write(spec, {episode_of({1, 2}, {nan}, 1)});
  CHECK(message() == "episode 0, step 0: action[0] is nan, expected an element of Box(1)");
  write(spec, {});
  CHECK(message() == "no steps to learn from");
  write(spec_of(3, Space::box(1, -2, 2)), {});
  CHECK(message() == "the size of an observation is 3, expected 2");
  write(spec_of(2, Space::box(2, -2, 2)), {});
  CHECK(message() == "the size of an action is 2, expected 1");
  EnvSpec other = spec;
  other.id = "Other-v0";
  write(other, {});
  CHECK(message() == "the environment is Other-v0, expected Test-v0");

  const EnvSpec index = spec_of(2, Space::discrete(3));
  write(index, {episode_of({1, 2}, {3}, 1)});
  CHECK(message_of<Error>([&] {
          Demonstrations refused;
          read_demonstrations(folder / "a.h5", index, refused);
        }).find("action[0] is 3, expected an element of Discrete(3)") != std::string::npos);
}

TEST_CASE("Recorded episodes are those that evaluation plays, by either way to act") {
  const TestFolder folder;
  const EnvConfig env("Pendulum-v1");
  const EnvSpec spec = env.make()->spec();
  // A policy with random parameters, as a checkpoint has them.
  PolicyConfig config = linear_policy("bernoulli");
  const ActorCritic network(config, spec);
  std::vector<float> parameters(network.parameter_count());
  RandomStream random(3);
  for (float& x : parameters) x = static_cast<float>(random.normal());
  Checkpoint checkpoint;
  checkpoint.put("policy/parameters", std::span<const float>(parameters));
  std::vector<std::byte> bytes;
  StateWriter writer(bytes);
  ObservationNormalizer(spec.observation.size()).save_state(writer);
  checkpoint.put("normalizer/observations", std::span<const std::byte>(bytes));
  const FrozenPolicy policy(config, spec, false, checkpoint);

  RolloutHeader header = header_of(spec);
  header.distribution_names = policy.distribution().parameter_names();
  std::vector<std::byte> state;
  StateWriter state_writer(state);
  env.make()->save_state(state_writer);
  header.state_bytes = state.size();
  const auto record_with = [&](const std::string& actions, int threads) {
    RolloutWriter file(folder / (actions + ".h5"), header);
    ThreadPool pool(threads);
    record(env, policy, {.episodes = 5, .actions = actions, .seed = 9}, file, pool);
    return RolloutReader(folder / (actions + ".h5"));
  };
  ThreadPool pool(1);
  for (const bool deterministic : {true, false}) {
    const auto played =
        evaluate(env, policy, {.episodes = 5, .deterministic = deterministic, .seed = 9}, pool);
    const RolloutReader alone = record_with(deterministic ? "mode" : "sample", 3);
    const RolloutReader both = record_with("both", 2);
    REQUIRE(alone.episode_count() == 5);
    for (std::uint64_t i = 0; i < 5; ++i) {
      CHECK(alone.read(i).episode_return == played[i].episode_return);
      CHECK(alone.read(i).last_step == static_cast<std::int64_t>(200 * (i + 1)));
      if ((i % 2 == 0) == deterministic) {
        CHECK(both.read(i).episode_return == played[i].episode_return);
      }
    }
  }
}

}  // namespace
}  // namespace costate
