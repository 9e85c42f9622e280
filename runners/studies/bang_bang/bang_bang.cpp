// Seyde et al., "Is Bang-Bang Control All You Need? Solving Continuous Control with Bernoulli
// Policies", NeurIPS 2021: policies that only ever choose one of the two extremes of each action
// learn as well as gaussian ones where actions cost nothing, and a return alone does not tell the
// two apart.
#include <limits>

#include "envs/classic/double_integrator.h"
#include "runners/studies/studies.h"

namespace costate {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Pendulum swing-up with r = −(θ² + 0.1 θ̇² + c torque²). A rollout is one episode of each
// environment.
StudyExperiment equal_return() {
  StudyExperiment experiment;
  experiment.name = "equal-return";
  experiment.question =
      "Do policies of different shapes reach the same return on Pendulum-v1, and act alike, where "
      "actions cost nothing (c=0) and where they do (c=0.3)?";
  experiment.settings = {{"env", "Pendulum-v1"},        {"algo", "ppo"},
                         {"steps", "224000"},           {"envs", "16"},
                         {"ppo.rollout_steps", "200"},  {"ppo.epochs", "8"},
                         {"ppo.minibatch", "256"},      {"ppo.learning_rate", "1e-3"},
                         {"ppo.anneal", "true"},        {"ppo.gamma", "0.95"},
                         {"ppo.lambda", "0.95"},        {"network.hidden", "[64, 64]"},
                         {"network.activation", "tanh"}};
  for (const std::string cost : {"0", "0.3"}) {
    for (const std::string head : {"gaussian", "bernoulli"}) {
      experiment.conditions.push_back(
          {head, "c=" + cost, {{"policy", head}, {"environment.torque_cost", cost}}});
    }
  }
  // Dynamic programming on a grid of the state, γ = 0.99, gives −145.0 with two levels of action
  // and −144.5 with 21 at c = 0, but −385.0 and −161.1 at c = 0.3.
  experiment.claims = {
      {"without a cost both reach the same return", "return", false, "bernoulli, c=0",
       "gaussian, c=0", -8.0, 8.0},
      {"with a cost the gaussian is far ahead", "return", false, "gaussian, c=0.3",
       "bernoulli, c=0.3", 150.0, kInfinity},
      {"the bernoulli switches between the bounds", "switching", false, "bernoulli, c=0", "", 0.5,
       kInfinity},
      {"the gaussian moves smoothly", "switching", false, "gaussian, c=0", "", -kInfinity, 0.025}};
  return experiment;
}

// The time that all episodes took, in units of the shortest that they could have taken. An episode
// that the time limit cut counts with that limit. A mean of ratios would hang on starts that are
// almost at rest.
double time_ratio(const MeasuredEpisodes& measured) {
  double taken = 0.0;
  double shortest = 0.0;
  for (const EvaluatedEpisode& episode : measured.episodes) {
    taken += static_cast<double>(episode.length) * measured.spec.control_step;
    shortest += minimum_time(episode.observations[0], episode.observations[1]);
  }
  return taken / shortest;
}

// The textbook case: the best control of a double integrator in minimum time is bang-bang.
StudyExperiment minimum_time_control() {
  StudyExperiment experiment;
  experiment.name = "minimum-time";
  experiment.question =
      "Where bang-bang control is optimal (DoubleIntegrator-v0, reward -1 per second until it is "
      "at rest), how close do both come to the minimum time, and does the gaussian saturate?";
  experiment.settings = {{"env", "DoubleIntegrator-v0"},
                         {"algo", "ppo"},
                         {"steps", "400000"},
                         {"envs", "16"},
                         {"ppo.rollout_steps", "200"},
                         {"ppo.epochs", "8"},
                         {"ppo.minibatch", "256"},
                         {"ppo.learning_rate", "1e-3"},
                         {"ppo.anneal", "true"},
                         {"ppo.gamma", "0.99"},
                         {"ppo.lambda", "0.95"},
                         {"network.hidden", "[64, 64]"},
                         {"network.activation", "tanh"}};
  for (const std::string head : {"gaussian", "bernoulli"}) {
    experiment.conditions.push_back({head, "", {{"policy", head}}});
  }
  experiment.measures = {{"time_ratio", "time ratio",
                          "time taken over the minimum time from the same starts to rest at the "
                          "origin; the task ends a little before, in a box around it",
                          time_ratio}};
  experiment.claims = {
      {"the gaussian comes close to the minimum time", "time_ratio", false, "gaussian", "", 0.0,
       1.1},
      {"the bernoulli comes close to the minimum time", "time_ratio", false, "bernoulli", "", 0.0,
       1.1},
      {"the gaussian saturates", "saturation_99", false, "gaussian", "", 0.8, kInfinity}};
  return experiment;
}

}  // namespace

Study bang_bang_study() {
  return {"bang-bang",
          "bang-bang control with Bernoulli policies against Gaussian ones",
          "Seyde et al., Is Bang-Bang Control All You Need? Solving Continuous Control with "
          "Bernoulli Policies, NeurIPS 2021",
          {equal_return(), minimum_time_control()}};
}

}  // namespace costate
