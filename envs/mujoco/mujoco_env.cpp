#include "envs/mujoco/mujoco_env.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstddef>
#include <utility>
#include <vector>

#include "envs/assets.h"
#include "envs/error.h"
#include "envs/format.h"
#include "envs/mujoco/model.h"

namespace costate {
namespace {

std::string name_of(const mjModel& model, mjtObj kind, int id) {
  const char* name = mj_id2name(&model, kind, id);
  return name != nullptr ? name : "unnamed " + std::to_string(id);
}

bool is_slide(const mjModel& model, int joint) {
  return model.jnt_type[joint] == mjJNT_SLIDE;
}

/// A box with the actuators' control ranges, rounded to float as actions are.
Space action_space(const mjModel& model) {
  std::vector<double> low;
  std::vector<double> high;
  std::vector<std::string> labels;
  for (int i = 0; i < model.nu; ++i) {
    low.push_back(static_cast<float>(model.actuator_ctrlrange[2 * i]));
    high.push_back(static_cast<float>(model.actuator_ctrlrange[2 * i + 1]));
    const bool force = is_slide(model, model.actuator_trnid[2 * i]);
    labels.push_back(name_of(model, mjOBJ_ACTUATOR, i) + (force ? " force (" : " torque (") +
                     format_number(model.actuator_gear[6 * i]) + (force ? " N)" : " N m)"));
  }
  Space space = Space::box(std::move(low), std::move(high));
  space.labels = std::move(labels);
  return space;
}

/// What went wrong, or nullptr. Each of these means that the step is not what the model describes.
const char* trouble(const mjData& data) {
  constexpr std::array<std::pair<mjtWarning, const char*>, 6> kTroubles = {{
      {mjWARN_BADCTRL, "an action is not a finite number"},
      {mjWARN_BADQPOS, "qpos diverged (not finite, or beyond 1e10)"},
      {mjWARN_BADQVEL, "qvel diverged (not finite, or beyond 1e10)"},
      {mjWARN_BADQACC, "qacc diverged (not finite, or beyond 1e10)"},
      {mjWARN_CONTACTFULL, "too many contacts, raise nconmax in the model's <size>"},
      {mjWARN_CNSTRFULL, "too many constraints, raise njmax in the model's <size>"},
  }};
  for (const auto& [warning, text] : kTroubles) {
    if (data.warning[warning].number > 0) return text;
  }
  return nullptr;
}

}  // namespace

MujocoEnv::MujocoEnv(EnvSpec spec, const std::string& model_file, int frame_skip)
    : model_(shared_model(asset_path(model_file))),
      data_(mj_makeData(model_.get())),
      frame_skip_(frame_skip),
      spec_(std::move(spec)) {
  if (data_ == nullptr) throw Error(spec_.id + ": out of memory for the simulator's state");
  spec_.action = action_space(*model_);
  spec_.control_step = model_->opt.timestep * frame_skip;
}

void MujocoEnv::reset(std::uint64_t seed, std::span<double> observation) {
  mj_resetData(model_.get(), data_.get());
  RandomStream random(seed);
  disturb_start(random, {data_->qpos, qpos().size()}, {data_->qvel, qvel().size()});
  mj_forward(model_.get(), data_.get());
  observe(observation);
}

StepResult MujocoEnv::step(std::span<const float> action, std::span<double> observation) {
  const StepResult result = act(action);
  observe(observation);
  return result;
}

void MujocoEnv::save_state(StateWriter& writer) const {
  writer.write(data_->time);
  writer.write(qpos());
  writer.write(qvel());
  writer.write(std::span<const double>(data_->act, static_cast<std::size_t>(model_->na)));
  // The solver starts from the last acceleration and stops at a tolerance, so the result depends on
  // where it started.
  writer.write(std::span<const double>(data_->qacc_warmstart, qvel().size()));
}

void MujocoEnv::restore_state(StateReader& reader) {
  mj_resetData(model_.get(), data_.get());
  data_->time = reader.read<double>();
  reader.read(std::span(data_->qpos, qpos().size()));
  reader.read(std::span(data_->qvel, qvel().size()));
  reader.read(std::span(data_->act, static_cast<std::size_t>(model_->na)));
  reader.read(std::span(data_->qacc_warmstart, qvel().size()));
}

PhysicalState MujocoEnv::physical_state() const {
  return {
      .qpos = {qpos().begin(), qpos().end()}, .qvel = {qvel().begin(), qvel().end()}, .state = {}};
}

void MujocoEnv::reset_to(const std::optional<PhysicalState>& start, std::span<double> observation) {
  if (start && (start->qpos.size() != qpos().size() || start->qvel.size() != qvel().size() ||
                !start->state.empty())) {
    throw UsageError(spec_.id + ": a state has " + std::to_string(qpos().size()) + " qpos and " +
                     std::to_string(qvel().size()) + " qvel, got " +
                     std::to_string(start->qpos.size()) + " qpos, " +
                     std::to_string(start->qvel.size()) + " qvel and " +
                     std::to_string(start->state.size()) + " state");
  }
  mj_resetData(model_.get(), data_.get());
  if (start) {
    std::copy(start->qpos.begin(), start->qpos.end(), data_->qpos);
    std::copy(start->qvel.begin(), start->qvel.end(), data_->qvel);
  }
  mj_forward(model_.get(), data_.get());
  // mj_forward leaves its acceleration as the next warm start. A given state promises a zero one;
  // the noise-free start is a reset like any other and keeps it.
  if (start) std::fill_n(data_->qacc_warmstart, qvel().size(), 0.0);
  observe(observation);
}

void MujocoEnv::simulate(std::span<const float> action) {
  assert(action.size() == static_cast<std::size_t>(model_->nu));
  const double time = data_->time;
  std::copy(action.begin(), action.end(), data_->ctrl);
  for (int i = 0; i < frame_skip_; ++i) mj_step(model_.get(), data_.get());
  if (const char* text = trouble(*data_)) {
    throw Error(spec_.id + ": simulation failed in the control step at time " +
                format_number(time) + " s: " + text);
  }
  // A task that reads contact forces (cfrc_ext) has to call mj_rnePostConstraint here. Those that
  // read joint states alone do not pay for it.
}

Space MujocoEnv::joint_state_space(int first_qpos) const {
  std::vector<std::string> labels;
  for (int i = first_qpos; i < model_->njnt; ++i) {
    labels.push_back(name_of(*model_, mjOBJ_JOINT, i) +
                     (is_slide(*model_, i) ? " position (m)" : " angle (rad)"));
  }
  for (int i = 0; i < model_->njnt; ++i) {
    labels.push_back(name_of(*model_, mjOBJ_JOINT, i) +
                     (is_slide(*model_, i) ? " velocity (m/s)" : " angular velocity (rad/s)"));
  }
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  Space space = Space::box(static_cast<int>(labels.size()), -kInfinity, kInfinity);
  space.labels = std::move(labels);
  return space;
}

void MujocoEnv::copy_joint_state(std::span<double> observation, int first_qpos,
                                 double velocity_limit) const {
  const auto positions = qpos().subspan(static_cast<std::size_t>(first_qpos));
  assert(observation.size() == positions.size() + qvel().size());
  auto out = std::copy(positions.begin(), positions.end(), observation.begin());
  for (const double velocity : qvel())
    *out++ = std::clamp(velocity, -velocity_limit, velocity_limit);
}

void add_uniform_noise(RandomStream& random, std::span<double> values, double half_width) {
  for (double& value : values) value += random.uniform(-half_width, half_width);
}

double sum_of_squares(std::span<const float> action) {
  double sum = 0.0;
  for (const double a : action) sum += a * a;
  return sum;
}

}  // namespace costate
