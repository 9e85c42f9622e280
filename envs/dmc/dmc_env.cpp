#include "envs/dmc/dmc_env.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <utility>

#include "envs/dmc/tolerance.h"

namespace costate {
namespace {

EnvSpec dmc_spec(const std::string& domain_task, const std::string& summary,
                 const std::string& reward) {
  EnvSpec spec;
  spec.id = "dmc/" + domain_task;
  spec.family = "dmc";
  spec.summary = summary;
  spec.time_limit = 1000;
  spec.reward = reward;
  spec.termination = "never";
  return spec;
}

std::string asset_of(const std::string& domain_task) {
  return "dmc_" + domain_task.substr(0, domain_task.find('-')) + ".xml";
}

/// Undoes what `work` does to the quaternion of a root that is free. MuJoCo normalises it before it
/// computes anything from it, which rounds. Here the position stage runs twice on the state between
/// two control steps, in the reference once; so the state keeps the number from before.
template <class Work>
void keep_quaternion(const mjModel& model, mjData& data, const Work& work) {
  if (model.jnt_type[0] != mjJNT_FREE) return work();
  std::array<double, 4> quaternion;
  std::copy_n(data.qpos + 3, 4, quaternion.begin());
  work();
  std::ranges::copy(quaternion, data.qpos + 3);
}

}  // namespace

DmcEnv::DmcEnv(const std::string& domain_task, const std::string& summary,
               const std::string& reward, int substeps)
    : MujocoEnv(dmc_spec(domain_task, summary, reward), {.frame_skip = substeps},
                asset_of(domain_task)) {}

void DmcEnv::set_observation(std::vector<std::string> labels, std::size_t drawn) {
  observation_size_ = labels.size();
  keep_derived(observation_size_ + 1 + drawn);
  set_observation_space(unbounded_space(std::move(labels)));
}

void DmcEnv::add_positions(const std::string& group, int first_qpos,
                           std::vector<std::string>& labels) const {
  const std::vector<std::string> joints = joint_state_labels(first_qpos);
  for (auto label = joints.begin(); label != joints.end() - model().nv; ++label) {
    labels.push_back(group + ": " + *label);
  }
}

void DmcEnv::add_velocities(std::vector<std::string>& labels) const {
  const std::vector<std::string> joints = joint_state_labels(0);
  for (auto label = joints.end() - model().nv; label != joints.end(); ++label) {
    labels.push_back("velocity: " + *label);
  }
}

int DmcEnv::sensor_address(const std::string& name) const {
  return model().sensor_adr[find(mjOBJ_SENSOR, name)];
}

void DmcEnv::start_episode(RandomStream& random, const mjModel& model, mjData& data,
                           std::span<double> derived) const {
  draw_start(random, model, data, derived.subspan(observation_size_ + 1));
}

void DmcEnv::first_forward(const mjModel& model, mjData& data) const {
  // mj_forward with actuation switched off, which is what the reference does.
  keep_quaternion(model, data, [&] { mj_fwdPosition(&model, &data); });
  mj_sensorPos(&model, &data);
  mj_fwdVelocity(&model, &data);
  mj_sensorVel(&model, &data);
  std::fill_n(data.actuator_force, model.nu, 0.0);
  std::fill_n(data.qfrc_actuator, model.nv, 0.0);
  mj_fwdAcceleration(&model, &data);
  mj_fwdConstraint(&model, &data);
  mj_sensorAcc(&model, &data);
}

void DmcEnv::advance(const mjModel& model, mjData& data) const {
  MujocoEnv::advance(model, data);
  keep_quaternion(model, data, [&] { mj_step1(&model, &data); });
}

void DmcEnv::extract(const mjModel& model, mjData& data, std::span<double> derived) const {
  const std::span<const double> drawn = derived.subspan(observation_size_ + 1);
  look(model, data, drawn, derived.first(observation_size_));
  derived[observation_size_] = judge(model, data, drawn);
}

void DmcEnv::observe(std::span<double> observation) const {
  std::ranges::copy(derived().first(observation_size_), observation.begin());
}

StepResult DmcEnv::act(std::span<const float> action) {
  simulate(action);
  return {.reward = derived()[observation_size_]};
}

void draw_joints(RandomStream& random, const mjModel& model, mjData& data) {
  for (int joint = 0; joint < model.njnt; ++joint) {
    double* q = data.qpos + model.jnt_qposadr[joint];
    const int type = model.jnt_type[joint];
    if (type == mjJNT_FREE) {
      for (int i = 3; i < 7; ++i) q[i] = random.uniform();
      mju_normalize4(q + 3);
    } else if (model.jnt_limited[joint]) {
      *q = random.uniform(model.jnt_range[2 * joint], model.jnt_range[2 * joint + 1]);
    } else if (type == mjJNT_HINGE) {
      *q = random.uniform(-std::numbers::pi, std::numbers::pi);
    }
  }
}

void draw_joints_without_contact(RandomStream& random, const mjModel& model, mjData& data) {
  do {
    draw_joints(random, model, data);
    mj_fwdPosition(&model, &data);
  } while (data.ncon > 0);
}

double small_controls(const mjModel& model, const mjData& data) {
  double sum = 0.0;
  for (int i = 0; i < model.nu; ++i) {
    sum += tolerance(data.ctrl[i], {0.0, 0.0}, {1.0, Sigmoid::kQuadratic, 0.0});
  }
  return sum / model.nu;
}

}  // namespace costate
