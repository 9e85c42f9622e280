// CarRacing-v3: drive a rear-wheel-drive car once around a random road, seen from above.
//
// Gymnasium's definition (O. Klimov's task). Each wheel turns by its own equation
//   J ω' = P gas / (|ω| + 5) − r f
// and pushes the car by a friction force (f along, p across) that is proportional to its slip and
// bounded by what the ground bears. Lengths of the car are given in units of 0.02 m. The road is
// made of tiles, and each pays once, when a wheel first touches it.
//
// The observation is the picture that the task shows, 96 × 96 pixels, drawn from a frame of
// 1000 × 800 straight at that size with smoothed edges; the score is in digits of our own. Or, with
// observation = "state", 33 numbers (see the labels). Physical state: hull, then the wheels front
// left, front right, rear left, rear right (six numbers each), then gas, angular velocity (rad/s)
// and angle (rad) of each wheel.
#include <algorithm>
#include <array>
#include <bitset>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numbers>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "envs/box2d/box2d_env.h"
#include "envs/box2d/drawing.h"
#include "envs/box2d/race_track.h"
#include "envs/box2d/tasks.h"
#include "envs/discrete_action.h"
#include "envs/float32.h"
#include "envs/render/canvas.h"

namespace costate {
namespace {

constexpr double kScale = 6.0;
constexpr double kPlayfield = 2000.0 / kScale;  // m; the car must stay within ± this
constexpr double kTimeStep = 1.0 / 50.0;

constexpr double kSize = 0.02;  // m to a unit of the car's drawing
constexpr double kEnginePower = 1e8 * kSize * kSize;
constexpr double kWheelInertia = 4000.0 * kSize * kSize;
constexpr double kFrictionLimit = 1e6 * kSize * kSize;  // N on the road
constexpr double kGrassFrictionLimit = 0.6 * kFrictionLimit;
constexpr double kSlipForce = 205000.0 * kSize * kSize;  // N s/m
constexpr double kWheelRadius = 27.0;                    // units
constexpr double kWheelHalfWidth = 14.0;                 // units
constexpr double kSteeringTorque = 180.0 * 900.0 * kSize * kSize;
constexpr double kSteeringLimit = 0.4;
constexpr double kBrakeRate = 15.0;  // rad/s in a step
constexpr std::array<Point, 4> kWheelPlaces = {Point{-55.0, 80.0}, Point{55.0, 80.0},
                                               Point{-55.0, -82.0}, Point{55.0, -82.0}};
constexpr std::array<Point, 4> kWheelShape = {Point{-14.0, 27.0}, Point{14.0, 27.0},
                                              Point{14.0, -27.0}, Point{-14.0, -27.0}};
constexpr std::array<Point, 4> kHull1 = {{{-60, 130}, {60, 130}, {60, 110}, {-60, 110}}};
constexpr std::array<Point, 4> kHull2 = {{{-15, 120}, {15, 120}, {20, 20}, {-20, 20}}};
constexpr std::array<Point, 8> kHull3 = {
    {{25, 20}, {50, -10}, {50, -40}, {20, -90}, {-20, -90}, {-50, -40}, {-50, -10}, {-25, 20}}};
constexpr std::array<Point, 4> kHull4 = {{{-50, -120}, {50, -120}, {50, -90}, {-50, -90}}};

constexpr int kPixels = 96;
constexpr double kFrameWidth = 1000.0;
constexpr double kFrameHeight = 800.0;
constexpr double kZoom = 2.7;

constexpr std::size_t kPointsAhead = 10;
constexpr std::size_t kTilesToPoint = 4;  // from one point ahead to the next

constexpr Color kRoad = {102, 102, 102};
constexpr Color kField = {102, 204, 102};
constexpr Color kGrass = {102, 230, 102};

/// The index of the tile that a fixture is, or none.
std::optional<std::size_t> tile_index(b2Fixture& fixture) {
  const std::uintptr_t number = fixture.GetUserData().pointer;
  if (number == 0) return std::nullopt;
  return number - 1;
}

EnvSpec car_racing_spec(const CarRacingConfig& config) {
  EnvSpec spec;
  spec.id = "CarRacing-v3";
  spec.summary = "Drive a powerful rear-wheel-drive car once around a random road";
  if (config.observation == "pixels") {
    spec.observation = Space::picture(kPixels, kPixels);
  } else {
    std::vector<std::string> labels = {"forward velocity (m/s)",
                                       "velocity to the left (m/s)",
                                       "yaw rate (rad/s)",
                                       "distance from the centre line, left positive (m)",
                                       "heading off the road's (rad)",
                                       "steering angle (rad)",
                                       "front left wheel speed (rad/s)",
                                       "front right wheel speed (rad/s)",
                                       "rear left wheel speed (rad/s)",
                                       "rear right wheel speed (rad/s)",
                                       "gas of the rear wheels (1)",
                                       "wheels on the road (0 to 4)",
                                       "share of the tiles visited (1)"};
    for (std::size_t i = 1; i <= kPointsAhead; ++i) {
      const std::string distance = std::to_string(14 * i) + " m ahead";
      labels.push_back("road " + distance + ": to the right of the car (m)");
      labels.push_back("road " + distance + ": before the car (m)");
    }
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    spec.observation = Space::box(static_cast<int>(labels.size()), -kInfinity, kInfinity);
    spec.observation.labels = std::move(labels);
  }
  if (config.continuous) {
    spec.action = Space::box({-1.0, 0.0, 0.0}, {1.0, 1.0, 1.0});
    spec.action.labels = {"steering (-1 left, 1 right)", "gas", "brake"};
  } else {
    spec.action = Space::discrete(5);
    spec.action.labels = {"0: nothing, 1: right, 2: left, 3: gas, 4: brake"};
  }
  spec.time_limit = 1000;
  spec.reward_threshold = 900.0;
  spec.reward =
      "1000 / tiles for each tile of the road when first touched, - 0.1 per step; -100 "
      "for leaving the field";
  spec.termination =
      "every tile visited, or the first one touched with enough of them visited; or "
      "the car more than 333.33 m from the middle in x or y";
  return spec;
}

class CarRacing final : public Box2dEnv {
 public:
  explicit CarRacing(const CarRacingConfig& config)
      : Box2dEnv(car_racing_spec(config),
                 {"mass", "mass/hull", "mass/wheels", "friction", "friction/road", "friction/grass",
                  "gear"},
                 /*bodies=*/5, /*numbers=*/12),
        config_(config) {
    if (config.observation == "pixels") screen_.emplace(kPixels, kPixels);
  }

 private:
  struct Wheel {
    b2Body* body = nullptr;
    b2RevoluteJoint* joint = nullptr;
    int tiles = 0;  ///< that it touches
  };
  using TileSet = std::bitset<RaceTrack::kMaxPoints>;

  void build(Draws& draws) override;
  void settle() override { roll(0.0, 0.0); }
  StepResult act(std::span<const float> action) override;
  void observe(std::span<double> observation) const override;
  void draw(Canvas& canvas) const override {
    draw_frame(canvas, kFrameWidth * canvas.height() / canvas.width());
  }
  void touch(b2Fixture& a, b2Fixture& b, bool begins) override;
  void save_progress(StateWriter& writer) const override {
    writer.write(score_);
    writer.write(paid_);
    writer.write(frames_);
    writer.write(visited_);
    writer.write(driven_on_);
    writer.write(lap_finished_);
  }
  void restore_progress(StateReader& reader) override {
    score_ = reader.read<double>();
    paid_ = reader.read<double>();
    frames_ = reader.read<std::int64_t>();
    visited_ = reader.read<TileSet>();
    driven_on_ = reader.read<TileSet>();
    lap_finished_ = reader.read<bool>();
  }

  double& gas(std::size_t wheel) { return numbers()[3 * wheel]; }
  double& spin(std::size_t wheel) { return numbers()[3 * wheel + 1]; }
  double& turned(std::size_t wheel) { return numbers()[3 * wheel + 2]; }
  double gas(std::size_t wheel) const { return numbers()[3 * wheel]; }
  double spin(std::size_t wheel) const { return numbers()[3 * wheel + 1]; }
  double turned(std::size_t wheel) const { return numbers()[3 * wheel + 2]; }

  /// Moves the rear wheels' gas towards `target`.
  void press_gas(double target);
  /// Wheels and friction, then the world's step. `steering` is in rad, left positive.
  void roll(double steering, double brake);
  void observe_state(std::span<double> observation) const;

  /// Draws a frame of 1000 × `frame_height`, stretched over the canvas.
  void draw_frame(Canvas& canvas, double frame_height) const;
  void draw_ground(Canvas& canvas, double reach) const;
  void draw_car(Canvas& canvas) const;
  void draw_indicators(Canvas& canvas, double frame_height) const;

  CarRacingConfig config_;
  mutable std::optional<Canvas> screen_;  ///< of the observation, where it is a picture
  double engine_power_ = 0.0;
  double road_friction_ = 0.0;  ///< the greatest friction force of a wheel (N)
  double grass_friction_ = 0.0;
  Color road_color_;
  Color field_color_;
  Color grass_color_;
  RaceTrack track_;
  b2Body* hull_ = nullptr;
  std::array<Wheel, 4> wheels_{};
  TileSet visited_;    ///< by a wheel
  TileSet driven_on_;  ///< by any part of the car: these have lost their shade
  bool lap_finished_ = false;
  double score_ = 0.0;
  double paid_ = 0.0;        ///< of the score
  std::int64_t frames_ = 0;  ///< since the start, the one before the first observation included
};

void CarRacing::build(Draws& draws) {
  visited_.reset();
  driven_on_.reset();
  lap_finished_ = false;
  score_ = 0.0;
  paid_ = 0.0;
  frames_ = 0;
  engine_power_ = kEnginePower * factor("gear");
  road_friction_ = kFrictionLimit * factor("friction/road");
  grass_friction_ = kGrassFrictionLimit * factor("friction/grass");

  road_color_ = kRoad;
  field_color_ = kField;
  grass_color_ = kGrass;
  if (config_.domain_randomize) {
    const auto channel = [&] { return static_cast<std::uint8_t>(draws.uniform(0.0, 210.0)); };
    road_color_.red = channel();
    road_color_.green = channel();
    road_color_.blue = channel();
    field_color_.red = channel();
    field_color_.green = channel();
    field_color_.blue = channel();
    grass_color_ = field_color_;
    const std::array<std::uint8_t*, 3> channels = {&grass_color_.red, &grass_color_.green,
                                                   &grass_color_.blue};
    *channels[static_cast<std::size_t>(draws.integer(0, 3))] += 20;
  }

  track_ = RaceTrack::make(draws);
  b2Body* ground = make_static_body();
  for (std::size_t i = 0; i < track_.points.size(); ++i) {
    const b2PolygonShape shape = polygon(track_.tile(i));
    b2FixtureDef tile;
    tile.shape = &shape;
    tile.isSensor = true;
    tile.userData.pointer = i + 1;
    ground->CreateFixture(&tile);
  }

  const auto [heading, x, y] = track_.points.front();
  hull_ = make_body(x, y, heading);
  for (const std::span<const Point> part :
       {std::span<const Point>(kHull1), std::span<const Point>(kHull2),
        std::span<const Point>(kHull3), std::span<const Point>(kHull4)}) {
    const b2PolygonShape shape = polygon(part, kSize);
    hull_->CreateFixture(&shape, static_cast<float>(factor("mass/hull")));
  }
  const b2PolygonShape shape = polygon(kWheelShape, kSize);
  b2FixtureDef fixture;
  fixture.shape = &shape;
  fixture.density = static_cast<float>(0.1 * factor("mass/wheels"));
  fixture.filter.categoryBits = 0x0020;
  fixture.filter.maskBits = 0x0001;
  for (std::size_t i = 0; i < wheels_.size(); ++i) {
    const Point place = {kSize * kWheelPlaces[i].x, kSize * kWheelPlaces[i].y};
    // Not turned by the heading: so the task is defined, and the joints pull the wheels to their
    // places within the first steps.
    wheels_[i] = {};
    wheels_[i].body = make_body(x + place.x, y + place.y, heading);
    wheels_[i].body->CreateFixture(&fixture);
    wheels_[i].joint = make_joint(hull_, wheels_[i].body, vec(place), vec(0.0, 0.0),
                                  kSteeringTorque, 0.0, -kSteeringLimit, kSteeringLimit);
  }
}

void CarRacing::press_gas(double target) {
  for (const std::size_t rear : {2u, 3u}) {
    gas(rear) += std::min(std::clamp(target, 0.0, 1.0) - gas(rear), 0.1);
  }
}

void CarRacing::roll(double steering, double brake) {
  for (std::size_t i = 0; i < wheels_.size(); ++i) {
    const Wheel& wheel = wheels_[i];
    const double off = (i < 2 ? steering : 0.0) - static_cast<double>(wheel.joint->GetJointAngle());
    wheel.joint->SetMotorSpeed(
        static_cast<float>(std::copysign(std::min(50.0 * std::abs(off), 3.0), off)));

    const double limit = wheel.tiles > 0 ? road_friction_ : grass_friction_;
    const b2Vec2 forward = wheel.body->GetWorldVector(vec(0.0, 1.0));
    const b2Vec2 aside = wheel.body->GetWorldVector(vec(1.0, 0.0));
    const b2Vec2 velocity = wheel.body->GetLinearVelocity();

    double& omega = spin(i);
    omega += kTimeStep * engine_power_ * gas(i) / kWheelInertia / (std::abs(omega) + 5.0);
    if (brake >= 0.9) {
      omega = 0.0;
    } else if (brake > 0.0) {
      omega -= std::copysign(std::min(kBrakeRate * brake, std::abs(omega)), omega);
    }
    turned(i) += omega * kTimeStep;

    constexpr double kRadius = kWheelRadius * kSize;
    double along = kSlipForce * (omega * kRadius - static_cast<double>(b2Dot(forward, velocity)));
    double across = -kSlipForce * static_cast<double>(b2Dot(aside, velocity));
    const double force = std::hypot(along, across);
    if (force > limit) {
      along *= limit / force;
      across *= limit / force;
    }
    omega -= kTimeStep * along * kRadius / kWheelInertia;
    wheel.body->ApplyForceToCenter(
        static_cast<float>(across) * aside + static_cast<float>(along) * forward, true);
  }
  step_world();
  ++frames_;
}

StepResult CarRacing::act(std::span<const float> action) {
  if (config_.continuous) {
    press_gas(static_cast<double>(action[1]));
    roll(-static_cast<double>(action[0]), static_cast<double>(action[2]));
  } else {
    const int choice = discrete_action(action[0], 5, spec().id);
    press_gas(choice == 3 ? 0.2 : 0.0);
    roll(choice == 1 ? -0.6 : (choice == 2 ? 0.6 : 0.0), choice == 4 ? 0.8 : 0.0);
  }

  score_ -= 0.1;
  StepResult result;
  result.reward = score_ - std::exchange(paid_, score_);
  result.terminated = lap_finished_ || visited_.count() == track_.points.size();
  const b2Vec2 position = hull_->GetPosition();
  if (std::abs(static_cast<double>(position.x)) > kPlayfield ||
      std::abs(static_cast<double>(position.y)) > kPlayfield) {
    result.reward = -100.0;
    result.terminated = true;
  }
  return result;
}

void CarRacing::touch(b2Fixture& a, b2Fixture& b, bool begins) {
  const auto tile_of_a = tile_index(a);
  const auto tile = tile_of_a ? tile_of_a : tile_index(b);
  if (!tile) return;
  driven_on_.set(*tile);
  const b2Body* other = (tile_of_a ? b : a).GetBody();
  const auto wheel =
      std::ranges::find_if(wheels_, [&](const Wheel& one) { return one.body == other; });
  if (wheel == wheels_.end()) return;  // the hull
  wheel->tiles += begins ? 1 : -1;
  if (!begins) return;
  const auto count = static_cast<double>(track_.points.size());
  if (*tile == 0 && static_cast<double>(visited_.count()) / count > config_.lap_complete_percent) {
    lap_finished_ = true;
  }
  if (!visited_.test(*tile)) {
    visited_.set(*tile);
    score_ += 1000.0 / count;
  }
}

void CarRacing::observe(std::span<double> observation) const {
  if (!screen_) {
    observe_state(observation);
    return;
  }
  draw_frame(*screen_, kFrameHeight);
  auto next = observation.begin();
  screen_->read([&next](std::uint8_t value) { *next++ = value; });
}

void CarRacing::observe_state(std::span<double> observation) const {
  std::size_t next = 0;
  const auto put = [&](double value) { observation[next++] = round_to_float32(value); };
  const b2Vec2 velocity = hull_->GetLocalVector(hull_->GetLinearVelocity());
  const Point at = point(hull_->GetPosition());
  std::size_t nearest = 0;
  double least = std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < track_.points.size(); ++i) {
    const double dx = at.x - track_.points[i].x;
    const double dy = at.y - track_.points[i].y;
    const double square = dx * dx + dy * dy;
    if (square < least) {
      least = square;
      nearest = i;
    }
  }
  const RaceTrack::Node& road = track_.points[nearest];
  put(static_cast<double>(velocity.y));
  put(-static_cast<double>(velocity.x));
  put(static_cast<double>(hull_->GetAngularVelocity()));
  put(-(std::cos(road.heading) * (at.x - road.x) + std::sin(road.heading) * (at.y - road.y)));
  put(std::remainder(static_cast<double>(hull_->GetAngle()) - road.heading,
                     2.0 * std::numbers::pi));
  put(static_cast<double>(wheels_[0].joint->GetJointAngle()));
  for (std::size_t i = 0; i < wheels_.size(); ++i) put(spin(i));
  put(gas(2));
  put(static_cast<double>(
      std::ranges::count_if(wheels_, [](const Wheel& wheel) { return wheel.tiles > 0; })));
  put(static_cast<double>(visited_.count()) / static_cast<double>(track_.points.size()));
  for (std::size_t i = 1; i <= kPointsAhead; ++i) {
    const RaceTrack::Node& ahead =
        track_.points[(nearest + i * kTilesToPoint) % track_.points.size()];
    const b2Vec2 seen = hull_->GetLocalPoint(vec(ahead.x, ahead.y));
    put(static_cast<double>(seen.x));
    put(static_cast<double>(seen.y));
  }
}

void CarRacing::draw_frame(Canvas& canvas, double frame_height) const {
  const View frame = {canvas.width() / kFrameWidth,   0.0, 0.0, 0.0,
                      canvas.height() / frame_height, 0.0};
  // The camera comes down from far above within the first second.
  const double seconds = std::min(static_cast<double>(frames_) * kTimeStep, 1.0);
  const double zoom = kScale * (0.1 * (1.0 - seconds) + kZoom * seconds);
  const double angle = static_cast<double>(hull_->GetAngle());
  const double c = zoom * std::cos(angle);
  const double s = zoom * std::sin(angle);
  const Point at = point(hull_->GetPosition());
  // The car points up, in the middle and a quarter of the height above the lower edge.
  const View camera = {c, s,  kFrameWidth / 2.0 - c * at.x - s * at.y,
                       s, -c, 0.75 * frame_height - s * at.x + c * at.y};
  canvas.set_view(frame.of(camera));
  canvas.clear({});
  draw_ground(canvas, std::hypot(kFrameWidth / 2.0, 0.75 * frame_height) / zoom);
  draw_car(canvas);
  canvas.set_view(frame);
  draw_indicators(canvas, frame_height);
}

void CarRacing::draw_ground(Canvas& canvas, double reach) const {
  const Point at = point(hull_->GetPosition());
  const auto near = [&](double x, double y, double size) {
    return std::abs(x - at.x) < reach + size && std::abs(y - at.y) < reach + size;
  };
  canvas.fill({{kPlayfield, kPlayfield},
               {kPlayfield, -kPlayfield},
               {-kPlayfield, -kPlayfield},
               {-kPlayfield, kPlayfield}},
              field_color_);
  constexpr double kPatch = kPlayfield / 20.0;
  for (int i = -20; i < 20; i += 2) {
    for (int j = -20; j < 20; j += 2) {
      const double x = kPatch * i;
      const double y = kPatch * j;
      if (!near(x, y, kPatch)) continue;
      canvas.fill({{x, y}, {x + kPatch, y}, {x + kPatch, y + kPatch}, {x, y + kPatch}},
                  grass_color_);
    }
  }

  std::bitset<RaceTrack::kMaxPoints> seen;
  for (std::size_t i = 0; i < track_.points.size(); ++i) {
    seen.set(i, near(track_.points[i].x, track_.points[i].y, 2.0 * RaceTrack::kHalfWidth));
  }
  // A road under the tiles, or their smoothed edges would let the grass shine through.
  for (std::size_t i = 0; i < track_.points.size(); ++i) {
    if (!seen.test(i)) continue;
    const RaceTrack::Node& a = track_.before(i);
    const RaceTrack::Node& b = track_.points[i];
    canvas.draw_lines({{a.x, a.y}, {b.x, b.y}}, 1.9 * RaceTrack::kHalfWidth, road_color_);
  }
  for (std::size_t i = 0; i < track_.points.size(); ++i) {
    if (!seen.test(i)) continue;
    const double shade = driven_on_.test(i) ? 0.0 : 0.01 * static_cast<double>(i % 3) * 255.0;
    const auto brighter = [shade](std::uint8_t channel) {
      return static_cast<std::uint8_t>(channel + shade);
    };
    canvas.fill(track_.tile(i), {brighter(road_color_.red), brighter(road_color_.green),
                                 brighter(road_color_.blue)});
    if (track_.has_kerb[i]) {
      canvas.fill(track_.kerb(i), i % 2 == 0 ? Color{255, 255, 255} : Color{255, 0, 0});
    }
  }
}

void CarRacing::draw_car(Canvas& canvas) const {
  constexpr Color kTyre = {0, 0, 0};
  constexpr Color kMark = {77, 77, 77};
  constexpr Color kPaint = {204, 0, 0};
  for (std::size_t i = 0; i < wheels_.size(); ++i) {
    const b2Body& wheel = *wheels_[i].body;
    fill_body(canvas, wheel, kTyre);
    // A mark on the tread, 1.2 rad long, as far as it is on the upper side.
    const double from = turned(i);
    const double to = from + 1.2;
    if (std::sin(from) > 0.0 && std::sin(to) > 0.0) continue;
    const auto reach = [](double angle) {
      const double place = std::cos(angle);
      return kWheelRadius * kSize * (std::sin(angle) > 0.0 ? std::copysign(1.0, place) : place);
    };
    constexpr double kSide = kWheelHalfWidth * kSize;
    const auto on_wheel = [&](double x, double y) { return point(wheel.GetWorldPoint(vec(x, y))); };
    canvas.fill({on_wheel(-kSide, reach(from)), on_wheel(kSide, reach(from)),
                 on_wheel(kSide, reach(to)), on_wheel(-kSide, reach(to))},
                kMark);
  }
  fill_body(canvas, *hull_, kPaint);
}

void CarRacing::draw_indicators(Canvas& canvas, double frame_height) const {
  constexpr Color kWhite = {255, 255, 255};
  constexpr double kColumn = kFrameWidth / 40.0;
  const double row = frame_height / 40.0;
  const auto box = [&](double left, double right, double top, double bottom, Color color) {
    canvas.fill({{left, top}, {right, top}, {right, bottom}, {left, bottom}}, color);
  };
  box(0.0, kFrameWidth, frame_height - 5.0 * row, frame_height, {});
  const auto upright = [&](double place, double value, Color color) {
    box(place * kColumn, (place + 1.0) * kColumn, frame_height - row * (1.0 + value),
        frame_height - row, color);
  };
  const auto lying = [&](double place, double value, Color color) {
    box(place * kColumn, (place + value) * kColumn, frame_height - 4.0 * row,
        frame_height - 2.0 * row, color);
  };
  upright(5.0, 0.02 * static_cast<double>(hull_->GetLinearVelocity().Length()), kWhite);
  for (std::size_t i = 0; i < wheels_.size(); ++i) {
    upright(7.0 + static_cast<double>(i), 0.01 * spin(i),
            i < 2 ? Color{0, 0, 255} : Color{51, 0, 255});
  }
  lying(20.0, -10.0 * static_cast<double>(wheels_[0].joint->GetJointAngle()), {0, 255, 0});
  lying(30.0, -0.8 * static_cast<double>(hull_->GetAngularVelocity()), {255, 0, 0});

  // At least four places, zeros in front, as far as they go.
  const auto score = static_cast<int>(std::clamp(score_, -999.0, 9999.0));
  std::array<char, 4> digits{};
  int rest = std::abs(score);
  for (std::size_t i = digits.size(); i-- > 0; rest /= 10) {
    digits[i] = static_cast<char>('0' + rest % 10);
  }
  if (score < 0) digits[0] = '-';
  const double height = 1.6 * row;
  canvas.draw_number({digits.data(), digits.size()}, {10.0, frame_height - 3.3 * row}, height,
                     kWhite);
}

}  // namespace

void CarRacingConfig::describe(Options& options) {
  options.add("lap_complete_percent", lap_complete_percent, Range::between(0.0, 1.0),
              "share of the tiles after which touching the first one finishes the lap");
  options.add("continuous", continuous,
              "whether an action is steering, gas and brake; otherwise one of five");
  options.add("domain_randomize", domain_randomize,
              "whether the colours of road and ground are drawn anew for every episode");
  options.add("observation", observation, {"pixels", "state"},
              "the picture from above, or the car's motion and the road ahead in numbers");
}

std::unique_ptr<Env> make_car_racing(const CarRacingConfig& config) {
  return std::make_unique<CarRacing>(config);
}

}  // namespace costate
