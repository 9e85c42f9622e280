#include "runners/rollout_header.h"

#include <mujoco/mujoco.h>

#include "runners/version.h"

namespace costate {

RolloutHeader rollout_header(RunConfig config, const Distribution& distribution,
                             const EnvSpec& spec, std::size_t state_bytes) {
  RolloutHeader header;
  header.env = config.env.id();
  header.seed = static_cast<std::uint64_t>(config.seed);
  header.attributes = {{"config", config.options().to_toml(/*results_only=*/true)},
                       {"costate_version", COSTATE_VERSION},
                       {"git_version", COSTATE_GIT_VERSION},
                       {"mujoco_version", mj_versionString()}};
  header.observation_size = static_cast<std::uint64_t>(spec.observation.size());
  header.action_size = static_cast<std::uint64_t>(distribution.action_size());
  header.drawn_names = spec.episode_values;
  header.distribution_names = distribution.parameter_names();
  header.state_bytes = state_bytes;
  return header;
}

}  // namespace costate
