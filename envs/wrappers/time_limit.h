// Truncates episodes after a number of steps, as Gymnasium's TimeLimit wrapper does.
//
// The limit is no part of the task, so the step that reaches it is `truncated`: a learner
// bootstraps there. A step may be both, when the task ends exactly at the limit; termination then
// decides.
#pragma once

#include <memory>

#include "envs/wrappers/wrapper.h"

namespace costate {

class TimeLimit final : public Wrapper {
 public:
  /// 0: no limit, whatever the task's own is.
  TimeLimit(std::unique_ptr<Env> env, int limit);

  void reset(std::uint64_t seed, std::span<double> observation) override;
  StepResult step(std::span<const float> action, std::span<double> observation) override;
  void head_start(std::span<const float> action) override { inner().head_start(action); }
  int head_starts() const override { return inner().head_starts(); }
  void save_state(StateWriter& writer) const override;
  void restore_state(StateReader& reader) override;
  void reset_to(const std::optional<PhysicalState>& start, std::span<double> observation) override;

 private:
  std::int64_t limit_;
  std::int64_t steps_ = 0;  ///< since the last reset
};

}  // namespace costate
