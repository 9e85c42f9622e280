// Pusher-v5: an arm of seven joints that is to push a cylinder over a table to a goal.
// Gymnasium's definition: reward = −w_n·|object − tips| − w_d·|object − goal| − w_c·Σa², positions
// as xpos has them after the step, where they lag behind qpos. Observed are qpos and qvel of the
// arm, and the three positions.
#include <algorithm>
#include <array>
#include <cmath>

#include "envs/mujoco/mujoco_env.h"
#include "envs/mujoco/task_options.h"
#include "envs/mujoco/tasks.h"

namespace costate {
namespace {

constexpr std::size_t kArmJoints = 7;
constexpr std::array<const char*, 3> kBodies = {"tips_arm", "object", "goal"};
constexpr double kLeastDistance = 0.17;  // m, of a start from the goal

EnvSpec pusher_spec(const PusherConfig& config) {
  return {.id = "Pusher-v5",
          .family = "mujoco",
          .summary = "Push a cylinder over a table to a goal with an arm of seven joints",
          .observation = {},
          .action = {},
          .time_limit = 100,
          .reward_threshold = 0.0,
          .reward = "-" + weighted(config.reward_near_weight, "|object - tips_arm|") + " - " +
                    weighted(config.reward_dist_weight, "|object - goal|") + " - " +
                    weighted(config.reward_control_weight, "sum(action^2)"),
          .termination = "never"};
}

class Pusher final : public MujocoEnv {
 public:
  explicit Pusher(const PusherConfig& config)
      : MujocoEnv(pusher_spec(config), config, "pusher.xml"), config_(config) {
    require_at_least(11, 11);
    const std::vector<std::string> joints = joint_state_labels(0);
    std::vector<std::string> labels;
    for (const auto first : {joints.begin(), joints.begin() + model().nq}) {
      labels.insert(labels.end(), first, first + kArmJoints);
    }
    for (std::size_t i = 0; i < kBodies.size(); ++i) {
      bodies_[i] = find(mjOBJ_BODY, kBodies[i]);
      for (const char* axis : {" x (m)", " y (m)", " z (m)"}) {
        labels.push_back(std::string(kBodies[i]) + axis);
      }
    }
    set_observation_space(unbounded_space(std::move(labels)));
    keep_derived(3 * kBodies.size());
  }

 private:
  // derived() holds the positions of kBodies.

  void extract(const mjModel&, mjData& data, std::span<double> derived) const override {
    for (std::size_t i = 0; i < bodies_.size(); ++i) {
      mju_copy3(derived.data() + 3 * i, data.xpos + 3 * bodies_[i]);
    }
  }

  double distance(std::size_t from, std::size_t to) const {
    return mju_dist3(derived().data() + 3 * from, derived().data() + 3 * to);
  }

  void disturb_start(RandomStream& random, std::span<double> qpos,
                     std::span<double> qvel) const override {
    // The last four of qpos slide the object along y and x, then the goal, which stays.
    const auto object = qpos.last(4).first(2);
    do {
      object[0] = random.uniform(-0.3, 0.0);
      object[1] = random.uniform(-0.2, 0.2);
    } while (std::hypot(object[0], object[1]) <= kLeastDistance);
    std::ranges::fill(qpos.last(2), 0.0);
    add_uniform_noise(random, qvel.first(qvel.size() - 4), 0.005);
  }

  void observe(std::span<double> observation) const override {
    auto out = std::ranges::copy(qpos().first(kArmJoints), observation.begin()).out;
    out = std::ranges::copy(qvel().first(kArmJoints), out).out;
    std::ranges::copy(derived(), out);
  }

  StepResult act(std::span<const float> action) override {
    simulate(action);
    return {.reward = -config_.reward_near_weight * distance(1, 0) -
                      config_.reward_dist_weight * distance(1, 2) -
                      config_.reward_control_weight * sum_of_squares(action)};
  }

  PusherConfig config_;
  std::array<int, kBodies.size()> bodies_;
};

}  // namespace

void PusherConfig::describe(Options& options) {
  MujocoConfig::describe(options);
  options.add("reward_near_weight", reward_near_weight, {},
              "weight of the distance (m) from the arm's tips to the object");
  options.add("reward_dist_weight", reward_dist_weight, {},
              "weight of the distance (m) from the object to the goal");
  add_reward_control_weight(options, reward_control_weight);
}

std::unique_ptr<Env> make_pusher(const PusherConfig& config) {
  return std::make_unique<Pusher>(config);
}

}  // namespace costate
