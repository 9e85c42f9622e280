// dmc/hopper-stand and -hop: a planar hopper with a foot. Reward: standing (torso 0.6 m above the
// foot) times, to stand, small controls and, to hop, forward speed up to 2 m/s.
#include <cmath>

#include "envs/dmc/dmc_env.h"
#include "envs/dmc/tasks.h"
#include "envs/dmc/tolerance.h"

namespace costate {
namespace {

class Hopper final : public DmcEnv {
 public:
  explicit Hopper(bool hop)
      : DmcEnv(
            hop ? "hopper-hop" : "hopper-stand",
            hop ? "Hop forward on one planar leg" : "Stand on one planar leg",
            hop ? "standing * forward speed, full at 2 m/s" : "standing * (4 + small controls) / 5",
            /*substeps=*/4),
        hop_(hop),
        torso_(find(mjOBJ_BODY, "torso")),
        foot_(find(mjOBJ_BODY, "foot")),
        velocity_(sensor_address("torso_subtreelinvel")),
        touch_(sensor_address("touch_toe")) {
    std::vector<std::string> labels;
    add_positions("position", kFirstQpos, labels);
    add_velocities(labels);
    labels.insert(labels.end(), {"touch: log(1 + force at the toe) (log N)",
                                 "touch: log(1 + force at the heel) (log N)"});
    set_observation(std::move(labels));
  }

 private:
  static constexpr int kFirstQpos = 1;  // x is left out: the task is the same everywhere

  void look(const mjModel& model, const mjData& data, std::span<const double>,
            std::span<double> observation) const override {
    auto out = std::copy(data.qpos + kFirstQpos, data.qpos + model.nq, observation.begin());
    out = std::copy(data.qvel, data.qvel + model.nv, out);
    *out++ = std::log1p(data.sensordata[touch_]);
    *out++ = std::log1p(data.sensordata[touch_ + 1]);
  }

  double judge(const mjModel& model, const mjData& data, std::span<const double>) const override {
    const double height = data.xipos[3 * torso_ + 2] - data.xipos[3 * foot_ + 2];
    const double standing = tolerance(height, {0.6, 2.0});
    if (!hop_) return standing * (small_controls(model, data) + 4.0) / 5.0;
    return standing *
           tolerance(data.sensordata[velocity_], at_least(2.0), {1.0, Sigmoid::kLinear, 0.5});
  }

  void draw_start(RandomStream& random, const mjModel& model, mjData& data,
                  std::span<double>) const override {
    draw_joints(random, model, data);
  }

  bool hop_;
  int torso_;
  int foot_;
  int velocity_;
  int touch_;  ///< of the toe; the heel's follows
};

}  // namespace

std::unique_ptr<Env> make_dmc_hopper(bool hop) {
  return std::make_unique<Hopper>(hop);
}

}  // namespace costate
