#include "envs/box2d/box2d_env.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <string>
#include <utility>

namespace costate {
namespace {

constexpr int kVelocityIterations = 6 * 30;
constexpr int kPositionIterations = 2 * 30;
constexpr std::size_t kNumbersOfBody = 6;

}  // namespace

Box2dEnv::Box2dEnv(EnvSpec spec, Parameters parameters, std::size_t bodies, std::size_t numbers)
    : spec_(std::move(spec)), parameters_(std::move(parameters)), numbers_(numbers) {
  spec_.family = "box2d";
  spec_.control_step = 1.0 / kFramesPerSecond;
  bodies_.reserve(bodies);
  origin_.physical.resize(bodies * kNumbersOfBody + numbers);
  journal_.resize(static_cast<std::size_t>(spec_.time_limit) *
                  static_cast<std::size_t>(spec_.action.size()));
}

void Box2dEnv::reset(std::uint64_t seed, std::span<double> observation) {
  origin_.seed = seed;
  origin_.centred = false;
  origin_.given = false;
  begin();
  settle();
  observe(observation);
}

void Box2dEnv::reset_to(const std::optional<PhysicalState>& start, std::span<double> observation) {
  if (start && (start->state.size() != origin_.physical.size() || !start->qpos.empty() ||
                !start->qvel.empty())) {
    throw UsageError(spec_.id + ": a start has " + std::to_string(start->state.size()) +
                     " numbers in \"state\", expected " + std::to_string(origin_.physical.size()) +
                     " and no \"qpos\" or \"qvel\"");
  }
  origin_.seed = 0;
  origin_.centred = true;
  origin_.given = start.has_value();
  begin();
  if (start) {
    set_physical(start->state);
    take_up();
    take_as_origin();
  } else {
    settle();
  }
  observe(observation);
}

StepResult Box2dEnv::step(std::span<const float> action, std::span<double> observation) {
  const std::size_t size = action.size();
  // Box2D would carry it into every body, and stops the process where it casts a ray from there.
  if (!std::ranges::all_of(action, [](float a) { return std::isfinite(a); })) {
    throw Error(spec_.id + ": an action is not a finite number");
  }
  if (static_cast<std::size_t>(steps_) * size == journal_.size()) {
    take_as_origin();
    begin_given();
  }
  std::copy(action.begin(), action.end(),
            journal_.begin() + steps_ * static_cast<std::ptrdiff_t>(size));
  ++steps_;
  const StepResult result = act(action);
  observe(observation);
  return result;
}

void Box2dEnv::save_state(StateWriter& writer) const {
  writer.write(origin_.seed);
  writer.write(static_cast<std::uint64_t>(origin_.centred));
  writer.write(static_cast<std::uint64_t>(origin_.given));
  writer.write(std::span(origin_.physical));
  writer.write(std::span(origin_.progress));
  writer.write(steps_);
  writer.write(std::span(journal_));
}

void Box2dEnv::restore_state(StateReader& reader) {
  origin_.seed = reader.read<std::uint64_t>();
  origin_.centred = reader.read<std::uint64_t>() != 0;
  origin_.given = reader.read<std::uint64_t>() != 0;
  reader.read(std::span(origin_.physical));
  take_progress();  // for its size
  reader.read(std::span(origin_.progress));
  if (origin_.given) {
    begin_given();
  } else {
    begin();
    settle();
  }
  steps_ = reader.read<std::int64_t>();
  reader.read(std::span(journal_));
  const std::span<const float> journal = journal_;
  const auto size = static_cast<std::size_t>(spec_.action.size());
  if (steps_ < 0 || static_cast<std::size_t>(steps_) > journal.size() / size) {
    throw Error(spec_.id + ": the simulator state holds " + std::to_string(steps_) +
                " actions, expected 0 to " + std::to_string(journal.size() / size));
  }
  for (std::size_t i = 0; i < static_cast<std::size_t>(steps_); ++i) {
    act(journal.subspan(i * size, size));
  }
}

PhysicalState Box2dEnv::physical_state() const {
  PhysicalState physical;
  physical.state.resize(origin_.physical.size());
  get_physical(physical.state);
  return physical;
}

void Box2dEnv::render(const RenderOptions& options, Picture& picture) {
  Canvas canvas(options, spec_.id);
  draw(canvas);
  canvas.copy_to(picture);
}

namespace {

// Resting bodies are grey; moving ones take turns.
constexpr std::array<float, 4> kResting = {0.6f, 0.6f, 0.6f, 1.0f};
constexpr std::array<std::array<float, 4>, 4> kMoving = {{{0.34f, 0.40f, 0.80f, 1.0f},
                                                          {0.84f, 0.45f, 0.20f, 1.0f},
                                                          {0.20f, 0.62f, 0.50f, 1.0f},
                                                          {0.80f, 0.60f, 0.70f, 1.0f}}};
constexpr double kLineRadius = 0.03;  // m, of what has no width
constexpr double kHalfDepth = 0.15;   // m, of what is flat

/// A polygon, a circle or an edge; other shapes are not used by the tasks.
SceneShape shape_of(const b2Fixture& fixture, std::size_t body, std::array<float, 4> color,
                    bool from_above) {
  using Kind = SceneShape::Kind;
  SceneShape shape{.body = body, .color = color};
  const auto add = [&](const b2Vec2& at) {
    const double x = at.x;
    const double y = at.y;
    shape.points.push_back(from_above ? std::array<double, 3>{x, y, 0.0}
                                      : std::array<double, 3>{x, 0.0, y});
  };
  switch (fixture.GetType()) {
    case b2Shape::e_polygon: {
      const auto& polygon = static_cast<const b2PolygonShape&>(*fixture.GetShape());
      shape.kind = Kind::kPrism;
      // What only senses, such as a road, lies flat.
      shape.size = {fixture.IsSensor() ? 0.01 : kHalfDepth};
      for (int i = 0; i < polygon.m_count; ++i) add(polygon.m_vertices[i]);
      break;
    }
    case b2Shape::e_circle: {
      const auto& circle = static_cast<const b2CircleShape&>(*fixture.GetShape());
      shape.kind = Kind::kSphere;
      shape.size = {circle.m_radius};
      add(circle.m_p);
      shape.pose.position = shape.points.back();
      shape.points.clear();
      break;
    }
    default: {
      const auto& edge = static_cast<const b2EdgeShape&>(*fixture.GetShape());
      shape.kind = Kind::kLine;
      shape.size = {kLineRadius};
      add(edge.m_vertex1);
      add(edge.m_vertex2);
    }
  }
  return shape;
}

/// Box2D lists the newest first.
std::vector<b2Body*> bodies_of(b2World& world) {
  std::vector<b2Body*> bodies;
  for (b2Body* body = world.GetBodyList(); body != nullptr; body = body->GetNext()) {
    bodies.push_back(body);
  }
  std::ranges::reverse(bodies);
  return bodies;
}

}  // namespace

Scene Box2dEnv::scene() {
  Scene scene{.flat = true, .from_above = from_above()};
  std::size_t moving = 0;
  for (const b2Body* body : bodies_of(*world_)) {
    const std::size_t index = scene.bodies.size();
    const bool rests = body->GetType() == b2_staticBody;
    scene.bodies.push_back((rests ? "ground " : "body ") + std::to_string(index));
    const auto color = rests ? kResting : kMoving[moving++ % kMoving.size()];
    for (const b2Fixture* f = body->GetFixtureList(); f != nullptr; f = f->GetNext()) {
      scene.shapes.push_back(shape_of(*f, index, color, scene.from_above));
    }
  }
  return scene;
}

void Box2dEnv::body_poses(std::span<double> poses) {
  const std::vector<b2Body*> bodies = bodies_of(*world_);
  assert(poses.size() == bodies.size() * kPoseNumbers);
  for (const b2Body* body : bodies) {
    const b2Vec2& at = body->GetPosition();
    write_flat_pose({at.x, at.y}, body->GetAngle(), poses.first(kPoseNumbers), from_above());
    poses = poses.subspan(kPoseNumbers);
  }
}

void Box2dEnv::begin() {
  world_.emplace(b2Vec2_zero);
  world_->SetContactListener(this);
  bodies_.clear();
  std::fill(numbers_.begin(), numbers_.end(), 0.0);
  random_ = RandomStream(origin_.seed);
  Draws draws(random_, origin_.centred);
  build(draws);
  assert(bodies_.size() * kNumbersOfBody + numbers_.size() == origin_.physical.size());
  if (!origin_.given) {
    std::fill(origin_.physical.begin(), origin_.physical.end(), 0.0);
    take_progress();
  }
  steps_ = 0;
  std::fill(journal_.begin(), journal_.end(), 0.0f);
}

void Box2dEnv::begin_given() {
  begin();
  set_physical(origin_.physical);
  StateReader reader(origin_.progress);
  restore_progress(reader);
  random_ = reader.read<RandomStream>();
}

void Box2dEnv::take_as_origin() {
  origin_.given = true;
  get_physical(origin_.physical);
  take_progress();
}

void Box2dEnv::take_progress() {
  origin_.progress.clear();
  StateWriter writer(origin_.progress);
  save_progress(writer);
  writer.write(random_);
}

void Box2dEnv::get_physical(std::span<double> values) const {
  auto next = values.begin();
  for (const b2Body* body : bodies_) {
    for (const float value :
         {body->GetPosition().x, body->GetPosition().y, body->GetAngle(),
          body->GetLinearVelocity().x, body->GetLinearVelocity().y, body->GetAngularVelocity()}) {
      *next++ = static_cast<double>(value);
    }
  }
  std::copy(numbers_.begin(), numbers_.end(), next);
}

void Box2dEnv::set_physical(std::span<const double> values) {
  for (b2Body* body : bodies_) {
    body->SetTransform(vec(values[0], values[1]), static_cast<float>(values[2]));
    body->SetLinearVelocity(vec(values[3], values[4]));
    body->SetAngularVelocity(static_cast<float>(values[5]));
    values = values.subspan(kNumbersOfBody);
  }
  std::copy(values.begin(), values.end(), numbers_.begin());
}

b2Body* Box2dEnv::make_body(double x, double y, double angle) {
  b2BodyDef definition;
  definition.type = b2_dynamicBody;
  definition.position = vec(x, y);
  definition.angle = static_cast<float>(angle);
  return bodies_.emplace_back(world_->CreateBody(&definition));
}

b2Body* Box2dEnv::make_static_body() {
  const b2BodyDef definition;
  return world_->CreateBody(&definition);
}

b2RevoluteJoint* Box2dEnv::make_joint(b2Body* a, b2Body* b, b2Vec2 anchor_a, b2Vec2 anchor_b,
                                      double max_torque, double motor_speed, double lower,
                                      double upper) {
  b2RevoluteJointDef definition;
  definition.bodyA = a;
  definition.bodyB = b;
  definition.localAnchorA = anchor_a;
  definition.localAnchorB = anchor_b;
  definition.enableMotor = true;
  definition.enableLimit = true;
  definition.maxMotorTorque = static_cast<float>(max_torque);
  definition.motorSpeed = static_cast<float>(motor_speed);
  definition.lowerAngle = static_cast<float>(lower);
  definition.upperAngle = static_cast<float>(upper);
  return static_cast<b2RevoluteJoint*>(world_->CreateJoint(&definition));
}

void Box2dEnv::step_world() {
  world_->Step(static_cast<float>(1.0 / kFramesPerSecond), kVelocityIterations,
               kPositionIterations);
}

void Box2dEnv::BeginContact(b2Contact* contact) {
  touch(*contact->GetFixtureA(), *contact->GetFixtureB(), true);
}

void Box2dEnv::EndContact(b2Contact* contact) {
  touch(*contact->GetFixtureA(), *contact->GetFixtureB(), false);
}

b2PolygonShape polygon(std::span<const Point> points, double scale) {
  std::array<b2Vec2, b2_maxPolygonVertices> vertices;
  assert(points.size() <= vertices.size());
  for (std::size_t i = 0; i < points.size(); ++i) {
    vertices[i] =
        vec(static_cast<double>(points[i].x) * scale, static_cast<double>(points[i].y) * scale);
  }
  b2PolygonShape shape;
  shape.Set(vertices.data(), static_cast<int32>(points.size()));
  return shape;
}

}  // namespace costate
