// mjcf:<path>: a task on a model of the user's own.
//
// Reward, termination and observation are lists of named terms, given as options or in a TOML file
// beside the model, <path without .xml>.toml, with the options' names as keys:
//
//   reward = "1.0 velocity(torso, x) + 1.0 alive - 0.001 control"
//   termination = "height(torso) < 0.7 or upright(torso) < 0.5"
//   observation = "qpos[1:], qvel"
//   frame_skip = 4
//
// Terms of rewards and terminations, each of the state after the control step, which is current
// (sensors of forces and accelerations alone are those of the last physics step's beginning):
//   alive                 1 unless the step terminates (rewards only)
//   control               sum of the squared controls
//   velocity(body, axis)  how far the body came along x, y or z, divided by the control step (m/s)
//   height(body)          z of the body (m)
//   height(body, a, b)    1 while z is within [a, b], else 0
//   upright(body)         cosine of the angle between the body's z axis and the vertical
//   distance(site, site)  between two sites (m)
//   joint(name)           position of a hinge (rad) or slide (m)
//   speed(name)           its velocity (rad/s, m/s)
// Parts of an observation:
//   qpos, qvel, act, sensors   or a range such as qpos[2:] or qvel[0:6]
//   position(body), site(name) three coordinates (m)
//   orientation(body)          quaternion (w, x, y, z)
#pragma once

#include <memory>
#include <string>

#include "envs/registry.h"

namespace costate {

/// The task on that model, with the options that its TOML file sets. Throws Error where the TOML
/// file cannot be read, UsageError where it is malformed. The model is read by make().
std::unique_ptr<TaskConfig> mjcf_task_config(const std::string& path);

}  // namespace costate
