// The SAC that ours is measured against: its losses against ones worked out from our networks, and
// that it learns.
#include "backends/eager_sac.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <vector>

#include "backends/mlp.h"
#include "backends/torch_plugin.h"

namespace costate {
namespace {

using Floats = std::vector<float>;

Floats normals(std::size_t n, std::uint64_t seed, float scale = 1.0f) {
  RandomStream random(seed);
  Floats out(n);
  for (float& x : out) x = scale * static_cast<float>(random.normal());
  return out;
}

Floats forward(const MlpShape& shape, const Floats& parameters, const Floats& x) {
  const auto net = make_mlp(shape, "dense");
  const int rows = static_cast<int>(x.size()) / shape.inputs;
  Floats y(static_cast<std::size_t>(rows * shape.outputs));
  net->forward(parameters, x.data(), rows, y.data(), *net->make_tape(rows, false));
  return y;
}

Floats joined(const Floats& observations, int o, const Floats& actions, int a) {
  Floats rows;
  for (std::size_t i = 0; i < observations.size() / o; ++i) {
    rows.insert(rows.end(), observations.begin() + i * o, observations.begin() + (i + 1) * o);
    rows.insert(rows.end(), actions.begin() + i * a, actions.begin() + (i + 1) * a);
  }
  return rows;
}

TEST_CASE("the losses of the eager SAC are those of its formulas") {
  constexpr int kRows = 32;
  constexpr int kObservations = 3;
  constexpr int kActions = 2;
  const MlpShape actor = {kObservations, {16, 16}, 2 * kActions, Activation::kRelu};
  const MlpShape critic = {kObservations + kActions, {16, 16}, 1, Activation::kRelu};
  // A deviation of e^−20 and a temperature of 1e-9 leave nothing to chance.
  Floats policy = normals(actor.parameter_count(), 1, 0.3f);
  for (int i = 0; i < kActions; ++i) policy[policy.size() - 1 - i] = -1000.0f;
  const Floats critics[] = {normals(critic.parameter_count(), 2, 0.3f),
                            normals(critic.parameter_count(), 3, 0.3f)};
  constexpr double kGamma = 0.9;
  const auto sac = torch_plugin().make_eager_sac({.observations = kObservations,
                                                  .actions = kActions,
                                                  .hidden = actor.hidden,
                                                  .gamma = kGamma,
                                                  .learning_rate = 1e-9,
                                                  .critic_learning_rate = 1e-9,
                                                  .temperature = 1e-9});
  sac->set_parameters(policy, critics[0], critics[1]);

  const Floats observations = normals(kRows * kObservations, 4);
  const Floats next_observations = normals(kRows * kObservations, 5);
  const Floats rewards = normals(kRows, 6);
  Floats actions = normals(kRows * kActions, 7);
  for (float& a : actions) a = std::tanh(a);
  Floats terminal(kRows);
  for (int i = 0; i < kRows; i += 5) terminal[i] = 1.0f;

  const auto policy_actions = [&](const Floats& states) {
    const Floats outputs = forward(actor, policy, states);
    Floats drawn;
    for (int i = 0; i < kRows; ++i) {
      for (int j = 0; j < kActions; ++j) drawn.push_back(std::tanh(outputs[2 * kActions * i + j]));
    }
    return drawn;
  };
  const auto values = [&](int k, const Floats& states, const Floats& chosen) {
    return forward(critic, critics[k], joined(states, kObservations, chosen, kActions));
  };
  const Floats next_actions = policy_actions(next_observations);
  const Floats drawn = policy_actions(observations);
  double critic_loss = 0.0;
  double actor_loss = 0.0;
  for (int i = 0; i < kRows; ++i) {
    const double value = std::min(values(0, next_observations, next_actions)[i],
                                  values(1, next_observations, next_actions)[i]);
    const double wanted = rewards[i] + (terminal[i] == 0.0f ? kGamma * value : 0.0);
    for (const int k : {0, 1}) {
      critic_loss += std::pow(values(k, observations, actions)[i] - wanted, 2) / kRows;
    }
    actor_loss -=
        std::min(values(0, observations, drawn)[i], values(1, observations, drawn)[i]) / kRows;
  }
  const auto losses = sac->update({observations, actions, rewards, next_observations, terminal});
  CHECK(losses.critic == Approx(critic_loss).epsilon(1e-5));
  CHECK(losses.actor == Approx(actor_loss).epsilon(1e-5));
}

TEST_CASE("the eager SAC finds the action that is paid for") {
  // One step an episode with the reward −(a − s/2)²: the best action is s/2. The target entropy of
  // −1 nat leaves a deviation of about e^−1 / √(2πe) = 0.09.
  constexpr int kRows = 64;
  const auto sac = torch_plugin().make_eager_sac({.observations = 1,
                                                  .actions = 1,
                                                  .hidden = {32, 32},
                                                  .learning_rate = 3e-3,
                                                  .critic_learning_rate = 3e-3,
                                                  .temperature_learning_rate = 3e-2});
  RandomStream random(1);
  Floats states(kRows);
  Floats actions(kRows);
  Floats rewards(kRows);
  const Floats terminal(kRows, 1.0f);
  for (int update = 0; update < 400; ++update) {
    for (int i = 0; i < kRows; ++i) {
      states[i] = static_cast<float>(random.uniform(-1.0, 1.0));
      actions[i] = static_cast<float>(random.uniform(-1.0, 1.0));
      rewards[i] = -std::pow(actions[i] - 0.5f * states[i], 2.0f);
    }
    sac->update({states, actions, rewards, states, terminal});
  }
  for (const float state : {-0.9f, -0.3f, 0.5f, 1.0f}) {
    double sum = 0.0;
    double squares = 0.0;
    constexpr int kDraws = 200;
    for (int i = 0; i < kDraws; ++i) {
      float action = 0.0f;
      sac->act({&state, 1}, {&action, 1});
      sum += action;
      squares += action * action;
    }
    const double mean = sum / kDraws;
    CHECK(mean == Approx(0.5 * state).margin(0.1));
    CHECK(std::sqrt(squares / kDraws - mean * mean) == Approx(0.09).margin(0.06));
  }
}

}  // namespace
}  // namespace costate
