// Puts a picture of the environment in the place of its observation: [height, width, 3], 0 to 255.
#pragma once

#include <memory>
#include <vector>

#include "envs/wrappers/wrapper.h"

namespace costate {

class Pixels final : public Wrapper {
 public:
  /// Throws Error where the environment cannot be drawn.
  Pixels(std::unique_ptr<Env> env, const RenderOptions& options);

  void reset(std::uint64_t seed, std::span<double> observation) override;
  StepResult step(std::span<const float> action, std::span<double> observation) override;
  void reset_to(const std::optional<PhysicalState>& start, std::span<double> observation) override;

 private:
  void draw(std::span<double> observation);

  RenderOptions options_;
  std::vector<double> state_;  ///< the observation that nobody sees
  Picture picture_;
};

}  // namespace costate
