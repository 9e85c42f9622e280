#include "envs/async_vector_env.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <string>
#include <utility>

namespace costate {

AsyncVectorEnv::AsyncVectorEnv(const EnvConfig& env, int count, int batch, std::uint64_t seed,
                               int threads, Autoreset autoreset, bool pin)
    : mask_(std::bit_ceil(static_cast<std::uint32_t>(std::max(count, 1))) - 1),
      pending_(mask_ + 1),
      ready_(mask_ + 1),
      environments_(env, count, seed, alone_, autoreset) {
  if (batch < 1 || batch > count) {
    throw UsageError("batch = " + std::to_string(batch) + ": expected from 1 to the " +
                     std::to_string(count) + " environments that there are");
  }
  threads = resolve_threads(threads);
  spins_ = spins_before_sleep(threads);
  received_.resize(static_cast<std::size_t>(batch));
  actions_.resize(static_cast<std::size_t>(count) *
                  static_cast<std::size_t>(environments_.spec().action.size()));
  for (int i = 1; i < threads; ++i) {
    workers_.emplace_back([this] { worker(); });
    if (pin) pin_to_core(workers_.back(), i);
  }
}

AsyncVectorEnv::~AsyncVectorEnv() {
  stopping_.store(true);
  pending_end_.fetch_add(1);  // a change, for those who sleep on it
  pending_end_.notify_all();
  for (std::thread& thread : workers_) thread.join();
}

void AsyncVectorEnv::reset() {
  environments_.reset();
  for (int id = 0; id < size(); ++id) make_ready(id);
}

void AsyncVectorEnv::make_ready(int id) {
  std::atomic<int>& place = ready_[ready_end_.fetch_add(1) & mask_];
  place.store(id + 1);
  place.notify_one();
}

void AsyncVectorEnv::send(std::span<const int> ids, std::span<const float> actions) {
  const auto width = static_cast<std::size_t>(spec().action.size());
  assert(actions.size() == ids.size() * width);
  std::uint32_t end = pending_end_.load(std::memory_order_relaxed);
  for (std::size_t k = 0; k < ids.size(); ++k, ++end) {
    const auto row = static_cast<std::ptrdiff_t>(static_cast<std::size_t>(ids[k]) * width);
    std::ranges::copy(actions.subspan(k * width, width), actions_.begin() + row);
    pending_[end & mask_].store(ids[k], std::memory_order_relaxed);
  }
  // Sequentially consistent, as notify_all() looks for sleepers after the store.
  pending_end_.store(end);
  pending_end_.notify_all();
}

bool AsyncVectorEnv::step_one() {
  std::uint32_t place = pending_begin_.load(std::memory_order_acquire);
  int id = 0;
  do {
    if (place == pending_end_.load(std::memory_order_acquire)) return false;
    id = pending_[place & mask_].load(std::memory_order_relaxed);
  } while (!pending_begin_.compare_exchange_weak(place, place + 1, std::memory_order_acq_rel));
  const auto width = static_cast<std::size_t>(spec().action.size());
  try {
    environments_.step_range(
        id, 1,
        std::span<const float>(actions_).subspan(static_cast<std::size_t>(id) * width, width));
  } catch (...) {
    const std::lock_guard lock(failure_mutex_);
    if (!failure_) failure_ = std::current_exception();
  }
  make_ready(id);
  return true;
}

void AsyncVectorEnv::worker() {
  while (!stopping_.load()) {
    const std::uint32_t end = pending_end_.load();
    if (step_one()) continue;
    bool changed = false;
    for (int i = 0; i < spins_ && !changed; ++i) {
      changed = pending_end_.load(std::memory_order_acquire) != end;
      if (!changed) pause_core();
    }
    if (!changed) pending_end_.wait(end);
  }
}

std::span<const int> AsyncVectorEnv::recv() {
  for (int& id : received_) {
    std::atomic<int>& place = ready_[ready_begin_ & mask_];
    // Rather than wait, it steps what waits to be stepped.
    int spins = 0;
    while (place.load(std::memory_order_acquire) == 0) {
      if (step_one()) {
        spins = 0;
      } else if (++spins > spins_) {
        place.wait(0);
      } else {
        pause_core();
      }
    }
    id = place.exchange(0) - 1;
    ++ready_begin_;
  }
  const std::lock_guard lock(failure_mutex_);
  if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
  return received_;
}

}  // namespace costate
