// SAC as a user of LibTorch writes it (backends/eager_sac.h), on the jobs that ours is measured by.
#pragma once

#include <memory>
#include <vector>

#include "backends/eager_sac.h"
#include "runners/run_config.h"

namespace costate {

/// Updates on minibatches of random numbers that are there beforehand.
class SacPeerUpdates {
 public:
  /// With the networks, the batch and the rates of `config`, whose learner is sac.
  explicit SacPeerUpdates(const RunConfig& config);

  /// Processor time of one update, measured over about `seconds`.
  double microseconds(double seconds);

 private:
  struct Minibatch {
    std::vector<float> observations;
    std::vector<float> actions;
    std::vector<float> rewards;
    std::vector<float> next_observations;
    std::vector<float> terminal;
  };

  std::unique_ptr<EagerSac> peer_;
  std::vector<Minibatch> minibatches_;
  std::size_t next_ = 0;
};

/// A whole run of config.steps steps in one environment: a loop that acts, steps, keeps the step
/// and updates as often as Sac would, on this thread, and writes no files. Returns the mean return
/// of the last ten episodes.
double train_sac_peer(const RunConfig& config);

}  // namespace costate
