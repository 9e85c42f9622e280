#include "agents/evaluation.h"

#include <cmath>

#include "agents/streams.h"
#include "envs/error.h"

namespace costate {

FrozenPolicy::FrozenPolicy(const PolicyConfig& config, const EnvSpec& spec, bool normalize,
                           const Checkpoint& checkpoint)
    : network_(config, spec),
      normalize_(normalize),
      normalizer_(spec.observation.size()),
      parameters_(network_.parameter_count()) {
  checkpoint.read("policy/parameters", std::span<float>(parameters_));
  const auto bytes = checkpoint.get_vector<std::byte>("normalizer/observations");
  StateReader reader(bytes);
  normalizer_.restore_state(reader);
}

void FrozenPolicy::act(std::span<const float> observations, int rows, std::span<float> distribution,
                       ActorCritic::Workspace& workspace) const {
  if (!normalize_) {
    network_.policy(parameters_, observations.data(), rows, distribution.data(), workspace);
    return;
  }
  std::vector<float> normalized(observations.size());
  normalizer_.normalize(observations, normalized);
  network_.policy(parameters_, normalized.data(), rows, distribution.data(), workspace);
}

namespace {

EvaluatedEpisode run_episode(Env& env, const FrozenPolicy& policy, const EvaluationOptions& options,
                             std::uint64_t index, ActorCritic::Workspace& workspace) {
  const Distribution& distribution = policy.distribution();
  const auto size = static_cast<std::size_t>(env.spec().observation.size());
  std::vector<double> exact(size);
  std::vector<float> observation(size);
  std::vector<float> parameters(distribution.parameter_size());
  std::vector<float> action(distribution.action_size());
  const std::uint64_t seed = stream_key(options.seed, Stream::kEvaluation, index);
  RandomStream random(derive_key({seed, 1}));

  EvaluatedEpisode episode;
  env.reset(seed, exact);
  for (bool ended = false; !ended;) {
    observation.assign(exact.begin(), exact.end());
    if (options.keep_observations) {
      episode.observations.insert(episode.observations.end(), observation.begin(),
                                  observation.end());
    }
    policy.act(observation, 1, parameters, workspace);
    if (options.deterministic) {
      distribution.mode(parameters, action);
    } else {
      distribution.sample(parameters, random, action);
    }
    distribution.execute(action);
    if (options.keep_actions) {
      episode.actions.insert(episode.actions.end(), action.begin(), action.end());
      episode.parameters.insert(episode.parameters.end(), parameters.begin(), parameters.end());
    }
    policy.network().action_map().to_env(action);
    const StepResult result = env.step(action, exact);
    if (!std::isfinite(result.reward)) {
      throw Error("environment " + env.spec().id + " (evaluation episode " + std::to_string(index) +
                  ", step " + std::to_string(episode.length) + "): reward is not a finite number");
    }
    episode.episode_return += result.reward;
    ++episode.length;
    ended = result.terminated || result.truncated;
  }
  return episode;
}

}  // namespace

std::vector<EvaluatedEpisode> evaluate(const EnvConfig& env, const FrozenPolicy& policy,
                                       const EvaluationOptions& options, ThreadPool& pool) {
  // What has grown by the steps of earlier episodes would depend on which worker ran them.
  const EnvConfig fixed = env.without_ramps();
  std::vector<EvaluatedEpisode> episodes(static_cast<std::size_t>(options.episodes));
  const int workers = static_cast<int>(std::min<std::int64_t>(pool.threads(), options.episodes));
  pool.parallel_for(workers, [&](int worker) {
    const auto instance = fixed.make();
    const auto workspace = policy.network().make_workspace(1, /*gradients=*/false);
    for (std::size_t i = static_cast<std::size_t>(worker); i < episodes.size();
         i += static_cast<std::size_t>(workers)) {
      episodes[i] = run_episode(*instance, policy, options, i, *workspace);
    }
  });
  return episodes;
}

}  // namespace costate
