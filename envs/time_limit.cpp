#include "envs/time_limit.h"

#include <utility>

namespace costate {

TimeLimit::TimeLimit(std::unique_ptr<Env> env)
    : env_(std::move(env)), limit_(env_->spec().time_limit) {}

const EnvSpec& TimeLimit::spec() const {
  return env_->spec();
}

void TimeLimit::reset(std::uint64_t seed, std::span<double> observation) {
  steps_ = 0;
  env_->reset(seed, observation);
}

StepResult TimeLimit::step(std::span<const float> action, std::span<double> observation) {
  StepResult result = env_->step(action, observation);
  ++steps_;
  if (steps_ >= limit_) result.truncated = true;
  return result;
}

void TimeLimit::save_state(StateWriter& writer) const {
  writer.write(steps_);
  env_->save_state(writer);
}

void TimeLimit::restore_state(StateReader& reader) {
  steps_ = reader.read<std::int64_t>();
  env_->restore_state(reader);
}

PhysicalState TimeLimit::physical_state() const {
  return env_->physical_state();
}

void TimeLimit::reset_to(const std::optional<PhysicalState>& start, std::span<double> observation) {
  steps_ = 0;
  env_->reset_to(start, observation);
}

}  // namespace costate
