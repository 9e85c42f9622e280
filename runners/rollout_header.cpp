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

std::optional<RunConfig> logged_config(const RolloutHeader& header) {
  const auto config = header.attributes.find("config");
  if (config == header.attributes.end()) return std::nullopt;
  return parse_config(config->second, "attribute config");
}

EnvConfig logged_environment(const RolloutHeader& header) {
  const std::optional<RunConfig> config = logged_config(header);
  return config && config->env.id() == header.env ? config->env : EnvConfig(header.env);
}

void start_logged(Env& env, const RolloutHeader& header, const Episode& episode,
                  std::span<double> observation) {
  env.reset(episode.seed, observation);
  if (header.state_bytes == 0) return;
  StateReader reader(episode.initial_state);
  env.restore_state(reader);
}

}  // namespace costate
