#include "envs/wrappers/action_repeat.h"

#include <utility>

namespace costate {

ActionRepeat::ActionRepeat(std::unique_ptr<Env> env, int times)
    : Wrapper(std::move(env)), times_(times) {
  spec_.control_step *= times;
  spec_.time_limit = (spec_.time_limit + times - 1) / times;
}

StepResult ActionRepeat::step(std::span<const float> action, std::span<double> observation) {
  StepResult result;
  for (int i = 0; i < times_; ++i) {
    const StepResult once = inner().step(action, observation);
    result = {result.reward + once.reward, once.terminated, once.truncated};
    if ((once.terminated || once.truncated) && !ended_) break;
  }
  ended_ = ended_ || result.terminated || result.truncated;
  return result;
}

void ActionRepeat::reset(std::uint64_t seed, std::span<double> observation) {
  ended_ = false;
  inner().reset(seed, observation);
}

void ActionRepeat::reset_to(const std::optional<PhysicalState>& start,
                            std::span<double> observation) {
  ended_ = false;
  inner().reset_to(start, observation);
}

void ActionRepeat::save_state(StateWriter& writer) const {
  writer.write(ended_);
  inner().save_state(writer);
}

void ActionRepeat::restore_state(StateReader& reader) {
  ended_ = reader.read<bool>();
  inner().restore_state(reader);
}

}  // namespace costate
