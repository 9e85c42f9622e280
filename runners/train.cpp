// `costate train`: trains an agent into a run folder, or continues a run.
#include <string>

#include "runners/main.h"
#include "runners/run_config.h"
#include "runners/training_command.h"

namespace costate {
namespace {

constexpr KeyFlag kFlags[] = {
    {"--env", "env", "environment id, such as HalfCheetah-v5"},
    {"--algo", "algo", "learner: ppo, sac, mpo, td3 or imitation (`costate distill`)"},
    {"--policy", "policy",
     "action distribution, such as gaussian or bernoulli; auto: by the action space"},
    {"--network", "network.kind", "who computes the networks: auto, dense or torch"},
    {"--ref", "learner.kl.reference",
     "the policy that a KL of weight <algo>.kl.coefficient holds to: fixed, previous or pivot:N"},
    {"--seed", "seed", "seed of every random stream"},
    {"--steps", "steps", "environment steps in all"},
    {"--envs", "envs", "environments stepped side by side"},
    {"--threads", "threads", "worker threads; 0: one per core"},
    {"--log-rollouts", "rollouts.log", "episodes to log: off, last, sampled or all"},
};

int run(int argc, char** argv) {
  CLI::App app("Trains an agent into a run folder, or continues a run.", "costate train");
  const TrainingCommand command(app, kFlags);
  RunConfig defaults;
  std::string help =
      "Configuration: defaults <- the environment's shipped file <- --config <- flags and "
      "--set.\n\n" +
      defaults.options().help();
  for (const std::string& learner : RunConfig::learners()) {
    if (learner == defaults.algo) continue;
    RunConfig other;
    other.set_learner(learner);
    Options table;
    other.describe_learner(table);
    help += "\nWith --algo " + learner + ", in place of the keys of " + defaults.algo + ":\n\n" +
            table.help();
  }
  app.footer(help);
  if (!parse_command_line(app, argc, argv)) return 0;
  return command.run({}, "training");
}

}  // namespace
}  // namespace costate

int main(int argc, char** argv) {
  return costate::run_main("train", [&] { return costate::run(argc, argv); });
}
