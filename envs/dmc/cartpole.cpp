// dmc/cartpole-balance, -balance_sparse, -swingup and -swingup_sparse: a pole on a cart that is
// pushed. Reward: upright · small control · small angular velocity · centred; sparse: 1 while the
// cart is within 0.25 m of the middle and the cosine of the pole's angle is at least 0.995.
#include <numbers>

#include "envs/dmc/dmc_env.h"
#include "envs/dmc/tasks.h"
#include "envs/dmc/tolerance.h"

namespace costate {
namespace {

class Cartpole final : public DmcEnv {
 public:
  Cartpole(bool swing_up, bool sparse)
      : DmcEnv(std::string("cartpole-") + (swing_up ? "swingup" : "balance") +
                   (sparse ? "_sparse" : ""),
               swing_up ? "Swing a pole up by pushing its cart, and hold it upright"
                        : "Hold a pole upright by pushing its cart",
               sparse
                   ? "1 while |x| <= 0.25 and cos(angle) >= 0.995, else 0"
                   : "upright * small control * small angular velocity * centred, each in [0, 1]",
               /*substeps=*/1),
        swing_up_(swing_up),
        sparse_(sparse),
        pole_(find(mjOBJ_BODY, "pole_1")) {
    set_observation({"position: cart position (m)", "position: cosine of the pole's angle (1)",
                     "position: sine of the pole's angle (1)", "velocity: cart velocity (m/s)",
                     "velocity: pole angular velocity (rad/s)"});
  }

 private:
  void look(const mjModel&, const mjData& data, std::span<const double>,
            std::span<double> observation) const override {
    const double* frame = data.xmat + 9 * pole_;
    observation[0] = data.qpos[0];
    observation[1] = frame[8];
    observation[2] = frame[2];
    observation[3] = data.qvel[0];
    observation[4] = data.qvel[1];
  }

  double judge(const mjModel& model, const mjData& data, std::span<const double>) const override {
    const double x = data.qpos[0];
    const double cosine = data.xmat[9 * pole_ + 8];
    if (sparse_) return tolerance(x, {-0.25, 0.25}) * tolerance(cosine, {0.995, 1.0});
    const double upright = (cosine + 1.0) / 2.0;
    const double centred = (1.0 + tolerance(x, {0.0, 0.0}, {.margin = 2.0})) / 2.0;
    const double small_control = (4.0 + small_controls(model, data)) / 5.0;
    const double small_velocity =
        (1.0 + tolerance(data.qvel[1], {0.0, 0.0}, {.margin = 5.0})) / 2.0;
    return upright * small_control * small_velocity * centred;
  }

  void draw_start(RandomStream& random, const mjModel&, mjData& data,
                  std::span<double>) const override {
    if (swing_up_) {
      data.qpos[0] = 0.01 * random.normal();
      data.qpos[1] = std::numbers::pi + 0.01 * random.normal();
    } else {
      data.qpos[0] = random.uniform(-0.1, 0.1);
      data.qpos[1] = random.uniform(-0.034, 0.034);
    }
    for (int i = 0; i < 2; ++i) data.qvel[i] = 0.01 * random.normal();
  }

  bool swing_up_;
  bool sparse_;
  int pole_;
};

}  // namespace

std::unique_ptr<Env> make_dmc_cartpole(bool swing_up, bool sparse) {
  return std::make_unique<Cartpole>(swing_up, sparse);
}

}  // namespace costate
