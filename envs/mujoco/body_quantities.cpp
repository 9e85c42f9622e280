#include "envs/mujoco/body_quantities.h"

namespace costate {

void add_cfrc_ext_labels(const std::string& body, std::vector<std::string>& labels) {
  for (const char* axis : {"x", "y", "z"}) {
    labels.push_back(body + " external torque " + axis + " (N m)");
  }
  for (const char* axis : {"x", "y", "z"}) {
    labels.push_back(body + " external force " + axis + " (N)");
  }
}

void add_cinert_labels(const std::string& body, std::vector<std::string>& labels) {
  for (const char* entry : {"xx", "yy", "zz", "xy", "xz", "yz"}) {
    labels.push_back(body + " inertia " + entry + " (kg m^2)");
  }
  for (const char* axis : {"x", "y", "z"}) {
    labels.push_back(body + " mass times offset " + axis + " (kg m)");
  }
  labels.push_back(body + " mass (kg)");
}

void add_cvel_labels(const std::string& body, std::vector<std::string>& labels) {
  for (const char* axis : {"x", "y", "z"}) {
    labels.push_back(body + " angular velocity " + axis + " (rad/s)");
  }
  for (const char* axis : {"x", "y", "z"}) {
    labels.push_back(body + " velocity " + axis + " (m/s)");
  }
}

}  // namespace costate
