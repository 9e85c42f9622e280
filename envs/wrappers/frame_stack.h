// Shows the last k observations at once, oldest first, as Gymnasium's FrameStackObservation does:
// the start of an episode is padded with its first observation. Shape [k, ...].
#pragma once

#include <memory>
#include <vector>

#include "envs/wrappers/wrapper.h"

namespace costate {

class FrameStack final : public Wrapper {
 public:
  /// `frames` is at least 1.
  FrameStack(std::unique_ptr<Env> env, int frames);

  void reset(std::uint64_t seed, std::span<double> observation) override;
  StepResult step(std::span<const float> action, std::span<double> observation) override;
  void save_state(StateWriter& writer) const override;
  void restore_state(StateReader& reader) override;
  void reset_to(const std::optional<PhysicalState>& start, std::span<double> observation) override;

 private:
  std::span<double> newest() { return std::span(stack_).last(size_); }
  void fill(std::span<double> observation);

  std::size_t size_;           ///< of one observation
  std::vector<double> stack_;  ///< [frames, obs]
};

}  // namespace costate
