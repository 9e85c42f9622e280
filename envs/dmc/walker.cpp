// dmc/walker-stand, -walk and -run: a planar two-legged walker. Reward: (3 · standing + upright)/4,
// times (1 + 5 · moving)/6 where it has to move.
#include <algorithm>

#include "envs/dmc/dmc_env.h"
#include "envs/dmc/tasks.h"
#include "envs/dmc/tolerance.h"
#include "envs/format.h"

namespace costate {
namespace {

class Walker final : public DmcEnv {
 public:
  Walker(const std::string& task, double speed)
      : DmcEnv("walker-" + task, "Stand, walk or run on two planar legs",
               speed > 0.0 ? "(3 standing + upright) / 4 * (1 + 5 moving) / 6, moving is full at " +
                                 format_number(speed) + " m/s"
                           : "(3 standing + upright) / 4",
               /*substeps=*/10),
        speed_(speed),
        torso_(find(mjOBJ_BODY, "torso")),
        velocity_(sensor_address("torso_subtreelinvel")) {
    std::vector<std::string> labels;
    for (int body = 1; body < model().nbody; ++body) {
      for (const char* axis : {"cosine", "sine"}) {
        labels.push_back("orientations: " + std::string(axis) + " of the angle of " +
                         name(mjOBJ_BODY, body) + " (1)");
      }
    }
    labels.push_back("height: of the torso (m)");
    add_velocities(labels);
    set_observation(std::move(labels));
  }

 private:
  void look(const mjModel& model, const mjData& data, std::span<const double>,
            std::span<double> observation) const override {
    auto out = observation.begin();
    for (int body = 1; body < model.nbody; ++body) {
      *out++ = data.xmat[9 * body];
      *out++ = data.xmat[9 * body + 2];
    }
    *out++ = data.xpos[3 * torso_ + 2];
    std::copy(data.qvel, data.qvel + model.nv, out);
  }

  double judge(const mjModel&, const mjData& data, std::span<const double>) const override {
    const double standing = tolerance(data.xpos[3 * torso_ + 2], at_least(1.2), {.margin = 0.6});
    const double upright = (1.0 + data.xmat[9 * torso_ + 8]) / 2.0;
    const double stand = (3.0 * standing + upright) / 4.0;
    if (speed_ == 0.0) return stand;
    const double moving = tolerance(data.sensordata[velocity_], at_least(speed_),
                                    {speed_ / 2.0, Sigmoid::kLinear, 0.5});
    return stand * (5.0 * moving + 1.0) / 6.0;
  }

  void draw_start(RandomStream& random, const mjModel& model, mjData& data,
                  std::span<double>) const override {
    draw_joints(random, model, data);
  }

  double speed_;  ///< 0: to stand
  int torso_;
  int velocity_;
};

}  // namespace

std::unique_ptr<Env> make_dmc_walker(const std::string& task, double speed) {
  return std::make_unique<Walker>(task, speed);
}

}  // namespace costate
