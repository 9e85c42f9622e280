#include "envs/env.h"

namespace costate {

void Env::render(const RenderOptions&, Picture&) {
  throw Error(spec().id + ": there is no picture of this environment");
}

void Env::scale_parameters(std::span<const double>) {}

}  // namespace costate
