// Labels with units of the numbers that MuJoCo keeps for each body, for observations that hold
// them. Each function appends those of one body.
#pragma once

#include <string>
#include <vector>

namespace costate {

/// mjData's cfrc_ext (6 numbers): torque and force from outside, about the centre of mass of the
/// body's kinematic tree.
void add_cfrc_ext_labels(const std::string& body, std::vector<std::string>& labels);
/// mjData's cinert (10 numbers): rotational inertia, mass × offset, mass, all about that centre.
void add_cinert_labels(const std::string& body, std::vector<std::string>& labels);
/// mjData's cvel (6 numbers): angular velocity, and the velocity at that centre.
void add_cvel_labels(const std::string& body, std::vector<std::string>& labels);

}  // namespace costate
