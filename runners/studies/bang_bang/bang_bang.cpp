// Seyde et al., "Is Bang-Bang Control All You Need? Solving Continuous Control with Bernoulli
// Policies", NeurIPS 2021: policies that only ever choose one of the two extremes of each action
// learn as well as gaussian ones where actions cost nothing, and a return alone does not tell the
// two apart.
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "envs/classic/double_integrator.h"
#include "runners/studies/bang_bang/experiments.h"
#include "runners/studies/studies.h"

namespace costate {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
// The heads that every experiment compares.
const std::vector<std::string> kHeads = {"gaussian", "bernoulli"};

// Pendulum swing-up with r = −(θ² + 0.1 θ̇² + c torque²), where |torque| ≤ 2. A rollout is one
// episode of each environment.
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
                         {"ppo.schedule", "linear"},    {"ppo.gamma", "0.95"},
                         {"ppo.lambda", "0.95"},        {"network.hidden", "[64, 64]"},
                         {"network.activation", "tanh"}};
  for (const std::string cost : {"0", "0.3"}) {
    for (const std::string& head : kHeads) {
      experiment.conditions.push_back(
          {head, "c=" + cost, {{"policy", head}, {"environment.torque_cost", cost}}});
    }
  }
  // With a ramp the cost grows from 0 over the first 49 of 70 rollouts: one that is there from the
  // beginning can trap a policy in doing nothing. In normalised actions 0.3 torque² is 1.2 a².
  for (const std::string& head : kHeads) {
    experiment.conditions.push_back({head,
                                     "c=0.3 by a ramp",
                                     {{"policy", head},
                                      {"environment.torque_cost", "0"},
                                      {"environment.action_cost", "1.2"},
                                      {"environment.action_cost_ramp", "9800"}}});
  }
  // Dynamic programming on a grid of the state, γ = 0.99, gives −145.0 with two levels of action
  // and −144.5 with 21 at c = 0, but −385.0 and −161.1 at c = 0.3.
  experiment.claims = {
      {"without a cost both reach the same return", "return", false, "bernoulli, c=0",
       "gaussian, c=0", -8.0, 8.0},
      {"with a cost the gaussian is far ahead", "return", false, "gaussian, c=0.3",
       "bernoulli, c=0.3", 150.0, kInfinity},
      {"also where the cost has grown", "return", false, "gaussian, c=0.3 by a ramp",
       "bernoulli, c=0.3 by a ramp", 150.0, kInfinity},
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

// The textbook case: the best control of a double integrator in minimum time is bang-bang. A reward
// that is the same for every step but the last leaves finding the goal to exploration, so that the
// time for which an action is held matters: the longer, the farther a random policy gets.
StudyExperiment minimum_time_control() {
  StudyExperiment experiment;
  experiment.name = "minimum-time";
  experiment.question =
      "Where bang-bang control is optimal (DoubleIntegrator-v0, reward -1 per second until it is "
      "at rest), how close do both come to the minimum time, and does the gaussian saturate? "
      "Actions are held for 0.05 or 0.1 s.";
  experiment.settings = {{"env", "DoubleIntegrator-v0"},
                         {"algo", "ppo"},
                         {"steps", "400000"},
                         {"envs", "16"},
                         {"normalize.observations", "false"},
                         {"ppo.rollout_steps", "200"},
                         {"ppo.epochs", "8"},
                         {"ppo.minibatch", "256"},
                         {"ppo.learning_rate", "1e-3"},
                         {"ppo.schedule", "linear"},
                         {"ppo.gamma", "0.95"},
                         {"ppo.lambda", "0.99"},
                         {"ppo.entropy_coefficient", "0.02"},
                         {"network.hidden", "[64, 64]"},
                         {"network.activation", "tanh"}};
  experiment.measures = {{"time_ratio", "time ratio",
                          "time taken over the minimum time from the same starts to rest at the "
                          "origin; the task ends a little before, in a box around it",
                          time_ratio}};
  for (const auto& [hold, repeat] : {std::pair("0.05 s", "1"), std::pair("0.1 s", "2")}) {
    for (const std::string& head : kHeads) {
      experiment.conditions.push_back(
          {head, hold, {{"policy", head}, {"environment.action_repeat", repeat}}});
      const std::string label = experiment.conditions.back().label();
      experiment.claims.push_back({"the " + head + " comes close to the minimum time", "time_ratio",
                                   false, label, "", 0.0, 1.1});
      if (head == "gaussian") {
        experiment.claims.push_back(
            {"the gaussian saturates", "saturation_99", false, label, "", 0.8, kInfinity});
      }
    }
  }
  return experiment;
}

// The combined challenges of Dulac-Arnold et al., "An empirical investigation of the challenges of
// real-world reinforcement learning", 2020: delays, noise, faults of sensors. They redraw the
// pole's length for every episode; here it is its mass, by the same factors.
StudyExperiment disturbances() {
  StudyExperiment experiment;
  experiment.name = "disturbances";
  experiment.question =
      "What do delays, noise and faulty sensors (the easy and medium challenge of the real-world "
      "RL suite, in training and evaluation) take from either on dmc/cartpole-swingup?";
  experiment.settings = {{"env", "dmc/cartpole-swingup"},
                         {"algo", "ppo"},
                         {"steps", "2000000"},
                         {"envs", "16"},
                         {"ppo.rollout_steps", "250"},
                         {"ppo.epochs", "10"},
                         {"ppo.minibatch", "256"},
                         {"ppo.learning_rate", "1e-3"},
                         {"ppo.schedule", "linear"},
                         {"ppo.gamma", "0.99"},
                         {"ppo.lambda", "0.95"},
                         {"network.hidden", "[64, 64]"},
                         {"network.activation", "tanh"}};
  experiment.quick = {{"steps", "500000"}};
  const std::vector<std::pair<std::string, Settings>> settings = {
      {"undisturbed", {}},
      {"easy",
       {{"environment.challenge", "easy"}, {"environment.randomize", "mass/pole_1 0.9..1.1"}}},
      {"medium",
       {{"environment.challenge", "medium"}, {"environment.randomize", "mass/pole_1 0.7..1.7"}}}};
  for (const auto& [name, values] : settings) {
    for (const std::string& head : kHeads) {
      StudyCondition condition = {head, name, values};
      condition.settings.emplace_back("policy", head);
      experiment.conditions.push_back(condition);
    }
  }
  return experiment;
}

}  // namespace

Study bang_bang_study() {
  return {"bang-bang",
          "bang-bang control with Bernoulli policies against Gaussian ones",
          "Seyde et al., Is Bang-Bang Control All You Need? Solving Continuous Control with "
          "Bernoulli Policies, NeurIPS 2021",
          {equal_return(), minimum_time_control(), learners_and_heads(), distillation(),
           disturbances()}};
}

}  // namespace costate
