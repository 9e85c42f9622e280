#include "runners/bench_physics.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <ctime>
#include <mujoco/mujoco.h>
#include <numbers>
#include <span>
#include <thread>

#include "envs/assets.h"
#include "envs/env_config.h"
#include "envs/error.h"
#include "envs/mujoco/model.h"
#include "envs/random.h"

namespace costate {
namespace {

/// Numbers drawn beforehand and handed out in turn.
class Reel {
 public:
  template <class Draw>
  Reel(std::size_t count, const Draw& draw) : values_(count) {
    for (double& value : values_) value = draw();
  }
  /// The next `count` numbers; `count` divides the length of the reel.
  const double* next(std::size_t count) {
    if (place_ == values_.size()) place_ = 0;
    const double* values = values_.data() + place_;
    place_ += count;
    return values;
  }

 private:
  std::vector<double> values_;
  std::size_t place_ = 0;
};

// --- MuJoCo

struct Task {
  const char* env;
  const char* model;
  double noise;  ///< half width of the start's
  bool (*ended)(const mjData& data);
};

constexpr Task kTasks[] = {
    {"HalfCheetah-v5", "half_cheetah.xml", 0.1, [](const mjData&) { return false; }},
    {"Hopper-v5", "hopper.xml", 0.005,
     [](const mjData& d) { return d.qpos[1] <= 0.7 || std::abs(d.qpos[2]) >= 0.2; }},
    {"InvertedPendulum-v5", "inverted_pendulum.xml", 0.01,
     [](const mjData& d) { return std::abs(d.qpos[1]) > 0.2; }},
    {"Walker2d-v5", "walker2d.xml", 0.005,
     [](const mjData& d) {
       return d.qpos[1] <= 0.8 || d.qpos[1] >= 2.0 || std::abs(d.qpos[2]) >= 1.0;
     }},
};

class BareMujoco final : public BareSimulation {
 public:
  BareMujoco(const Task& task, std::uint64_t index)
      : ended_(task.ended),
        model_(shared_model(asset_path(task.model))),
        data_(mj_makeData(model_.get())),
        random_(index),
        controls_(static_cast<std::size_t>(model_->nu) * 4096,
                  [this] { return random_.uniform(-1.0, 1.0); }),
        starts_(static_cast<std::size_t>(model_->nq + model_->nv) * 256,
                [&] { return random_.uniform(-task.noise, task.noise); }) {
    const auto spec = make_env(task.env)->spec();
    frame_skip_ = static_cast<int>(std::lround(spec.control_step / model_->opt.timestep));
    time_limit_ = spec.time_limit;
    for (int i = 0; i < model_->nu; ++i) scale_.push_back(model_->actuator_ctrlrange[2 * i + 1]);
    start();
  }

  std::int64_t run(std::int64_t steps) override {
    const auto nu = static_cast<std::size_t>(model_->nu);
    for (std::int64_t step = 0; step < steps; ++step) {
      const double* control = controls_.next(nu);
      for (std::size_t i = 0; i < nu; ++i) data_->ctrl[i] = scale_[i] * control[i];
      for (int i = 0; i < frame_skip_; ++i) mj_step(model_.get(), data_.get());
      if (++episode_step_ >= time_limit_ || ended_(*data_)) start();
    }
    return steps;
  }

 private:
  void start() {
    mj_resetData(model_.get(), data_.get());
    const double* noise = starts_.next(static_cast<std::size_t>(model_->nq + model_->nv));
    for (int i = 0; i < model_->nq; ++i) data_->qpos[i] += *noise++;
    for (int i = 0; i < model_->nv; ++i) data_->qvel[i] += *noise++;
    episode_step_ = 0;
  }

  struct DataDeleter {
    void operator()(mjData* data) const { mj_deleteData(data); }
  };

  bool (*ended_)(const mjData& data);
  std::shared_ptr<const mjModel> model_;
  std::unique_ptr<mjData, DataDeleter> data_;
  RandomStream random_;
  Reel controls_;
  Reel starts_;
  std::vector<double> scale_;
  int frame_skip_ = 1;
  int time_limit_ = 0;
  int episode_step_ = 0;
};

// --- Classic control

// The equations of envs/classic/, written down once more: the limit must not move with our code.

constexpr int kLanes = 256;  // simulated side by side over plain arrays

class BareCartPole final : public BareSimulation {
 public:
  explicit BareCartPole(std::uint64_t index)
      : random_(index),
        forces_(4096, [this] { return random_.below(2) == 1 ? 10.0 : -10.0; }),
        starts_(4096, [this] { return random_.uniform(-0.05, 0.05); }) {
    for (int i = 0; i < kLanes; ++i) start(i);
  }

  std::int64_t run(std::int64_t steps) override {
    const std::int64_t rounds = (steps + kLanes - 1) / kLanes;
    for (std::int64_t round = 0; round < rounds; ++round) {
      const double* force = forces_.next(kLanes);
      for (int i = 0; i < kLanes; ++i) {
        const double cosine = std::cos(theta_[i]);
        const double sine = std::sin(theta_[i]);
        const double temp = (force[i] + 0.05 * theta_dot_[i] * theta_dot_[i] * sine) / 1.1;
        const double theta_acceleration =
            (9.8 * sine - cosine * temp) / (0.5 * (4.0 / 3.0 - 0.1 * cosine * cosine / 1.1));
        const double x_acceleration = temp - 0.05 * theta_acceleration * cosine / 1.1;
        x_[i] += 0.02 * x_dot_[i];
        x_dot_[i] += 0.02 * x_acceleration;
        theta_[i] += 0.02 * theta_dot_[i];
        theta_dot_[i] += 0.02 * theta_acceleration;
        const bool fell =
            std::abs(x_[i]) > 2.4 || std::abs(theta_[i]) > 12.0 * std::numbers::pi / 180.0;
        if (++steps_[i] >= 500 || fell) start(i);
      }
    }
    return rounds * kLanes;
  }

 private:
  void start(int i) {
    const double* values = starts_.next(4);
    x_[i] = values[0];
    x_dot_[i] = values[1];
    theta_[i] = values[2];
    theta_dot_[i] = values[3];
    steps_[i] = 0;
  }

  RandomStream random_;
  Reel forces_;
  Reel starts_;
  std::array<double, kLanes> x_{};
  std::array<double, kLanes> x_dot_{};
  std::array<double, kLanes> theta_{};
  std::array<double, kLanes> theta_dot_{};
  std::array<int, kLanes> steps_{};
};

class BarePendulum final : public BareSimulation {
 public:
  explicit BarePendulum(std::uint64_t index)
      : random_(index),
        torques_(4096, [this] { return random_.uniform(-2.0, 2.0); }),
        starts_(4096, [this] { return random_.uniform(-1.0, 1.0); }) {
    for (int i = 0; i < kLanes; ++i) start(i);
  }

  std::int64_t run(std::int64_t steps) override {
    const std::int64_t rounds = (steps + kLanes - 1) / kLanes;
    for (std::int64_t round = 0; round < rounds; ++round) {
      const double* torque = torques_.next(kLanes);
      for (int i = 0; i < kLanes; ++i) {
        const double acceleration = 15.0 * std::sin(theta_[i]) + 3.0 * torque[i];
        theta_dot_[i] = std::clamp(theta_dot_[i] + 0.05 * acceleration, -8.0, 8.0);
        theta_[i] += 0.05 * theta_dot_[i];
        if (++steps_[i] >= 200) start(i);
      }
    }
    return rounds * kLanes;
  }

 private:
  void start(int i) {
    const double* values = starts_.next(2);
    theta_[i] = std::numbers::pi * values[0];
    theta_dot_[i] = values[1];
    steps_[i] = 0;
  }

  RandomStream random_;
  Reel torques_;
  Reel starts_;
  std::array<double, kLanes> theta_{};
  std::array<double, kLanes> theta_dot_{};
  std::array<int, kLanes> steps_{};
};

}  // namespace

double thread_cpu_seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

std::unique_ptr<BareSimulation> make_bare_simulation(const std::string& env, std::uint64_t index) {
  if (env == "CartPole-v1") return std::make_unique<BareCartPole>(index);
  if (env == "Pendulum-v1") return std::make_unique<BarePendulum>(index);
  for (const Task& task : kTasks) {
    if (env == task.env) return std::make_unique<BareMujoco>(task, index);
  }
  throw UsageError("no bare simulation of " + env);
}

BarePhysics::BarePhysics(const std::string& env, int threads) {
  for (int i = 0; i < threads; ++i) {
    simulations_.push_back(make_bare_simulation(env, static_cast<std::uint64_t>(i)));
  }
}

BarePhysics::Result BarePhysics::run(std::int64_t steps) {
  const auto threads = simulations_.size();
  std::vector<std::int64_t> taken(threads);
  std::vector<double> cpu(threads);
  const auto work = [&](std::size_t i) {
    const double start = thread_cpu_seconds();
    taken[i] = simulations_[i]->run(steps / static_cast<std::int64_t>(threads));
    cpu[i] = thread_cpu_seconds() - start;
  };
  const auto start = std::chrono::steady_clock::now();
  {
    std::vector<std::jthread> others;
    for (std::size_t i = 1; i < threads; ++i) others.emplace_back(work, i);
    work(0);
  }
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - start;
  double all_steps = 0.0;
  double all_cpu = 0.0;
  for (std::size_t i = 0; i < threads; ++i) {
    all_steps += static_cast<double>(taken[i]);
    all_cpu += cpu[i];
  }
  return {.steps_per_second = all_steps / wall.count(),
          .cpu_seconds_per_step = all_cpu / all_steps};
}

std::int64_t BarePhysics::steps_in(double seconds) {
  std::int64_t steps = 1024;
  while (true) {
    const double rate = run(steps).steps_per_second;
    if (static_cast<double>(steps) >= 0.1 * seconds * rate) {
      return std::max<std::int64_t>(1024, static_cast<std::int64_t>(seconds * rate));
    }
    steps *= 4;
  }
}

}  // namespace costate
