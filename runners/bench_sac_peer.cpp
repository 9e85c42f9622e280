#include "runners/bench_sac_peer.h"

#include <algorithm>
#include <numeric>

#include "agents/replay_buffer.h"
#include "agents/streams.h"
#include "backends/torch_plugin.h"
#include "envs/vector_env.h"
#include "policies/critic.h"
#include "runners/bench_network.h"

namespace costate {
namespace {

// Begins with the parameters that Sac would begin with.
std::unique_ptr<EagerSac> make_peer(const RunConfig& config, const ActorCritic& policy) {
  const SacConfig& sac = config.sac;
  auto peer = torch_plugin().make_eager_sac(
      {.observations = policy.observation_size(),
       .actions = policy.distribution().action_size(),
       .hidden = {config.policy.hidden.begin(), config.policy.hidden.end()},
       .gamma = sac.gamma,
       .tau = sac.tau,
       .learning_rate = sac.learning_rate,
       .critic_learning_rate = sac.critic_learning_rate,
       .temperature = sac.temperature,
       .temperature_learning_rate = sac.temperature_learning_rate});
  const auto seed = static_cast<std::uint64_t>(config.seed);
  const Critic critics(config.policy, policy.observation_size(), policy.distribution(), 2);
  const auto critic = critics.initial_parameters(stream_key(seed, Stream::kInitialParameters, 1));
  const std::span<const float> both(critic);
  peer->set_parameters(policy.initial_parameters(stream_key(seed, Stream::kInitialParameters)),
                       both.first(both.size() / 2), both.last(both.size() / 2));
  return peer;
}

}  // namespace

SacPeerUpdates::SacPeerUpdates(const RunConfig& config) {
  const ActorCritic policy(config.policy, make_env(config.env)->spec());
  peer_ = make_peer(config, policy);
  RandomStream random(1);
  const auto normals = [&random](std::size_t count) {
    std::vector<float> block(count);
    for (float& x : block) x = static_cast<float>(random.normal());
    return block;
  };
  const auto rows = static_cast<std::size_t>(config.sac.batch);
  const auto observations = rows * static_cast<std::size_t>(policy.observation_size());
  for (int i = 0; i < 16; ++i) {
    Minibatch& m = minibatches_.emplace_back();
    m.observations = normals(observations);
    m.next_observations = normals(observations);
    m.rewards = normals(rows);
    m.terminal.assign(rows, 0.0f);
    m.actions = normals(rows * static_cast<std::size_t>(policy.distribution().action_size()));
    policy.distribution().execute(m.actions);
  }
}

double SacPeerUpdates::microseconds(double seconds) {
  return 1e6 * seconds_per_call(seconds, [this] {
           const Minibatch& m = minibatches_[next_++ % minibatches_.size()];
           peer_->update({m.observations, m.actions, m.rewards, m.next_observations, m.terminal});
         });
}

double train_sac_peer(const RunConfig& config) {
  ThreadPool pool(1);
  const auto seed = static_cast<std::uint64_t>(config.seed);
  VectorEnv env(config.env, /*count=*/1, seed, pool);
  const ActorCritic policy(config.policy, env.spec());
  const auto peer = make_peer(config, policy);
  const auto o = static_cast<std::size_t>(policy.observation_size());
  const auto a = static_cast<std::size_t>(policy.distribution().action_size());
  const auto rows = static_cast<std::size_t>(config.sac.batch);
  ReplayBuffer replay(config.sac.buffer, /*envs=*/1, static_cast<int>(o), static_cast<int>(a), {});
  RandomStream draws(stream_key(seed, Stream::kReplay));
  std::vector<std::int64_t> slots(rows);
  std::vector<float> weights(rows);
  std::vector<float> observations(rows * o);
  std::vector<float> actions(rows * a);
  std::vector<float> rewards(rows);
  std::vector<float> next_observations(rows * o);
  std::vector<float> terminal(rows);
  std::vector<float> observation(o);
  std::vector<float> action(a);
  std::vector<double> returns = {0.0};  // of the episodes, the one under way last

  env.reset();
  for (std::int64_t step = 1; step <= config.steps; ++step) {
    std::ranges::copy(env.observations(), observation.begin());
    peer->act(observation, action);
    const std::vector<float> executed = action;
    policy.action_map().to_env(action);
    env.step(action);
    const bool terminated = env.terminated()[0] != 0;
    replay.add(0, observation, executed, static_cast<float>(env.rewards()[0]), terminated);
    returns.back() += env.rewards()[0];
    if (terminated || env.truncated()[0] != 0) {
      replay.end_episode(0, env.final_observations());
      returns.push_back(0.0);
    }
    replay.set_next(0, env.observations());
    if (step < config.sac.learning_starts) continue;

    replay.draw(draws, slots, weights);
    for (std::size_t i = 0; i < rows; ++i) {
      const ReplayBuffer::Return r = replay.n_step(slots[i], /*n=*/1, /*gamma=*/1.0);
      rewards[i] = r.reward;
      terminal[i] = 1.0f - r.factor;
      const auto at = static_cast<std::ptrdiff_t>(i);
      std::ranges::copy(replay.observation(slots[i]),
                        observations.begin() + at * static_cast<std::ptrdiff_t>(o));
      std::ranges::copy(replay.action(slots[i]),
                        actions.begin() + at * static_cast<std::ptrdiff_t>(a));
      std::ranges::copy(replay.observation(r.last),
                        next_observations.begin() + at * static_cast<std::ptrdiff_t>(o));
    }
    peer->update({observations, actions, rewards, next_observations, terminal});
  }
  returns.pop_back();
  const auto last = std::min<std::size_t>(10, returns.size());
  return std::accumulate(returns.end() - static_cast<std::ptrdiff_t>(last), returns.end(), 0.0) /
         static_cast<double>(last);
}

}  // namespace costate
