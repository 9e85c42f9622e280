// Draws a MuJoCo simulation without a display: an OpenGL context of EGL's surfaceless platform,
// which Mesa's software renderer serves where there is no GPU.
//
// A renderer may be used by one thread at a time, and by another one later.
#pragma once

#include <memory>
#include <mujoco/mujoco.h>

#include "envs/picture.h"

namespace costate {

class Renderer {
 public:
  /// Takes a copy of the model. Throws Error where no OpenGL context can be made.
  explicit Renderer(const mjModel& model);
  ~Renderer();
  Renderer(const Renderer&) = delete;
  Renderer& operator=(const Renderer&) = delete;

  /// The copy, for a task to move what belongs to no body, such as a target.
  mjModel& model();

  /// Draws the data, whose positions (mj_fwdPosition) are current. Throws UsageError where the
  /// model has no camera of that name.
  void draw(mjData& data, const RenderOptions& options, Picture& picture);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace costate
