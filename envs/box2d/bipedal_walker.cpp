// BipedalWalker-v3 and BipedalWalkerHardcore-v3: walk to the far end on two legs with knees; over
// uneven ground, or also over stumps, stairs and pits.
//
// Gymnasium's definition (O. Klimov's task). Lengths of the walker are given in pixels, 30 to a
// metre. An action sets the speed of each joint's motor by its sign and the motor's torque by its
// size. Ten rays measure the distance to the ground ahead. Physical state: hull, then upper and
// lower leg of either leg (six numbers each).
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numbers>
#include <utility>
#include <vector>

#include "envs/box2d/box2d_env.h"
#include "envs/box2d/drawing.h"
#include "envs/box2d/tasks.h"
#include "envs/box2d/walker_terrain.h"
#include "envs/float32.h"
#include "envs/render/canvas.h"

namespace costate {
namespace {

constexpr double kScale = 30.0;  // pixels to a metre
constexpr double kWidth = 600.0 / kScale;
constexpr double kHeight = 400.0 / kScale;
constexpr double kGravity = -10.0;
constexpr double kMotorTorque = 80.0;
constexpr double kHipSpeed = 4.0;
constexpr double kKneeSpeed = 6.0;
constexpr double kInitialForce = 5.0;
constexpr std::size_t kRays = 10;
constexpr double kRayLength = 160.0 / kScale;

constexpr std::array<Point, 5> kHull = {Point{-30.0, 9.0}, Point{6.0, 9.0}, Point{34.0, 1.0},
                                        Point{34.0, -8.0}, Point{-30.0, -8.0}};
constexpr double kLegDown = -8.0 / kScale;
constexpr double kLegWidth = 8.0 / kScale;
constexpr double kLegHeight = 34.0 / kScale;

constexpr double kFriction = 2.5;
constexpr std::size_t kGoal = WalkerTerrain::kLength - WalkerTerrain::kGrassLength;  // a vertex
constexpr std::uint16_t kGroundCategory = 0x0001;
constexpr std::uint16_t kWalkerCategory = 0x0020;

constexpr std::size_t kObservationSize = 14 + kRays;

EnvSpec walker_spec(bool hardcore) {
  EnvSpec spec;
  spec.id = hardcore ? "BipedalWalkerHardcore-v3" : "BipedalWalker-v3";
  spec.summary = hardcore ? "Walk on two legs over stumps, stairs and pits to the far end"
                          : "Walk on two legs over uneven ground to the far end";
  constexpr double kPi = std::numbers::pi;
  std::vector<double> high = {kPi, 5.0, 5.0, 5.0, kPi, 5.0, kPi, 5.0, 5.0, kPi, 5.0, kPi, 5.0, 5.0};
  std::vector<double> low;
  low.reserve(kObservationSize);
  for (const double bound : high) low.push_back(-bound);
  low[8] = low[13] = 0.0;
  // Gymnasium bounds the hull's angle by pi, but a walker may roll over on its legs.
  high[0] = std::numeric_limits<double>::infinity();
  low[0] = -high[0];
  high.resize(kObservationSize, 1.0);
  low.resize(kObservationSize, -1.0);
  spec.observation = Space::box(low, high);
  spec.observation.labels = {"hull angle (rad)",
                             "hull angular velocity (25 rad/s)",
                             "horizontal velocity (25/3 m/s)",
                             "vertical velocity (12.5 m/s)",
                             "hip 1 angle (rad)",
                             "hip 1 speed (4 rad/s)",
                             "knee 1 angle + 1 (rad)",
                             "knee 1 speed (6 rad/s)",
                             "foot 1 touches (0/1)",
                             "hip 2 angle (rad)",
                             "hip 2 speed (4 rad/s)",
                             "knee 2 angle + 1 (rad)",
                             "knee 2 speed (6 rad/s)",
                             "foot 2 touches (0/1)"};
  for (std::size_t i = 0; i < kRays; ++i) {
    spec.observation.labels.push_back("ray " + std::to_string(i) + " distance (16/3 m)");
  }
  spec.action = Space::box(4, -1.0, 1.0);
  spec.action.labels = {"hip 1 (80 N m, by the sign of the speed)", "knee 1 (80 N m)",
                        "hip 2 (80 N m)", "knee 2 (80 N m)"};
  spec.time_limit = hardcore ? 2000 : 1600;
  spec.reward_threshold = 300.0;
  spec.reward =
      "change of 130 x / 30 - 5 |hull angle|, x in m, - 0.028 sum |action|; -100 for falling";
  spec.termination = "the hull touches the ground, x < 0, or the far end (x > 88.67 m) is reached";
  return spec;
}

/// The first fixture of the ground along a ray.
class GroundRay final : public b2RayCastCallback {
 public:
  float ReportFixture(b2Fixture* fixture, const b2Vec2&, const b2Vec2&, float fraction) override {
    if ((fixture->GetFilterData().categoryBits & kGroundCategory) == 0) return -1.0f;
    fraction_ = fraction;
    return fraction;
  }
  float fraction() const { return fraction_; }

 private:
  float fraction_ = 1.0f;
};

class BipedalWalker final : public Box2dEnv {
 public:
  explicit BipedalWalker(bool hardcore)
      : Box2dEnv(walker_spec(hardcore),
                 {"gravity", "mass", "mass/hull", "mass/legs", "friction", "gear", "gear/hips",
                  "gear/knees"},
                 /*bodies=*/5),
        hardcore_(hardcore) {}

 private:
  struct Leg {
    b2Body* upper = nullptr;
    b2Body* lower = nullptr;
    b2RevoluteJoint* hip = nullptr;
    b2RevoluteJoint* knee = nullptr;
    bool touches = false;
  };

  void build(Draws& draws) override;
  void settle() override {
    constexpr std::array<float, 4> kNothing{};
    act(kNothing);
  }
  void take_up() override { shaping_ = shaping(); }
  StepResult act(std::span<const float> action) override;
  void observe(std::span<double> observation) const override;
  void draw(Canvas& canvas) const override;
  void touch(b2Fixture& a, b2Fixture& b, bool begins) override;
  void save_progress(StateWriter& writer) const override {
    writer.write(shaping_);
    writer.write(fallen_);
  }
  void restore_progress(StateReader& reader) override {
    shaping_ = reader.read<double>();
    fallen_ = reader.read<bool>();
  }

  void build_ground();
  b2Vec2 ray_end(std::size_t ray) const;
  double shaping() const {
    return 130.0 * static_cast<double>(hull_->GetPosition().x) / kScale -
           5.0 * std::abs(static_cast<double>(hull_->GetAngle()));
  }

  bool hardcore_;
  WalkerTerrain terrain_;
  b2Body* hull_ = nullptr;
  std::array<Leg, 2> legs_{};
  double hip_torque_ = 0.0;  ///< of a motor at full strength
  double knee_torque_ = 0.0;
  bool fallen_ = false;
  double shaping_ = 0.0;  ///< after the last step
};

void BipedalWalker::build_ground() {
  b2Body* ground = make_static_body();
  b2FixtureDef fixture;
  fixture.friction = static_cast<float>(kFriction * factor("friction"));
  fixture.filter.categoryBits = kGroundCategory;
  for (const WalkerTerrain::Block& block : terrain_.blocks) {
    const b2PolygonShape shape = polygon(block);
    fixture.shape = &shape;
    ground->CreateFixture(&fixture);
  }
  b2EdgeShape edge;
  fixture.shape = &edge;
  for (std::size_t i = 0; i + 1 < terrain_.vertices.size(); ++i) {
    edge.SetTwoSided(vec(terrain_.vertices[i]), vec(terrain_.vertices[i + 1]));
    ground->CreateFixture(&fixture);
  }
}

void BipedalWalker::build(Draws& draws) {
  fallen_ = false;
  shaping_ = 0.0;
  world().SetGravity(vec(0.0, kGravity * factor("gravity")));
  hip_torque_ = kMotorTorque * factor("gear/hips");
  knee_torque_ = kMotorTorque * factor("gear/knees");
  const double friction = factor("friction");
  terrain_ = WalkerTerrain::make(draws, hardcore_);
  build_ground();

  const double x = WalkerTerrain::kStep * WalkerTerrain::kStartLength / 2.0;
  const double y = WalkerTerrain::kHeight + 2.0 * kLegHeight;
  hull_ = make_body(x, y, 0.0);
  const b2PolygonShape hull = polygon(kHull, 1.0 / kScale);
  b2FixtureDef fixture;
  fixture.shape = &hull;
  fixture.density = static_cast<float>(5.0 * factor("mass/hull"));
  fixture.friction = static_cast<float>(0.1 * friction);
  fixture.filter.categoryBits = kWalkerCategory;
  fixture.filter.maskBits = 0x0001;
  hull_->CreateFixture(&fixture);
  hull_->ApplyForceToCenter(vec(draws.uniform(-kInitialForce, kInitialForce), 0.0), true);

  fixture.density = static_cast<float>(factor("mass/legs"));
  fixture.friction = static_cast<float>(0.2 * friction);
  for (std::size_t i = 0; i < legs_.size(); ++i) {
    const double side = i == 0 ? -1.0 : 1.0;
    Leg& leg = legs_[i];
    leg = {};
    b2PolygonShape box;
    fixture.shape = &box;
    leg.upper = make_body(x, y - kLegHeight / 2.0 - kLegDown, 0.05 * side);
    box.SetAsBox(static_cast<float>(kLegWidth / 2.0), static_cast<float>(kLegHeight / 2.0));
    leg.upper->CreateFixture(&fixture);
    leg.hip = make_joint(hull_, leg.upper, vec(0.0, kLegDown), vec(0.0, kLegHeight / 2.0),
                         kMotorTorque, side, -0.8, 1.1);
    leg.lower = make_body(x, y - kLegHeight * 1.5 - kLegDown, 0.05 * side);
    box.SetAsBox(static_cast<float>(0.8 * kLegWidth / 2.0), static_cast<float>(kLegHeight / 2.0));
    leg.lower->CreateFixture(&fixture);
    leg.knee = make_joint(leg.upper, leg.lower, vec(0.0, -kLegHeight / 2.0),
                          vec(0.0, kLegHeight / 2.0), kMotorTorque, 1.0, -1.6, -0.1);
  }
}

StepResult BipedalWalker::act(std::span<const float> action) {
  double effort = 0.0;
  const auto drive = [&](b2RevoluteJoint& joint, double torque, double speed, float command) {
    const float sign = command > 0.0f ? 1.0f : (command < 0.0f ? -1.0f : 0.0f);
    const double strength = std::min(static_cast<double>(std::abs(command)), 1.0);
    joint.SetMotorSpeed(static_cast<float>(speed) * sign);
    joint.SetMaxMotorTorque(static_cast<float>(torque * strength));
    effort += strength;
  };
  drive(*legs_[0].hip, hip_torque_, kHipSpeed, action[0]);
  drive(*legs_[0].knee, knee_torque_, kKneeSpeed, action[1]);
  drive(*legs_[1].hip, hip_torque_, kHipSpeed, action[2]);
  drive(*legs_[1].knee, knee_torque_, kKneeSpeed, action[3]);
  step_world();

  const double before = std::exchange(shaping_, shaping());
  const double x = static_cast<double>(hull_->GetPosition().x);
  StepResult result;
  result.reward = shaping_ - before - 0.00035 * kMotorTorque * effort;
  if (fallen_ || x < 0.0) {
    result.reward = -100.0;
    result.terminated = true;
  }
  if (x > kGoal * WalkerTerrain::kStep) result.terminated = true;
  return result;
}

b2Vec2 BipedalWalker::ray_end(std::size_t ray) const {
  const double angle = 0.15 * static_cast<double>(ray);
  return hull_->GetPosition() + vec(std::sin(angle) * kRayLength, -std::cos(angle) * kRayLength);
}

void BipedalWalker::observe(std::span<double> observation) const {
  std::size_t next = 0;
  const auto put = [&](double value) { observation[next++] = round_to_float32(value); };
  const b2Vec2 velocity = hull_->GetLinearVelocity();
  put(static_cast<double>(hull_->GetAngle()));
  put(2.0 * static_cast<double>(hull_->GetAngularVelocity()) / kFramesPerSecond);
  put(0.3 * static_cast<double>(velocity.x) * kWidth / kFramesPerSecond);
  put(0.3 * static_cast<double>(velocity.y) * kHeight / kFramesPerSecond);
  for (const Leg& leg : legs_) {
    put(static_cast<double>(leg.hip->GetJointAngle()));
    put(static_cast<double>(leg.hip->GetJointSpeed()) / kHipSpeed);
    put(static_cast<double>(leg.knee->GetJointAngle()) + 1.0);
    put(static_cast<double>(leg.knee->GetJointSpeed()) / kKneeSpeed);
    put(leg.touches ? 1.0 : 0.0);
  }
  for (std::size_t i = 0; i < kRays; ++i) {
    GroundRay ray;
    world().RayCast(&ray, hull_->GetPosition(), ray_end(i));
    put(static_cast<double>(ray.fraction()));
  }
}

void BipedalWalker::touch(b2Fixture& a, b2Fixture& b, bool begins) {
  const auto involves = [&](const b2Body* body) {
    return a.GetBody() == body || b.GetBody() == body;
  };
  if (begins && involves(hull_)) fallen_ = true;
  for (Leg& leg : legs_) {
    if (involves(leg.lower)) leg.touches = begins;
  }
}

void BipedalWalker::draw(Canvas& canvas) const {
  constexpr Color kSky = {214, 222, 250};
  constexpr Color kEarth = {102, 153, 76};
  constexpr Color kGrass = {64, 190, 64};
  constexpr Color kBlock = {190, 190, 196};
  constexpr Color kBlockEdge = {140, 140, 148};
  constexpr Color kRay = {230, 80, 70};
  constexpr Color kBody = {127, 51, 229};
  constexpr std::array<Color, 2> kLimbs = {Color{178, 101, 152}, Color{128, 51, 102}};
  constexpr Color kPole = {60, 60, 60};
  constexpr Color kFlag = {230, 60, 30};
  canvas.clear(kSky);
  // The hull stays a quarter of the width from the left.
  const double left = static_cast<double>(hull_->GetPosition().x) - kWidth / 4.0;
  canvas.show(left, left + kWidth, 0.0, kHeight);

  std::vector<Point> earth = terrain_.vertices;
  earth.push_back({terrain_.vertices.back().x, -kWidth});
  earth.push_back({terrain_.vertices.front().x, -kWidth});
  canvas.fill(earth, kEarth);
  for (const WalkerTerrain::Block& block : terrain_.blocks) {
    std::array<Point, 5> corners;
    for (std::size_t i = 0; i < corners.size(); ++i) corners[i] = block[i % block.size()];
    canvas.fill(std::span(corners).first(block.size()), kBlock);
    canvas.draw_lines(corners, 0.06, kBlockEdge);
  }
  canvas.draw_lines(terrain_.vertices, 0.12, kGrass);

  const Point eye = point(hull_->GetPosition());
  for (std::size_t i = 0; i < kRays; ++i) {
    GroundRay ray;
    const b2Vec2 end = ray_end(i);
    world().RayCast(&ray, hull_->GetPosition(), end);
    const double part = static_cast<double>(ray.fraction());
    canvas.draw_lines(
        {eye, {eye.x + part * (point(end).x - eye.x), eye.y + part * (point(end).y - eye.y)}}, 0.03,
        kRay);
  }
  for (const std::size_t i : {0u, 1u}) {
    fill_body(canvas, *legs_[i].lower, kLimbs[i]);
    fill_body(canvas, *legs_[i].upper, kLimbs[i]);
    if (i == 0) fill_body(canvas, *hull_, kBody);  // between the legs
  }

  const double goal = kGoal * WalkerTerrain::kStep;
  const double bottom = terrain_.vertices[kGoal].y;
  for (const auto& [x, y] :
       {Point{goal, bottom}, Point{3.0 * WalkerTerrain::kStep, WalkerTerrain::kHeight}}) {
    canvas.draw_lines({{x, y}, {x, y + 50.0 / kScale}}, 0.06, kPole);
    canvas.fill(
        {{x, y + 50.0 / kScale}, {x, y + 40.0 / kScale}, {x + 25.0 / kScale, y + 45.0 / kScale}},
        kFlag);
  }
}

}  // namespace

std::unique_ptr<Env> make_bipedal_walker() {
  return std::make_unique<BipedalWalker>(/*hardcore=*/false);
}

std::unique_ptr<Env> make_bipedal_walker_hardcore() {
  return std::make_unique<BipedalWalker>(/*hardcore=*/true);
}

}  // namespace costate
