// Environment ids, what makes them, and what they can be told.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "envs/env.h"
#include "envs/options.h"

namespace costate {

using EnvFactory = std::function<std::unique_ptr<Env>()>;

/// A task that has not been made yet, with its options.
class TaskConfig {
 public:
  virtual ~TaskConfig() = default;
  /// Adds the task's own options, which point into this object.
  virtual void describe(Options& options) = 0;
  /// The task alone: no time limit, no wrappers. Throws UsageError where options contradict each
  /// other.
  virtual std::unique_ptr<Env> make() const = 0;
  virtual std::unique_ptr<TaskConfig> clone() const = 0;
};

/// Makes a task known under `id`, which must be new. Its options start as `prototype` has them.
void register_env(std::string id, std::unique_ptr<const TaskConfig> prototype);

/// A task without options.
void register_env(std::string id, EnvFactory make);

/// A task whose options are a struct with `void describe(Options&)`.
template <class Config>
void register_env(std::string id, std::unique_ptr<Env> (*make)(const Config&),
                  std::type_identity_t<Config> defaults = {}) {
  class Task final : public TaskConfig {
   public:
    Task(std::unique_ptr<Env> (*maker)(const Config&), Config values)
        : make_(maker), values_(std::move(values)) {}
    void describe(Options& options) override { values_.describe(options); }
    std::unique_ptr<Env> make() const override { return make_(values_); }
    std::unique_ptr<TaskConfig> clone() const override { return std::make_unique<Task>(*this); }

   private:
    std::unique_ptr<Env> (*make_)(const Config&);
    Config values_;
  };
  register_env(std::move(id), std::make_unique<const Task>(make, std::move(defaults)));
}

/// All registered ids, sorted.
std::vector<std::string> env_ids();

/// The task of that id with its default options; "mjcf:<path>" is one on a model of the user's own
/// (envs/mujoco/mjcf.h). Throws UsageError that names the nearest known id.
std::unique_ptr<TaskConfig> task_config(const std::string& id);

/// The candidate nearest to `word` in edit distance, or "" where none is near: for error messages.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace costate
