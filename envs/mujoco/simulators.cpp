#include "envs/mujoco/simulators.h"

#include <algorithm>
#include <cassert>
#include <map>

#include "envs/error.h"
#include "envs/mujoco/model.h"

namespace costate {
namespace {

// Only ever compared with what is free, so it may outlive what it points to.
thread_local const mjData* used_last = nullptr;

}  // namespace

Simulators::~Simulators() {
  for (mjData* data : free_) mj_deleteData(data);
}

void Simulators::add() {
  mjData* data = mj_makeData(model_.get());
  if (data == nullptr) throw Error("out of memory for a simulator's state");
  const std::lock_guard lock(mutex_);
  free_.push_back(data);
}

void Simulators::remove() {
  const std::lock_guard lock(mutex_);
  assert(!free_.empty());
  mj_deleteData(free_.front());
  free_.erase(free_.begin());
}

mjData& Simulators::borrow() {
  const std::lock_guard lock(mutex_);
  assert(!free_.empty());
  // From the end: at most as many as there are threads were given back since.
  const auto own = std::find(free_.rbegin(), free_.rend(), used_last);
  if (own != free_.rend()) std::iter_swap(own, free_.rbegin());
  mjData* data = free_.back();
  free_.pop_back();
  used_last = data;
  return *data;
}

void Simulators::give_back(mjData& data) {
  const std::lock_guard lock(mutex_);
  free_.push_back(&data);
}

std::shared_ptr<Simulators> shared_simulators(const std::filesystem::path& path) {
  static std::mutex mutex;
  static std::map<std::filesystem::path, std::weak_ptr<Simulators>> all;

  const std::lock_guard lock(mutex);
  std::weak_ptr<Simulators>& entry = all[path];
  if (auto simulators = entry.lock()) return simulators;
  auto simulators = std::make_shared<Simulators>(shared_model(path));
  entry = simulators;
  return simulators;
}

}  // namespace costate
