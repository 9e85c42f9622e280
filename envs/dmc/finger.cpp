// dmc/finger-spin, -turn_easy and -turn_hard: a finger of two links flicks a spinner. Spin: reward
// 1 while the spinner turns at 15 rad/s or faster in one direction. Turn: reward 1 while the
// spinner's tip is within the target, of radius 0.07 m or 0.03 m, which is drawn for every episode;
// where an episode starts without drawing, it is where the model has it.
#include <array>
#include <cmath>
#include <numbers>

#include "envs/dmc/dmc_env.h"
#include "envs/dmc/tasks.h"

namespace costate {
namespace {

/// What is asked of the spinner.
struct Task {
  const char* id;
  const char* reward;
  double target_radius;  ///< 0: to spin
};

class Finger final : public DmcEnv {
 public:
  explicit Finger(const Task& task)
      : DmcEnv(task.id, "Turn a spinner with a finger", task.reward, /*substeps=*/2),
        target_radius_(task.target_radius),
        target_(find(mjOBJ_SITE, "target")),
        cap_(find(mjOBJ_GEOM, "cap1")),
        spinner_(find(mjOBJ_BODY, "spinner")),
        proximal_(sensor_address("proximal")),
        proximal_velocity_(sensor_address("proximal_velocity")),
        hinge_velocity_(sensor_address("hinge_velocity")),
        tip_(sensor_address("tip")),
        spinner_position_(sensor_address("spinner")),
        touch_(sensor_address("touchtop")) {
    std::vector<std::string> labels = {"position: proximal angle (rad)",
                                       "position: distal angle (rad)",
                                       "position: spinner's tip from its axis, x (m)",
                                       "position: spinner's tip from its axis, z (m)",
                                       "velocity: proximal angular velocity (rad/s)",
                                       "velocity: distal angular velocity (rad/s)",
                                       "velocity: spinner angular velocity (rad/s)",
                                       "touch: log(1 + force at the fingertip's top) (log N)",
                                       "touch: log(1 + force at the fingertip's bottom) (log N)"};
    if (turns()) {
      labels.insert(labels.end(), {"target_position: target from the spinner's axis, x (m)",
                                   "target_position: target from the spinner's axis, z (m)",
                                   "dist_to_target: from the tip to the target's edge (m)"});
    } else {
      // The reference lets the spinner turn more freely where it has to spin.
      edit_model([](mjModel& model) {
        const int hinge = mj_name2id(&model, mjOBJ_JOINT, "hinge");
        model.dof_damping[model.jnt_dofadr[hinge]] = 0.03;
      });
    }
    set_observation(std::move(labels), /*drawn=*/2);
  }

 private:
  bool turns() const { return target_radius_ > 0.0; }

  void look(const mjModel&, const mjData& data, std::span<const double> drawn,
            std::span<double> observation) const override {
    const double* s = data.sensordata;
    observation[0] = s[proximal_];
    observation[1] = s[proximal_ + 1];
    observation[2] = s[tip_] - s[spinner_position_];
    observation[3] = s[tip_ + 2] - s[spinner_position_ + 2];
    observation[4] = s[proximal_velocity_];
    observation[5] = s[proximal_velocity_ + 1];
    observation[6] = s[hinge_velocity_];
    observation[7] = std::log1p(s[touch_]);
    observation[8] = std::log1p(s[touch_ + 1]);
    if (!turns()) return;
    const auto target = target_from_axis(drawn);
    observation[9] = target[0];
    observation[10] = target[1];
    observation[11] = distance(data, drawn);
  }

  /// x and z of the target from the spinner's axis, which is fixed in the world. What is drawn is
  /// how far the target is from where the model has it.
  std::array<double, 2> target_from_axis(std::span<const double> drawn) const {
    const auto own = own_target();
    return {own[0] + drawn[0], own[1] + drawn[1]};
  }
  std::array<double, 2> own_target() const {
    const double* site = model().site_pos + 3 * target_;
    const double* axis = model().body_pos + 3 * spinner_;
    return {site[0] - axis[0], site[2] - axis[2]};
  }

  /// From the spinner's tip to the target's edge; negative inside.
  double distance(const mjData& data, std::span<const double> drawn) const {
    const double* s = data.sensordata;
    const auto target = target_from_axis(drawn);
    return std::hypot(target[0] - (s[tip_] - s[spinner_position_]),
                      target[1] - (s[tip_ + 2] - s[spinner_position_ + 2])) -
           target_radius_;
  }

  double judge(const mjModel&, const mjData& data, std::span<const double> drawn) const override {
    if (turns()) return distance(data, drawn) <= 0.0 ? 1.0 : 0.0;
    constexpr double kSpeed = 15.0;
    return data.sensordata[hinge_velocity_] <= -kSpeed ? 1.0 : 0.0;
  }

  void draw_start(RandomStream& random, const mjModel& model, mjData& data,
                  std::span<double> drawn) const override {
    if (turns()) {
      const double angle = random.uniform(-std::numbers::pi, std::numbers::pi);
      const double* size = model.geom_size + 3 * cap_;
      const double radius = size[0] + size[1] + size[2];
      const auto own = own_target();
      drawn[0] = radius * std::sin(angle) - own[0];
      drawn[1] = radius * std::cos(angle) - own[1];
    }
    draw_joints_without_contact(random, model, data);
  }

  void arrange_picture(mjModel& model) const override {
    const double* own = MujocoEnv::model().site_pos + 3 * target_;
    model.site_size[3 * target_] = target_radius_;
    model.site_pos[3 * target_] = own[0] + drawn()[0];
    model.site_pos[3 * target_ + 2] = own[2] + drawn()[1];
  }

  double target_radius_;
  int target_;
  int cap_;
  int spinner_;
  // Places in sensordata; a sensor of the distal joint or of the bottom follows its partner's.
  int proximal_;
  int proximal_velocity_;
  int hinge_velocity_;
  int tip_;
  int spinner_position_;
  int touch_;
};

}  // namespace

std::unique_ptr<Env> make_dmc_finger_spin() {
  return std::make_unique<Finger>(Task{
      "finger-spin", "1 while the spinner's angular velocity is at most -15 rad/s, else 0", 0.0});
}

std::unique_ptr<Env> make_dmc_finger_turn(bool hard) {
  constexpr const char* kReward = "1 while the spinner's tip is within the target, else 0";
  return std::make_unique<Finger>(hard ? Task{"finger-turn_hard", kReward, 0.03}
                                       : Task{"finger-turn_easy", kReward, 0.07});
}

}  // namespace costate
