// Seyde et al. change the head and nothing else, under several learners. Here: every head under
// PPO, SAC and MPO, on tasks of three families, with small networks and few steps, so that five
// seeds of the whole table take less than an hour of two cores. What differs from one task to
// another (length of training, discount, for how long an action is held) is the same for every
// head, and nothing was tuned for one of them.
#include <string>
#include <vector>

#include "runners/studies/bang_bang/experiments.h"

namespace costate {
namespace {

struct Task {
  std::string name;
  std::string steps;            // of off-policy learners
  std::string on_policy_steps;  // of PPO, which takes more of them in less time
  std::string discount;
  Settings settings;
};

const std::vector<Task> kTasks = {
    {"Pendulum-v1", "10000", "224000", "0.95", {}},
    {"Pendulum-v1 with a cost", "10000", "224000", "0.95", {{"environment.torque_cost", "0.3"}}},
    {"Reacher-v5", "30000", "320000", "0.95", {}},
    {"InvertedDoublePendulum-v5", "30000", "320000", "0.99", {}},
    {"dmc/cartpole-swingup", "40000", "480000", "0.99", {{"environment.action_repeat", "2"}}},
    {"dmc/finger-spin", "30000", "320000", "0.99", {{"environment.action_repeat", "2"}}},
    {"dmc/ball_in_cup-catch", "40000", "480000", "0.99", {{"environment.action_repeat", "2"}}}};

const std::vector<std::string> kHeads = {"gaussian", "squashed", "bernoulli", "ternary"};

/// The keys that `learner` is run with on every task.
Settings settings_of(const std::string& learner) {
  if (learner == "ppo") {
    return {{"envs", "16"},
            {"ppo.rollout_steps", "200"},
            {"ppo.epochs", "8"},
            {"ppo.minibatch", "256"},
            {"ppo.learning_rate", "1e-3"},
            {"network.activation", "tanh"},
            {"network.state_dependent_std", "false"},
            {"network.log_std", "-0.5"},
            {"normalize.observations", "true"},
            {"normalize.rewards", "true"}};
  }
  const auto key = [&](const char* name) { return learner + "." + name; };
  return {{key("learning_rate"), "1e-3"},
          {key("critic_learning_rate"), "1e-3"},
          {key("learning_starts"), "1000"},
          {key("batch"), "128"},
          {key("slices"), "1"},
          {"network.activation", "relu"}};
}

}  // namespace

StudyExperiment learners_and_heads() {
  StudyExperiment experiment;
  experiment.name = "learners";
  experiment.question =
      "Does a Bernoulli policy reach the return of a Gaussian one under every learner, on tasks of "
      "classic control, MuJoCo and the control suite?";
  experiment.settings = {{"network.hidden", "[64, 64]"}};
  experiment.seeds = 5;
  experiment.quick_seeds = 1;
  for (const Task& task : kTasks) {
    for (const std::string learner : {"ppo", "sac", "mpo"}) {
      for (const std::string& head : kHeads) {
        StudyCondition condition{head, task.name + ", " + learner, settings_of(learner)};
        Settings& settings = condition.settings;
        settings.insert(settings.end(), task.settings.begin(), task.settings.end());
        settings.insert(settings.end(),
                        {{"env", task.name.substr(0, task.name.find(' '))},
                         {"algo", learner},
                         {"policy", head},
                         {learner + ".gamma", task.discount},
                         {"steps", learner == "ppo" ? task.on_policy_steps : task.steps}});
        experiment.conditions.push_back(std::move(condition));
      }
    }
  }
  return experiment;
}

}  // namespace costate
