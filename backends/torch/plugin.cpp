// Fills in the table of backends/torch_plugin.h.
#include <torch/torch.h>

#include "backends/torch/eager_sac.h"
#include "backends/torch/torch_net.h"
#include "backends/torch_plugin.h"

extern "C" const costate::TorchPlugin* costate_torch_plugin() {
  at::set_num_threads(1);  // OpenMP as well; see backends/math_threads.h
  static constexpr costate::TorchPlugin kPlugin{.make_mlp = costate::make_torch_mlp,
                                                .make_eager_sac = costate::make_eager_sac};
  return &kPlugin;
}
