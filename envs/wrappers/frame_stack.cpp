#include "envs/wrappers/frame_stack.h"

#include <algorithm>
#include <string>
#include <utility>

namespace costate {
namespace {

/// The space of `frames` observations of `one`.
Space stacked(const Space& one, int frames) {
  Space space = one;
  space.shape.insert(space.shape.begin(), frames);
  for (auto* entries : {&space.low, &space.high}) {
    const std::vector<double> block = *entries;
    for (int i = 1; i < frames; ++i) entries->insert(entries->end(), block.begin(), block.end());
  }
  space.labels.clear();
  for (int i = 0; i < frames && !one.labels.empty(); ++i) {
    const int age = frames - 1 - i;
    for (const std::string& label : one.labels) {
      space.labels.push_back(age == 0 ? label
                                      : label + ", " + std::to_string(age) +
                                            (age == 1 ? " step" : " steps") + " ago");
    }
  }
  return space;
}

}  // namespace

FrameStack::FrameStack(std::unique_ptr<Env> env, int frames)
    : Wrapper(std::move(env)),
      size_(static_cast<std::size_t>(spec_.observation.size())),
      stack_(size_ * static_cast<std::size_t>(frames)) {
  if (spec_.observation.kind != Space::Kind::kBox) {
    throw UsageError("frame_stack needs an observation that is a box, that of " + spec_.id +
                     " is " + spec_.observation.to_string());
  }
  spec_.observation = stacked(spec_.observation, frames);
}

void FrameStack::fill(std::span<double> observation) {
  for (std::size_t i = 0; i + size_ < stack_.size(); i += size_) {
    std::ranges::copy(newest(), stack_.begin() + static_cast<std::ptrdiff_t>(i));
  }
  std::ranges::copy(stack_, observation.begin());
}

void FrameStack::reset(std::uint64_t seed, std::span<double> observation) {
  inner().reset(seed, newest());
  fill(observation);
}

void FrameStack::reset_to(const std::optional<PhysicalState>& start,
                          std::span<double> observation) {
  inner().reset_to(start, newest());
  fill(observation);
}

StepResult FrameStack::step(std::span<const float> action, std::span<double> observation) {
  std::copy(stack_.begin() + static_cast<std::ptrdiff_t>(size_), stack_.end(), stack_.begin());
  const StepResult result = inner().step(action, newest());
  std::ranges::copy(stack_, observation.begin());
  return result;
}

void FrameStack::save_state(StateWriter& writer) const {
  writer.write(std::span<const double>(stack_));
  inner().save_state(writer);
}

void FrameStack::restore_state(StateReader& reader) {
  reader.read(std::span(stack_));
  inner().restore_state(reader);
}

}  // namespace costate
