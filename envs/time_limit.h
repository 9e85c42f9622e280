// Truncates episodes after spec().time_limit steps, as Gymnasium's TimeLimit wrapper does.
//
// The limit is no part of the task, so the step that reaches it is `truncated`: a learner
// bootstraps there. A step may be both, when the task ends exactly at the limit; termination then
// decides.
#pragma once

#include <memory>

#include "envs/env.h"

namespace costate {

class TimeLimit : public Env {
 public:
  /// `env`'s spec names a limit of at least 1.
  explicit TimeLimit(std::unique_ptr<Env> env);

  const EnvSpec& spec() const override;
  void reset(std::uint64_t seed, std::span<double> observation) override;
  StepResult step(std::span<const float> action, std::span<double> observation) override;
  void save_state(StateWriter& writer) const override;
  void restore_state(StateReader& reader) override;
  PhysicalState physical_state() const override;
  void reset_to(const std::optional<PhysicalState>& start, std::span<double> observation) override;

 private:
  std::unique_ptr<Env> env_;
  std::int64_t limit_;
  std::int64_t steps_ = 0;  ///< since the last reset
};

}  // namespace costate
