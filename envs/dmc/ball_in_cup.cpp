// dmc/ball_in_cup-catch: swing a ball on a string into the cup that it hangs from. Reward 1 while
// the ball is inside, else 0.
#include <cmath>

#include "envs/dmc/dmc_env.h"
#include "envs/dmc/tasks.h"

namespace costate {
namespace {

class BallInCup final : public DmcEnv {
 public:
  BallInCup()
      : DmcEnv("ball_in_cup-catch", "Catch a ball on a string in the cup that it hangs from",
               "1 while the ball is in the cup, else 0", /*substeps=*/10),
        ball_(find(mjOBJ_BODY, "ball")),
        ball_geom_(find(mjOBJ_GEOM, "ball")),
        target_(find(mjOBJ_SITE, "target")) {
    set_observation({"position: cup x (m)", "position: cup z (m)", "position: ball x (m)",
                     "position: ball z (m)", "velocity: cup x (m/s)", "velocity: cup z (m/s)",
                     "velocity: ball x (m/s)", "velocity: ball z (m/s)"});
  }

 private:
  void look(const mjModel&, const mjData& data, std::span<const double>,
            std::span<double> observation) const override {
    for (std::size_t i = 0; i < 4; ++i) {
      observation[i] = data.qpos[i];
      observation[4 + i] = data.qvel[i];
    }
  }

  double judge(const mjModel& model, const mjData& data, std::span<const double>) const override {
    for (const int axis : {0, 2}) {
      const double off = std::abs(data.site_xpos[3 * target_ + axis] - data.xpos[3 * ball_ + axis]);
      if (!(off < model.site_size[3 * target_ + axis] - model.geom_size[3 * ball_geom_]))
        return 0.0;
    }
    return 1.0;
  }

  void draw_start(RandomStream& random, const mjModel& model, mjData& data,
                  std::span<double>) const override {
    do {
      data.qpos[2] = random.uniform(-0.2, 0.2);
      data.qpos[3] = random.uniform(0.2, 0.5);
      mj_fwdPosition(&model, &data);
    } while (data.ncon > 0);
  }

  int ball_;
  int ball_geom_;
  int target_;
};

}  // namespace

std::unique_ptr<Env> make_dmc_ball_in_cup() {
  return std::make_unique<BallInCup>();
}

}  // namespace costate
