// dmc/cheetah-run: a planar runner. Reward: forward speed, full at 10 m/s.
#include <algorithm>

#include "envs/dmc/dmc_env.h"
#include "envs/dmc/tasks.h"
#include "envs/dmc/tolerance.h"

namespace costate {
namespace {

class Cheetah final : public DmcEnv {
 public:
  Cheetah()
      : DmcEnv("cheetah-run", "Run forward on two planar legs", "forward speed, full at 10 m/s",
               /*substeps=*/1),
        velocity_(sensor_address("torso_subtreelinvel")) {
    std::vector<std::string> labels;
    add_positions("position", kFirstQpos, labels);
    add_velocities(labels);
    set_observation(std::move(labels));
  }

 private:
  static constexpr int kFirstQpos = 1;  // x is left out: the task is the same everywhere

  void look(const mjModel& model, const mjData& data, std::span<const double>,
            std::span<double> observation) const override {
    const auto out = std::copy(data.qpos + kFirstQpos, data.qpos + model.nq, observation.begin());
    std::copy(data.qvel, data.qvel + model.nv, out);
  }

  double judge(const mjModel&, const mjData& data, std::span<const double>) const override {
    constexpr double kSpeed = 10.0;
    return tolerance(data.sensordata[velocity_], at_least(kSpeed), {kSpeed, Sigmoid::kLinear, 0.0});
  }

  void draw_start(RandomStream& random, const mjModel& model, mjData& data,
                  std::span<double>) const override {
    for (int joint = 0; joint < model.njnt; ++joint) {
      if (!model.jnt_limited[joint]) continue;
      data.qpos[model.jnt_qposadr[joint]] =
          random.uniform(model.jnt_range[2 * joint], model.jnt_range[2 * joint + 1]);
    }
    // Two seconds without control, to come to rest on the ground.
    for (int i = 0; i < 200; ++i) mj_step(&model, &data);
    data.time = 0.0;
  }

  int velocity_;
};

}  // namespace

std::unique_ptr<Env> make_dmc_cheetah() {
  return std::make_unique<Cheetah>();
}

}  // namespace costate
