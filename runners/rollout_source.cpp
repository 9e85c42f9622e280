#include "runners/rollout_source.h"

#include "envs/error.h"
#include "logs/run_folder.h"
#include "runners/run_config.h"

namespace costate {

std::filesystem::path rollout_path(const std::string& named) {
  const std::filesystem::path path(named);
  if (path.extension() == ".h5" || std::filesystem::is_regular_file(path)) return path;
  read_run_config(path);  // says so where this is no run folder
  const auto file = run_folder::rollouts(path);
  if (!std::filesystem::exists(file)) {
    throw Error(named + ": no rollouts at " + file.string() +
                " (train with --log-rollouts last, sampled or all)");
  }
  return file;
}

}  // namespace costate
