// Reacher-v5: a two-link arm in the plane whose fingertip is to reach a target.
// Gymnasium's definition: reward = −w_d·|fingertip − target| − w_c·Σa², both positions as xpos has
// them after the step, where they lag behind qpos. Observed are cosines and sines of both angles,
// the target's coordinates, the arm's qvel, and fingertip − target in x and y.
#include <algorithm>
#include <cmath>

#include "envs/mujoco/mujoco_env.h"
#include "envs/mujoco/task_options.h"
#include "envs/mujoco/tasks.h"

namespace costate {
namespace {

constexpr double kTargetRadius = 0.2;  // m, of the disc in which targets lie

EnvSpec reacher_spec(const ReacherConfig& config) {
  return {.id = "Reacher-v5",
          .family = "mujoco",
          .summary = "Bring the fingertip of a two-link arm to a target",
          .observation = {},
          .action = {},
          .time_limit = 50,
          .reward_threshold = -3.75,
          .reward = "-" + weighted(config.reward_dist_weight, "|fingertip - target|") + " - " +
                    weighted(config.reward_control_weight, "sum(action^2)"),
          .termination = "never"};
}

class Reacher final : public MujocoEnv {
 public:
  explicit Reacher(const ReacherConfig& config)
      : MujocoEnv(reacher_spec(config), config, "reacher.xml"),
        config_(config),
        fingertip_(find(mjOBJ_BODY, "fingertip")),
        target_(find(mjOBJ_BODY, "target")) {
    require_at_least(4, 4);
    std::vector<std::string> labels = {"cos(joint0 angle)", "cos(joint1 angle)",
                                       "sin(joint0 angle)", "sin(joint1 angle)"};
    const std::vector<std::string> joints = joint_state_labels(2);  // all of qpos but the angles
    const auto velocities = joints.begin() + model().nq - 2;
    labels.insert(labels.end(), joints.begin(), velocities + 2);
    labels.insert(labels.end(), {"fingertip - target x (m)", "fingertip - target y (m)"});
    set_observation_space(unbounded_space(std::move(labels)));
    keep_derived(3);
  }

 private:
  // derived() is fingertip − target.

  void extract(const mjModel&, mjData& data, std::span<double> derived) const override {
    mju_sub3(derived.data(), data.xpos + 3 * fingertip_, data.xpos + 3 * target_);
  }

  void disturb_start(RandomStream& random, std::span<double> qpos,
                     std::span<double> qvel) const override {
    add_uniform_noise(random, qpos, 0.1);
    const auto target = qpos.last(2);
    do {
      for (double& x : target) x = random.uniform(-kTargetRadius, kTargetRadius);
    } while (std::hypot(target[0], target[1]) >= kTargetRadius);
    add_uniform_noise(random, qvel.first(qvel.size() - 2), 0.005);
  }

  void observe(std::span<double> observation) const override {
    for (std::size_t i = 0; i < 2; ++i) {
      observation[i] = std::cos(qpos()[i]);
      observation[2 + i] = std::sin(qpos()[i]);
    }
    auto out = std::ranges::copy(qpos().subspan(2), observation.begin() + 4).out;
    out = std::ranges::copy(qvel().first(2), out).out;
    std::ranges::copy(derived().first(2), out);
  }

  StepResult act(std::span<const float> action) override {
    simulate(action);
    return {.reward = -config_.reward_dist_weight * mju_norm3(derived().data()) -
                      config_.reward_control_weight * sum_of_squares(action)};
  }

  ReacherConfig config_;
  int fingertip_;
  int target_;
};

}  // namespace

void ReacherConfig::describe(Options& options) {
  MujocoConfig::describe(options);
  options.add("reward_dist_weight", reward_dist_weight, {},
              "weight of the distance (m) from the fingertip to the target");
  add_reward_control_weight(options, reward_control_weight);
}

std::unique_ptr<Env> make_reacher(const ReacherConfig& config) {
  return std::make_unique<Reacher>(config);
}

}  // namespace costate
