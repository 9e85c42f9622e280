// The hill that the two mountain-car tasks share: where the car may be, how fast, and how a push
// moves it.
#pragma once

#include "envs/env.h"
#include "envs/render/canvas.h"

namespace costate::hill {

constexpr double kMinPosition = -1.2;
constexpr double kMaxPosition = 0.6;
constexpr double kMaxSpeed = 0.07;
constexpr double kGravity = 0.0025;

/// The facts that both tasks have in common: observation and control step.
EnvSpec spec();

/// Moves the car by one step under `push` and `gravity` (velocity per step): both numbers are
/// updated in place, clipped to their ranges, and the wall on the left stops the car.
void drive(double& position, double& velocity, double push, double gravity);

/// Draws the hill, the car on it, and a flag at the goal.
void draw(Canvas& canvas, double position, double goal);
/// The same in space, and where the hill and the car are.
Scene scene(double goal);
void write_poses(double position, std::span<double> poses);

}  // namespace costate::hill
