// dmc/humanoid-stand, -walk and -run: a humanoid with hands and feet. Reward: small controls ·
// standing · upright, times not moving or moving at a speed.
#include <algorithm>
#include <array>
#include <cmath>

#include "envs/dmc/dmc_env.h"
#include "envs/dmc/tasks.h"
#include "envs/dmc/tolerance.h"
#include "envs/format.h"

namespace costate {
namespace {

class Humanoid final : public DmcEnv {
 public:
  Humanoid(const std::string& task, double speed)
      : DmcEnv(
            "humanoid-" + task, "Stand, walk or run on two legs",
            speed > 0.0
                ? "small controls * standing * upright * (1 + 5 moving) / 6, moving is full at " +
                      format_number(speed) + " m/s"
                : "small controls * standing * upright * not moving",
            /*substeps=*/5),
        speed_(speed),
        torso_(find(mjOBJ_BODY, "torso")),
        head_(find(mjOBJ_BODY, "head")),
        velocity_(sensor_address("torso_subtreelinvel")) {
    std::vector<std::string> labels;
    add_positions("joint_angles", /*first_qpos=*/7, labels);
    labels.push_back("head_height: (m)");
    for (std::size_t i = 0; i < kExtremities.size(); ++i) {
      extremities_[i] = find(mjOBJ_BODY, kExtremities[i]);
      for (const char* axis : {"x", "y", "z"}) {
        labels.push_back(std::string("extremities: ") + kExtremities[i] +
                         " from the torso in its frame, " + axis + " (m)");
      }
    }
    for (const char* axis : {"x", "y", "z"}) {
      labels.push_back(std::string("torso_vertical: the vertical in the torso's frame, ") + axis +
                       " (1)");
    }
    for (const char* axis : {"x", "y", "z"}) {
      labels.push_back(std::string("com_velocity: of the centre of mass, ") + axis + " (m/s)");
    }
    add_velocities(labels);
    set_observation(std::move(labels));
  }

 private:
  static constexpr std::array<const char*, 4> kExtremities = {"left_hand", "left_foot",
                                                              "right_hand", "right_foot"};

  void look(const mjModel& model, const mjData& data, std::span<const double>,
            std::span<double> observation) const override {
    auto out = std::copy(data.qpos + 7, data.qpos + model.nq, observation.begin());
    *out++ = data.xpos[3 * head_ + 2];
    const double* frame = data.xmat + 9 * torso_;
    for (const int body : extremities_) {
      std::array<double, 3> offset;
      mju_sub3(offset.data(), data.xpos + 3 * body, data.xpos + 3 * torso_);
      std::array<double, 3> local;
      mju_rotVecMatT(local.data(), offset.data(), frame);
      out = std::copy(local.begin(), local.end(), out);
    }
    out = std::copy_n(frame + 6, 3, out);
    out = std::copy_n(data.sensordata + velocity_, 3, out);
    std::copy(data.qvel, data.qvel + model.nv, out);
  }

  double judge(const mjModel& model, const mjData& data, std::span<const double>) const override {
    const double standing =
        tolerance(data.xpos[3 * head_ + 2], at_least(1.4), {.margin = 1.4 / 4.0});
    const double upright =
        tolerance(data.xmat[9 * torso_ + 8], at_least(0.9), {1.9, Sigmoid::kLinear, 0.0});
    const double small_control = (4.0 + small_controls(model, data)) / 5.0;
    const double* velocity = data.sensordata + velocity_;
    const double stand = small_control * standing * upright;
    if (speed_ == 0.0) {
      const Falloff still = {.margin = 2.0};
      return stand *
             (tolerance(velocity[0], {0.0, 0.0}, still) +
              tolerance(velocity[1], {0.0, 0.0}, still)) /
             2.0;
    }
    const double moving = tolerance(std::hypot(velocity[0], velocity[1]), at_least(speed_),
                                    {speed_, Sigmoid::kLinear, 0.0});
    return stand * (5.0 * moving + 1.0) / 6.0;
  }

  void draw_start(RandomStream& random, const mjModel& model, mjData& data,
                  std::span<double>) const override {
    draw_joints_without_contact(random, model, data);
  }

  double speed_;  ///< 0: to stand
  int torso_;
  int head_;
  int velocity_;
  std::array<int, kExtremities.size()> extremities_;
};

}  // namespace

std::unique_ptr<Env> make_dmc_humanoid(const std::string& task, double speed) {
  return std::make_unique<Humanoid>(task, speed);
}

}  // namespace costate
