#include "runners/replay_check.h"

#include <algorithm>
#include <bit>
#include <memory>
#include <span>
#include <type_traits>
#include <vector>

#include "envs/env_config.h"
#include "envs/error.h"
#include "envs/format.h"
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

template <class T>
double number(T value) {
  if constexpr (std::is_same_v<T, std::byte>) return std::to_integer<int>(value);
  return static_cast<double>(value);
}

template <class T>
std::span<const T> row(const std::vector<T>& column, std::size_t i, std::size_t width) {
  return std::span(column).subspan(i * width, width);
}

/// What checks episodes one after another: an environment with its buffers.
class EpisodeChecker {
 public:
  explicit EpisodeChecker(const RolloutHeader& header)
      : header_(header),
        env_(logged_environment(header).make()),
        action_map_(env_->spec().action),
        exact_(header.observation_size),
        observation_(header.observation_size),
        action_(header.action_size) {
    expect_size("observation_size", header.observation_size, env_->spec().observation.size());
    expect_size("action_size", header.action_size, env_->spec().action.size());
    if (const auto config = logged_config(header))
      head_ = make_distribution(config->policy, env_->spec().action);
  }

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
  static void expect_size(const char* what, std::uint64_t found, int expected) {
    if (found == static_cast<std::uint64_t>(expected)) return;
    throw Error(std::string(what) + " is " + std::to_string(found) + ", the environment's is " +
                std::to_string(expected));
  }

  void compare(const Episode& e) {
    env_->reset(e.seed, exact_);
    if (header_.state_bytes > 0) {
      save_state();
      expect_size("state_bytes", header_.state_bytes, static_cast<int>(state_.size()));
      if (state_ != e.initial_state) {
        // Perhaps only in what the run had counted up to here (action_cost_ramp), which a reset
        // keeps.
        StateReader logged(e.initial_state);
        env_->restore_state(logged);
        env_->reset(e.seed, exact_);
        save_state();
      }
      if (!same<std::byte>("initial_state", 0, e.initial_state, state_)) return;
      StateReader reader(e.initial_state);
      env_->restore_state(reader);
    }
    double episode_return = 0.0;
    for (std::size_t t = 0; t < e.length(); ++t) {
      std::copy(exact_.begin(), exact_.end(), observation_.begin());
      const auto observation = row(e.observations, t, header_.observation_size);
      if (!same<float>("observations", t, observation, observation_)) return;

      const auto action = row(e.actions, t, header_.action_size);
      if (head_) {
        const auto raw = row(e.raw_actions, t, header_.action_size);
        std::copy(raw.begin(), raw.end(), action_.begin());
        head_->execute(action_);
        action_map_.to_env(action_);
        if (!same<float>("actions", t, action, action_)) return;
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
    same("return", last, e.episode_return, episode_return);
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
  // Of the present episode.
  std::uint64_t episode_ = 0;
  std::uint64_t differences_ = 0;
  std::optional<ReplayDifference> first_;
};

}  // namespace

ReplayCheck check_replay(const RolloutReader& reader, std::span<const std::uint64_t> chosen,
                         const std::string& file, ThreadPool& pool) {
  // A file that does not fit is a failed run, not a wrong command line, whatever found it.
  const auto failed = [&](const std::string& where, const Error& error) {
    return Error(file + ": " + where + error.what());
  };
  std::vector<std::unique_ptr<EpisodeChecker>> checkers;
  try {
    for (int i = 0; i < pool.threads(); ++i) {
      checkers.push_back(std::make_unique<EpisodeChecker>(reader.header()));
    }
  } catch (const Error& error) {
    throw failed("", error);
  }

  ReplayCheck check;
  check.episodes = chosen.size();
  for (const std::uint64_t i : chosen) check.steps += reader.length(i);
  // HDF5 reads on this thread alone; a batch bounds the memory.
  const std::size_t workers = checkers.size();
  const std::size_t batch = 16 * workers;
  std::vector<Episode> episodes;
  std::vector<std::uint64_t> differences(batch);
  std::vector<std::optional<ReplayDifference>> firsts(batch);
  for (std::size_t begin = 0; begin < chosen.size(); begin += batch) {
    episodes.clear();
    const auto indices = chosen.subspan(begin, std::min(batch, chosen.size() - begin));
    for (const std::uint64_t i : indices) episodes.push_back(reader.read(i));
    pool.parallel_for(static_cast<int>(workers), [&](int worker) {
      for (auto k = static_cast<std::size_t>(worker); k < episodes.size(); k += workers) {
        const std::uint64_t index = indices[k];
        try {
          differences[k] =
              checkers[static_cast<std::size_t>(worker)]->check(episodes[k], index, firsts[k]);
        } catch (const Error& error) {
          throw failed("episode " + std::to_string(index) + ": ", error);
        }
      }
    });
    for (std::size_t k = 0; k < episodes.size(); ++k) {
      check.differences += differences[k];
      if (!check.first) check.first = firsts[k];
    }
  }
  return check;
}

std::string to_string(const ReplayDifference& d) {
  // Rewards and the return are doubles; what else is logged is no wider than a float.
  const bool wide = d.field == "rewards" || d.field == "return";
  const auto text = [&](double value) {
    return wide ? format_number(value) : format_number(static_cast<float>(value));
  };
  return "episode " + std::to_string(d.episode) + ", step " + std::to_string(d.step) + ": " +
         d.field + "[" + std::to_string(d.index) + "] is " + text(d.logged) + ", replayed " +
         text(d.replayed);
}

}  // namespace costate
