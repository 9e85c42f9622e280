#include "envs/wrappers/action_cost.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "envs/format.h"

namespace costate {

ActionCost::ActionCost(std::unique_ptr<Env> env, double cost, int power, std::int64_t ramp)
    : Wrapper(std::move(env)), cost_(cost), power_(power), ramp_(ramp) {
  if (!spec_.action.bounded()) {
    throw UsageError("action_cost needs an action that is a bounded box, that of " + spec_.id +
                     " is not: " + spec_.action.to_string());
  }
  spec_.reward += "; minus " + format_number(cost) +
                  (power == 1 ? " mean(|action|)" : " mean(action^2)") +
                  ", action scaled to [-1, 1]";
  if (ramp > 0) spec_.reward += ", growing from 0 over " + std::to_string(ramp) + " steps";
}

StepResult ActionCost::step(std::span<const float> action, std::span<double> observation) {
  StepResult result = inner().step(action, observation);
  const Space& space = spec_.action;
  double sum = 0.0;
  for (std::size_t i = 0; i < action.size(); ++i) {
    const double share = (action[i] - space.low[i]) / (space.high[i] - space.low[i]);
    const double scaled = std::clamp(2.0 * share - 1.0, -1.0, 1.0);
    sum += power_ == 1 ? std::abs(scaled) : scaled * scaled;
  }
  const double grown =
      steps_ < ramp_ ? static_cast<double>(steps_) / static_cast<double>(ramp_) : 1.0;
  ++steps_;
  result.reward -= cost_ * grown * (sum / static_cast<double>(action.size()));
  return result;
}

void ActionCost::save_state(StateWriter& writer) const {
  writer.write(steps_);
  inner().save_state(writer);
}

void ActionCost::restore_state(StateReader& reader) {
  steps_ = reader.read<std::int64_t>();
  inner().restore_state(reader);
}

}  // namespace costate
