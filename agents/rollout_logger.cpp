#include "agents/rollout_logger.h"

#include <utility>

#include "envs/random.h"

namespace costate {
namespace {

void append_row(std::vector<float>& column, const std::vector<float>& block, std::size_t row,
                std::size_t width) {
  const auto first = block.begin() + static_cast<std::ptrdiff_t>(row * width);
  column.insert(column.end(), first, first + static_cast<std::ptrdiff_t>(width));
}

// The columns of a running episode under their names in the checkpoint. One list serves both ways.
template <class EpisodeType, class F>
void for_each_column(EpisodeType& e, F f) {
  f("observations", e.observations);
  f("actions", e.actions);
  f("raw_actions", e.raw_actions);
  f("rewards", e.rewards);
  f("log_probs", e.log_probs);
  f("distributions", e.distributions);
  f("values", e.values);
}

std::string open_name(std::size_t env) {
  return "rollouts/open/" + std::to_string(env) + "/";
}

}  // namespace

void RolloutLogConfig::describe(Options& options) {
  options.add("rollouts.log", mode, {"off", "last", "sampled", "all"},
              "which episodes go to rollouts.h5: none, the newest, a fraction, or all");
  options.add("rollouts.last", last_episodes, Range::at_least(1),
              "last: how many of the newest episodes are kept");
  options.add("rollouts.fraction", fraction, Range::between(0, 1),
              "sampled: the probability with which an episode is logged");
}

RolloutLogger::RolloutLogger(const RolloutLogConfig& config, const std::filesystem::path& path,
                             RolloutHeader header, int envs, const Checkpoint* checkpoint)
    : config_(config), header_(std::move(header)), open_(envs), starts_(envs) {
  RolloutOptions options;
  if (config_.mode == "last") options.last_n = static_cast<std::uint64_t>(config_.last_episodes);
  if (checkpoint != nullptr) {
    const auto step = checkpoint->get<std::int64_t>("counters/steps");
    options.keep_episodes = RolloutReader(path).episodes_until(step);
    for (std::size_t i = 0; i < open_.size(); ++i) {
      const std::string name = open_name(i);
      Episode& e = open_[i];
      e.env_index = i;
      e.episode = checkpoint->get<std::uint64_t>(name + "episode");
      e.seed = checkpoint->get<std::uint64_t>(name + "seed");
      e.initial_state = checkpoint->get_vector<std::byte>(name + "initial_state");
      e.episode_return = checkpoint->get<double>(name + "return");
      for_each_column(e, [&]<class T>(const char* column, std::vector<T>& values) {
        values = checkpoint->get_vector<T>(name + column);
      });
      e.terminated.resize(e.length());
      e.truncated.resize(e.length());
    }
  }
  writer_ = std::make_unique<RolloutWriter>(path, header_, options);
}

// The decision depends on the episode alone, so that a resumed run makes the same one.
bool RolloutLogger::wanted(int env) const {
  if (config_.mode != "sampled") return true;
  RandomStream coin(derive_key({open_[env].seed, 0x10665}));
  return coin.uniform() < config_.fraction;
}

void RolloutLogger::start_episode(int env, const VectorEnv& vector) {
  EpisodeStart start{vector.episode(env), vector.episode_seed(env), {}};
  StateWriter writer(start.state);
  vector.save_simulator(env, writer);
  starts_[env].push_back(std::move(start));
}

void RolloutLogger::consume(const RolloutBuffer& buffer, std::span<const float> final_observations,
                            std::int64_t first_step) {
  const std::size_t o = header_.observation_size;
  const std::size_t a = header_.action_size;
  const std::size_t p = header_.distribution_names.size();
  for (int n = 0; n < buffer.envs; ++n) {
    Episode& e = open_[n];
    std::size_t next_start = 0;
    const auto begin = [&] {
      EpisodeStart& start = starts_[n][next_start++];
      e = Episode{};
      e.env_index = static_cast<std::uint64_t>(n);
      e.episode = start.episode;
      e.seed = start.seed;
      e.initial_state = std::move(start.state);
    };
    if (e.initial_state.empty()) begin();
    for (int t = 0; t < buffer.steps; ++t) {
      const std::size_t row = static_cast<std::size_t>(n) * buffer.steps + t;
      append_row(e.observations, buffer.raw_observations, row, o);
      append_row(e.actions, buffer.actions, row, a);
      append_row(e.raw_actions, buffer.raw_actions, row, a);
      append_row(e.distributions, buffer.distribution, row, p);
      e.rewards.push_back(buffer.raw_rewards[row]);
      e.terminated.push_back(buffer.terminated[row]);
      e.truncated.push_back(buffer.truncated[row]);
      e.log_probs.push_back(buffer.log_probs[row]);
      e.values.push_back(buffer.values[row]);
      e.episode_return += buffer.raw_rewards[row];
      if (!buffer.terminated[row] && !buffer.truncated[row]) continue;
      e.final_observation.assign(final_observations.begin(), final_observations.begin() + o);
      final_observations = final_observations.subspan(o);
      e.last_step = first_step + static_cast<std::int64_t>(buffer.envs) * (t + 1);
      if (wanted(n)) writer_->append(e);
      begin();
    }
    starts_[n].clear();
  }
}

void RolloutLogger::save(Checkpoint& checkpoint) {
  writer_->flush();
  for (std::size_t i = 0; i < open_.size(); ++i) {
    const std::string name = open_name(i);
    const Episode& e = open_[i];
    checkpoint.put(name + "episode", e.episode);
    checkpoint.put(name + "seed", e.seed);
    checkpoint.put(name + "initial_state", std::span<const std::byte>(e.initial_state));
    checkpoint.put(name + "return", e.episode_return);
    for_each_column(e, [&]<class T>(const char* column, const std::vector<T>& values) {
      checkpoint.put(name + column, std::span<const T>(values));
    });
  }
}

void RolloutLogger::finish(std::span<const float> open_observations, std::int64_t step) {
  const std::size_t o = header_.observation_size;
  for (std::size_t i = 0; i < open_.size(); ++i) {
    Episode& e = open_[i];
    if (e.length() == 0 || !wanted(static_cast<int>(i))) continue;
    const auto row = open_observations.subspan(i * o, o);
    e.final_observation.assign(row.begin(), row.end());
    e.last_step = step + 1;  // not over yet, so that resuming with more steps drops it
    writer_->append(e);
  }
  writer_->flush();
}

}  // namespace costate
