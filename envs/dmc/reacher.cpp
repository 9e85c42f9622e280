// dmc/reacher-easy and -hard: bring the finger of a planar arm to a target. Reward 1 while the
// finger touches the target, else 0. The target, of radius 0.05 m or 0.015 m, is drawn for every
// episode; where an episode starts without drawing it is in the middle, where the model has it.
#include <cmath>
#include <numbers>

#include "envs/dmc/dmc_env.h"
#include "envs/dmc/tasks.h"
#include "envs/dmc/tolerance.h"

namespace costate {
namespace {

class Reacher final : public DmcEnv {
 public:
  explicit Reacher(bool hard)
      : DmcEnv(hard ? "reacher-hard" : "reacher-easy", "Bring the finger of an arm to a target",
               "1 while the finger touches the target, else 0", /*substeps=*/1),
        radius_(hard ? 0.015 : 0.05),
        target_(find(mjOBJ_GEOM, "target")),
        finger_(find(mjOBJ_GEOM, "finger")) {
    set_observation(
        {"position: shoulder angle (rad)", "position: wrist angle (rad)",
         "to_target: from the finger to the target, x (m)",
         "to_target: from the finger to the target, y (m)",
         "velocity: shoulder angular velocity (rad/s)", "velocity: wrist angular velocity (rad/s)"},
        /*drawn=*/2);
  }

 private:
  void look(const mjModel&, const mjData& data, std::span<const double> drawn,
            std::span<double> observation) const override {
    const double* finger = data.geom_xpos + 3 * finger_;
    for (std::size_t i = 0; i < 2; ++i) {
      observation[i] = data.qpos[i];
      observation[2 + i] = drawn[i] - finger[i];
      observation[4 + i] = data.qvel[i];
    }
  }

  double judge(const mjModel& model, const mjData& data,
               std::span<const double> drawn) const override {
    const double* finger = data.geom_xpos + 3 * finger_;
    const double distance = std::hypot(drawn[0] - finger[0], drawn[1] - finger[1]);
    return tolerance(distance, {0.0, radius_ + model.geom_size[3 * finger_]});
  }

  void draw_start(RandomStream& random, const mjModel& model, mjData& data,
                  std::span<double> drawn) const override {
    draw_joints(random, model, data);
    const double angle = random.uniform(0.0, 2.0 * std::numbers::pi);
    const double radius = random.uniform(0.05, 0.20);
    drawn[0] = radius * std::sin(angle);
    drawn[1] = radius * std::cos(angle);
  }

  void arrange_picture(mjModel& model) const override {
    model.geom_size[3 * target_] = radius_;
    model.geom_pos[3 * target_] = drawn()[0];
    model.geom_pos[3 * target_ + 1] = drawn()[1];
  }

  double radius_;  ///< of the target
  int target_;
  int finger_;
};

}  // namespace

std::unique_ptr<Env> make_dmc_reacher(bool hard) {
  return std::make_unique<Reacher>(hard);
}

}  // namespace costate
