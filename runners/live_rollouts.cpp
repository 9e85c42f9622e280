#include "runners/live_rollouts.h"

#include "logs/rollout_file.h"
#include "logs/unfinished_path.h"
#include "runners/rollout_header.h"
#include "runners/trained_run.h"

namespace costate {

namespace fs = std::filesystem;

fs::path live_rollouts_path(const fs::path& run_or_checkpoint) {
  if (!fs::is_regular_file(run_or_checkpoint)) return run_or_checkpoint / "live.h5";
  return run_or_checkpoint.parent_path() / (run_or_checkpoint.stem().string() + "-live.h5");
}

void write_live_rollouts(const fs::path& run_or_checkpoint, const RecordingOptions& options,
                         const fs::path& out, ThreadPool& pool) {
  const TrainedRun trained = open_run(run_or_checkpoint);
  RunConfig acting = trained.config;
  acting.env = acting.env.without_ramps();
  RolloutHeader header = rollout_header(acting, trained.policy->distribution(), *acting.env.make());
  header.seed = options.seed;
  UnfinishedPath unfinished(out);
  RolloutWriter file(unfinished.path(), header);
  record(acting.env, *trained.policy, options, file, pool);
  unfinished.commit();
}

}  // namespace costate
