#include "agents/replay_buffer.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "envs/error.h"

namespace costate {

ReplayBuffer::ReplayBuffer(std::int64_t capacity, int envs, int observation_size, int action_size,
                           const PriorityConfig& priority)
    : ring_(std::max<std::int64_t>(capacity / envs, 4)),
      observation_size_(static_cast<std::size_t>(observation_size)),
      action_size_(static_cast<std::size_t>(action_size)),
      priority_(priority) {
  const auto slots = static_cast<std::size_t>(ring_) * static_cast<std::size_t>(envs);
  observations_ = std::make_unique_for_overwrite<float[]>(slots * observation_size_);
  actions_ = std::make_unique_for_overwrite<float[]>(slots * action_size_);
  rewards_ = std::make_unique_for_overwrite<float[]>(slots);
  kinds_.assign(slots, kEmpty);
  for (int env = 0; env < envs; ++env) heads_.push_back(first_slot(env));
  filled_.assign(static_cast<std::size_t>(envs), 0);
  if (!priority.enabled) return;
  leaves_ = static_cast<std::int64_t>(std::bit_ceil(slots));
  tree_.assign(2 * static_cast<std::size_t>(leaves_), 0.0);
}

void ReplayBuffer::set_kind(std::int64_t slot, Kind kind) {
  steps_ -= is_step(slot) ? 1 : 0;
  kinds_[static_cast<std::size_t>(slot)] = kind;
  steps_ += is_step(slot) ? 1 : 0;
  if (priority_.enabled) set_priority(slot, is_step(slot) ? greatest_ : 0.0);
}

void ReplayBuffer::write_observation(std::int64_t slot, std::span<const float> observation) {
  std::ranges::copy(observation,
                    observations_.get() + static_cast<std::size_t>(slot) * observation_size_);
}

void ReplayBuffer::advance(int env) {
  std::int64_t& head = heads_[static_cast<std::size_t>(env)];
  head = following(head);
  auto& filled = filled_[static_cast<std::size_t>(env)];
  filled = std::min(filled + 1, ring_);
  set_kind(head, kEmpty);  // what it held is overwritten next
}

void ReplayBuffer::add(int env, std::span<const float> observation, std::span<const float> action,
                       float reward, bool terminated) {
  const std::int64_t slot = heads_[static_cast<std::size_t>(env)];
  write_observation(slot, observation);
  std::ranges::copy(action, actions_.get() + static_cast<std::size_t>(slot) * action_size_);
  rewards_[static_cast<std::size_t>(slot)] = reward;
  set_kind(slot, terminated ? kTerminal : kStep);
  advance(env);
}

void ReplayBuffer::set_next(int env, std::span<const float> observation) {
  const std::int64_t slot = heads_[static_cast<std::size_t>(env)];
  write_observation(slot, observation);
  std::fill_n(actions_.get() + static_cast<std::size_t>(slot) * action_size_, action_size_, 0.0f);
  rewards_[static_cast<std::size_t>(slot)] = 0.0f;
}

void ReplayBuffer::end_episode(int env, std::span<const float> observation) {
  const std::int64_t slot = heads_[static_cast<std::size_t>(env)];
  write_observation(slot, observation);
  std::fill_n(actions_.get() + static_cast<std::size_t>(slot) * action_size_, action_size_, 0.0f);
  rewards_[static_cast<std::size_t>(slot)] = 0.0f;
  set_kind(slot, kEnd);
  advance(env);
}

void ReplayBuffer::draw(RandomStream& random, std::span<std::int64_t> slots,
                        std::span<float> weights) const {
  if (!priority_.enabled) {
    const std::int64_t most = *std::ranges::max_element(filled_);
    const auto range = static_cast<std::uint64_t>(most) * heads_.size();
    for (std::int64_t& slot : slots) {
      // Slots without a step are few: one for each episode and environment.
      do {
        const auto drawn = static_cast<std::int64_t>(random.below(range));
        slot = drawn / most * ring_ + drawn % most;
      } while (!is_step(slot));
    }
    std::ranges::fill(weights, 1.0f);
    return;
  }
  const double total = tree_[1];
  float greatest = 0.0f;
  for (std::size_t i = 0; i < slots.size(); ++i) {
    // One draw in each of equal parts of the mass, which spreads them.
    double mass =
        total * (static_cast<double>(i) + random.uniform()) / static_cast<double>(slots.size());
    std::size_t node = 1;
    while (node < static_cast<std::size_t>(leaves_)) {
      node *= 2;
      if (mass >= tree_[node] && tree_[node + 1] > 0.0) mass -= tree_[node++];
    }
    slots[i] = static_cast<std::int64_t>(node) - leaves_;
    weights[i] = static_cast<float>(
        std::pow(static_cast<double>(steps_) * tree_[node] / total, -priority_.correction));
    greatest = std::max(greatest, weights[i]);
  }
  for (float& weight : weights) weight /= greatest;
}

ReplayBuffer::Return ReplayBuffer::n_step(std::int64_t slot, int n, double gamma) const {
  double reward = 0.0;
  double factor = 1.0;
  for (int k = 0; k < n && is_step(slot); ++k) {
    reward += factor * static_cast<double>(rewards_[static_cast<std::size_t>(slot)]);
    factor *= kinds_[static_cast<std::size_t>(slot)] == kTerminal ? 0.0 : gamma;
    slot = following(slot);
  }
  return {static_cast<float>(reward), static_cast<float>(factor), slot};
}

void ReplayBuffer::set_priority(std::int64_t slot, double priority) {
  auto node = static_cast<std::size_t>(leaves_ + slot);
  tree_[node] = priority;
  // Sums anew, not by differences: rounding does not pile up, and the bits depend on the leaves
  // alone.
  for (node /= 2; node >= 1; node /= 2) tree_[node] = tree_[2 * node] + tree_[2 * node + 1];
}

void ReplayBuffer::set_priorities(std::span<const std::int64_t> slots,
                                  std::span<const float> errors) {
  if (!priority_.enabled) return;
  for (std::size_t i = 0; i < slots.size(); ++i) {
    if (!is_step(slots[i])) continue;
    const double priority =
        std::pow(std::abs(static_cast<double>(errors[i])) + 1e-6, priority_.exponent);
    greatest_ = std::max(greatest_, priority);
    set_priority(slots[i], priority);
  }
}

void ReplayBuffer::save(Checkpoint& checkpoint, const std::string& prefix) const {
  checkpoint.put(prefix + "/heads", std::span<const std::int64_t>(heads_));
  checkpoint.put(prefix + "/filled", std::span<const std::int64_t>(filled_));
  // Only what is in use: the slots of each ring up to its head, which may hold an observation.
  for (std::size_t env = 0; env < heads_.size(); ++env) {
    const auto first = static_cast<std::size_t>(first_slot(static_cast<int>(env)));
    const auto count = static_cast<std::size_t>(std::min(filled_[env] + 1, ring_));
    const std::string name = prefix + "/" + std::to_string(env);
    checkpoint.put(name + "/observations",
                   std::span<const float>(observations_.get() + first * observation_size_,
                                          count * observation_size_));
    checkpoint.put(name + "/actions", std::span<const float>(actions_.get() + first * action_size_,
                                                             count * action_size_));
    checkpoint.put(name + "/rewards", std::span<const float>(rewards_.get() + first, count));
    checkpoint.put(name + "/kinds", std::as_bytes(std::span(kinds_).subspan(first, count)));
    if (priority_.enabled) {
      checkpoint.put(name + "/priorities",
                     std::span(tree_).subspan(static_cast<std::size_t>(leaves_) + first, count));
    }
  }
  if (priority_.enabled) checkpoint.put(prefix + "/greatest", greatest_);
}

void ReplayBuffer::load(const Checkpoint& checkpoint, const std::string& prefix) {
  checkpoint.read(prefix + "/heads", std::span<std::int64_t>(heads_));
  checkpoint.read(prefix + "/filled", std::span<std::int64_t>(filled_));
  std::ranges::fill(kinds_, std::uint8_t{kEmpty});
  std::ranges::fill(tree_, 0.0);
  if (priority_.enabled) greatest_ = checkpoint.get<double>(prefix + "/greatest");
  steps_ = 0;
  for (std::size_t env = 0; env < heads_.size(); ++env) {
    const auto first = static_cast<std::size_t>(first_slot(static_cast<int>(env)));
    const auto count = static_cast<std::size_t>(std::min(filled_[env] + 1, ring_));
    const std::string name = prefix + "/" + std::to_string(env);
    checkpoint.read(name + "/observations",
                    std::span<float>(observations_.get() + first * observation_size_,
                                     count * observation_size_));
    checkpoint.read(name + "/actions",
                    std::span<float>(actions_.get() + first * action_size_, count * action_size_));
    checkpoint.read(name + "/rewards", std::span<float>(rewards_.get() + first, count));
    checkpoint.read(name + "/kinds",
                    std::as_writable_bytes(std::span(kinds_).subspan(first, count)));
    std::vector<double> priorities(priority_.enabled ? count : 0);
    if (priority_.enabled) checkpoint.read(name + "/priorities", std::span<double>(priorities));
    for (std::size_t i = 0; i < count; ++i) {
      steps_ += is_step(static_cast<std::int64_t>(first + i)) ? 1 : 0;
      if (priority_.enabled) set_priority(static_cast<std::int64_t>(first + i), priorities[i]);
    }
  }
}

}  // namespace costate
