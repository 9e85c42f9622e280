#include "agents/rollout_logger.h"

#include <algorithm>
#include <utility>

#include "envs/hash.h"
#include "envs/random.h"

namespace costate {
namespace {

// Appends `count` rows of `block` from `row` on.
template <class T>
void append_rows(std::vector<T>& column, const std::vector<T>& block, std::size_t row,
                 std::size_t count, std::size_t width = 1) {
  const auto first = block.begin() + static_cast<std::ptrdiff_t>(row * width);
  column.insert(column.end(), first, first + static_cast<std::ptrdiff_t>(count * width));
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

// Rollouts on their way to the background thread may take this much memory, or be one rollout.
constexpr std::size_t kMaxWaitingBytes = 128 << 20;

// Of a step in a block, nearly.
std::size_t row_bytes(const RolloutHeader& header) {
  return sizeof(float) *
         (header.observation_size + 2 * header.action_size + header.distribution_names.size() + 5);
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
                             RolloutHeader header, int envs, const Checkpoint* checkpoint,
                             BackgroundThread& background)
    : config_(config), header_(std::move(header)), background_(background), open_(envs) {
  current_ = &take_block();
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
      e.drawn = checkpoint->get_vector<double>(name + "drawn");
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

void RolloutLogger::Resets::clear() {
  starts.clear();
  states.clear();
  final_observations.clear();
  final_state_hashes.clear();
  drawn.clear();
}

RolloutLogger::Block& RolloutLogger::take_block() {
  const std::lock_guard lock(free_mutex_);
  // Two from the start, taken in turn: whether the background thread is done with the last one when
  // the next is wanted makes no difference then.
  while (free_.empty() || blocks_.size() < 2) {
    blocks_.push_back(std::make_unique<Block>());
    blocks_.back()->resets.resize(open_.size());
    free_.reserve(blocks_.size());
    free_.push_back(blocks_.back().get());
  }
  Block& block = *free_.front();
  free_.erase(free_.begin());
  return block;
}

void RolloutLogger::reserve(int steps) {
  const std::size_t ends = static_cast<std::size_t>(steps) + 1;  // and the run's first resets
  for (Resets& resets : current_->resets) {
    resets.starts.reserve(ends);
    resets.states.reserve(ends * header_.state_bytes);
    resets.final_observations.reserve(ends * header_.observation_size);
    resets.final_state_hashes.reserve(ends);
    resets.drawn.reserve(ends * header_.drawn_names.size());
  }
}

void RolloutLogger::start_episode(int env, const VectorEnv& vector) {
  Resets& resets = current_->resets[env];
  StateWriter writer(resets.states);
  vector.save_simulator(env, writer);
  resets.starts.push_back({vector.episode(env), vector.episode_seed(env), resets.states.size()});
  const std::size_t o = header_.observation_size;
  const auto ended = vector.final_observations().subspan(env * o, o);
  resets.final_observations.insert(resets.final_observations.end(), ended.begin(), ended.end());
  resets.final_state_hashes.push_back(fnv1a(vector.final_state(env)));
  const auto drawn = vector.episode_values(env);
  resets.drawn.insert(resets.drawn.end(), drawn.begin(), drawn.end());
}

void RolloutLogger::consume(const RolloutBuffer& buffer, std::int64_t first_step) {
  Block& block = *current_;
  RolloutBuffer& to = block.rollout;
  to.envs = buffer.envs;
  to.steps = buffer.steps;
  to.raw_observations = buffer.raw_observations;
  to.actions = buffer.actions;
  to.raw_actions = buffer.raw_actions;
  to.distribution = buffer.distribution;
  to.raw_rewards = buffer.raw_rewards;
  to.terminated = buffer.terminated;
  to.truncated = buffer.truncated;
  to.log_probs = buffer.log_probs;
  to.values = buffer.values;
  block.first_step = first_step;
  const std::size_t bytes = static_cast<std::size_t>(buffer.rows()) * row_bytes(header_);
  background_.post([this, &block] { cut(block); },
                   std::max(kMaxWaitingBytes / bytes, std::size_t{1}));
  current_ = &take_block();
}

void RolloutLogger::cut(Block& block) {
  const RolloutBuffer& buffer = block.rollout;
  const std::size_t o = header_.observation_size;
  const std::size_t a = header_.action_size;
  const std::size_t p = header_.distribution_names.size();
  for (int n = 0; n < buffer.envs; ++n) {
    Episode& e = open_[n];
    Resets& resets = block.resets[n];
    std::size_t next_reset = 0;
    const auto begin = [&] {
      const EpisodeStart& start = resets.starts[next_reset];
      const std::size_t state = next_reset == 0 ? 0 : resets.starts[next_reset - 1].state_end;
      e.drawn.clear();
      append_rows(e.drawn, resets.drawn, next_reset, 1, header_.drawn_names.size());
      ++next_reset;
      e.env_index = static_cast<std::uint64_t>(n);
      e.episode = start.episode;
      e.seed = start.seed;
      e.episode_return = 0.0;
      e.initial_state.assign(resets.states.begin() + static_cast<std::ptrdiff_t>(state),
                             resets.states.begin() + static_cast<std::ptrdiff_t>(start.state_end));
      for_each_column(e, [](const char*, auto& values) { values.clear(); });
      e.terminated.clear();
      e.truncated.clear();
    };
    if (e.episode == 0) begin();  // the run's first rollout: episodes count from 1
    int first = 0;                // step of the buffer that is not in an episode yet
    for (int t = 0; t < buffer.steps; ++t) {
      const std::size_t row = static_cast<std::size_t>(n) * buffer.steps + t;
      e.episode_return += buffer.raw_rewards[row];
      const bool ended = buffer.terminated[row] || buffer.truncated[row];
      if (!ended && t + 1 < buffer.steps) continue;
      const std::size_t from = static_cast<std::size_t>(n) * buffer.steps + first;
      const std::size_t count = row + 1 - from;
      append_rows(e.observations, buffer.raw_observations, from, count, o);
      append_rows(e.actions, buffer.actions, from, count, a);
      append_rows(e.raw_actions, buffer.raw_actions, from, count, a);
      append_rows(e.distributions, buffer.distribution, from, count, p);
      append_rows(e.rewards, buffer.raw_rewards, from, count);
      append_rows(e.terminated, buffer.terminated, from, count);
      append_rows(e.truncated, buffer.truncated, from, count);
      append_rows(e.log_probs, buffer.log_probs, from, count);
      append_rows(e.values, buffer.values, from, count);
      first = t + 1;
      if (!ended) continue;
      e.final_observation.clear();
      append_rows(e.final_observation, resets.final_observations, next_reset, 1, o);
      e.final_state_hash = resets.final_state_hashes[next_reset];
      e.last_step = block.first_step + static_cast<std::int64_t>(buffer.envs) * (t + 1);
      if (wanted(n)) writer_->append(e);
      begin();
    }
    resets.clear();
  }
  const std::lock_guard lock(free_mutex_);
  free_.push_back(&block);
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
    checkpoint.put(name + "drawn", std::span<const double>(e.drawn));
    for_each_column(e, [&]<class T>(const char* column, const std::vector<T>& values) {
      checkpoint.put(name + column, std::span<const T>(values));
    });
  }
}

void RolloutLogger::finish(const VectorEnv& vector, std::int64_t step) {
  const std::size_t o = header_.observation_size;
  std::vector<std::byte> state;
  for (std::size_t i = 0; i < open_.size(); ++i) {
    Episode& e = open_[i];
    if (e.length() == 0 || !wanted(static_cast<int>(i))) continue;
    const auto row = vector.observations().subspan(i * o, o);
    e.final_observation.assign(row.begin(), row.end());
    state.clear();
    StateWriter writer(state);
    vector.save_simulator(static_cast<int>(i), writer);
    e.final_state_hash = fnv1a(state);
    e.last_step = step + 1;  // not over yet, so that resuming with more steps drops it
    writer_->append(e);
  }
}

}  // namespace costate
