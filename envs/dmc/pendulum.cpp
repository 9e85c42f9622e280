// dmc/pendulum-swingup: swing a weak pendulum up and hold it within 8 degrees of upright.
// Reward 1 there, else 0.
#include <cmath>
#include <numbers>

#include "envs/dmc/dmc_env.h"
#include "envs/dmc/tasks.h"
#include "envs/dmc/tolerance.h"

namespace costate {
namespace {

class Pendulum final : public DmcEnv {
 public:
  Pendulum()
      : DmcEnv("pendulum-swingup", "Swing a pendulum up and hold it upright",
               "1 within 8 degrees of upright, else 0", /*substeps=*/1),
        pole_(find(mjOBJ_BODY, "pole")) {
    set_observation({"orientation: cosine of the angle from upright (1)",
                     "orientation: sine of the angle from upright (1)",
                     "velocity: hinge angular velocity (rad/s)"});
  }

 private:
  void look(const mjModel&, const mjData& data, std::span<const double>,
            std::span<double> observation) const override {
    const double* frame = data.xmat + 9 * pole_;
    observation[0] = frame[8];
    observation[1] = frame[2];
    observation[2] = data.qvel[0];
  }

  double judge(const mjModel&, const mjData& data, std::span<const double>) const override {
    static const double kCosine = std::cos(8.0 * std::numbers::pi / 180.0);
    return tolerance(data.xmat[9 * pole_ + 8], {kCosine, 1.0});
  }

  void draw_start(RandomStream& random, const mjModel&, mjData& data,
                  std::span<double>) const override {
    data.qpos[0] = random.uniform(-std::numbers::pi, std::numbers::pi);
  }

  int pole_;
};

}  // namespace

std::unique_ptr<Env> make_dmc_pendulum() {
  return std::make_unique<Pendulum>();
}

}  // namespace costate
