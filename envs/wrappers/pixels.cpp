#include "envs/wrappers/pixels.h"

#include <algorithm>
#include <utility>

namespace costate {

Pixels::Pixels(std::unique_ptr<Env> env, const RenderOptions& options)
    : Wrapper(std::move(env)),
      options_(options),
      state_(static_cast<std::size_t>(spec_.observation.size())) {
  spec_.observation = Space::picture(options.height, options.width);
}

void Pixels::reset(std::uint64_t seed, std::span<double> observation) {
  inner().reset(seed, state_);
  draw(observation);
}

void Pixels::reset_to(const std::optional<PhysicalState>& start, std::span<double> observation) {
  inner().reset_to(start, state_);
  draw(observation);
}

StepResult Pixels::step(std::span<const float> action, std::span<double> observation) {
  const StepResult result = inner().step(action, state_);
  draw(observation);
  return result;
}

void Pixels::draw(std::span<double> observation) {
  inner().render(options_, picture_);
  std::ranges::copy(picture_.rgb, observation.begin());
}

}  // namespace costate
