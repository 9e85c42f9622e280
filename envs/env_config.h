// An environment as a user asks for it: an id, the options of its task, and wrappers around it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "envs/env.h"
#include "envs/options.h"
#include "envs/registry.h"
#include "envs/wrappers/wrap.h"

namespace costate {

/// A value: copies are independent.
class EnvConfig {
 public:
  /// No environment: only the wrappers' options can be described.
  EnvConfig() = default;
  /// The environment of that id as it is by default. Throws UsageError where there is none. Not
  /// explicit: an id alone is a whole configuration.
  EnvConfig(const std::string& id);
  EnvConfig(const char* id) : EnvConfig(std::string(id)) {}
  /// The same with some options set, as in {"frame_skip", "4", "--env-set"}.
  EnvConfig(const std::string& id, const std::vector<Assignment>& options);
  EnvConfig(const EnvConfig& other);
  EnvConfig& operator=(const EnvConfig& other);
  EnvConfig(EnvConfig&&) noexcept = default;
  EnvConfig& operator=(EnvConfig&&) noexcept = default;
  ~EnvConfig() = default;

  const std::string& id() const { return id_; }
  bool empty() const { return id_.empty(); }

  /// Adds the options of the task, then those of the wrappers. They point into this object.
  void describe(Options& options);

  /// The same with all that grows over the steps of an instance (action_cost_ramp) grown: what a
  /// policy is judged by, whatever ran before.
  EnvConfig without_ramps() const;

  /// A new environment. Throws UsageError where the options do not fit the task.
  std::unique_ptr<Env> make() const;

 private:
  std::string id_;
  std::unique_ptr<TaskConfig> task_;
  WrapperConfig wrappers_;
};

/// A new environment; `make_env("CartPole-v1")` takes the defaults.
inline std::unique_ptr<Env> make_env(const EnvConfig& config) {
  return config.make();
}

}  // namespace costate
