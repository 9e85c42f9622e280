#include "runners/replay_check.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <mutex>
#include <type_traits>
#include <utility>

#include "envs/env_config.h"
#include "envs/error.h"
#include "envs/format.h"
#include "envs/hash.h"
#include "policies/action_map.h"
#include "policies/actor_critic.h"
#include "policies/distribution.h"
#include "runners/rollout_header.h"
#include "runners/run_config.h"

namespace costate {
namespace {

std::uint64_t bits(double value) {
  return std::bit_cast<std::uint64_t>(value);
}
std::uint32_t bits(float value) {
  return std::bit_cast<std::uint32_t>(value);
}
std::uint8_t bits(std::uint8_t value) {
  return value;
}
std::uint8_t bits(std::byte value) {
  return std::to_integer<std::uint8_t>(value);
}
std::uint64_t bits(std::uint64_t value) {
  return value;
}

template <class T>
double number(T value) {
  if constexpr (std::is_same_v<T, std::byte>) return std::to_integer<int>(value);
  return static_cast<double>(value);
}

template <class T>
std::span<const T> row(const std::vector<T>& column, std::size_t i, std::size_t width) {
  return std::span(column).subspan(i * width, width);
}

// A file that does not fit is a failed run, not a wrong command line, whatever found it.
Error failed(const std::string& file, const std::string& where, const Error& error) {
  return Error(file + ": " + where + error.what());
}

// How far a log-probability may be from what its parameters give, relative to 1 + its size: a sum
// over dimensions is rounded by the order in which the compiler has it added.
constexpr float kLogProbTolerance = 1e-4f;

/// What checks episodes one after another: an environment with its buffers.
class EpisodeChecker {
 public:
  EpisodeChecker(const RolloutHeader& header, std::unique_ptr<Env> env)
      : header_(header),
        env_(std::move(env)),
        action_map_(env_->spec().action),
        exact_(header.observation_size),
        observation_(header.observation_size),
        action_(header.action_size) {
    expect_size("observation_size", header.observation_size, env_->spec().observation.size());
    expect_size("action_size", header.action_size, env_->spec().action.size());
    const auto config = logged_config(header);
    if (!config) return;
    head_ = make_distribution(config->policy, env_->spec().action);
    const auto parameters = static_cast<int>(head_->parameter_size());
    if (!header.distribution_names.empty()) {
      expect_size("the number of distribution parameters", header.distribution_names.size(),
                  parameters, "the policy's");
    }
  }

  const Env& env() const { return *env_; }

  /// Returns the number of differences, and the first one in `first`.
  std::uint64_t check(const Episode& e, std::uint64_t index,
                      std::optional<ReplayDifference>& first) {
    episode_ = index;
    differences_ = 0;
    first_.reset();
    compare(e);
    first = first_;
    return differences_;
  }

 private:
  static void expect_size(const char* what, std::uint64_t found, int expected,
                          const char* whose = "the environment's") {
    if (found == static_cast<std::uint64_t>(expected)) return;
    throw Error(std::string(what) + " is " + std::to_string(found) + ", " + whose + " is " +
                std::to_string(expected));
  }

  void compare(const Episode& e) {
    env_->reset(e.seed, exact_);
    if (header_.state_bytes > 0) {
      save_state();
      expect_size("state_bytes", header_.state_bytes, static_cast<int>(state_.size()));
      if (state_ != e.initial_state) {
        // Perhaps only in what the run had counted up to here (action_cost), which a reset keeps.
        // That count shows in the final state too, so a damaged one is still found.
        StateReader logged(e.initial_state);
        env_->restore_state(logged);
        env_->reset(e.seed, exact_);
        save_state();
      }
      if (!same<std::byte>("initial_state", 0, e.initial_state, state_)) return;
    }
    if (!same<double>("drawn", 0, e.drawn, env_->episode_values())) return;
    take_log_probs(e);
    double episode_return = 0.0;
    for (std::size_t t = 0; t < e.length(); ++t) {
      std::copy(exact_.begin(), exact_.end(), observation_.begin());
      const auto observation = row(e.observations, t, header_.observation_size);
      if (!same<float>("observations", t, observation, observation_)) return;

      const auto action = row(e.actions, t, header_.action_size);
      if (head_) {
        const auto raw = row(e.raw_actions, t, header_.action_size);
        if (t == drawn_steps_ && !same<float>("raw_actions", t, raw, action)) return;
        std::copy(raw.begin(), raw.end(), action_.begin());
        head_->execute(action_);
        action_map_.to_env(action_);
        if (!same<float>("actions", t, action, action_)) return;
      }
      if (t < log_probs_.size() && !close(e.log_probs[t], log_probs_[t])) {
        same("log_probs", t, e.log_probs[t], log_probs_[t]);
        return;
      }

      const StepResult result = env_->step(action, exact_);
      episode_return += result.reward;
      if (!same("rewards", t, e.rewards[t], result.reward) ||
          !same<std::uint8_t>("terminated", t, e.terminated[t], result.terminated) ||
          !same<std::uint8_t>("truncated", t, e.truncated[t], result.truncated)) {
        return;
      }
    }
    const std::size_t last = e.length() == 0 ? 0 : e.length() - 1;
    std::copy(exact_.begin(), exact_.end(), observation_.begin());
    if (!same<float>("final_observation", last, e.final_observation, observation_)) return;
    if (header_.state_bytes > 0) {
      save_state();
      if (!same("final_state_hash", last, e.final_state_hash, fnv1a(state_))) return;
    }
    same("return", last, e.episode_return, episode_return);
  }

  /// Whether the head can draw this value for a dimension: not every number is an index or a bin.
  bool can_draw(float value) const {
    const int count = head_->values_per_dimension();
    if (count == 0) return true;
    if (!head_->bins().empty())
      return std::ranges::find(head_->bins(), value) != head_->bins().end();
    return value >= 0.0f && value < static_cast<float>(count) && value == std::floor(value);
  }

  /// Of the steps before the first raw action that cannot have been drawn; of none where the file
  /// does not have what they follow from.
  void take_log_probs(const Episode& e) {
    if (!head_) return;
    const auto bad = std::ranges::find_if_not(e.raw_actions, [&](float a) { return can_draw(a); });
    drawn_steps_ = static_cast<std::size_t>(bad - e.raw_actions.begin()) / header_.action_size;
    if (header_.distribution_names.empty()) return;
    const auto parameters = drawn_steps_ * header_.distribution_names.size();
    per_dimension_.resize(drawn_steps_ * static_cast<std::size_t>(head_->dimensions()));
    log_probs_.resize(drawn_steps_);
    head_->log_prob(std::span(e.distributions).first(parameters),
                    std::span(e.raw_actions).first(drawn_steps_ * header_.action_size),
                    per_dimension_);
    head_->joint(per_dimension_, log_probs_);
  }

  static bool close(float logged, float replayed) {
    return bits(logged) == bits(replayed) ||
           std::abs(logged - replayed) <= kLogProbTolerance * (1.0f + std::abs(replayed));
  }

  void save_state() {
    state_.clear();
    StateWriter writer(state_);
    env_->save_state(writer);
  }

  template <class T>
  bool same(const char* field, std::size_t step, std::span<const T> logged,
            std::span<const T> replayed) {
    for (std::size_t i = 0; i < logged.size(); ++i) {
      if (bits(logged[i]) == bits(replayed[i])) continue;
      if (differences_++ == 0) {
        first_ = {episode_, step, field, i, number(logged[i]), number(replayed[i])};
      }
    }
    return differences_ == 0;
  }
  template <class T>
  bool same(const char* field, std::size_t step, T logged, T replayed) {
    return same(field, step, std::span<const T>(&logged, 1), std::span<const T>(&replayed, 1));
  }

  const RolloutHeader& header_;
  std::unique_ptr<Env> env_;
  ActionMap action_map_;
  std::unique_ptr<Distribution> head_;  // null where the file holds no configuration
  std::vector<double> exact_;
  std::vector<float> observation_;
  std::vector<float> action_;
  std::vector<std::byte> state_;
  std::size_t drawn_steps_ = 0;
  std::vector<float> per_dimension_;
  std::vector<float> log_probs_;
  // Of the present episode.
  std::uint64_t episode_ = 0;
  std::uint64_t differences_ = 0;
  std::optional<ReplayDifference> first_;
};

}  // namespace

ReplayCheck check_replay(const RolloutReader& reader, std::span<const std::uint64_t> chosen,
                         const std::string& file, ThreadPool& pool,
                         const std::function<bool(const ReplayCheck&)>& go_on) {
  std::vector<std::unique_ptr<Env>> environments;
  for (int i = 0; i < pool.threads(); ++i) {
    environments.push_back(logged_environment(reader.header(), file));
  }
  std::vector<std::unique_ptr<EpisodeChecker>> checkers;
  try {
    if (!reader.header_unchanged()) {
      throw Error("its root attributes or names of columns were changed after they were written");
    }
    for (std::unique_ptr<Env>& env : environments) {
      checkers.push_back(std::make_unique<EpisodeChecker>(reader.header(), std::move(env)));
    }
    check_same_model(reader.header(), checkers[0]->env());
  } catch (const Error& error) {
    throw failed(file, "", error);
  }

  // Each thread reads an episode, one at a time since HDF5 does no better, and then simulates it
  // while another one reads. What is shared is changed under the lock.
  std::mutex mutex;
  std::size_t next = 0;
  ReplayCheck check;
  std::optional<std::pair<std::size_t, Error>> failure;  // of the lowest index
  const auto work = [&](int worker) {
    EpisodeChecker& checker = *checkers[static_cast<std::size_t>(worker)];
    std::unique_lock lock(mutex);
    while (next < chosen.size() && !check.stopped && !failure) {
      const std::size_t k = next++;
      const std::uint64_t index = chosen[k];
      try {
        const Episode episode = reader.read(index);
        const std::vector<std::string> changed = reader.changed_columns(index, episode);
        lock.unlock();
        std::optional<ReplayDifference> first;
        std::uint64_t differences = checker.check(episode, index, first);
        if (!first && !changed.empty()) {
          differences = changed.size();
          first = {.episode = index,
                   .field = changed.front().substr(changed.front().find('/') + 1),
                   .simulated = false};
        }
        if (first) first->changed_columns = changed;
        lock.lock();
        check.episodes += 1;
        check.steps += episode.length();
        check.differences += differences;
        if (first && (!check.first || index < check.first->episode)) check.first = first;
      } catch (const Error& error) {
        if (!lock.owns_lock()) lock.lock();
        // Whoever has a lower index is at it, so the lowest that fails will be known.
        if (!failure || k < failure->first) {
          failure = {k, failed(file, "episode " + std::to_string(index) + ": ", error)};
        }
      }
      if (go_on && !check.stopped && check.episodes < chosen.size()) check.stopped = !go_on(check);
    }
  };
  pool.parallel_for(pool.threads(), work);
  if (failure) throw failure->second;
  return check;
}

std::string to_string(const ReplayDifference& d) {
  std::string text = "episode " + std::to_string(d.episode);
  if (!d.simulated) {
    text += ": " + d.field + " is not what was written, by its checksum";
  } else if (d.field == "final_state_hash") {
    text += ", step " + std::to_string(d.step) + ": final_state_hash is not that of the state here";
  } else {
    // What else is logged is no wider than a float.
    const bool wide = d.field == "rewards" || d.field == "return" || d.field == "drawn";
    const auto number_text = [&](double value) {
      return wide ? format_number(value) : format_number(static_cast<float>(value));
    };
    text += ", step " + std::to_string(d.step) + ": " + d.field + "[" + std::to_string(d.index) +
            "] is " + number_text(d.logged) + ", replayed " + number_text(d.replayed);
  }
  const auto is_field = [&](const std::string& column) { return column.ends_with("/" + d.field); };
  if (d.changed_columns.empty()) {
    text += " (the file is as it was written)";
  } else if (d.changed_columns.size() > 1 || !is_field(d.changed_columns.front())) {
    text += " (changed after they were written:";
    for (const std::string& column : d.changed_columns) text += " " + column;
    text += ")";
  }
  return text;
}

}  // namespace costate
