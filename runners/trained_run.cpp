#include "runners/trained_run.h"

#include "envs/error.h"
#include "logs/checkpoint_file.h"
#include "logs/run_folder.h"

namespace costate {

TrainedRun open_run(const std::filesystem::path& folder) {
  TrainedRun run;
  run.folder = folder;
  run.config = read_run_config(folder);
  run.spec = run.config.env.make()->spec();

  const auto file = run_folder::last_checkpoint(folder);
  if (!std::filesystem::exists(file)) {
    throw Error(folder.string() + ": no checkpoint at " + file.string());
  }
  const Checkpoint checkpoint = Checkpoint::load(file);
  run.steps = checkpoint.get<std::int64_t>("counters/steps");
  run.policy = std::make_shared<const FrozenPolicy>(
      run.config.policy, run.spec, run.config.runtime.normalize_observations, checkpoint);
  return run;
}

}  // namespace costate
