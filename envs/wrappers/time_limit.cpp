#include "envs/wrappers/time_limit.h"

#include <utility>

namespace costate {

TimeLimit::TimeLimit(std::unique_ptr<Env> env, int limit) : Wrapper(std::move(env)), limit_(limit) {
  spec_.time_limit = limit;
}

void TimeLimit::reset(std::uint64_t seed, std::span<double> observation) {
  steps_ = 0;
  inner().reset(seed, observation);
}

StepResult TimeLimit::step(std::span<const float> action, std::span<double> observation) {
  StepResult result = inner().step(action, observation);
  ++steps_;
  if (limit_ > 0 && steps_ >= limit_) result.truncated = true;
  return result;
}

void TimeLimit::save_state(StateWriter& writer) const {
  writer.write(steps_);
  inner().save_state(writer);
}

void TimeLimit::restore_state(StateReader& reader) {
  steps_ = reader.read<std::int64_t>();
  inner().restore_state(reader);
}

void TimeLimit::reset_to(const std::optional<PhysicalState>& start, std::span<double> observation) {
  steps_ = 0;
  inner().reset_to(start, observation);
}

}  // namespace costate
