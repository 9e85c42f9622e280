#include "envs/vector_env.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>
#include <thread>

#include "envs/format.h"
#include "envs/random.h"

namespace costate {

VectorEnv::VectorEnv(const EnvConfig& env, int count, std::uint64_t seed, ThreadPool& pool,
                     Autoreset autoreset)
    : seed_(seed), pool_(pool), autoreset_(autoreset) {
  if (count < 1) {
    throw UsageError("number of environments = " + std::to_string(count) + ": expected at least 1");
  }
  const auto n = static_cast<std::size_t>(count);
  slots_ = std::vector<Slot>(n);
  for (Slot& slot : slots_) slot.env = env.make();
  observation_size_ = static_cast<std::size_t>(spec().observation.size());
  action_size_ = static_cast<std::size_t>(spec().action.size());
  scratch_.resize(n * observation_size_);
  divide_step();
  observations_.resize(n * observation_size_);
  final_observations_.resize(n * observation_size_);
  rewards_.resize(n);
  terminated_.resize(n);
  truncated_.resize(n);
}

const EnvSpec& VectorEnv::spec() const {
  return slots_.front().env->spec();
}
int VectorEnv::size() const {
  return static_cast<int>(slots_.size());
}

void VectorEnv::divide_step() {
  const int threads = pool_.threads();
  const int head_starts = slots_.front().env->head_starts();
  // Steps cost unequal time, and whoever is done waits for the others. So the last steps, two a
  // thread, are cut into parts that go round among these environments: then a thread waits for a
  // part at most.
  const bool cut = threads > 1 && size() > threads && head_starts > 0;
  const int whole = cut ? std::max(0, size() - 2 * threads) : size();
  // Large ranges first, then ever smaller ones: each thread's fair share of half of what is left,
  // but not so little that handing it out costs more.
  const int least = std::max(1, size() / 64);
  for (int first = 0; first < whole;) {
    const int left = size() - first;
    const int share = threads == 1 ? left : std::max(least, left / (2 * threads));
    const int n = std::min(whole - first, share);
    pieces_.push_back({.first = first, .n = n, .head_starts = 0, .head_start = false});
    first += n;
  }
  for (int part = 0; part <= head_starts; ++part) {
    for (int i = whole; i < size(); ++i) {
      pieces_.push_back(
          {.first = i, .n = 1, .head_starts = part, .head_start = part < head_starts});
    }
  }
}

void VectorEnv::reset() {
  pool_.parallel_for(size(), [this](int i) {
    reset_one(i);
    keep_observations(i, 1, observations_);
  });
  std::ranges::fill(rewards_, 0.0);
  std::ranges::fill(terminated_, std::uint8_t{0});
  std::ranges::fill(truncated_, std::uint8_t{0});
}

void VectorEnv::step(std::span<const float> actions) {
  assert(actions.size() == slots_.size() * action_size_);
  pool_.parallel_for(static_cast<int>(pieces_.size()),
                     [this, actions](int piece) { take(pieces_[piece], actions); });
}

void VectorEnv::take(const Piece& piece, std::span<const float> actions) {
  const auto own = actions.subspan(static_cast<std::size_t>(piece.first) * action_size_,
                                   static_cast<std::size_t>(piece.n) * action_size_);
  Slot& slot = slots_[static_cast<std::size_t>(piece.first)];
  // The part before was handed out before, so some thread is at it, if it is not done.
  while (slot.head_starts.load(std::memory_order_acquire) != piece.head_starts) {
    std::this_thread::yield();
  }
  if (piece.head_start) {
    if (!slot.ended) slot.env->head_start(own);
    slot.head_starts.store(piece.head_starts + 1, std::memory_order_release);
  } else {
    slot.head_starts.store(0, std::memory_order_relaxed);
    step_range(piece.first, piece.n, own);
  }
}

void VectorEnv::step_range(int first, int n, std::span<const float> actions) {
  assert(first >= 0 && first + n <= size());
  assert(actions.size() == static_cast<std::size_t>(n) * action_size_);
  for (int i = first; i < first + n; ++i) {
    const auto row = static_cast<std::size_t>(i);
    Slot& slot = slots_[row];
    if (slot.ended) {
      reset_one(i);
      rewards_[row] = 0.0;
      terminated_[row] = truncated_[row] = 0;
      continue;
    }
    const auto action =
        actions.subspan(static_cast<std::size_t>(i - first) * action_size_, action_size_);
    const StepResult result = slot.env->step(action, scratch(i));
    ++slot.step;
    if (!std::isfinite(result.reward)) report(i, "reward", format_number(result.reward));
    rewards_[row] = result.reward;
    terminated_[row] = result.terminated;
    truncated_[row] = result.truncated;
    if (result.terminated || result.truncated) {
      keep_observations(i, 1, final_observations_);
      if (!final_states_.empty()) {
        final_states_[row].clear();
        StateWriter writer(final_states_[row]);
        slot.env->save_state(writer);
      }
      if (autoreset_ == Autoreset::kSameStep) {
        reset_one(i);
      } else {
        slot.ended = true;
      }
    }
  }
  // All at once: a vector load of what has only just been written in smaller pieces would wait.
  keep_observations(first, n, observations_);
}

void VectorEnv::reset_one(int i) {
  Slot& slot = slots_[static_cast<std::size_t>(i)];
  ++slot.episode;
  slot.episode_seed = derive_key({seed_, static_cast<std::uint64_t>(i), slot.episode});
  slot.step = 0;
  slot.ended = false;
  slot.env->reset(slot.episode_seed, scratch(i));
}

std::span<double> VectorEnv::scratch(int i) {
  return std::span(scratch_).subspan(static_cast<std::size_t>(i) * observation_size_,
                                     observation_size_);
}

void VectorEnv::keep_observations(int first, int n, std::vector<float>& block) {
  const std::size_t begin = static_cast<std::size_t>(first) * observation_size_;
  const std::size_t count = static_cast<std::size_t>(n) * observation_size_;
  const double* from = scratch_.data() + begin;
  float* to = block.data() + begin;
  bool finite = true;
  for (std::size_t k = 0; k < count; ++k) {
    to[k] = static_cast<float>(from[k]);
    // Checked after rounding, as a double may overflow a float. False for a NaN too.
    finite &= std::abs(to[k]) <= std::numeric_limits<float>::max();
  }
  if (finite) return;
  for (std::size_t k = 0; k < count; ++k) {
    if (!std::isfinite(to[k])) {
      report(first + static_cast<int>(k / observation_size_),
             "observation[" + std::to_string(k % observation_size_) + "]", format_number(from[k]));
    }
  }
}

void VectorEnv::report(int i, const std::string& entry, const std::string& value) const {
  const Slot& slot = slots_[static_cast<std::size_t>(i)];
  throw Error("environment " + spec().id + " (index " + std::to_string(i) + ", episode " +
              std::to_string(slot.episode) + ", step " + std::to_string(slot.step) + "): " + entry +
              " is " + value + ", expected a finite number");
}

std::span<const float> VectorEnv::observations() const {
  return observations_;
}
std::span<const float> VectorEnv::final_observations() const {
  return final_observations_;
}
void VectorEnv::keep_final_states() {
  final_states_.resize(slots_.size());
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    StateWriter writer(final_states_[i]);
    slots_[i].env->save_state(writer);  // so that stepping does not have to allocate
  }
}
std::span<const std::byte> VectorEnv::final_state(int i) const {
  return final_states_.at(static_cast<std::size_t>(i));
}
std::span<const double> VectorEnv::rewards() const {
  return rewards_;
}
std::span<const std::uint8_t> VectorEnv::terminated() const {
  return terminated_;
}
std::span<const std::uint8_t> VectorEnv::truncated() const {
  return truncated_;
}

std::uint64_t VectorEnv::episode(int i) const {
  return slots_[static_cast<std::size_t>(i)].episode;
}

std::uint64_t VectorEnv::episode_seed(int i) const {
  return slots_[static_cast<std::size_t>(i)].episode_seed;
}

std::span<const double> VectorEnv::episode_values(int i) const {
  return slots_[static_cast<std::size_t>(i)].env->episode_values();
}

void VectorEnv::save_state(int i, StateWriter& writer) const {
  const auto row = static_cast<std::size_t>(i);
  const Slot& slot = slots_[row];
  writer.write(slot.episode);
  writer.write(slot.episode_seed);
  writer.write(slot.step);
  writer.write(slot.ended);
  writer.write(observations().subspan(row * observation_size_, observation_size_));
  slot.env->save_state(writer);
}

void VectorEnv::restore_state(int i, StateReader& reader) {
  const auto row = static_cast<std::size_t>(i);
  Slot& slot = slots_[row];
  slot.episode = reader.read<std::uint64_t>();
  slot.episode_seed = reader.read<std::uint64_t>();
  slot.step = reader.read<std::uint64_t>();
  slot.ended = reader.read<bool>();
  reader.read(std::span(observations_).subspan(row * observation_size_, observation_size_));
  slot.env->restore_state(reader);
}

void VectorEnv::save_simulator(int i, StateWriter& writer) const {
  slots_[static_cast<std::size_t>(i)].env->save_state(writer);
}

}  // namespace costate
