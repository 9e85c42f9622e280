#include "envs/env_config.h"

#include <cassert>
#include <utility>

namespace costate {

EnvConfig::EnvConfig(const std::string& id) : id_(id), task_(task_config(id)) {}

EnvConfig::EnvConfig(const std::string& id, const std::vector<Assignment>& assignments)
    : EnvConfig(id) {
  Options options;
  describe(options);
  options.set(assignments);
}

EnvConfig::EnvConfig(const EnvConfig& other)
    : id_(other.id_),
      task_(other.task_ ? other.task_->clone() : nullptr),
      wrappers_(other.wrappers_) {}

EnvConfig& EnvConfig::operator=(const EnvConfig& other) {
  return *this = EnvConfig(other);
}

void EnvConfig::describe(Options& options) {
  if (task_) task_->describe(options);
  wrappers_.describe(options);
}

EnvConfig EnvConfig::without_ramps() const {
  EnvConfig grown = *this;
  grown.wrappers_.action_cost_ramp = 0;
  return grown;
}

std::unique_ptr<Env> EnvConfig::make() const {
  assert(task_ != nullptr);
  return wrap(task_->make(), wrappers_);
}

}  // namespace costate
