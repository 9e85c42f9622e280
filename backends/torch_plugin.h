// The one door to everything built on LibTorch.
//
// Loading LibTorch takes a process most of a second, so no program and no library of ours links it:
// what needs it is a shared library of its own, costate_torch, which is loaded when it is first
// asked for. A component that needs LibTorch goes into that library, and the function that makes it
// becomes one more entry of the table below.
#pragma once

#include <memory>

#include "backends/eager_sac.h"
#include "backends/mlp.h"
#include "backends/network.h"

namespace costate {

/// What costate_torch offers. Errors thrown inside it are caught outside as any others.
struct TorchPlugin {
  /// The perceptron of `shape` as a LibTorch module, with DenseNet's parameter layout.
  std::unique_ptr<Network> (*make_mlp)(const MlpShape& shape);
  /// What our SAC is measured against.
  std::unique_ptr<EagerSac> (*make_eager_sac)(const EagerSacConfig& config);
};

/// The plugin, loaded by the first call and never unloaded; LibTorch is then held to one thread.
/// Throws Error where libcostate_torch.so, which stands beside the executable, or a library that it
/// needs cannot be loaded.
const TorchPlugin& torch_plugin();

}  // namespace costate
