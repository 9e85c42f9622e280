// dmc/quadruped-walk and -run: four legs of four joints, each driven by three filtered servos.
// Reward: upright · forward speed in the torso's frame.
#include <algorithm>
#include <cmath>

#include "envs/dmc/dmc_env.h"
#include "envs/dmc/tasks.h"
#include "envs/dmc/tolerance.h"
#include "envs/format.h"

namespace costate {
namespace {

class Quadruped final : public DmcEnv {
 public:
  Quadruped(const std::string& task, double speed)
      : DmcEnv("quadruped-" + task, "Walk or run on four legs",
               "upright * forward speed, full at " + format_number(speed) + " m/s",
               /*substeps=*/4),
        speed_(speed),
        torso_(find(mjOBJ_BODY, "torso")),
        velocimeter_(sensor_address("velocimeter")),
        accelerometer_(sensor_address("imu_accel")),
        gyro_(sensor_address("imu_gyro")),
        force_(sensor_address("force_toe_front_left")) {
    std::vector<std::string> labels;
    const auto add_axes = [&labels](const std::string& what, const std::string& unit) {
      for (const char* axis : {" x (", " y (", " z ("}) labels.push_back(what + axis + unit + ")");
    };
    for (int joint = 1; joint < model().njnt; ++joint) {
      labels.push_back("egocentric_state: " + name(mjOBJ_JOINT, joint) + " angle (rad)");
    }
    for (int joint = 1; joint < model().njnt; ++joint) {
      labels.push_back("egocentric_state: " + name(mjOBJ_JOINT, joint) +
                       " angular velocity (rad/s)");
    }
    for (int actuator = 0; actuator < model().nu; ++actuator) {
      labels.push_back("egocentric_state: " + name(mjOBJ_ACTUATOR, actuator) + " activation (rad)");
    }
    add_axes("torso_velocity: in the torso's frame,", "m/s");
    labels.push_back("torso_upright: cosine of the torso's tilt (1)");
    add_axes("imu: acceleration,", "m/s^2");
    add_axes("imu: angular velocity,", "rad/s");
    for (const char* what : {"force", "torque"}) {
      for (const char* toe : {"front left", "front right", "back right", "back left"}) {
        add_axes(std::string("force_torque: ") + what + " at the " + toe + " toe, asinh of,",
                 what[0] == 'f' ? "N" : "N m");
      }
    }
    set_observation(std::move(labels));
  }

 private:
  void look(const mjModel& model, const mjData& data, std::span<const double>,
            std::span<double> observation) const override {
    // Behind the free joint's seven positions and six velocities.
    auto out = std::copy(data.qpos + 7, data.qpos + model.nq, observation.begin());
    out = std::copy(data.qvel + 6, data.qvel + model.nv, out);
    out = std::copy(data.act, data.act + model.na, out);
    out = std::copy_n(data.sensordata + velocimeter_, 3, out);
    *out++ = data.xmat[9 * torso_ + 8];
    out = std::copy_n(data.sensordata + accelerometer_, 3, out);
    out = std::copy_n(data.sensordata + gyro_, 3, out);
    // The four forces, then the four torques.
    std::transform(data.sensordata + force_, data.sensordata + force_ + 24, out,
                   [](double value) { return std::asinh(value); });
  }

  double judge(const mjModel&, const mjData& data, std::span<const double>) const override {
    const double upright =
        tolerance(data.xmat[9 * torso_ + 8], at_least(1.0), {2.0, Sigmoid::kLinear, 0.0});
    return upright * tolerance(data.sensordata[velocimeter_], at_least(speed_),
                               {speed_, Sigmoid::kLinear, 0.5});
  }

  void draw_start(RandomStream& random, const mjModel& model, mjData& data,
                  std::span<double>) const override {
    double* orientation = data.qpos + 3;
    for (int i = 0; i < 4; ++i) orientation[i] = random.normal();
    mju_normalize4(orientation);
    // Out of the ground, one centimetre at a time.
    for (data.qpos[2] = 0.0;; data.qpos[2] += 0.01) {
      mj_fwdPosition(&model, &data);
      if (data.ncon == 0) break;
    }
  }

  double speed_;
  int torso_;
  int velocimeter_;
  int accelerometer_;
  int gyro_;
  int force_;  ///< of the front left toe; the other forces and the torques follow
};

}  // namespace

std::unique_ptr<Env> make_dmc_quadruped(const std::string& task, double speed) {
  return std::make_unique<Quadruped>(task, speed);
}

}  // namespace costate
