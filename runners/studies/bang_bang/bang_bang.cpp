// Seyde et al., "Is Bang-Bang Control All You Need? Solving Continuous Control with Bernoulli
// Policies", NeurIPS 2021: policies that only ever choose one of the two extremes of each action
// learn as well as gaussian ones where actions cost nothing, and a return alone does not tell the
// two apart.
#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "envs/classic/double_integrator.h"
#include "envs/format.h"
#include "runners/studies/bang_bang/experiments.h"
#include "runners/studies/bang_bang/pendulum_optimum.h"
#include "runners/studies/studies.h"

namespace costate {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kFuelPrice = 0.5;  // of a second of full force; the second itself costs 1
// The heads that every experiment compares.
const std::vector<std::string> kHeads = {"gaussian", "bernoulli", "ternary"};

// What control at its best earns from the same starts with the actions that the head can choose.
double optimal_return(const MeasuredEpisodes& measured) {
  std::vector<float> levels(measured.distribution.bins().begin(),
                            measured.distribution.bins().end());
  if (levels.empty()) {
    for (int i = -10; i <= 10; ++i) levels.push_back(0.1f * static_cast<float>(i));
  }
  PendulumOptimum optimum(measured.env, levels);
  double sum = 0.0;
  for (const EvaluatedEpisode& episode : measured.episodes) {
    const std::vector<float>& start = episode.observations;
    sum += optimum.return_from(std::atan2(start[1], start[0]), start[2]);
  }
  return sum / static_cast<double>(measured.episodes.size());
}

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
  experiment.measures = {{"optimum", "optimum",
                          "return of optimal control from the same starts with the actions of the "
                          "head (of a gaussian, "
                          "21 evenly spaced ones), by dynamic programming",
                          optimal_return}};
  experiment.claims = {
      {"without a cost both reach the same return", "return", false, "bernoulli, c=0",
       "gaussian, c=0", -8.0, 8.0},
      {"and so does the ternary", "return", false, "ternary, c=0", "gaussian, c=0", -8.0, 8.0},
      {"as the best control with two levels would", "optimum", false, "bernoulli, c=0",
       "gaussian, c=0", -2.0, 0.0},
      {"with a cost the gaussian is far ahead", "return", false, "gaussian, c=0.3",
       "bernoulli, c=0.3", 150.0, kInfinity},
      {"also where the cost has grown", "return", false, "gaussian, c=0.3 by a ramp",
       "bernoulli, c=0.3 by a ramp", 150.0, kInfinity},
      {"there the ternary lies between: above the bernoulli", "return", false,
       "ternary, c=0.3 by a ramp", "bernoulli, c=0.3 by a ramp", 0.0, kInfinity},
      {"and below the gaussian", "return", false, "gaussian, c=0.3 by a ramp",
       "ternary, c=0.3 by a ramp", 0.0, kInfinity},
      {"the bernoulli switches between the bounds", "switching", false, "bernoulli, c=0", "", 0.5,
       kInfinity},
      {"the gaussian moves smoothly", "switching", false, "gaussian, c=0", "", -kInfinity, 0.025},
      {"a zero that saves nothing goes unused", "saturation_99", false, "ternary, c=0", "", 0.9,
       kInfinity}};
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
//
// A reward that is the same for every step but the last leaves finding the goal to exploration.
// From small batches a gaussian's mean drifts to a bound before it has found it, and stays there; a
// wide initial deviation helps, a discount that reaches much further does not.
const Settings kDoubleIntegrator = {{"env", "DoubleIntegrator-v0"},
                                    {"algo", "ppo"},
                                    {"normalize.observations", "false"},
                                    {"ppo.rollout_steps", "200"},
                                    {"ppo.epochs", "8"},
                                    {"ppo.learning_rate", "1e-3"},
                                    {"ppo.schedule", "linear"},
                                    {"ppo.lambda", "0.99"},
                                    {"ppo.entropy_coefficient", "0.02"},
                                    {"network.hidden", "[64, 64]"},
                                    {"network.activation", "tanh"},
                                    {"network.log_std", "1"}};

StudyExperiment minimum_time_control() {
  StudyExperiment experiment;
  experiment.name = "minimum-time";
  experiment.question =
      "Where bang-bang control is optimal (DoubleIntegrator-v0, reward -1 per second until it is "
      "at rest), how close do all come to the minimum time, and does the gaussian saturate? "
      "Actions are held for 0.05 or 0.1 s.";
  experiment.settings = kDoubleIntegrator;
  experiment.settings.insert(experiment.settings.end(),
                             {{"steps", "1600000"}, {"envs", "128"}, {"ppo.minibatch", "2048"}});
  experiment.measures = {{"time_ratio", "time ratio",
                          "time taken over the minimum time from the same starts to rest at the "
                          "origin; the task ends a little before, in a box around it",
                          time_ratio}};
  struct Hold {
    std::string time;
    std::string repeat;
    std::string gamma;  // the same discount of a second
  };
  for (const auto& [time, repeat, gamma] : {Hold{"0.05 s", "1", "0.975"}, {"0.1 s", "2", "0.95"}}) {
    for (const std::string& head : kHeads) {
      experiment.conditions.push_back(
          {head,
           time,
           {{"policy", head}, {"environment.action_repeat", repeat}, {"ppo.gamma", gamma}}});
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

// The cost of all episodes, in units of the least with which the same starts come to rest.
double cost_ratio(const MeasuredEpisodes& measured) {
  double cost = 0.0;
  double least = 0.0;
  for (const EvaluatedEpisode& episode : measured.episodes) {
    cost -= episode.episode_return;
    least += minimum_cost(episode.observations[0], episode.observations[1], kFuelPrice);
  }
  return cost / least;
}

// The fuel ∫|u| dt of the episodes that came to rest, in units of the least that leads from the
// same starts to the same ends in the same times. NaN where none did.
double fuel_ratio(const MeasuredEpisodes& measured) {
  const double dt = measured.spec.control_step;
  double burnt = 0.0;
  double least = 0.0;
  for (const EvaluatedEpisode& episode : measured.episodes) {
    if (episode.length >= measured.spec.time_limit) continue;
    for (const float action : episode.actions) burnt += std::abs(action) * dt;
    // The last observation is from before the last step.
    const double force = episode.actions.back();
    const std::span<const float> last = std::span(episode.observations).last(2);
    least += minimum_fuel(episode.observations[0], episode.observations[1],
                          last[0] + (last[1] + 0.5 * force * dt) * dt, last[1] + force * dt,
                          static_cast<double>(episode.length) * dt);
  }
  return burnt / least;
}

double coasting(const MeasuredEpisodes& measured) {
  std::int64_t steps = 0;
  std::int64_t coasted = 0;
  for (const EvaluatedEpisode& episode : measured.episodes) {
    steps += episode.length;
    coasted += std::ranges::count_if(episode.actions, [](float a) { return std::abs(a) < 0.5f; });
  }
  return static_cast<double>(coasted) / static_cast<double>(steps);
}

// With a price on fuel the best control is bang-off-bang: from rest it coasts for the share price /
// (1 + price) of the time. Here what lies in the future counts for more than above: at the end of a
// long way a steep discount would make it worth less than the fuel that leads there.
StudyExperiment minimum_fuel_control() {
  StudyExperiment experiment;
  experiment.name = "minimum-fuel";
  experiment.question =
      "Where bang-off-bang control is optimal (the same with a price on |force|: a second at full "
      "force costs " +
      format_number(1.0 + kFuelPrice) +
      " instead of 1; actions are held for 0.1 s), do those that can coast do so, and what does it "
      "save, with the price there from the start or growing?";
  experiment.settings = kDoubleIntegrator;
  experiment.settings.insert(experiment.settings.end(),
                             {{"steps", "800000"},
                              {"envs", "64"},
                              {"ppo.minibatch", "1024"},
                              {"environment.action_repeat", "2"},
                              {"environment.action_cost", format_number(0.05 * kFuelPrice)},
                              {"environment.action_cost_power", "1"},
                              {"ppo.gamma", "0.965"}});
  experiment.measures = {
      {"cost_ratio", "cost ratio",
       "cost (time, and fuel at its price) over the least from the same starts to rest at the "
       "origin; the task ends a little before, in a box around it",
       cost_ratio},
      {"fuel_ratio", "fuel ratio",
       "fuel burnt over the least from the same starts to the same ends in the same times, in "
       "episodes that come to rest",
       fuel_ratio},
      {"coasting", "coasting", "share of executed actions with |a| < 0.5", coasting}};
  // With a ramp the price grows over the first 70 % of the 25000 steps of each environment.
  for (const auto& [setting, ramp] :
       {std::pair("from the start", "0"), std::pair("by a ramp", "17500")}) {
    for (const std::string& head : kHeads) {
      experiment.conditions.push_back(
          {head, setting, {{"policy", head}, {"environment.action_cost_ramp", ramp}}});
    }
  }
  experiment.claims = {{"the ternary comes close to the least cost", "cost_ratio", false,
                        "ternary, by a ramp", "", 0.0, 1.1},
                       {"and coasts", "coasting", false, "ternary, by a ramp", "", 0.25, 0.6},
                       {"the bernoulli, which cannot, pays more", "cost_ratio", false,
                        "bernoulli, by a ramp", "ternary, by a ramp", 0.0, kInfinity},
                       {"a price from the first step on traps the ternary in doing nothing",
                        "coasting", false, "ternary, from the start", "", 0.9, kInfinity}};
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
      "RL suite, in training and evaluation) take from each on dmc/cartpole-swingup?";
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
  experiment.baseline = "undisturbed";
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
          {equal_return(), minimum_time_control(), minimum_fuel_control(), learners_and_heads(),
           distillation(), disturbances()}};
}

}  // namespace costate
