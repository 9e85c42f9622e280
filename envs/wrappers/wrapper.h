// What all wrappers share: an environment inside, to which everything passes that a wrapper does
// not change.
#pragma once

#include <memory>
#include <utility>

#include "envs/env.h"

namespace costate {

class Wrapper : public Env {
 public:
  const EnvSpec& spec() const final { return spec_; }
  void reset(std::uint64_t seed, std::span<double> observation) override {
    env_->reset(seed, observation);
  }
  StepResult step(std::span<const float> action, std::span<double> observation) override {
    return env_->step(action, observation);
  }
  void save_state(StateWriter& writer) const override { env_->save_state(writer); }
  void restore_state(StateReader& reader) override { env_->restore_state(reader); }
  PhysicalState physical_state() const final { return env_->physical_state(); }
  void reset_to(const std::optional<PhysicalState>& start, std::span<double> observation) override {
    env_->reset_to(start, observation);
  }
  void render(const RenderOptions& options, Picture& picture) final {
    env_->render(options, picture);
  }
  double actuator_power(std::span<const float> action) final {
    return env_->actuator_power(action);
  }
  Scene scene() final { return env_->scene(); }
  void body_poses(std::span<double> poses) final { env_->body_poses(poses); }
  std::vector<std::string> parameter_names() const final { return env_->parameter_names(); }
  void scale_parameters(std::span<const double> factors) final { env_->scale_parameters(factors); }
  std::optional<PhysicsModel> physics_model() const final { return env_->physics_model(); }
  std::span<const double> episode_values() const override { return env_->episode_values(); }

 protected:
  explicit Wrapper(std::unique_ptr<Env> env) : env_(std::move(env)), spec_(env_->spec()) {}

  Env& inner() { return *env_; }
  const Env& inner() const { return *env_; }

 private:
  std::unique_ptr<Env> env_;

 protected:
  EnvSpec spec_;  ///< begins as that of the environment inside
};

}  // namespace costate
