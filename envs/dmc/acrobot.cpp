// dmc/acrobot-swingup and -swingup_sparse: raise the tip of two links with a motor at the elbow
// alone. Reward: 1 with the tip within 0.2 m of the target, falling off over 1 m; sparse: 0
// outside.
#include <numbers>

#include "envs/dmc/dmc_env.h"
#include "envs/dmc/tasks.h"
#include "envs/dmc/tolerance.h"

namespace costate {
namespace {

class Acrobot final : public DmcEnv {
 public:
  explicit Acrobot(bool sparse)
      : DmcEnv(sparse ? "acrobot-swingup_sparse" : "acrobot-swingup",
               "Raise the tip of two links by a motor between them",
               sparse ? "1 with the tip within 0.2 m of the target, else 0"
                      : "1 with the tip within 0.2 m of the target, falling to 0.1 over 1 m",
               /*substeps=*/1),
        sparse_(sparse),
        upper_(find(mjOBJ_BODY, "upper_arm")),
        lower_(find(mjOBJ_BODY, "lower_arm")),
        target_(find(mjOBJ_SITE, "target")),
        tip_(find(mjOBJ_SITE, "tip")) {
    set_observation({"orientations: sine of the upper arm's angle from upright (1)",
                     "orientations: sine of the lower arm's angle from upright (1)",
                     "orientations: cosine of the upper arm's angle from upright (1)",
                     "orientations: cosine of the lower arm's angle from upright (1)",
                     "velocity: shoulder angular velocity (rad/s)",
                     "velocity: elbow angular velocity (rad/s)"});
  }

 private:
  void look(const mjModel&, const mjData& data, std::span<const double>,
            std::span<double> observation) const override {
    const double* upper = data.xmat + 9 * upper_;
    const double* lower = data.xmat + 9 * lower_;
    observation[0] = upper[2];
    observation[1] = lower[2];
    observation[2] = upper[8];
    observation[3] = lower[8];
    observation[4] = data.qvel[0];
    observation[5] = data.qvel[1];
  }

  double judge(const mjModel& model, const mjData& data, std::span<const double>) const override {
    const double distance = mju_dist3(data.site_xpos + 3 * target_, data.site_xpos + 3 * tip_);
    return tolerance(distance, {0.0, model.site_size[3 * target_]},
                     {.margin = sparse_ ? 0.0 : 1.0});
  }

  void draw_start(RandomStream& random, const mjModel&, mjData& data,
                  std::span<double>) const override {
    for (int i = 0; i < 2; ++i) data.qpos[i] = random.uniform(-std::numbers::pi, std::numbers::pi);
  }

  bool sparse_;
  int upper_;
  int lower_;
  int target_;
  int tip_;
};

}  // namespace

std::unique_ptr<Env> make_dmc_acrobot(bool sparse) {
  return std::make_unique<Acrobot>(sparse);
}

}  // namespace costate
