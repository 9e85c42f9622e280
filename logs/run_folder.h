// The names inside a run folder, such as runs/cartpole-1.
#pragma once

#include <filesystem>

namespace costate::run_folder {

using Path = std::filesystem::path;

inline Path config(const Path& run) {
  return run / "config.toml";
}
inline Path metrics_csv(const Path& run) {
  return run / "metrics.csv";
}
inline Path metrics_jsonl(const Path& run) {
  return run / "metrics.jsonl";
}
inline Path rollouts(const Path& run) {
  return run / "rollouts.h5";
}
inline Path checkpoints(const Path& run) {
  return run / "checkpoints";
}
inline Path last_checkpoint(const Path& run) {
  return checkpoints(run) / "last.h5";
}
inline Path log(const Path& run) {
  return run / "log.txt";
}

}  // namespace costate::run_folder
