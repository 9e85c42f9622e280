// LunarLander-v3 and LunarLanderContinuous-v3: land a craft with a main and two side engines on a
// pad, softly and upright.
//
// Gymnasium's definition (O. Klimov's task). Lengths of the craft are given in pixels, 30 to a
// metre; the moon is 20 m wide and the pad lies in the middle of uneven ground. Each engine pushes
// by an impulse at its nozzle, whose place and direction are disturbed by up to a pixel in every
// step. The shaping potential is
//   −100·|position| − 100·|velocity| − 100·|angle| + 10·(feet that touch)
// in the observation's units. Physical state: craft, left leg, right leg (six numbers each).
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numbers>
#include <utility>

#include "envs/box2d/box2d_env.h"
#include "envs/box2d/drawing.h"
#include "envs/box2d/tasks.h"
#include "envs/discrete_action.h"
#include "envs/float32.h"
#include "envs/render/canvas.h"

namespace costate {
namespace {

constexpr double kScale = 30.0;             // pixels to a metre
constexpr double kWidth = 600.0 / kScale;   // m
constexpr double kHeight = 400.0 / kScale;  // m
constexpr double kPadHeight = kHeight / 4.0;
constexpr double kMainPower = 13.0;
constexpr double kSidePower = 0.6;
constexpr double kInitialForce = 1000.0;  // N

constexpr std::array<Point, 6> kCraft = {Point{-14.0, 17.0}, Point{-17.0, 0.0}, Point{-17.0, -10.0},
                                         Point{17.0, -10.0}, Point{17.0, 0.0},  Point{14.0, 17.0}};
constexpr double kLegAway = 20.0 / kScale;
constexpr double kLegDown = 18.0 / kScale;
constexpr double kLegHalfWidth = 2.0 / kScale;
constexpr double kLegHalfHeight = 8.0 / kScale;
constexpr double kLegTorque = 40.0;
constexpr double kSideEngineHeight = 14.0 / kScale;
constexpr double kSideEngineAway = 12.0 / kScale;
constexpr double kMainEngineDown = 4.0 / kScale;
// Where the impulse of a side engine acts is not where the engine sits: so the task is defined.
constexpr double kSideImpulseAway = 17.0 / kScale;

constexpr int kChunks = 11;
constexpr int kWindPeriodStart = 9999;

EnvSpec lunar_lander_spec(bool continuous) {
  EnvSpec spec;
  spec.id = continuous ? "LunarLanderContinuous-v3" : "LunarLander-v3";
  spec.summary = "Land a craft with a main and two side engines softly on a pad";
  // Gymnasium bounds height by 2.5 and angle by 2 pi, but a craft may fly higher and turn on.
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  spec.observation = Space::box({-2.5, -kInfinity, -10.0, -10.0, -kInfinity, -10.0, 0.0, 0.0},
                                {2.5, kInfinity, 10.0, 10.0, kInfinity, 10.0, 1.0, 1.0});
  spec.observation.labels = {"horizontal distance from the pad (10 m)",
                             "height over the pad (20/3 m)",
                             "horizontal velocity (5 m/s)",
                             "vertical velocity (7.5 m/s)",
                             "angle (rad)",
                             "angular velocity (2.5 rad/s)",
                             "left foot touches (0/1)",
                             "right foot touches (0/1)"};
  if (continuous) {
    spec.action = Space::box(2, -1.0, 1.0);
    spec.action.labels = {"main engine (off up to 0, then half to full power)",
                          "side engines (left below -0.5, right above 0.5, else off)"};
  } else {
    spec.action = Space::discrete(4);
    spec.action.labels = {"engine (0: none, 1: left, 2: main, 3: right)"};
  }
  spec.time_limit = 1000;
  spec.reward_threshold = 200.0;
  spec.reward =
      "change of -100 |position| - 100 |velocity| - 100 |angle| + 10 (feet that touch), in the "
      "observation's units, - 0.3 (main power) - 0.03 (side power); -100 for a crash or for "
      "leaving, +100 for coming to rest";
  spec.termination = "the craft's body touches the ground, is 10 m from the middle, or is at rest";
  return spec;
}

class LunarLander final : public Box2dEnv {
 public:
  explicit LunarLander(const LunarLanderConfig& config)
      : Box2dEnv(lunar_lander_spec(config.continuous),
                 {"gravity", "mass", "mass/craft", "mass/legs", "friction", "gear",
                  "gear/main engine", "gear/side engines"},
                 /*bodies=*/3),
        config_(config) {}

 private:
  using Values = std::array<double, 8>;

  void build(Draws& draws) override;
  void settle() override;
  void take_up() override { shaping_ = shaping(values()); }
  StepResult act(std::span<const float> action) override;
  void observe(std::span<double> observation) const override {
    const Values exact = values();
    for (std::size_t i = 0; i < exact.size(); ++i) observation[i] = round_to_float32(exact[i]);
  }
  void draw(Canvas& canvas) const override;
  void touch(b2Fixture& a, b2Fixture& b, bool begins) override;
  void save_progress(StateWriter& writer) const override {
    writer.write(shaping_);
    writer.write(wind_step_);
    writer.write(turbulence_step_);
    writer.write(crashed_);
  }
  void restore_progress(StateReader& reader) override {
    shaping_ = reader.read<double>();
    wind_step_ = reader.read<std::int64_t>();
    turbulence_step_ = reader.read<std::int64_t>();
    crashed_ = reader.read<bool>();
  }

  /// The observation before it is rounded.
  Values values() const;
  static double shaping(const Values& values);
  void blow();
  /// Fires the engines and steps the world. `main_power` is 0 … 1, `side` −1 … 1 with its sign as
  /// the direction.
  void fly(double main_power, double side);

  LunarLanderConfig config_;
  b2Body* craft_ = nullptr;
  std::array<b2Body*, 2> legs_{};
  std::array<bool, 2> foot_touches_{};
  std::array<Point, kChunks> ground_{};
  double main_engine_ = 0.0;  ///< full power
  double side_engine_ = 0.0;
  bool crashed_ = false;
  double shaping_ = 0.0;  ///< after the last step
  std::int64_t wind_step_ = 0;
  std::int64_t turbulence_step_ = 0;
  double main_power_ = 0.0;  ///< of the last step, for the picture
  double side_power_ = 0.0;
};

void LunarLander::build(Draws& draws) {
  crashed_ = false;
  foot_touches_ = {};
  shaping_ = 0.0;
  main_power_ = side_power_ = 0.0;
  world().SetGravity(vec(0.0, config_.gravity * factor("gravity")));
  main_engine_ = kMainPower * factor("gear/main engine");
  side_engine_ = kSidePower * factor("gear/side engines");
  const double friction = factor("friction");

  std::array<double, kChunks + 1> height;
  for (double& h : height) h = draws.uniform(0.0, kHeight / 2.0);
  std::fill(height.begin() + 3, height.begin() + 8, kPadHeight);
  b2Body* moon = make_static_body();
  b2EdgeShape edge;
  edge.SetTwoSided(vec(0.0, 0.0), vec(kWidth, 0.0));
  moon->CreateFixture(&edge, 0.0f);
  for (std::size_t i = 0; i < ground_.size(); ++i) {
    // The height before the first is the last: so the task is defined.
    const double before = height[(i + kChunks) % height.size()];
    ground_[i] = {kWidth / (kChunks - 1) * static_cast<double>(i),
                  0.33 * (before + height[i] + height[i + 1])};
  }
  b2FixtureDef ground;
  ground.shape = &edge;
  ground.friction = static_cast<float>(0.1 * friction);
  for (std::size_t i = 0; i + 1 < ground_.size(); ++i) {
    edge.SetTwoSided(vec(ground_[i]), vec(ground_[i + 1]));
    moon->CreateFixture(&ground);
  }

  craft_ = make_body(kWidth / 2.0, kHeight, 0.0);
  const b2PolygonShape hull = polygon(kCraft, 1.0 / kScale);
  b2FixtureDef fixture;
  fixture.shape = &hull;
  fixture.density = static_cast<float>(5.0 * factor("mass/craft"));
  fixture.friction = static_cast<float>(0.1 * friction);
  fixture.filter.categoryBits = 0x0010;
  fixture.filter.maskBits = 0x0001;
  craft_->CreateFixture(&fixture);
  const double force_x = draws.uniform(-kInitialForce, kInitialForce);
  const double force_y = draws.uniform(-kInitialForce, kInitialForce);
  craft_->ApplyForceToCenter(vec(force_x, force_y), true);

  for (std::size_t leg = 0; leg < legs_.size(); ++leg) {
    const double side = leg == 0 ? -1.0 : 1.0;
    legs_[leg] = make_body(kWidth / 2.0 - side * kLegAway, kHeight, 0.05 * side);
    b2PolygonShape box;
    box.SetAsBox(static_cast<float>(kLegHalfWidth), static_cast<float>(kLegHalfHeight));
    b2FixtureDef foot;
    foot.shape = &box;
    foot.density = static_cast<float>(factor("mass/legs"));
    foot.friction = static_cast<float>(0.2 * friction);
    foot.filter.categoryBits = 0x0020;
    foot.filter.maskBits = 0x0001;
    legs_[leg]->CreateFixture(&foot);
    make_joint(craft_, legs_[leg], vec(0.0, 0.0), vec(side * kLegAway, kLegDown), kLegTorque,
               0.3 * side, side < 0.0 ? 0.4 : -0.9, side < 0.0 ? 0.9 : -0.4);
  }

  wind_step_ = draws.integer(-kWindPeriodStart, kWindPeriodStart);
  turbulence_step_ = draws.integer(-kWindPeriodStart, kWindPeriodStart);
}

void LunarLander::settle() {
  fly(0.0, 0.0);
  shaping_ = shaping(values());
}

void LunarLander::blow() {
  if (!config_.enable_wind || foot_touches_[0] || foot_touches_[1]) return;
  const auto gust = [](std::int64_t step) {
    const double k = static_cast<double>(step);
    return std::tanh(std::sin(0.02 * k) + std::sin(std::numbers::pi * 0.01 * k));
  };
  craft_->ApplyForceToCenter(vec(gust(wind_step_++) * config_.wind_power, 0.0), true);
  craft_->ApplyTorque(static_cast<float>(gust(turbulence_step_++) * config_.turbulence_power),
                      true);
}

void LunarLander::fly(double main_power, double side) {
  blow();
  main_power_ = main_power;
  side_power_ = side;
  const double angle = static_cast<double>(craft_->GetAngle());
  const double tip_x = std::sin(angle);
  const double tip_y = std::cos(angle);
  const double side_x = -tip_y;
  const double side_y = tip_x;
  const double along = random().uniform(-1.0, 1.0) / kScale;
  const double across = random().uniform(-1.0, 1.0) / kScale;
  const double x = static_cast<double>(craft_->GetPosition().x);
  const double y = static_cast<double>(craft_->GetPosition().y);

  if (main_power > 0.0) {
    const double away = kMainEngineDown + 2.0 * along;
    const double offset_x = tip_x * away + side_x * across;
    const double offset_y = -tip_y * away - side_y * across;
    const double power = main_engine_ * main_power;
    craft_->ApplyLinearImpulse(vec(-offset_x * power, -offset_y * power),
                               vec(x + offset_x, y + offset_y), true);
  }
  if (side != 0.0) {
    const double away = 3.0 * across + std::copysign(kSideEngineAway, side);
    const double offset_x = tip_x * along + side_x * away;
    const double offset_y = -tip_y * along - side_y * away;
    const double power = side_engine_ * std::abs(side);
    craft_->ApplyLinearImpulse(
        vec(-offset_x * power, -offset_y * power),
        vec(x + offset_x - tip_x * kSideImpulseAway, y + offset_y + tip_y * kSideEngineHeight),
        true);
  }
  step_world();
}

StepResult LunarLander::act(std::span<const float> action) {
  double main_power = 0.0;
  double side = 0.0;
  if (config_.continuous) {
    const double throttle = std::clamp(static_cast<double>(action[0]), -1.0, 1.0);
    const double steer = std::clamp(static_cast<double>(action[1]), -1.0, 1.0);
    if (throttle > 0.0) main_power = 0.5 * (throttle + 1.0);
    if (std::abs(steer) > 0.5) side = steer;
  } else {
    const int engine = discrete_action(action[0], 4, spec().id);
    if (engine == 2) main_power = 1.0;
    if (engine == 1) side = -1.0;
    if (engine == 3) side = 1.0;
  }
  fly(main_power, side);

  const Values state = values();
  const double before = std::exchange(shaping_, shaping(state));
  StepResult result;
  result.reward = shaping_ - before - 0.3 * main_power - 0.03 * std::abs(side);
  if (crashed_ || std::abs(state[0]) >= 1.0) {
    result.terminated = true;
    result.reward = -100.0;
  }
  if (!craft_->IsAwake()) {
    result.terminated = true;
    result.reward = 100.0;
  }
  return result;
}

LunarLander::Values LunarLander::values() const {
  const b2Vec2 position = craft_->GetPosition();
  const b2Vec2 velocity = craft_->GetLinearVelocity();
  return {
      (static_cast<double>(position.x) - kWidth / 2.0) / (kWidth / 2.0),
      (static_cast<double>(position.y) - (kPadHeight + kLegDown)) / (kHeight / 2.0),
      static_cast<double>(velocity.x) * (kWidth / 2.0) / kFramesPerSecond,
      static_cast<double>(velocity.y) * (kHeight / 2.0) / kFramesPerSecond,
      static_cast<double>(craft_->GetAngle()),
      20.0 * static_cast<double>(craft_->GetAngularVelocity()) / kFramesPerSecond,
      foot_touches_[0] ? 1.0 : 0.0,
      foot_touches_[1] ? 1.0 : 0.0,
  };
}

double LunarLander::shaping(const Values& values) {
  return -100.0 * std::sqrt(values[0] * values[0] + values[1] * values[1]) -
         100.0 * std::sqrt(values[2] * values[2] + values[3] * values[3]) -
         100.0 * std::abs(values[4]) + 10.0 * values[6] + 10.0 * values[7];
}

void LunarLander::touch(b2Fixture& a, b2Fixture& b, bool begins) {
  const auto involves = [&](const b2Body* body) {
    return a.GetBody() == body || b.GetBody() == body;
  };
  if (begins && involves(craft_)) crashed_ = true;
  for (std::size_t leg = 0; leg < legs_.size(); ++leg) {
    if (involves(legs_[leg])) foot_touches_[leg] = begins;
  }
}

void LunarLander::draw(Canvas& canvas) const {
  constexpr Color kSky = {16, 18, 34};
  constexpr Color kMoon = {218, 218, 222};
  constexpr Color kHull = {128, 102, 230};
  constexpr Color kLeg = {154, 132, 240};
  constexpr Color kFlame = {255, 170, 60};
  constexpr Color kPole = {200, 200, 200};
  constexpr Color kFlag = {230, 200, 30};
  canvas.clear(kSky);
  canvas.show(0.0, kWidth, 0.0, kHeight);

  std::array<Point, kChunks + 2> moon;
  std::ranges::copy(ground_, moon.begin());
  moon[kChunks] = {kWidth, -kHeight};
  moon[kChunks + 1] = {0.0, -kHeight};
  canvas.fill(moon, kMoon);

  const auto in_craft = [this](double x, double y) {
    return point(craft_->GetWorldPoint(vec(x / kScale, y / kScale)));
  };
  if (main_power_ > 0.0) {
    canvas.fill(
        {in_craft(-7.0, -10.0), in_craft(7.0, -10.0), in_craft(0.0, -10.0 - 25.0 * main_power_)},
        kFlame);
  }
  if (side_power_ != 0.0) {
    const double side = side_power_ < 0.0 ? -1.0 : 1.0;  // the flame is where the thrust is not
    canvas.fill({in_craft(side * -15.0, 16.0), in_craft(side * -15.0, 10.0),
                 in_craft(side * -15.0 - 14.0 * side_power_, 13.0)},
                kFlame);
  }
  for (const b2Body* leg : legs_) fill_body(canvas, *leg, kLeg);
  fill_body(canvas, *craft_, kHull);

  for (const double x : {0.4 * kWidth, 0.6 * kWidth}) {
    const double bottom = 0.99 * kPadHeight;
    canvas.draw_lines({{x, bottom}, {x, bottom + 50.0 / kScale}}, 0.05, kPole);
    canvas.fill({{x, bottom + 50.0 / kScale},
                 {x, bottom + 40.0 / kScale},
                 {x + 25.0 / kScale, bottom + 45.0 / kScale}},
                kFlag);
  }
}

}  // namespace

void LunarLanderConfig::describe(Options& options) {
  options.add("gravity", gravity, Range::between(-12.0, 0.0), "vertical acceleration (m/s^2)");
  options.add("enable_wind", enable_wind, "whether wind blows while no foot touches");
  options.add("wind_power", wind_power, Range::between(0.0, 20.0),
              "greatest force of the wind (N)");
  options.add("turbulence_power", turbulence_power, Range::between(0.0, 2.0),
              "greatest torque of the wind (N m)");
}

std::unique_ptr<Env> make_lunar_lander(const LunarLanderConfig& config) {
  return std::make_unique<LunarLander>(config);
}

}  // namespace costate
