// Seyde et al., "Is Bang-Bang Control All You Need? Solving Continuous Control with Bernoulli
// Policies", NeurIPS 2021: policies that only ever choose one of the two extremes of each action
// learn as well as gaussian ones where actions cost nothing, and a return alone does not tell the
// two apart.
#include "runners/studies/studies.h"

namespace costate {
namespace {

// Pendulum swing-up with 16 environments × 200 steps, 70 iterations. The time limit ends an episode
// with the rollout.
const Settings kPendulumPpo = {{"env", "Pendulum-v1"},        {"algo", "ppo"},
                               {"steps", "224000"},           {"envs", "16"},
                               {"ppo.rollout_steps", "200"},  {"ppo.epochs", "8"},
                               {"ppo.minibatch", "256"},      {"ppo.learning_rate", "1e-3"},
                               {"ppo.anneal", "true"},        {"ppo.gamma", "0.95"},
                               {"ppo.lambda", "0.95"},        {"network.hidden", "[64, 64]"},
                               {"network.activation", "tanh"}};

StudyExperiment equal_return() {
  StudyExperiment experiment;
  experiment.name = "equal-return";
  experiment.question = "Do policies of different shapes reach the same return on Pendulum-v1?";
  experiment.settings = kPendulumPpo;
  for (const std::string head : {"gaussian", "bernoulli"}) {
    experiment.conditions.push_back({head, "", {{"policy", head}}});
  }
  return experiment;
}

}  // namespace

Study bang_bang_study() {
  return {"bang-bang",
          "bang-bang control with Bernoulli policies against Gaussian ones",
          "Seyde et al., Is Bang-Bang Control All You Need? Solving Continuous Control with "
          "Bernoulli Policies, NeurIPS 2021",
          {equal_return()}};
}

}  // namespace costate
