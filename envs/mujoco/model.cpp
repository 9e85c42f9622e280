#include "envs/mujoco/model.h"

#include <algorithm>
#include <array>
#include <map>
#include <mutex>
#include <string>

#include "envs/error.h"

namespace costate {
namespace {

// MuJoCo requires that its error handler does not return. Throwing from it is sound because MuJoCo
// is built with unwind tables and holds no locks or memory of its own where it reports an error; an
// interrupted mjData is whole again after mj_resetData.
void throw_error(const char* message) {
  throw Error(std::string("MuJoCo: ") + message);
}

void ignore_warning(const char*) {}

std::string as_one_line(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

}  // namespace

std::shared_ptr<const mjModel> shared_model(const std::filesystem::path& path) {
  static std::mutex mutex;
  static std::map<std::filesystem::path, std::weak_ptr<const mjModel>> models;

  const std::lock_guard lock(mutex);
  mju_user_error = throw_error;
  mju_user_warning = ignore_warning;

  std::weak_ptr<const mjModel>& entry = models[path];
  if (auto model = entry.lock()) return model;

  std::array<char, 1000> message{};
  mjModel* model = mj_loadXML(path.c_str(), nullptr, message.data(), message.size());
  if (model == nullptr) throw Error(path.string() + ": " + as_one_line(message.data()));
  // Deleting a model also goes through a C interface that takes it without const.
  std::shared_ptr<const mjModel> shared(model, [model](const mjModel*) { mj_deleteModel(model); });
  entry = shared;
  return shared;
}

bool is_floor(const mjModel& model, int geom) {
  const double* rotation = model.geom_quat + 4 * geom;
  const double normal_z = 1.0 - 2.0 * (rotation[1] * rotation[1] + rotation[2] * rotation[2]);
  return model.geom_type[geom] == mjGEOM_PLANE && model.geom_bodyid[geom] == 0 && normal_z > 0.99;
}

}  // namespace costate
