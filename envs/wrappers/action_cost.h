// A price on acting: r' = r − c · mean_i a_i² (energy) or c · mean_i |a_i| (fuel), with a the
// action that is executed, scaled so that its range is [−1, 1]. By it one tells policies apart that
// do equally well where actions are free (Seyde et al., "Is bang-bang control all you need?",
// 2021): of energy, the best control takes some everywhere, of fuel, all or none (bang-off-bang).
//
// The price can grow linearly from 0 over the first steps of this instance, counted over all of its
// episodes: from the first step on, it makes doing nothing a trap that some policies never leave.
// The count is a part of the state, and the one thing that a reset keeps.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "envs/wrappers/wrapper.h"

namespace costate {

class ActionCost final : public Wrapper {
 public:
  /// `power` of |a| is 1 or 2; `ramp` is the number of steps over which the price grows to `cost`,
  /// 0: it does not. Throws UsageError where the action is not a bounded box.
  ActionCost(std::unique_ptr<Env> env, double cost, int power, std::int64_t ramp);

  StepResult step(std::span<const float> action, std::span<double> observation) override;
  void save_state(StateWriter& writer) const override;
  void restore_state(StateReader& reader) override;

 private:
  double cost_;
  int power_;
  std::int64_t ramp_;
  std::int64_t steps_ = 0;  ///< since this instance was made
};

}  // namespace costate
