#include "envs/mujoco/mujoco_env.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

#include "envs/assets.h"
#include "envs/error.h"
#include "envs/format.h"
#include "envs/hash.h"
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

/// What a control of the actuator is: for a motor at a joint the force or torque at 1, else its
/// target (a servo's) or nothing in particular.
std::string control_label(const mjModel& model, int actuator) {
  if (model.actuator_biastype[actuator] != mjBIAS_NONE) return " target";
  if (model.actuator_trntype[actuator] != mjTRN_JOINT) return " control";
  const bool force = is_slide(model, model.actuator_trnid[2 * actuator]);
  const double gear = model.actuator_gear[6 * actuator];
  return (force ? " force (" : " torque (") + format_number(gear) + (force ? " N)" : " N m)");
}

/// A box with the actuators' control ranges, rounded to float as actions are.
Space action_space(const mjModel& model) {
  std::vector<double> low;
  std::vector<double> high;
  std::vector<std::string> labels;
  for (int i = 0; i < model.nu; ++i) {
    if (!model.actuator_ctrllimited[i]) {
      throw UsageError("actuator " + name_of(model, mjOBJ_ACTUATOR, i) +
                       " has no ctrlrange (with ctrllimited=\"true\"), which bounds the actions");
    }
    low.push_back(static_cast<float>(model.actuator_ctrlrange[2 * i]));
    high.push_back(static_cast<float>(model.actuator_ctrlrange[2 * i + 1]));
    labels.push_back(name_of(model, mjOBJ_ACTUATOR, i) + control_label(model, i));
  }
  Space space = Space::box(std::move(low), std::move(high));
  space.labels = std::move(labels);
  return space;
}

void scale(const mjtNum* from, mjtNum* to, int first, int count, double factor) {
  for (int i = first; i < first + count; ++i) to[i] = from[i] * factor;
}

/// Elements of the model that can be scaled one by one.
struct ScalableArray {
  const char* what;
  mjtObj kind;
  int mjModel::*count;
  void (*scale)(const mjModel& from, mjModel& to, int i, double factor);
};
constexpr ScalableArray kScalable[] = {
    {"mass", mjOBJ_BODY, &mjModel::nbody,
     [](const mjModel& from, mjModel& to, int i, double factor) {
       scale(from.body_mass, to.body_mass, i, 1, factor);
       scale(from.body_inertia, to.body_inertia, 3 * i, 3, factor);
     }},
    {"friction", mjOBJ_GEOM, &mjModel::ngeom,
     [](const mjModel& from, mjModel& to, int i, double factor) {
       scale(from.geom_friction, to.geom_friction, 3 * i, 3, factor);
     }},
    {"damping", mjOBJ_JOINT, &mjModel::njnt,
     [](const mjModel& from, mjModel& to, int i, double factor) {
       const int first = from.jnt_dofadr[i];
       const int end = i + 1 < from.njnt ? from.jnt_dofadr[i + 1] : from.nv;
       scale(from.dof_damping, to.dof_damping, first, end - first, factor);
     }},
    {"gear", mjOBJ_ACTUATOR, &mjModel::nu,
     [](const mjModel& from, mjModel& to, int i, double factor) {
       scale(from.actuator_gear, to.actuator_gear, 6 * i, 6, factor);
     }},
};

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

void MujocoConfig::describe(Options& options) {
  options.add("xml_file", xml_file, {},
              "path of an MJCF model to take in place of the task's own; empty: the task's own");
  options.add("frame_skip", frame_skip, Range::between(1, 10000),
              "physics steps in a control step");
}

MujocoEnv::MujocoEnv(EnvSpec spec, const MujocoConfig& config, const std::string& asset)
    : model_file_(config.xml_file.empty() ? "assets/" + asset : config.xml_file),
      simulators_(shared_simulators(
          config.xml_file.empty() ? asset_path(asset) : std::filesystem::path(config.xml_file))),
      nq_(static_cast<std::size_t>(model().nq)),
      nv_(static_cast<std::size_t>(model().nv)),
      physics_(1 + nq_ + nv_ + static_cast<std::size_t>(model().na) + nv_),
      state_(physics_),
      ahead_(physics_),
      frame_skip_(static_cast<int>(config.frame_skip)),
      spec_(std::move(spec)) {
  spec_.action = action_space(model());
  spec_.control_step = model().opt.timestep * frame_skip_;
  clear();
  simulators_->add();
}

MujocoEnv::~MujocoEnv() {
  simulators_->remove();
}

std::array<std::pair<double*, std::size_t>, 5> MujocoEnv::state_parts(mjData& data) const {
  return {{{&data.time, 1},
           {data.qpos, nq_},
           {data.qvel, nv_},
           {data.act, static_cast<std::size_t>(model().na)},
           {data.qacc_warmstart, nv_}}};
}

mjData& MujocoEnv::borrow_simulator(std::span<const double> state,
                                    std::span<const float> controls) {
  mjData& data = simulators_->borrow();
  const double* in = state.data();
  for (const auto& [part, size] : state_parts(data)) {
    std::copy_n(in, size, part);
    in += size;
  }
  std::fill_n(std::copy(controls.begin(), controls.end(), data.ctrl),
              static_cast<std::size_t>(model().nu) - controls.size(), 0.0);
  // Those that another environment met are not ours.
  std::fill(std::begin(data.warning), std::end(data.warning), mjWarningStat{});
  return data;
}

template <class Work>
void MujocoEnv::with_simulator(std::span<const float> controls, const Work& work) {
  mjData& data = borrow_simulator(state_ahead(), controls);
  try {
    work(data);
  } catch (...) {
    steps_ahead_ = 0;
    mj_resetData(&model(), &data);
    simulators_->give_back(data);
    throw;
  }
  steps_ahead_ = 0;
  double* out = state_.data();
  for (const auto& [part, size] : state_parts(data)) out = std::copy_n(part, size, out);
  extract(model(), data, {out, derived_});
  simulators_->give_back(data);
}

void MujocoEnv::render(const RenderOptions& options, Picture& picture) {
  if (!renderer_) renderer_ = std::make_unique<Renderer>(model());
  arrange_picture(renderer_->model());
  mjData& data = borrow_simulator(state_, {});
  mj_fwdPosition(&renderer_->model(), &data);
  try {
    renderer_->draw(data, options, picture);
  } catch (...) {
    simulators_->give_back(data);
    throw;
  }
  simulators_->give_back(data);
}

void MujocoEnv::arrange_picture(mjModel&) const {}

namespace {

/// A geom as a shape; nothing where it is not to be seen.
std::optional<SceneShape> shape_of(const mjModel& model, int geom) {
  using Kind = SceneShape::Kind;
  constexpr int kVisibleGroups = 3;
  constexpr std::array<float, 4> kDefaultColor = {0.5f, 0.5f, 0.5f, 1.0f};
  const int material = model.geom_matid[geom];
  // As MuJoCo's pictures have it: the geom's own colour, if it is not the default.
  const float* color = model.geom_rgba + 4 * geom;
  if (material >= 0 && std::ranges::equal(std::span(color, 4), kDefaultColor)) {
    color = model.mat_rgba + 4 * material;
  }
  if (model.geom_group[geom] >= kVisibleGroups || color[3] == 0.0f) return std::nullopt;

  SceneShape shape;
  shape.body = static_cast<std::size_t>(model.geom_bodyid[geom]);
  std::copy_n(model.geom_pos + 3 * geom, 3, shape.pose.position.begin());
  std::copy_n(model.geom_quat + 4 * geom, 4, shape.pose.rotation.begin());
  if (!is_floor(model, geom)) std::copy_n(model.geom_size + 3 * geom, 3, shape.size.begin());
  std::copy_n(color, 4, shape.color.begin());
  constexpr std::array<std::pair<int, Kind>, 7> kKinds = {{{mjGEOM_PLANE, Kind::kPlane},
                                                           {mjGEOM_SPHERE, Kind::kSphere},
                                                           {mjGEOM_CAPSULE, Kind::kCapsule},
                                                           {mjGEOM_ELLIPSOID, Kind::kEllipsoid},
                                                           {mjGEOM_CYLINDER, Kind::kCylinder},
                                                           {mjGEOM_BOX, Kind::kBox},
                                                           {mjGEOM_MESH, Kind::kMesh}}};
  const auto kind = std::ranges::find(kKinds, model.geom_type[geom], &std::pair<int, Kind>::first);
  if (kind == kKinds.end()) return std::nullopt;
  shape.kind = kind->second;
  if (shape.kind == Kind::kMesh) {
    const int mesh = model.geom_dataid[geom];
    for (int i = 0; i < model.mesh_vertnum[mesh]; ++i) {
      const float* vertex = model.mesh_vert + 3 * (model.mesh_vertadr[mesh] + i);
      shape.points.push_back({vertex[0], vertex[1], vertex[2]});
    }
    for (int i = 0; i < model.mesh_facenum[mesh]; ++i) {
      const int* face = model.mesh_face + 3 * (model.mesh_faceadr[mesh] + i);
      shape.faces.push_back({face[0], face[1], face[2]});
    }
  }
  return shape;
}

}  // namespace

double MujocoEnv::actuator_power(std::span<const float> action) {
  mjData& data = borrow_simulator(state_, action);
  mj_fwdPosition(&model(), &data);
  mj_fwdVelocity(&model(), &data);
  mj_fwdActuation(&model(), &data);
  double power = 0.0;
  for (int i = 0; i < model().nu; ++i) {
    power += std::abs(data.actuator_force[i] * data.actuator_velocity[i]);
  }
  simulators_->give_back(data);
  return power;
}

Scene MujocoEnv::scene() {
  const Model arranged(mj_copyModel(nullptr, &model()), mj_deleteModel);
  if (!arranged) throw Error("out of memory for a model of " + spec_.id);
  arrange_picture(*arranged);
  Scene scene;
  for (int i = 0; i < arranged->nbody; ++i) scene.bodies.push_back(name(mjOBJ_BODY, i));
  for (int i = 0; i < arranged->ngeom; ++i) {
    if (auto shape = shape_of(*arranged, i)) scene.shapes.push_back(std::move(*shape));
  }
  return scene;
}

void MujocoEnv::body_poses(std::span<double> poses) {
  assert(poses.size() == static_cast<std::size_t>(model().nbody) * kPoseNumbers);
  mjData& data = borrow_simulator(state_, {});
  mj_kinematics(&model(), &data);
  auto out = poses.begin();
  for (int i = 0; i < model().nbody; ++i) {
    out = std::copy_n(data.xpos + 3 * i, 3, out);
    out = std::copy_n(data.xquat + 4 * i, 4, out);
  }
  simulators_->give_back(data);
}

namespace {

/// The name under which element i can be scaled alone, or nullptr. The world is no body of weight.
const char* scalable_name(const mjModel& model, const ScalableArray& array, int i) {
  if (array.kind == mjOBJ_BODY && i == 0) return nullptr;
  const char* name = mj_id2name(&model, array.kind, i);
  return name != nullptr && *name != '\0' ? name : nullptr;
}

}  // namespace

std::vector<std::string> MujocoEnv::parameter_names() const {
  std::vector<std::string> names;
  for (const ScalableArray& array : kScalable) {
    names.emplace_back(array.what);
    for (int i = 0; i < model().*array.count; ++i) {
      if (const char* name = scalable_name(model(), array, i)) {
        names.push_back(std::string(array.what) + "/" + name);
      }
    }
  }
  return names;
}

void MujocoEnv::scale_parameters(std::span<const double> factors) {
  const mjModel& nominal = nominal_model();
  if (!scaled_model_) {
    scaled_model_.reset(mj_copyModel(nullptr, &nominal));
    if (!scaled_model_) throw Error("out of memory for a model of " + spec_.id);
  }
  mjModel& scaled = *scaled_model_;
  auto factor = factors.begin();
  for (const ScalableArray& array : kScalable) {
    const double of_all = *factor++;
    for (int i = 0; i < nominal.*array.count; ++i) {
      double own = of_all;
      if (scalable_name(nominal, array, i) != nullptr) own *= *factor++;
      array.scale(nominal, scaled, i, own);
    }
  }
  assert(factor == factors.end());
  // What MuJoCo derives from these once a model, such as the masses of subtrees.
  mjData& data = simulators_->borrow();
  mj_setConst(&scaled, &data);
  mj_resetData(&scaled, &data);
  simulators_->give_back(data);
}

std::optional<PhysicsModel> MujocoEnv::physics_model() const {
  const mjModel& nominal = nominal_model();
  std::vector<std::byte> bytes(static_cast<std::size_t>(mj_sizeModel(&nominal)));
  mj_saveModel(&nominal, nullptr, bytes.data(), static_cast<int>(bytes.size()));
  return PhysicsModel{model_file_, fnv1a(bytes)};
}

void MujocoEnv::clear() {
  steps_ahead_ = 0;
  std::fill(state_.begin(), state_.end(), 0.0);
  std::copy_n(model().qpos0, nq_, mutable_qpos().begin());
  if (keyframe_ < 0) return;
  const auto key = static_cast<std::size_t>(keyframe_);
  std::copy_n(model().key_qpos + key * nq_, nq_, mutable_qpos().begin());
  std::copy_n(model().key_qvel + key * nv_, nv_, mutable_qvel().begin());
}

void MujocoEnv::start_episode(RandomStream& random, const mjModel&, mjData& data,
                              std::span<double>) const {
  disturb_start(random, {data.qpos, nq_}, {data.qvel, nv_});
}

void MujocoEnv::disturb_start(RandomStream&, std::span<double>, std::span<double>) const {}

void MujocoEnv::first_forward(const mjModel& model, mjData& data) const {
  // Not computed by mj_forward: what it holds is of another environment.
  std::fill_n(data.cfrc_ext, 6 * model.nbody, 0.0);
  mj_forward(&model, &data);
}

void MujocoEnv::start_from_keyframe(int key) {
  keyframe_ = key;
  clear();
}

void MujocoEnv::edit_model(void (*edit)(mjModel& model)) {
  edited_model_.reset(mj_copyModel(nullptr, &simulators_->model()));
  if (!edited_model_) throw Error("out of memory for a model of " + spec_.id);
  edit(*edited_model_);
}

void MujocoEnv::keep_derived(std::size_t count) {
  derived_ = count;
  state_.resize(physics_ + count);
}

void MujocoEnv::extract(const mjModel&, mjData&, std::span<double>) const {}

void MujocoEnv::advance(const mjModel& model, mjData& data) const {
  for (int i = steps_ahead_; i < frame_skip_; ++i) mj_step(&model, &data);
}

void MujocoEnv::head_start(std::span<const float> action) {
  assert(steps_ahead_ < head_starts());
  mjData& data = borrow_simulator(state_ahead(), action);
  mj_step(&model(), &data);
  if (trouble(data) == nullptr) {
    double* out = ahead_.data();
    for (const auto& [part, size] : state_parts(data)) out = std::copy_n(part, size, out);
    ++steps_ahead_;
  } else {
    steps_ahead_ = 0;
    mj_resetData(&model(), &data);
  }
  simulators_->give_back(data);
}

void MujocoEnv::reset(std::uint64_t seed, std::span<double> observation) {
  clear();
  RandomStream random(seed);
  with_simulator({}, [&](mjData& data) {
    start_episode(random, model(), data, std::span(state_).subspan(physics_));
    first_forward(model(), data);
    check(data);
  });
  observe(observation);
}

StepResult MujocoEnv::step(std::span<const float> action, std::span<double> observation) {
  const StepResult result = act(action);
  observe(observation);
  return result;
}

void MujocoEnv::save_state(StateWriter& writer) const {
  writer.write(std::span<const double>(state_));
}

void MujocoEnv::restore_state(StateReader& reader) {
  steps_ahead_ = 0;
  reader.read(std::span(state_));
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
  clear();
  if (start) {
    std::ranges::copy(start->qpos, mutable_qpos().begin());
    std::ranges::copy(start->qvel, mutable_qvel().begin());
  }
  with_simulator({}, [this](mjData& data) {
    first_forward(model(), data);
    check(data);
  });
  // mj_forward leaves its acceleration as the next warm start, and rounds quaternions by
  // normalising them once more. A given state promises a zero warm start and its very numbers; the
  // noise-free start is a reset like any other.
  if (start) {
    std::ranges::copy(start->qpos, mutable_qpos().begin());
    std::ranges::fill(warm_start(), 0.0);
  }
  observe(observation);
}

void MujocoEnv::check(const mjData& data, std::optional<double> time) const {
  const char* text = trouble(data);
  if (text == nullptr) return;
  throw Error(spec_.id + ": simulation failed " +
              (time ? "in the control step at time " + format_number(*time) + " s"
                    : "at the start of an episode") +
              ": " + text);
}

void MujocoEnv::simulate(std::span<const float> action) {
  assert(action.size() == static_cast<std::size_t>(model().nu));
  with_simulator(action, [this](mjData& data) {
    advance(model(), data);
    check(data, /*time=*/state_.front());
  });
}

std::vector<std::string> MujocoEnv::joint_state_labels(int first_qpos) const {
  std::vector<std::string> labels;
  std::vector<std::string> velocities;
  for (int i = 0; i < model().njnt; ++i) {
    const std::string joint = name_of(model(), mjOBJ_JOINT, i);
    const int type = model().jnt_type[i];
    if (type == mjJNT_SLIDE) {
      labels.push_back(joint + " position (m)");
      velocities.push_back(joint + " velocity (m/s)");
    } else if (type == mjJNT_HINGE) {
      labels.push_back(joint + " angle (rad)");
      velocities.push_back(joint + " angular velocity (rad/s)");
    } else {
      if (type == mjJNT_FREE) {
        for (const char* axis : {" x", " y", " z"}) {
          labels.push_back(joint + axis + " position (m)");
          velocities.push_back(joint + axis + " velocity (m/s)");
        }
      }
      for (const char* part : {"w", "x", "y", "z"}) labels.push_back(joint + " quaternion " + part);
      for (const char* axis : {" x", " y", " z"}) {
        velocities.push_back(joint + axis + " angular velocity (rad/s)");
      }
    }
  }
  labels.erase(labels.begin(), labels.begin() + first_qpos);
  labels.insert(labels.end(), velocities.begin(), velocities.end());
  return labels;
}

Space MujocoEnv::joint_state_space(int first_qpos) const {
  return unbounded_space(joint_state_labels(first_qpos));
}

std::span<double> MujocoEnv::copy_joint_state(std::span<double> observation, int first_qpos,
                                              double velocity_limit) const {
  const auto positions = qpos().subspan(static_cast<std::size_t>(first_qpos));
  assert(observation.size() >= positions.size() + qvel().size());
  auto out = std::copy(positions.begin(), positions.end(), observation.begin());
  for (const double velocity : qvel())
    *out++ = std::clamp(velocity, -velocity_limit, velocity_limit);
  return {out, observation.end()};
}

int MujocoEnv::find(mjtObj kind, const std::string& name) const {
  // MuJoCo takes "" for the name of what has none.
  const int id = name.empty() ? -1 : mj_name2id(&model(), kind, name.c_str());
  if (id < 0) {
    throw UsageError(spec_.id + ": the model has no " + mju_type2Str(kind) + " \"" + name + "\"");
  }
  return id;
}

std::string MujocoEnv::name(mjtObj kind, int index) const {
  return name_of(model(), kind, index);
}

void MujocoEnv::require_at_least(int nq, int nv) const {
  if (model().nq < nq || model().nv < nv) {
    throw UsageError(spec_.id + ": the task needs a model with at least " + std::to_string(nq) +
                     " qpos and " + std::to_string(nv) + " qvel, got " +
                     std::to_string(model().nq) + " and " + std::to_string(model().nv));
  }
}

Space unbounded_space(std::vector<std::string> labels) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  Space space = Space::box(static_cast<int>(labels.size()), -kInfinity, kInfinity);
  space.labels = std::move(labels);
  return space;
}

void add_uniform_noise(RandomStream& random, std::span<double> values, double half_width) {
  for (double& value : values) value += random.uniform(-half_width, half_width);
}

void add_gaussian_noise(RandomStream& random, std::span<double> values, double deviation) {
  for (double& value : values) value += deviation * random.normal();
}

double sum_of_squares(std::span<const float> values) {
  double sum = 0.0;
  for (const double x : values) sum += x * x;
  return sum;
}

double sum_of_squares(std::span<const double> values) {
  double sum = 0.0;
  for (const double x : values) sum += x * x;
  return sum;
}

}  // namespace costate
