// What all tasks of the DeepMind control suite share (Tassa et al., 2018, and its sources).
//
// Rewards are within [0, 1], and episodes end by time alone. The control step is physics steps
// followed by mj_step1, so that everything that depends on positions and velocities is current when
// it is observed; accelerations and forces are those of the last physics step's beginning. The
// reference splits the first step instead (mj_step2 on what mj_step1 left): the same computation
// except that its first half is not done twice. Ours costs one mj_step1 a control step more and
// leaves an environment free to borrow its mjData.
#pragma once

#include <string>
#include <vector>

#include "envs/mujoco/mujoco_env.h"

namespace costate {

class DmcEnv : public MujocoEnv {
 protected:
  /// `domain_task` is the id behind "dmc/". The model is the asset dmc_<domain>.xml.
  DmcEnv(const std::string& domain_task, const std::string& summary, const std::string& reward,
         int substeps);

  /// Names and units of what `look` writes, in the order of the reference's dictionary, and how
  /// many numbers the task draws for an episode. To be called in the constructor.
  void set_observation(std::vector<std::string> labels, std::size_t drawn = 0);

  /// Writes the observation. `drawn` is what start_drawn left for the episode.
  virtual void look(const mjModel& model, const mjData& data, std::span<const double> drawn,
                    std::span<double> observation) const = 0;
  /// The reward of the present state; data.ctrl is the action that led to it.
  virtual double judge(const mjModel& model, const mjData& data,
                       std::span<const double> drawn) const = 0;
  /// Draws the start of an episode into qpos and qvel, and what else it draws into `drawn`, which
  /// is zeros where an episode starts without drawing.
  virtual void draw_start(RandomStream& random, const mjModel& model, mjData& data,
                          std::span<double> drawn) const = 0;

  /// Adds the joints' positions from qpos[first_qpos] on, as entries of the dictionary's `group`.
  void add_positions(const std::string& group, int first_qpos,
                     std::vector<std::string>& labels) const;
  /// Adds all of qvel, as entries of "velocity".
  void add_velocities(std::vector<std::string>& labels) const;
  /// The place of a sensor's first number in mjData::sensordata.
  int sensor_address(const std::string& name) const;
  /// What was drawn for the present episode.
  std::span<const double> drawn() const { return derived().subspan(observation_size_ + 1); }

 private:
  void start_episode(RandomStream& random, const mjModel& model, mjData& data,
                     std::span<double> derived) const final;
  void first_forward(const mjModel& model, mjData& data) const final;
  void advance(const mjModel& model, mjData& data) const final;
  void extract(const mjModel& model, mjData& data, std::span<double> derived) const final;
  void observe(std::span<double> observation) const final;
  StepResult act(std::span<const float> action) final;

  std::size_t observation_size_ = 0;
};

/// Limited hinges and slides anywhere in their range, other hinges anywhere in [−π, π], a free
/// joint's orientation a normalised quaternion of four numbers from [0, 1) (which is not uniform,
/// but the reference's); other slides and a free joint's position stay.
void draw_joints(RandomStream& random, const mjModel& model, mjData& data);
/// draw_joints, again and again until nothing touches.
void draw_joints_without_contact(RandomStream& random, const mjModel& model, mjData& data);

/// Mean over the actuators of the reward for a small control: 1 at 0, 0 at ±1.
double small_controls(const mjModel& model, const mjData& data);

}  // namespace costate
