// `costate distill`: fits a policy of any shape to what another one does.
#include <string>
#include <vector>

#include "backends/math_threads.h"
#include "runners/demonstration_source.h"
#include "runners/main.h"
#include "runners/run_config.h"
#include "runners/training_command.h"

namespace costate {
namespace {

constexpr KeyFlag kFlags[] = {
    {"--teacher", "imitation.teacher", "run folder or checkpoint whose policy demonstrates"},
    {"--rollouts", "imitation.rollouts",
     "in place of a teacher, rollout files (.h5) of one environment, separated by commas"},
    {"--student", "policy",
     "action distribution of the student, such as gaussian or bernoulli; auto: by the action "
     "space"},
    {"--episodes", "imitation.episodes", "episodes that the teacher plays"},
    {"--actions", "imitation.actions", "how the teacher acts: mode, sample or both"},
    {"--labels", "imitation.labels",
     "what an action between two values of the student counts as: soft or hard"},
    {"--network", "network.kind", "who computes the networks: auto, dense or torch"},
    {"--seed", "seed", "seed of every random stream"},
    {"--steps", "steps", "demonstrated steps to learn from in all, counted each time"},
    {"--threads", "threads", "worker threads; 0: one per core"},
};

int run(int argc, char** argv) {
  use_single_threaded_math();
  CLI::App app(
      "Fits a student to what a teacher does, or to logged rollouts, into a run folder like any "
      "other. The environment is that of the teacher; --env-set changes its options.",
      "costate distill");
  const TrainingCommand command(app, kFlags);
  RunConfig defaults;
  defaults.set_learner("imitation");
  app.footer(
      "Configuration: defaults <- the environment's shipped file <- --config <- flags and "
      "--set.\n\n" +
      defaults.options().help());
  if (!parse_command_line(app, argc, argv)) return 0;
  if (command.resumes()) return command.run({}, "");

  const std::string& teacher = command.given("--teacher");
  const std::string& rollouts = command.given("--rollouts");
  if (teacher.empty() == rollouts.empty()) {
    throw UsageError(
        "give either --teacher RUN or --rollouts FILE.h5 (see `costate distill --help`)");
  }
  for (const char* flag : {"--episodes", "--actions"}) {
    if (teacher.empty() && !command.given(flag).empty()) {
      throw UsageError(std::string(flag) +
                       " is for a teacher that plays, but --rollouts was given");
    }
  }
  std::vector<Assignment> base = environment_of_source(teacher, rollouts);
  base.push_back({"algo", "imitation", "distill"});
  return command.run(base, "distilling " + (teacher.empty() ? rollouts : teacher) + " in");
}

}  // namespace
}  // namespace costate

int main(int argc, char** argv) {
  return costate::run_main("distill", [&] { return costate::run(argc, argv); });
}
