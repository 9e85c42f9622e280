#include "runners/trained_run.h"

#include "envs/error.h"
#include "logs/checkpoint_file.h"
#include "logs/run_folder.h"

namespace costate {

TrainedRun open_run(const std::filesystem::path& path) {
  TrainedRun run;
  run.folder = path;
  const bool is_file = std::filesystem::is_regular_file(path);
  if (!is_file) run.config = read_run_config(path);
  const auto file = is_file ? path : run_folder::last_checkpoint(path);
  if (!std::filesystem::exists(file)) {
    throw Error(path.string() + ": no checkpoint at " + file.string());
  }
  const Checkpoint checkpoint = Checkpoint::load(file);
  if (is_file) run.config = parse_config(checkpoint.get<std::string>("config"), file.string());
  run.spec = run.config.env.make()->spec();
  run.steps = checkpoint.get<std::int64_t>("counters/steps");
  run.policy = std::make_shared<const FrozenPolicy>(
      run.config.policy, run.spec, run.config.runtime.normalize_observations, checkpoint);
  return run;
}

}  // namespace costate
