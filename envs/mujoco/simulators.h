// The mjData that the environments of one model share.
//
// An mjData of HalfCheetah is 140 kB of scratch around a state of 28 numbers. Were every
// environment to own one, sixty-four of them would not fit into a core's cache, and each step would
// begin with fetching one. So an environment keeps the state alone and borrows an mjData for a
// step, as far as possible the one that its thread used last.
#pragma once

#include <filesystem>
#include <memory>
#include <mujoco/mujoco.h>
#include <mutex>
#include <vector>

namespace costate {

class Simulators {
 public:
  explicit Simulators(std::shared_ptr<const mjModel> model) : model_(std::move(model)) {}
  ~Simulators();
  Simulators(const Simulators&) = delete;
  Simulators& operator=(const Simulators&) = delete;

  const mjModel& model() const { return *model_; }

  /// Makes one more mjData. An environment calls it once, so that a step never has to allocate or
  /// to wait for another. Throws Error where memory is short.
  void add();
  /// Deletes one, when an environment goes.
  void remove();

  /// An mjData that is the caller's own until give_back(). It is as mj_resetData leaves one, except
  /// for time, qpos, qvel, act, ctrl, qacc_warmstart (for the borrower to fill in) and what MuJoCo
  /// derives from them.
  mjData& borrow();
  void give_back(mjData& data);

 private:
  std::shared_ptr<const mjModel> model_;
  std::mutex mutex_;
  std::vector<mjData*> free_;  // the last one was given back last
};

/// The simulators of an MJCF file, as shared_model shares its model.
std::shared_ptr<Simulators> shared_simulators(const std::filesystem::path& path);

}  // namespace costate
