#include "agents/evaluation.h"

#include <algorithm>
#include <cmath>

#include "agents/streams.h"
#include "envs/error.h"
#include "envs/hash.h"

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
  std::vector<float> scratch;
  network_.policy(parameters_, normalize(observations, scratch).data(), rows, distribution.data(),
                  workspace);
}

void FrozenPolicy::value(std::span<const float> observations, int rows, std::span<float> values,
                         ActorCritic::Workspace& workspace) const {
  if (!network_.has_value()) {
    std::ranges::fill(values, 0.0f);
    return;
  }
  std::vector<float> scratch;
  network_.value(parameters_, normalize(observations, scratch).data(), rows, values.data(),
                 workspace);
}

std::span<const float> FrozenPolicy::normalize(std::span<const float> observations,
                                               std::vector<float>& scratch) const {
  if (!normalize_) return observations;
  scratch.resize(observations.size());
  normalizer_.normalize(observations, scratch);
  return scratch;
}

namespace {

/// An episode while it is played.
struct Play {
  Play(const EnvSpec& spec, const Distribution& distribution)
      : exact(static_cast<std::size_t>(spec.observation.size())),
        observation(exact.size()),
        parameters(distribution.parameter_size()),
        raw(distribution.action_size()),
        executed(raw.size()),
        action(raw.size()) {}

  std::vector<double> exact;
  std::vector<float> observation;
  std::vector<float> parameters;
  std::vector<float> raw;       // the distribution's own action
  std::vector<float> executed;  // within [−1, 1]
  std::vector<float> action;    // in the environment's units
  StepResult result;
};

/// Plays episode `index` of those that `seed` begins. Calls started(seed of the episode) after the
/// reset, chosen(play) before and stepped(play) after every step, when play.exact is the
/// observation that followed.
template <class Started, class Chosen, class Stepped>
void play_episode(Env& env, const FrozenPolicy& policy, bool deterministic, std::uint64_t seed,
                  std::uint64_t index, ActorCritic::Workspace& workspace, Play& play,
                  const Started& started, const Chosen& chosen, const Stepped& stepped) {
  const Distribution& distribution = policy.distribution();
  const std::uint64_t key = stream_key(seed, Stream::kEvaluation, index);
  RandomStream random(derive_key({key, 1}));
  env.reset(key, play.exact);
  started(key);
  for (std::int64_t step = 0;; ++step) {
    play.observation.assign(play.exact.begin(), play.exact.end());
    policy.act(play.observation, 1, play.parameters, workspace);
    if (deterministic) {
      distribution.mode(play.parameters, play.raw);
    } else {
      distribution.sample(play.parameters, random, play.raw);
    }
    play.executed = play.raw;
    distribution.execute(play.executed);
    play.action = play.executed;
    policy.network().action_map().to_env(play.action);
    chosen(play);
    play.result = env.step(play.action, play.exact);
    if (!std::isfinite(play.result.reward)) {
      throw Error("environment " + env.spec().id + " (evaluation episode " + std::to_string(index) +
                  ", step " + std::to_string(step) + "): reward is not a finite number");
    }
    stepped(play);
    if (play.result.terminated || play.result.truncated) return;
  }
}

template <class T>
void append(std::vector<T>& to, const std::vector<T>& row) {
  to.insert(to.end(), row.begin(), row.end());
}

EvaluatedEpisode evaluate_episode(Env& env, const FrozenPolicy& policy,
                                  const EvaluationOptions& options, std::uint64_t index,
                                  ActorCritic::Workspace& workspace, Play& play) {
  EvaluatedEpisode episode;
  play_episode(
      env, policy, options.deterministic, options.seed, index, workspace, play,
      [](std::uint64_t) {},
      [&](const Play& p) {
        if (options.measure_power) episode.power += env.actuator_power(p.action);
      },
      [&](const Play& p) {
        if (options.keep_observations) append(episode.observations, p.observation);
        if (options.keep_actions) {
          append(episode.actions, p.executed);
          append(episode.parameters, p.parameters);
        }
        episode.episode_return += p.result.reward;
        ++episode.length;
      });
  episode.power /= static_cast<double>(episode.length);
  return episode;
}

Episode record_episode(Env& env, const FrozenPolicy& policy, bool deterministic, std::uint64_t seed,
                       std::uint64_t index, ActorCritic::Workspace& workspace, Play& play) {
  const Distribution& distribution = policy.distribution();
  std::vector<float> per_dimension(distribution.dimensions());
  Episode episode;
  episode.episode = index;
  play_episode(
      env, policy, deterministic, seed, index, workspace, play,
      [&](std::uint64_t key) {
        episode.seed = key;
        StateWriter writer(episode.initial_state);
        env.save_state(writer);
        const auto drawn = env.episode_values();
        episode.drawn.assign(drawn.begin(), drawn.end());
      },
      [](const Play&) {},
      [&](const Play& p) {
        append(episode.observations, p.observation);
        append(episode.actions, p.action);
        append(episode.raw_actions, p.raw);
        append(episode.distributions, p.parameters);
        distribution.log_prob(p.parameters, p.raw, per_dimension);
        distribution.joint(per_dimension, {&episode.log_probs.emplace_back(), 1});
        episode.rewards.push_back(p.result.reward);
        episode.terminated.push_back(p.result.terminated);
        episode.truncated.push_back(p.result.truncated);
        policy.value(p.observation, 1, {&episode.values.emplace_back(), 1}, workspace);
        episode.episode_return += p.result.reward;
      });
  episode.final_observation.assign(play.exact.begin(), play.exact.end());
  std::vector<std::byte> state;
  StateWriter writer(state);
  env.save_state(writer);
  episode.final_state_hash = fnv1a(state);
  return episode;
}

/// Calls work(env, workspace, play, i) for each i of [first, end), on the pool.
template <class Work>
void for_episodes(const EnvConfig& env, const FrozenPolicy& policy, std::size_t first,
                  std::size_t end, ThreadPool& pool, const Work& work) {
  // What has grown by the steps of earlier episodes would depend on which worker ran them.
  const EnvConfig fixed = env.without_ramps();
  const auto workers = std::min<std::size_t>(static_cast<std::size_t>(pool.threads()), end - first);
  pool.parallel_for(static_cast<int>(workers), [&](int worker) {
    const auto instance = fixed.make();
    const auto workspace = policy.network().make_workspace(1, /*gradients=*/false);
    Play play(instance->spec(), policy.distribution());
    for (std::size_t i = first + static_cast<std::size_t>(worker); i < end; i += workers) {
      work(*instance, *workspace, play, i);
    }
  });
}

}  // namespace

std::vector<EvaluatedEpisode> evaluate(const EnvConfig& env, const FrozenPolicy& policy,
                                       const EvaluationOptions& options, ThreadPool& pool) {
  std::vector<EvaluatedEpisode> episodes(static_cast<std::size_t>(options.episodes));
  for_episodes(env, policy, 0, episodes.size(), pool,
               [&](Env& instance, ActorCritic::Workspace& workspace, Play& play, std::size_t i) {
                 episodes[i] = evaluate_episode(instance, policy, options, i, workspace, play);
               });
  return episodes;
}

void record(const EnvConfig& env, const FrozenPolicy& policy, const RecordingOptions& options,
            RolloutWriter& file, ThreadPool& pool) {
  constexpr std::size_t kBatch = 256;  // bounds the memory
  const auto count = static_cast<std::size_t>(options.episodes);
  std::int64_t steps = 0;
  for (std::size_t first = 0; first < count; first += kBatch) {
    std::vector<Episode> episodes(std::min(kBatch, count - first));
    for_episodes(env, policy, first, first + episodes.size(), pool,
                 [&](Env& instance, ActorCritic::Workspace& workspace, Play& play, std::size_t i) {
                   const bool mode =
                       options.actions == "mode" || (options.actions == "both" && i % 2 == 0);
                   episodes[i - first] =
                       record_episode(instance, policy, mode, options.seed, i, workspace, play);
                 });
    for (Episode& episode : episodes) {
      steps += static_cast<std::int64_t>(episode.length());
      episode.last_step = steps;
      file.append(episode);
    }
  }
  file.flush();
}

}  // namespace costate
