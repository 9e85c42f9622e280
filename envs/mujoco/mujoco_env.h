// What all MuJoCo environments share: the state of a shared model's simulation, resetting,
// stepping, and saving it.
//
// A task derives from MujocoEnv and says three things: how the start is disturbed, what is
// observed, and what one control step is worth. The control step follows Gymnasium's v5 tasks: ctrl
// = action (MuJoCo clamps it to ctrlrange inside the actuators), then `frame_skip` times mj_step.
//
// An environment keeps its state alone and borrows an mjData to step in, so a task that needs
// quantities derived from the state (xpos, contact forces, …) copies them while it has one
// (`extract`). In Gymnasium's tasks these lag: after mj_step they belong to the last forward pass
// inside it, while qpos and qvel are current. The reference reads them as they are, so nothing here
// calls mj_forward after stepping.
#pragma once

#include <array>
#include <limits>
#include <memory>
#include <mujoco/mujoco.h>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "envs/env.h"
#include "envs/mujoco/renderer.h"
#include "envs/mujoco/simulators.h"
#include "envs/options.h"
#include "envs/random.h"

namespace costate {

/// Options that all tasks on MuJoCo have.
struct MujocoConfig {
  std::string xml_file = {};    ///< path of an MJCF model in place of the task's own
  std::int64_t frame_skip = 1;  ///< physics steps in a control step

  void describe(Options& options);
};

class MujocoEnv : public Env {
 public:
  ~MujocoEnv() override;
  MujocoEnv(const MujocoEnv&) = delete;
  MujocoEnv& operator=(const MujocoEnv&) = delete;

  const EnvSpec& spec() const final { return spec_; }
  void reset(std::uint64_t seed, std::span<double> observation) final;
  StepResult step(std::span<const float> action, std::span<double> observation) final;
  /// One of the physics steps.
  void head_start(std::span<const float> action) final;
  int head_starts() const final { return frame_skip_ - 1; }
  void save_state(StateWriter& writer) const final;
  void restore_state(StateReader& reader) final;
  PhysicalState physical_state() const final;
  void reset_to(const std::optional<PhysicalState>& start, std::span<double> observation) final;
  void render(const RenderOptions& options, Picture& picture) final;
  double actuator_power(std::span<const float> action) final;
  /// The bodies of the model and their geoms of the visible groups (0 to 2); height fields, sites
  /// and tendons are left out.
  Scene scene() final;
  void body_poses(std::span<double> poses) final;
  /// "mass", "friction", "damping" and "gear" for all of the model, and "mass/<body>",
  /// "friction/<geom>", "damping/<joint>" and "gear/<actuator>" for those that have a name. Mass
  /// scales inertia too, friction all of its coefficients. Two geoms in contact have the larger
  /// friction of both.
  std::vector<std::string> parameter_names() const final;
  void scale_parameters(std::span<const double> factors) final;
  std::optional<PhysicsModel> physics_model() const final;

 protected:
  /// `spec` comes with everything but the spaces and the control step: the action space is read off
  /// the model's actuators, the control step is timestep × frame_skip, and the task sets the
  /// observation space with set_observation_space(). `asset` names the model that is taken where
  /// the configuration names none.
  MujocoEnv(EnvSpec spec, const MujocoConfig& config, const std::string& asset);

  /// Says how many numbers `extract` keeps. To be called in the constructor of a task that keeps
  /// some, after which derived() holds zeros.
  void keep_derived(std::size_t count);
  /// Copies what the task needs of the quantities that MuJoCo derives from the state. Called after
  /// every forward pass of a reset, where cfrc_ext is zero, and after every control step.
  virtual void extract(const mjModel& model, mjData& data, std::span<double> derived) const;
  /// The physics of one control step: frame_skip times mj_step, less those done ahead. What a task
  /// adds comes after them.
  virtual void advance(const mjModel& model, mjData& data) const;
  /// What `extract` kept last; a part of the saved state.
  std::span<const double> derived() const { return {state_.data() + physics_, derived_}; }

  /// Draws the start of an episode: `data` holds the noise-free one, `derived` zeros. Calls
  /// disturb_start, unless the task overrides it.
  virtual void start_episode(RandomStream& random, const mjModel& model, mjData& data,
                             std::span<double> derived) const;
  /// Adds the reset noise to qpos, then to qvel; both hold the noise-free start.
  virtual void disturb_start(RandomStream& random, std::span<double> qpos,
                             std::span<double> qvel) const;
  /// The forward pass at the start of an episode: mj_forward, unless the task overrides it.
  virtual void first_forward(const mjModel& model, mjData& data) const;
  /// Writes the observation of the present state.
  virtual void observe(std::span<double> observation) const = 0;
  /// Simulates one control step with `simulate` and judges it. `truncated` stays false: time limits
  /// are not the task's.
  virtual StepResult act(std::span<const float> action) = 0;

  /// Applies the action for one control step. Throws Error where MuJoCo could not simulate it
  /// faithfully: it met a number that is not finite or beyond 1e10 (after which it silently starts
  /// over from qpos0), or the model's buffers for contacts and constraints overflowed. The state is
  /// then what it was before.
  void simulate(std::span<const float> action);

  void set_observation_space(Space space) { spec_.observation = std::move(space); }
  /// What copy_joint_state writes: the names of the model's joints with units.
  std::vector<std::string> joint_state_labels(int first_qpos) const;
  /// An unbounded box for `copy_joint_state`.
  Space joint_state_space(int first_qpos) const;
  /// Writes qpos from entry `first_qpos` on, then qvel clipped to ±velocity_limit, and returns what
  /// is left of the observation.
  std::span<double> copy_joint_state(
      std::span<double> observation, int first_qpos,
      double velocity_limit = std::numeric_limits<double>::infinity()) const;

  /// The index of a body, site, … of the model. Throws UsageError where it has none of that name.
  int find(mjtObj kind, const std::string& name) const;
  /// The name, or "unnamed <index>".
  std::string name(mjtObj kind, int index) const;
  /// For tasks that look into qpos and qvel: throws UsageError where a model of the user's has
  /// fewer entries.
  void require_at_least(int nq, int nv) const;

  std::span<const double> qpos() const { return {state_.data() + 1, nq_}; }
  std::span<const double> qvel() const { return {state_.data() + 1 + nq_, nv_}; }
  double control_step() const { return spec_.control_step; }
  const mjModel& model() const { return scaled_model_ ? *scaled_model_ : nominal_model(); }

  /// Takes the place of qpos0 and zero velocities as the noise-free start.
  void start_from_keyframe(int key);
  /// Makes the model the task's own, other than its file has it. To be called in the constructor.
  void edit_model(void (*edit)(mjModel& model));

  /// Moves what belongs to no body, such as a target, to where it is in the present episode, in
  /// the model of a picture.
  virtual void arrange_picture(mjModel& model) const;

 private:
  std::span<double> mutable_qpos() { return {state_.data() + 1, nq_}; }
  std::span<double> mutable_qvel() { return {state_.data() + 1 + nq_, nv_}; }
  std::span<double> warm_start() { return {state_.data() + physics_ - nv_, nv_}; }

  /// Runs `work` on a borrowed mjData in the present state, or in the one ahead of it, with these
  /// controls, or with zeros where none are given, and keeps the state in which it leaves it.
  /// Throws what `work` throws.
  template <class Work>
  void with_simulator(std::span<const float> controls, const Work& work);
  /// The parts of an mjData that the state holds, in order.
  std::array<std::pair<double*, std::size_t>, 5> state_parts(mjData& data) const;
  /// An mjData in the state that begins with these numbers.
  mjData& borrow_simulator(std::span<const double> state, std::span<const float> controls);
  std::span<const double> state_ahead() const { return steps_ahead_ > 0 ? ahead_ : state_; }
  /// Throws Error where MuJoCo met trouble in the control step that began at `time`, or, without
  /// one, at the start of an episode.
  void check(const mjData& data, std::optional<double> time = {}) const;
  /// The state of mj_resetData.
  void clear();
  const mjModel& nominal_model() const {
    return edited_model_ ? *edited_model_ : simulators_->model();
  }

  std::string model_file_;
  std::shared_ptr<Simulators> simulators_;
  // The environment's own, where the task edits it and once its parameters were scaled. They fit
  // the shared mjData all the same.
  using Model = std::unique_ptr<mjModel, void (*)(mjModel*)>;
  Model edited_model_{nullptr, mj_deleteModel};
  Model scaled_model_{nullptr, mj_deleteModel};
  std::unique_ptr<Renderer> renderer_;  ///< once it was drawn
  std::size_t nq_;
  std::size_t nv_;
  std::size_t physics_;  ///< how many numbers of state_ come before the derived ones
  std::size_t derived_ = 0;
  /// All that the next step depends on: [time, qpos, qvel, act, qacc_warmstart, derived]. The warm
  /// start, since the solver starts from the last acceleration and stops at a tolerance, so that
  /// the result depends on where it started.
  std::vector<double> state_;
  int steps_ahead_ = 0;        ///< physics steps of the next control step that are done
  std::vector<double> ahead_;  ///< the state after them, as state_ without the derived numbers
  int keyframe_ = -1;          ///< of the noise-free start; -1: qpos0
  int frame_skip_;
  EnvSpec spec_;
};

/// An unbounded box with an entry for each label.
Space unbounded_space(std::vector<std::string> labels);

/// Adds to each value a number of its own, uniform on [−half_width, half_width).
void add_uniform_noise(RandomStream& random, std::span<double> values, double half_width);

/// The same with Gaussian numbers.
void add_gaussian_noise(RandomStream& random, std::span<double> values, double deviation);

/// Σ xᵢ², in double.
double sum_of_squares(std::span<const float> values);
double sum_of_squares(std::span<const double> values);

}  // namespace costate
