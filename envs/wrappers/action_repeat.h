// Repeats every action, as frame skipping on top of the task's own control step: rewards add up,
// and the repetition ends with the episode. Steps past the end of an episode repeat in full.
#pragma once

#include <memory>

#include "envs/wrappers/wrapper.h"

namespace costate {

class ActionRepeat final : public Wrapper {
 public:
  /// `times` is at least 1.
  ActionRepeat(std::unique_ptr<Env> env, int times);

  void reset(std::uint64_t seed, std::span<double> observation) override;
  StepResult step(std::span<const float> action, std::span<double> observation) override;
  void save_state(StateWriter& writer) const override;
  void restore_state(StateReader& reader) override;
  void reset_to(const std::optional<PhysicalState>& start, std::span<double> observation) override;

 private:
  int times_;
  bool ended_ = false;  ///< the episode, in an earlier step
};

}  // namespace costate
