#include "runners/bench_physics.h"

#include <algorithm>
#include <array>
#include <box2d/box2d.h>
#include <chrono>
#include <cmath>
#include <ctime>
#include <mujoco/mujoco.h>
#include <numbers>
#include <optional>
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
  bool contact_forces = false;   ///< computed after each control step
  bool normal_velocity = false;  ///< the start's velocity is normal, with `noise` as its deviation
};

constexpr Task kTasks[] = {
    {"Ant-v5", "ant.xml", 0.1, [](const mjData& d) { return d.qpos[2] < 0.2 || d.qpos[2] > 1.0; },
     /*contact_forces=*/true, /*normal_velocity=*/true},
    {"HalfCheetah-v5", "half_cheetah.xml", 0.1, [](const mjData&) { return false; },
     /*contact_forces=*/false, /*normal_velocity=*/true},
    {"Hopper-v5", "hopper.xml", 0.005,
     [](const mjData& d) { return d.qpos[1] <= 0.7 || std::abs(d.qpos[2]) >= 0.2; }},
    {"Humanoid-v5", "humanoid.xml", 0.01,
     [](const mjData& d) { return d.qpos[2] <= 1.0 || d.qpos[2] >= 2.0; },
     /*contact_forces=*/true},
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
      : task_(task),
        model_(shared_model(asset_path(task.model))),
        data_(mj_makeData(model_.get())),
        random_(index),
        controls_(static_cast<std::size_t>(model_->nu) * 4096,
                  [this] { return random_.uniform(-1.0, 1.0); }),
        positions_(static_cast<std::size_t>(model_->nq) * 256,
                   [this] { return random_.uniform(-task_.noise, task_.noise); }),
        velocities_(static_cast<std::size_t>(model_->nv) * 256, [this] {
          return task_.normal_velocity ? task_.noise * random_.normal()
                                       : random_.uniform(-task_.noise, task_.noise);
        }) {
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
      if (task_.contact_forces) mj_rnePostConstraint(model_.get(), data_.get());
      if (++episode_step_ >= time_limit_ || task_.ended(*data_)) start();
    }
    return steps;
  }

 private:
  void start() {
    mj_resetData(model_.get(), data_.get());
    const double* position = positions_.next(static_cast<std::size_t>(model_->nq));
    const double* velocity = velocities_.next(static_cast<std::size_t>(model_->nv));
    for (int i = 0; i < model_->nq; ++i) data_->qpos[i] += position[i];
    for (int i = 0; i < model_->nv; ++i) data_->qvel[i] += velocity[i];
    episode_step_ = 0;
    ++episodes_;
  }

  struct DataDeleter {
    void operator()(mjData* data) const { mj_deleteData(data); }
  };

  const Task& task_;
  std::shared_ptr<const mjModel> model_;
  std::unique_ptr<mjData, DataDeleter> data_;
  RandomStream random_;
  Reel controls_;
  Reel positions_;
  Reel velocities_;
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
    ++episodes_;
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
    ++episodes_;
  }

  RandomStream random_;
  Reel torques_;
  Reel starts_;
  std::array<double, kLanes> theta_{};
  std::array<double, kLanes> theta_dot_{};
  std::array<int, kLanes> steps_{};
};

class BareMountainCar final : public BareSimulation {
 public:
  explicit BareMountainCar(std::uint64_t index)
      : random_(index),
        pushes_(4096, [this] { return 0.001 * (static_cast<double>(random_.below(3)) - 1.0); }),
        starts_(4096, [this] { return random_.uniform(-0.6, -0.4); }) {
    for (int i = 0; i < kLanes; ++i) start(i);
  }

  std::int64_t run(std::int64_t steps) override {
    const std::int64_t rounds = (steps + kLanes - 1) / kLanes;
    for (std::int64_t round = 0; round < rounds; ++round) {
      const double* push = pushes_.next(kLanes);
      for (int i = 0; i < kLanes; ++i) {
        const double velocity =
            std::clamp(v_[i] + push[i] - 0.0025 * std::cos(3.0 * x_[i]), -0.07, 0.07);
        x_[i] = std::clamp(x_[i] + velocity, -1.2, 0.6);
        v_[i] = x_[i] == -1.2 ? std::max(velocity, 0.0) : velocity;
        if (++steps_[i] >= 200 || (x_[i] >= 0.5 && v_[i] >= 0.0)) start(i);
      }
    }
    return rounds * kLanes;
  }

 private:
  void start(int i) {
    x_[i] = *starts_.next(1);
    v_[i] = 0.0;
    steps_[i] = 0;
    ++episodes_;
  }

  RandomStream random_;
  Reel pushes_;
  Reel starts_;
  std::array<double, kLanes> x_{};
  std::array<double, kLanes> v_{};
  std::array<int, kLanes> steps_{};
};

class BareAcrobot final : public BareSimulation {
 public:
  explicit BareAcrobot(std::uint64_t index)
      : random_(index),
        torques_(4096, [this] { return static_cast<double>(random_.below(3)) - 1.0; }),
        starts_(4096, [this] { return random_.uniform(-0.1, 0.1); }) {
    for (int i = 0; i < kLanes; ++i) start(i);
  }

  std::int64_t run(std::int64_t steps) override {
    constexpr double kPi = std::numbers::pi;
    const std::int64_t rounds = (steps + kLanes - 1) / kLanes;
    for (std::int64_t round = 0; round < rounds; ++round) {
      const double* torque = torques_.next(kLanes);
      for (int i = 0; i < kLanes; ++i) {
        State& s = states_[i];
        const State k1 = slope(s, torque[i]);
        const State k2 = slope(moved(s, 0.1, k1), torque[i]);
        const State k3 = slope(moved(s, 0.1, k2), torque[i]);
        const State k4 = slope(moved(s, 0.2, k3), torque[i]);
        s.theta1 = wrapped(s.theta1 + mean(k1.theta1, k2.theta1, k3.theta1, k4.theta1));
        s.theta2 = wrapped(s.theta2 + mean(k1.theta2, k2.theta2, k3.theta2, k4.theta2));
        s.omega1 = std::clamp(s.omega1 + mean(k1.omega1, k2.omega1, k3.omega1, k4.omega1),
                              -4.0 * kPi, 4.0 * kPi);
        s.omega2 = std::clamp(s.omega2 + mean(k1.omega2, k2.omega2, k3.omega2, k4.omega2),
                              -9.0 * kPi, 9.0 * kPi);
        const bool above = -std::cos(s.theta1) - std::cos(s.theta1 + s.theta2) > 1.0;
        if (++steps_[i] >= 500 || above) start(i);
      }
    }
    return rounds * kLanes;
  }

 private:
  struct State {
    double theta1, theta2, omega1, omega2;
  };

  static State slope(const State& s, double torque) {
    // As the definition writes it, cosines of shifted angles included.
    constexpr double kQuarter = std::numbers::pi / 2.0;
    const double cosine = std::cos(s.theta2);
    const double sine = std::sin(s.theta2);
    const double d1 = 0.25 + (1.25 + cosine) + 1.0 + 1.0;
    const double d2 = 0.25 + 0.5 * cosine + 1.0;
    const double phi2 = 4.9 * std::cos(s.theta1 + s.theta2 - kQuarter);
    const double phi1 = -0.5 * (s.omega2 * s.omega2) * sine - s.omega2 * s.omega1 * sine +
                        14.7 * std::cos(s.theta1 - kQuarter) + phi2;
    const double alpha2 = (torque + d2 / d1 * phi1 - 0.5 * (s.omega1 * s.omega1) * sine - phi2) /
                          (1.25 - d2 * d2 / d1);
    return {s.omega1, s.omega2, -(d2 * alpha2 + phi1) / d1, alpha2};
  }
  static State moved(const State& s, double time, const State& k) {
    return {s.theta1 + time * k.theta1, s.theta2 + time * k.theta2, s.omega1 + time * k.omega1,
            s.omega2 + time * k.omega2};
  }
  /// What the method of Runge and Kutta adds in a time step of 0.2.
  static double mean(double k1, double k2, double k3, double k4) {
    return 0.2 / 6.0 * (k1 + 2.0 * (k2 + k3) + k4);
  }
  static double wrapped(double angle) {
    while (angle > std::numbers::pi) angle -= 2.0 * std::numbers::pi;
    while (angle < -std::numbers::pi) angle += 2.0 * std::numbers::pi;
    return angle;
  }

  void start(int i) {
    const double* values = starts_.next(4);
    states_[i] = {values[0], values[1], values[2], values[3]};
    steps_[i] = 0;
    ++episodes_;
  }

  RandomStream random_;
  Reel torques_;
  Reel starts_;
  std::array<State, kLanes> states_{};
  std::array<int, kLanes> steps_{};
};

// --- Box2D

/// LunarLander-v3: the world of envs/box2d/lunar_lander.cpp, written down once more.
class BareLander final : public BareSimulation, private b2ContactListener {
 public:
  explicit BareLander(std::uint64_t index)
      : random_(index),
        engines_(4096, [this] { return static_cast<double>(random_.below(4)); }),
        jitter_(8192, [this] { return random_.uniform(-1.0, 1.0) / 30.0; }),
        heights_(12 * 256, [this] { return random_.uniform(0.0, kPad * 2.0); }),
        pushes_(2 * 256, [this] { return random_.uniform(-1000.0, 1000.0); }) {
    start();
  }

  std::int64_t run(std::int64_t steps) override {
    for (std::int64_t i = 0; i < steps; ++i) {
      fire(static_cast<int>(*engines_.next(1)));
      step();
      const bool away = std::abs(craft_->GetPosition().x - 10.0f) >= 10.0f;
      if (++episode_step_ >= 1000 || crashed_ || away || !craft_->IsAwake()) start();
    }
    return steps;
  }

 private:
  static constexpr double kPad = 10.0 / 3.0;   // m
  static constexpr float kTop = 40.0f / 3.0f;  // m, where the craft starts

  void BeginContact(b2Contact* contact) override {
    crashed_ = crashed_ || contact->GetFixtureA()->GetBody() == craft_ ||
               contact->GetFixtureB()->GetBody() == craft_;
  }

  void step() { world_->Step(0.02f, 180, 60); }

  /// The impulse of engine 1 (left), 2 (main) or 3 (right), in the craft's frame.
  void fire(int engine) {
    const double* jitter = jitter_.next(2);
    if (engine == 0) return;
    const auto along = static_cast<float>(jitter[0]);
    const auto across = static_cast<float>(jitter[1]);
    const b2Rot& rotation = craft_->GetTransform().q;
    const b2Vec2 nozzle =
        engine == 2 ? b2Vec2(across, 4.0f / 30.0f + 2.0f * along)
                    : b2Vec2(3.0f * across + (engine == 1 ? -12.0f : 12.0f) / 30.0f, along);
    const b2Vec2 offset = -b2Mul(rotation, nozzle);
    b2Vec2 place = craft_->GetPosition() + offset;
    if (engine != 2) place += b2Vec2(-rotation.s * 17.0f / 30.0f, rotation.c * 14.0f / 30.0f);
    craft_->ApplyLinearImpulse((engine == 2 ? -13.0f : -0.6f) * offset, place, true);
  }

  void start() {
    world_.emplace(b2Vec2(0.0f, -10.0f));
    world_->SetContactListener(this);
    build_moon();
    build_craft();
    crashed_ = false;
    step();  // the task's own, before its first observation
    episode_step_ = 0;
    ++episodes_;
  }

  void build_moon() {
    std::array<double, 12> height;
    std::copy_n(heights_.next(height.size()), height.size(), height.begin());
    std::fill(height.begin() + 3, height.begin() + 8, kPad);
    const b2BodyDef fixed;
    b2Body* moon = world_->CreateBody(&fixed);
    b2EdgeShape edge;
    edge.SetTwoSided({0.0f, 0.0f}, {20.0f, 0.0f});
    moon->CreateFixture(&edge, 0.0f);
    b2FixtureDef ground;
    ground.shape = &edge;
    ground.friction = 0.1f;
    b2Vec2 last;
    for (std::size_t i = 0; i < 11; ++i) {
      const b2Vec2 next(
          2.0f * static_cast<float>(i),
          static_cast<float>(0.33 * (height[(i + 11) % 12] + height[i] + height[i + 1])));
      if (i > 0) {
        edge.SetTwoSided(last, next);
        moon->CreateFixture(&ground);
      }
      last = next;
    }
  }

  void build_craft() {
    craft_ = add_body(10.0f, 0.0f);
    const std::array<b2Vec2, 6> corners = {b2Vec2(-14.0f, 17.0f),  b2Vec2(-17.0f, 0.0f),
                                           b2Vec2(-17.0f, -10.0f), b2Vec2(17.0f, -10.0f),
                                           b2Vec2(17.0f, 0.0f),    b2Vec2(14.0f, 17.0f)};
    std::array<b2Vec2, 6> scaled;
    std::ranges::transform(corners, scaled.begin(),
                           [](const b2Vec2& corner) { return 1.0f / 30.0f * corner; });
    b2PolygonShape shape;
    shape.Set(scaled.data(), static_cast<int32>(scaled.size()));
    add_fixture(craft_, shape, 5.0f, 0.1f, 0x0010);
    const double* push = pushes_.next(2);
    craft_->ApplyForceToCenter({static_cast<float>(push[0]), static_cast<float>(push[1])}, true);

    for (const float side : {-1.0f, 1.0f}) {
      b2Body* leg = add_body(10.0f - side * 20.0f / 30.0f, 0.05f * side);
      shape.SetAsBox(2.0f / 30.0f, 8.0f / 30.0f);
      add_fixture(leg, shape, 1.0f, 0.2f, 0x0020);
      b2RevoluteJointDef joint;
      joint.bodyA = craft_;
      joint.bodyB = leg;
      joint.localAnchorB = {side * 20.0f / 30.0f, 18.0f / 30.0f};
      joint.enableMotor = true;
      joint.enableLimit = true;
      joint.maxMotorTorque = 40.0f;
      joint.motorSpeed = 0.3f * side;
      joint.lowerAngle = side < 0.0f ? 0.4f : -0.9f;
      joint.upperAngle = side < 0.0f ? 0.9f : -0.4f;
      world_->CreateJoint(&joint);
    }
  }

  b2Body* add_body(float x, float angle) {
    b2BodyDef definition;
    definition.type = b2_dynamicBody;
    definition.position = {x, kTop};
    definition.angle = angle;
    return world_->CreateBody(&definition);
  }

  static void add_fixture(b2Body* body, const b2Shape& shape, float density, float friction,
                          std::uint16_t category) {
    b2FixtureDef definition;
    definition.shape = &shape;
    definition.density = density;
    definition.friction = friction;
    definition.filter.categoryBits = category;
    definition.filter.maskBits = 0x0001;
    body->CreateFixture(&definition);
  }

  RandomStream random_;
  Reel engines_;
  Reel jitter_;
  Reel heights_;
  Reel pushes_;
  std::optional<b2World> world_;
  b2Body* craft_ = nullptr;
  bool crashed_ = false;
  int episode_step_ = 0;
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
  if (env == "MountainCar-v0") return std::make_unique<BareMountainCar>(index);
  if (env == "Acrobot-v1") return std::make_unique<BareAcrobot>(index);
  if (env == "LunarLander-v3") return std::make_unique<BareLander>(index);
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
