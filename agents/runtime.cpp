#include "agents/runtime.h"

#include <algorithm>

#include "agents/streams.h"

namespace costate {
namespace {

// Rows of one product when values are computed in bulk after a shard's rollout.
constexpr int kValueRows = 256;

template <class Saveable>
void save_bytes(Checkpoint& checkpoint, const std::string& name, const Saveable& object) {
  std::vector<std::byte> bytes;
  StateWriter writer(bytes);
  object.save_state(writer);
  checkpoint.put(name, std::span<const std::byte>(bytes));
}

template <class Saveable>
void load_bytes(const Checkpoint& checkpoint, const std::string& name, Saveable& object) {
  const auto bytes = checkpoint.get_vector<std::byte>(name);
  StateReader reader(bytes);
  object.restore_state(reader);
}

std::string env_name(int i) {
  return "environments/" + std::to_string(i);
}

}  // namespace

void RuntimeConfig::describe(Options& options) {
  options.add("envs", envs, Range::between(1, 65536), "environments stepped side by side");
  options.add("runtime.shard", shard, Range::between(1, 256),
              "environments that one worker takes through a rollout together");
  options.add("runtime.overlap", overlap,
              "whether the next rollout is collected during an update, by the policy before it");
  describe_observations(options);
  options.add("normalize.rewards", normalize_rewards,
              "whether rewards are divided by the deviation of the discounted return");
}

void RuntimeConfig::describe_observations(Options& options) {
  options.add("normalize.observations", normalize_observations,
              "whether observations are brought to mean 0 and variance 1 by running statistics");
}

struct Runtime::Shard {
  Shard(int first_env, int count, const ActorCritic& policy, int action_size, int parameter_size)
      : first(first_env),
        n(count),
        workspace(policy.make_workspace(std::max(count, kValueRows), /*gradients=*/false)),
        observations(static_cast<std::size_t>(count) * policy.observation_size()),
        actions(static_cast<std::size_t>(count) * action_size),
        raw_actions(actions.size()),
        distribution(static_cast<std::size_t>(count) * parameter_size),
        log_probs(count),
        per_dimension(static_cast<std::size_t>(count) * policy.distribution().dimensions()),
        normalized(static_cast<std::size_t>(kValueRows) * policy.observation_size()),
        values(kValueRows),
        observation_moments(policy.observation_size()),
        reward_moments(1) {}

  int first;
  int n;
  std::unique_ptr<ActorCritic::Workspace> workspace;
  // One step's blocks, [n, …].
  std::vector<float> observations;
  std::vector<float> actions;
  std::vector<float> raw_actions;
  std::vector<float> distribution;
  std::vector<float> log_probs;
  std::vector<float> per_dimension;
  // A block of rows whose values are wanted, normalised, and their values.
  std::vector<float> normalized;
  std::vector<float> values;
  Moments observation_moments;
  Moments reward_moments;
  // Episodes that ended in the present rollout: their rows in the buffer and final observations.
  std::vector<int> ended_rows;
  std::vector<float> ended_observations;  // [ended, obs] as the environment gave them
};

Runtime::Runtime(const RuntimeConfig& config, VectorEnv& environments, std::uint64_t seed,
                 double gamma, const ActorCritic& policy, ThreadPool& pool)
    : config_(config),
      environments_(environments),
      policy_(policy),
      pool_(pool),
      observation_size_(policy.observation_size()),
      action_size_(policy.distribution().action_size()),
      parameter_size_(policy.distribution().parameter_size()),
      observation_normalizer_(observation_size_),
      reward_normalizer_(environments.size(), gamma),
      statistics_(environments.size()) {
  const int n = environments.size();
  for (int i = 0; i < n; ++i) {
    action_streams_.emplace_back(stream_key(seed, Stream::kActions, static_cast<std::uint64_t>(i)));
  }
  const int size = static_cast<int>(config.shard);
  for (int first = 0; first < n; first += size) {
    shards_.push_back(std::make_unique<Shard>(first, std::min(size, n - first), policy,
                                              action_size_, parameter_size_));
  }
  environments_.reset();
}

Runtime::~Runtime() = default;

void Runtime::collect(std::span<const float> parameters, int steps) {
  begin(parameters, steps);
  pool_.parallel_for(shards(), [this](int s) { run_shard(s); });
  end();
}

void Runtime::begin(std::span<const float> parameters, int steps) {
  parameters_ = parameters;
  buffer_.resize(envs(), steps, observation_size_, action_size_, parameter_size_);
  for (const auto& shard : shards_) {
    // Room for an end at every step, so that no rollout allocates; untouched pages cost nothing.
    const std::size_t rows = static_cast<std::size_t>(shard->n) * steps;
    shard->ended_rows.reserve(rows);
    shard->ended_observations.reserve(rows * observation_size_);
  }
  if (logger_ != nullptr) logger_->reserve(steps);
}

void Runtime::run_shard(int index) {
  Shard& shard = *shards_[index];
  shard.observation_moments.clear();
  shard.reward_moments.clear();
  shard.ended_rows.clear();
  shard.ended_observations.clear();
  for (int t = 0; t < buffer_.steps; ++t) {
    act(shard, t);
    environments_.step_range(shard.first, shard.n, shard.actions);
    store_step(shard, t);
  }
  evaluate(shard);
}

void Runtime::end() {
  const int steps = buffer_.steps;
  for (const auto& shard : shards_) {
    if (config_.normalize_observations) observation_normalizer_.merge(shard->observation_moments);
    if (config_.normalize_rewards) reward_normalizer_.merge(shard->reward_moments);
  }
  for (int row = 0; row < buffer_.rows(); ++row) {
    buffer_.rewards[row] =
        static_cast<float>(reward_normalizer_.normalize(buffer_.raw_rewards[row]));
  }
  // Step by step across environments, the order in which the episodes really ended.
  for (int t = 0; t < steps; ++t) {
    for (int n = 0; n < envs(); ++n) {
      const int row = n * steps + t;
      statistics_.add(n, buffer_.raw_rewards[row],
                      buffer_.terminated[row] || buffer_.truncated[row]);
    }
  }
  if (logger_ != nullptr) logger_->consume(buffer_, steps_);
  steps_ += buffer_.rows();
}

void Runtime::act(Shard& shard, int t) {
  const Distribution& distribution = policy_.distribution();
  const auto raw = environments_.observations().subspan(
      static_cast<std::size_t>(shard.first) * observation_size_, shard.observations.size());
  if (config_.normalize_observations) {
    observation_normalizer_.normalize(raw, shard.observations);
    observation_normalizer_.accumulate(raw, shard.observation_moments);
  } else {
    std::copy(raw.begin(), raw.end(), shard.observations.begin());
  }
  for (int i = 0; i < shard.n; ++i) {
    const std::size_t row = static_cast<std::size_t>(shard.first + i) * buffer_.steps + t;
    std::copy_n(raw.data() + i * observation_size_, observation_size_,
                buffer_.raw_observations.data() + row * observation_size_);
  }

  policy_.policy(parameters_, shard.observations.data(), shard.n, shard.distribution.data(),
                 *shard.workspace);
  for (int i = 0; i < shard.n; ++i) {
    const std::span<float> action(shard.raw_actions.data() + i * action_size_,
                                  static_cast<std::size_t>(action_size_));
    distribution.sample({shard.distribution.data() + i * parameter_size_,
                         static_cast<std::size_t>(parameter_size_)},
                        action_streams_[shard.first + i], action);
    const std::span<float> executed(shard.actions.data() + i * action_size_, action.size());
    std::copy(action.begin(), action.end(), executed.begin());
    distribution.execute(executed);
    policy_.action_map().to_env(executed);
  }
  distribution.log_prob(shard.distribution, shard.raw_actions, shard.per_dimension);
  distribution.joint(shard.per_dimension, shard.log_probs);
}

void Runtime::store_step(Shard& shard, int t) {
  for (int i = 0; i < shard.n; ++i) {
    const int env = shard.first + i;
    const std::size_t row = static_cast<std::size_t>(env) * buffer_.steps + t;
    std::copy_n(shard.observations.data() + i * observation_size_, observation_size_,
                buffer_.observations.data() + row * observation_size_);
    std::copy_n(shard.raw_actions.data() + i * action_size_, action_size_,
                buffer_.raw_actions.data() + row * action_size_);
    std::copy_n(shard.actions.data() + i * action_size_, action_size_,
                buffer_.actions.data() + row * action_size_);
    std::copy_n(shard.distribution.data() + i * parameter_size_, parameter_size_,
                buffer_.distribution.data() + row * parameter_size_);
    buffer_.log_probs[row] = shard.log_probs[i];
    buffer_.raw_rewards[row] = environments_.rewards()[env];
    buffer_.terminated[row] = environments_.terminated()[env];
    buffer_.truncated[row] = environments_.truncated()[env];
    const bool ended = buffer_.terminated[row] || buffer_.truncated[row];
    if (config_.normalize_rewards) {
      reward_normalizer_.accumulate(env, buffer_.raw_rewards[row], ended, shard.reward_moments);
    }
    if (!ended) continue;
    shard.ended_rows.push_back(static_cast<int>(row));
    const auto final_observation = environments_.final_observations().subspan(
        static_cast<std::size_t>(env) * observation_size_, observation_size_);
    shard.ended_observations.insert(shard.ended_observations.end(), final_observation.begin(),
                                    final_observation.end());
    if (logger_ != nullptr) logger_->start_episode(env, environments_);
  }
}

// Values are not needed to act, so they are computed after the rollout, in large products.
void Runtime::evaluate(Shard& shard) {
  if (!policy_.has_value()) return;
  const auto values = [&](const float* observations, int rows, float* out) {
    policy_.value(parameters_, observations, rows, out, *shard.workspace);
  };
  // Calls f(first, values) for blocks of raw observations.
  const auto values_of_raw = [&](std::span<const float> raw, auto f) {
    const int rows = static_cast<int>(raw.size()) / observation_size_;
    for (int first = 0; first < rows; first += kValueRows) {
      const int count = std::min(kValueRows, rows - first);
      const auto block = raw.subspan(static_cast<std::size_t>(first) * observation_size_,
                                     static_cast<std::size_t>(count) * observation_size_);
      const auto normalized = std::span(shard.normalized).first(block.size());
      normalize(block, normalized);
      values(normalized.data(), count, shard.values.data());
      f(first, std::span<const float>(shard.values).first(static_cast<std::size_t>(count)));
    }
  };

  const int steps = buffer_.steps;
  const int rows = shard.n * steps;
  const std::size_t first_row = static_cast<std::size_t>(shard.first) * steps;
  for (int first = 0; first < rows; first += kValueRows) {
    const std::size_t row = first_row + first;
    values(buffer_.observations.data() + row * observation_size_,
           std::min(kValueRows, rows - first), buffer_.values.data() + row);
  }

  // What follows a step is the next row of the environment; behind the last one stands the
  // observation to go on from, and behind an end the final observation.
  for (int i = 0; i < shard.n; ++i) {
    const auto begin =
        static_cast<std::ptrdiff_t>(first_row) + static_cast<std::ptrdiff_t>(i) * steps;
    std::copy(buffer_.values.begin() + begin + 1, buffer_.values.begin() + begin + steps,
              buffer_.next_values.begin() + begin);
  }
  const auto last = environments_.observations().subspan(
      static_cast<std::size_t>(shard.first) * observation_size_, shard.observations.size());
  values_of_raw(last, [&](int first, std::span<const float> v) {
    for (std::size_t k = 0; k < v.size(); ++k) {
      buffer_.next_values[first_row + (first + k + 1) * steps - 1] = v[k];
    }
  });
  values_of_raw(shard.ended_observations, [&](int first, std::span<const float> v) {
    for (std::size_t k = 0; k < v.size(); ++k)
      buffer_.next_values[shard.ended_rows[first + k]] = v[k];
  });
}

void Runtime::normalize(std::span<const float> raw, std::span<float> out) const {
  if (config_.normalize_observations) {
    observation_normalizer_.normalize(raw, out);
  } else {
    std::ranges::copy(raw, out.begin());
  }
}

std::span<const float> Runtime::observation(int env) const {
  return std::as_const(environments_)
      .observations()
      .subspan(static_cast<std::size_t>(env) * observation_size_, observation_size_);
}

std::span<const float> Runtime::final_observation(int row) const {
  for (const auto& shard : shards_) {
    const auto place = std::ranges::find(shard->ended_rows, row);
    if (place == shard->ended_rows.end()) continue;
    const auto i = static_cast<std::size_t>(place - shard->ended_rows.begin());
    return std::span(shard->ended_observations).subspan(i * observation_size_, observation_size_);
  }
  throw Error("no episode ended at row " + std::to_string(row) + " of the rollout");
}

void Runtime::attach(RolloutLogger& logger) {
  logger_ = &logger;
  environments_.keep_final_states();
  if (steps_ > 0) return;
  for (int i = 0; i < envs(); ++i) logger.start_episode(i, environments_);
}

void Runtime::finish_logging() {
  if (logger_ != nullptr) logger_->finish(environments_, steps_);
}

void Runtime::save(Checkpoint& checkpoint) const {
  checkpoint.put("counters/steps", steps_);
  save_bytes(checkpoint, "normalizer/observations", observation_normalizer_);
  save_bytes(checkpoint, "normalizer/rewards", reward_normalizer_);
  save_bytes(checkpoint, "statistics", statistics_);
  std::vector<std::uint64_t> counters;
  for (const RandomStream& stream : action_streams_) counters.push_back(stream.counter());
  checkpoint.put("random/actions", std::span<const std::uint64_t>(counters));
  for (int i = 0; i < envs(); ++i) {
    std::vector<std::byte> bytes;
    StateWriter writer(bytes);
    environments_.save_state(i, writer);
    checkpoint.put(env_name(i), std::span<const std::byte>(bytes));
  }
}

void Runtime::load(const Checkpoint& checkpoint) {
  steps_ = checkpoint.get<std::int64_t>("counters/steps");
  load_bytes(checkpoint, "normalizer/observations", observation_normalizer_);
  load_bytes(checkpoint, "normalizer/rewards", reward_normalizer_);
  load_bytes(checkpoint, "statistics", statistics_);
  std::vector<std::uint64_t> counters(action_streams_.size());
  checkpoint.read("random/actions", std::span<std::uint64_t>(counters));
  for (std::size_t i = 0; i < counters.size(); ++i) {
    action_streams_[i] = RandomStream(action_streams_[i].key(), counters[i]);
  }
  for (int i = 0; i < envs(); ++i) {
    const auto bytes = checkpoint.get_vector<std::byte>(env_name(i));
    StateReader reader(bytes);
    environments_.restore_state(i, reader);
  }
}

}  // namespace costate
