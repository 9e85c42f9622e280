// What all Box2D environments share: a world that is built anew for every episode, its step, and
// saving and restoring it.
//
// A task derives from Box2dEnv and says how the world is built, what an action does before and
// after the world's step, and what is observed. Definitions follow Gymnasium's Box2D tasks, which
// run on Box2D 2.3; this is Box2D 2.4.1, whose joint limits and contacts round differently, so that
// single trajectories part at the first contact while their distributions agree.
//
// The saved state is where the episode began and all actions since, and restoring replays them.
// Much of what Box2D's next step depends on cannot be set from outside (impulses that warm-start
// the solver, the order of contacts, the broad phase's tree, sleep timers), and a replay gets every
// bit of it right. It costs as long as the episode took; the time limit bounds that. An episode
// that goes on for longer than the task's time limit begins anew from its present physical state
// whenever the journal is full, in every copy at the same step: bodies, velocities and the task's
// own progress carry on, Box2D's warm start is lost.
#pragma once

#include <box2d/box2d.h>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "envs/env.h"
#include "envs/parameters.h"
#include "envs/random.h"
#include "envs/render/canvas.h"
#include "envs/render/point.h"

namespace costate {

/// Random numbers of a task's start, or, for the noise-free start, the centre of what they are
/// drawn from.
class Draws {
 public:
  Draws(RandomStream& stream, bool centred) : stream_(stream), centred_(centred) {}

  bool centred() const { return centred_; }
  /// Uniform on [low, high).
  double uniform(double low, double high) {
    return centred_ ? 0.5 * (low + high) : stream_.uniform(low, high);
  }
  /// A uniform integer in [low, high).
  int integer(int low, int high) {
    return centred_ ? (low + high) / 2
                    : low + static_cast<int>(stream_.below(static_cast<std::uint64_t>(high - low)));
  }

 private:
  RandomStream& stream_;
  bool centred_;
};

class Box2dEnv : public Env, private b2ContactListener {
 public:
  Box2dEnv(const Box2dEnv&) = delete;
  Box2dEnv& operator=(const Box2dEnv&) = delete;

  const EnvSpec& spec() const final { return spec_; }
  void reset(std::uint64_t seed, std::span<double> observation) final;
  StepResult step(std::span<const float> action, std::span<double> observation) final;
  void save_state(StateWriter& writer) const final;
  void restore_state(StateReader& reader) final;

  /// `state` holds six numbers for each moving body (x, y in m, angle in rad, their velocities), in
  /// the order in which the task made them, then the numbers that the task adds (its header says
  /// which).
  PhysicalState physical_state() const final;

  /// The noise-free start is the one of which every random number is the centre of its
  /// distribution, and no random obstacle stands in the way. A given state is put into the same
  /// surroundings; nothing is stepped, so the first observation is of that state, in which no
  /// contact has been found yet.
  void reset_to(const std::optional<PhysicalState>& start, std::span<double> observation) final;

  void render(const RenderOptions& options, Picture& picture) final;
  /// All bodies of the world and their fixtures.
  Scene scene() final;
  void body_poses(std::span<double> poses) final;

  std::vector<std::string> parameter_names() const final { return parameters_.names(); }
  void scale_parameters(std::span<const double> factors) final { parameters_.scale(factors); }

 protected:
  /// Physics: 50 steps a second, as many solver iterations as Gymnasium takes.
  static constexpr double kFramesPerSecond = 50.0;

  /// The family and the control step of `spec` are filled in here. `numbers` is how many numbers
  /// the task adds to the physical state.
  Box2dEnv(EnvSpec spec, Parameters parameters, std::size_t bodies, std::size_t numbers = 0);

  /// Fills the new, empty world without gravity by what the parameters' factors now are, and sets
  /// whatever else the task remembers to its start.
  virtual void build(Draws& draws) = 0;
  /// The one step without action that precedes the first observation.
  virtual void settle() = 0;
  /// After build(), in settle()'s place where the bodies were put into a given state.
  virtual void take_up() {}
  /// One control step: what the action does, step_world(), reward and termination.
  virtual StepResult act(std::span<const float> action) = 0;
  virtual void observe(std::span<double> observation) const = 0;
  virtual void draw(Canvas& canvas) const = 0;
  /// What the task remembers from step to step besides the physical state and the contacts: always
  /// the same number of bytes.
  virtual void save_progress(StateWriter& writer) const = 0;
  virtual void restore_progress(StateReader& reader) = 0;
  /// Two fixtures begin or cease to touch.
  virtual void touch(b2Fixture& a, b2Fixture& b, bool begins) = 0;

  double factor(std::string_view parameter) const { return parameters_.factor(parameter); }
  b2World& world() { return *world_; }
  const b2World& world() const { return *world_; }
  /// A moving body, whose state becomes part of the physical state.
  b2Body* make_body(double x, double y, double angle);
  /// The body that stands still, for terrain.
  b2Body* make_static_body();
  /// A revolute joint with motor and limits between two bodies.
  b2RevoluteJoint* make_joint(b2Body* a, b2Body* b, b2Vec2 anchor_a, b2Vec2 anchor_b,
                              double max_torque, double motor_speed, double lower, double upper);
  void step_world();
  /// The numbers that the task adds to the physical state; 0 before build().
  std::span<double> numbers() { return numbers_; }
  std::span<const double> numbers() const { return numbers_; }
  /// Every random number from the end of build() on.
  RandomStream& random() { return random_; }

 private:
  /// Where the journal begins.
  struct Origin {
    std::uint64_t seed = 0;
    bool centred = false;  ///< whether the world is that of the noise-free start
    bool given = false;    ///< whether what follows was set after the world was built
    std::vector<double> physical;
    std::vector<std::byte> progress;
  };

  void BeginContact(b2Contact* contact) final;
  void EndContact(b2Contact* contact) final;

  /// A new world, as the seed of the origin builds it.
  void begin();
  /// The same in the physical state and the progress of the origin.
  void begin_given();
  /// Makes the present state the origin.
  void take_as_origin();
  /// The task's progress and the random stream into the origin.
  void take_progress();
  /// A world without gravity is seen from above.
  bool from_above() const { return world_->GetGravity().y == 0.0f; }
  void get_physical(std::span<double> values) const;
  void set_physical(std::span<const double> values);

  EnvSpec spec_;
  Parameters parameters_;
  std::vector<double> numbers_;
  std::optional<b2World> world_;
  std::vector<b2Body*> bodies_;
  RandomStream random_;
  Origin origin_;
  std::int64_t steps_ = 0;      ///< since the origin
  std::vector<float> journal_;  ///< [time limit, action]: the actions since the origin, then zeros
};

inline b2Vec2 vec(double x, double y) {
  return {static_cast<float>(x), static_cast<float>(y)};
}
inline b2Vec2 vec(Point point) {
  return vec(point.x, point.y);
}

/// A convex polygon, at most 8 points, multiplied by `scale`.
b2PolygonShape polygon(std::span<const Point> points, double scale = 1.0);

}  // namespace costate
