// The contract of one environment.
//
// The order of calls is reset, step, step, …, until a step says `terminated` or `truncated`, then
// reset again. Stepping on past the end is allowed and simulates on: the caller decides. An
// environment draws random numbers only from the stream that `reset` seeds, keeps no global state,
// and allocates nothing in `step`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "envs/error.h"
#include "envs/picture.h"
#include "envs/scene.h"
#include "envs/spec.h"

namespace costate {

struct StepResult {
  double reward = 0.0;
  bool terminated = false;  ///< the task ended: nothing comes after, do not bootstrap
  bool truncated = false;   ///< a limit outside the task cut the episode: bootstrap
};

/// The physical state that a user can set and see (`envs trace`). MuJoCo tasks use qpos and qvel,
/// the others `state`.
struct PhysicalState {
  std::vector<double> qpos;
  std::vector<double> qvel;
  std::vector<double> state;
};

/// What an environment simulates, where that is a model from a file.
struct PhysicsModel {
  std::string file;        ///< as a user would name it: "assets/hopper.xml", or a path of their own
  std::uint64_t hash = 0;  ///< fnv1a of the model as compiled, after options that change it
};

/// Appends plain values to a byte string; the mirror of StateReader.
class StateWriter {
 public:
  explicit StateWriter(std::vector<std::byte>& out) : out_(out) {}

  template <class T>
  void write(const T& value) {
    write(std::span<const T>(&value, 1));
  }
  template <class T>
  void write(std::span<T> values) {
    static_assert(std::is_trivially_copyable_v<T>);
    const auto* bytes = reinterpret_cast<const std::byte*>(values.data());
    out_.insert(out_.end(), bytes, bytes + values.size_bytes());
  }

 private:
  std::vector<std::byte>& out_;
};

/// Reads back what a StateWriter wrote, in the same order. Throws Error where the bytes run out.
class StateReader {
 public:
  explicit StateReader(std::span<const std::byte> in) : in_(in) {}

  template <class T>
  T read() {
    T value;
    read(std::span<T>(&value, 1));
    return value;
  }
  template <class T>
  void read(std::span<T> values) {
    static_assert(std::is_trivially_copyable_v<T>);
    if (in_.size() < values.size_bytes()) {
      throw Error("simulator state is too short: " + std::to_string(in_.size()) +
                  " bytes left, expected " + std::to_string(values.size_bytes()));
    }
    std::memcpy(values.data(), in_.data(), values.size_bytes());
    in_ = in_.subspan(values.size_bytes());
  }
  std::size_t remaining() const { return in_.size(); }

 private:
  std::span<const std::byte> in_;
};

class Env {
 public:
  virtual ~Env() = default;

  virtual const EnvSpec& spec() const = 0;

  /// Starts an episode whose random numbers all come from `seed`, and writes the first observation
  /// (spec().observation.size() numbers; float32-valued where the task defines it so). Of earlier
  /// episodes nothing stays but what is counted over all of them (wrappers/action_cost.h).
  virtual void reset(std::uint64_t seed, std::span<double> observation) = 0;

  /// Applies the action (spec().action.size() numbers, in the units of the action space; the
  /// environment clips where its definition says so) for one control step and writes the
  /// observation that follows.
  virtual StepResult step(std::span<const float> action, std::span<double> observation) = 0;

  /// Simulates a part of what the next step, which is to have the same action, would; that step
  /// then has less to do and the same result. So threads can share out a step more finely than
  /// whole (VectorEnv). A part that would fail is left to the step, which reports it; a reset or
  /// restore drops what was done ahead. To be called at most head_starts() times before a step.
  virtual void head_start(std::span<const float> /*action*/) {}
  /// How many parts of a step can be done ahead; 0 where it is not made of parts.
  virtual int head_starts() const { return 0; }

  /// Appends the complete state: restoring it and replaying the same actions gives the same bits.
  /// The number of bytes is the same at every step.
  virtual void save_state(StateWriter& writer) const = 0;
  virtual void restore_state(StateReader& reader) = 0;

  /// The physical state as a user sees it.
  virtual PhysicalState physical_state() const = 0;

  /// Starts an episode in a given physical state (with a zero warm start), or, without one, in the
  /// noise-free start: the centre of the reset distribution. Throws UsageError where the state has
  /// another length than physical_state().
  virtual void reset_to(const std::optional<PhysicalState>& start,
                        std::span<double> observation) = 0;

  /// Draws the present state; the same state gives the same bytes. Throws Error where it cannot be
  /// drawn, and UsageError for a camera that there is not.
  virtual void render(const RenderOptions& options, Picture& picture);

  /// What can be seen in the present episode; no bodies where the environment shows nothing.
  virtual Scene scene() { return {}; }
  /// Writes where the bodies of scene() are in the present state: [bodies, kPoseNumbers].
  virtual void body_poses(std::span<double> /*poses*/) {}

  /// The physical parameters that can be scaled, such as "mass" or "mass/torso"; none where the
  /// environment offers none.
  virtual std::vector<std::string> parameter_names() const { return {}; }
  /// From the next reset or restore on, makes each parameter this multiple of its nominal value:
  /// a factor for each of parameter_names(). "mass" and "mass/torso" multiply.
  virtual void scale_parameters(std::span<const double> factors);

  /// Mechanical power (W) that the actuators would put in or take out in the present state under
  /// this action: Σ |force · velocity|. NaN where the environment has no such actuators.
  virtual double actuator_power(std::span<const float> action);

  /// The model that is simulated, before parameters are scaled; none where there is no such file.
  virtual std::optional<PhysicsModel> physics_model() const { return {}; }

  /// What was drawn for this episode beyond its start, a number for each of
  /// spec().episode_values: for the log.
  virtual std::span<const double> episode_values() const { return {}; }
};

}  // namespace costate
