// What the classic-control environments share: a state of N numbers that is uniform within a box at
// the start of an episode, its saving and restoring, discrete actions, and parameters to scale.
//
// An environment adds its spec, its physics (`step`, `take_parameters`), its view of the state
// (`observe`) and its picture (`draw`).
// Definitions follow Gymnasium where it has the task (Towers et al., "Gymnasium: a standard
// interface for reinforcement learning environments", 2024): arithmetic in double precision,
// observations rounded to float32.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "envs/discrete_action.h"
#include "envs/env.h"
#include "envs/float32.h"
#include "envs/parameters.h"
#include "envs/random.h"
#include "envs/render/canvas.h"

namespace costate {

/// Aligned, so that all that a step touches lies on one cache line.
template <std::size_t N>
class alignas(64) ClassicEnv : public Env {
 public:
  using State = std::array<double, N>;

  const EnvSpec& spec() const final { return spec_; }

  void reset(std::uint64_t seed, std::span<double> observation) final {
    RandomStream random(seed);
    for (std::size_t i = 0; i < N; ++i) {
      state_[i] = random.uniform(start_low_[i], start_high_[i]);
      if (round_start_) state_[i] = round_to_float32(state_[i]);
    }
    take_state();
    observe(observation);
  }

  void reset_to(const std::optional<PhysicalState>& start, std::span<double> observation) final {
    for (std::size_t i = 0; i < N; ++i) state_[i] = 0.5 * (start_low_[i] + start_high_[i]);
    if (start) {
      if (start->state.size() != N || !start->qpos.empty() || !start->qvel.empty()) {
        throw UsageError(spec_.id + ": a start has " + std::to_string(start->state.size()) +
                         " numbers in \"state\", expected " + std::to_string(N) +
                         " and no \"qpos\" or \"qvel\"");
      }
      for (std::size_t i = 0; i < N; ++i) state_[i] = start->state[i];
    }
    take_state();
    observe(observation);
  }

  // No step draws random numbers, so the physical state is the complete one.
  void save_state(StateWriter& writer) const final { writer.write(state_); }
  void restore_state(StateReader& reader) final {
    state_ = reader.read<State>();
    take_state();
  }

  PhysicalState physical_state() const final {
    PhysicalState physical;
    physical.state.assign(state_.begin(), state_.end());
    return physical;
  }

  std::vector<std::string> parameter_names() const final { return parameters_.names(); }
  void scale_parameters(std::span<const double> factors) final {
    parameters_.scale(factors);
    take_parameters();
  }

  void render(const RenderOptions& options, Picture& picture) final {
    Canvas canvas(options, spec_.id);
    draw(canvas);
    canvas.copy_to(picture);
  }

 protected:
  /// Episodes start uniformly between `start_low` and `start_high`, rounded to float32 where
  /// `round_start` says so. The constructor of the environment calls take_parameters().
  ClassicEnv(EnvSpec spec, const State& start_low, const State& start_high, Parameters parameters,
             bool round_start = false)
      : actions_(spec.action.kind == Space::Kind::kDiscrete ? spec.action.counts[0] : 0),
        spec_(std::move(spec)),
        start_low_(start_low),
        start_high_(start_high),
        parameters_(std::move(parameters)),
        round_start_(round_start) {
    spec_.family = "classic-control";
  }

  /// Sets the constants of the physics to their nominal values times the factors.
  virtual void take_parameters() = 0;
  double factor(std::string_view parameter) const { return parameters_.factor(parameter); }

  /// state_ was set from outside: what the environment derives from it is to follow.
  virtual void take_state() {}

  /// Writes the float32-valued observation of state_.
  virtual void observe(std::span<double> observation) const = 0;

  /// Draws state_.
  virtual void draw(Canvas& canvas) const = 0;

  /// The index that a discrete action names. Throws UsageError where it names none.
  int discrete_action(std::span<const float> action) const {
    return costate::discrete_action(action[0], actions_, spec_.id);
  }

  State state_{};

 private:
  int actions_;  ///< how many discrete actions there are
  EnvSpec spec_;
  State start_low_;
  State start_high_;
  Parameters parameters_;
  bool round_start_;
};

}  // namespace costate
