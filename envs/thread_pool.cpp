#include "envs/thread_pool.h"

#include <algorithm>
#include <pthread.h>
#include <sched.h>
#include <string>
#include <utility>

#include "envs/error.h"

namespace costate {
namespace {

int cores() {
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

}  // namespace

void wait_while(const std::atomic<int>& value, int old, int spins) {
  for (int i = 0; i < spins; ++i) {
    if (value.load(std::memory_order_acquire) != old) return;
    pause_core();
  }
  value.wait(old);
}

int resolve_threads(int threads) {
  if (threads < 0) {
    throw UsageError("threads = " + std::to_string(threads) +
                     ": expected a positive number, or 0 for one per core");
  }
  return threads == 0 ? cores() : threads;
}

int spins_before_sleep(int threads) {
  return threads <= cores() ? 2500 : 0;
}

void pin_to_core(std::thread& thread, int core) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<std::size_t>(core % cores()), &set);
  // Where the process may not use that core, the thread stays free: pinning is a wish.
  pthread_setaffinity_np(thread.native_handle(), sizeof set, &set);
}

ThreadPool::ThreadPool(int threads, bool pin) {
  threads = resolve_threads(threads);
  spins_ = spins_before_sleep(threads);
  workers_.reserve(static_cast<std::size_t>(threads - 1));
  for (int i = 1; i < threads; ++i) {
    workers_.emplace_back([this] { worker(); });
    if (pin) pin_to_core(workers_.back(), i);
  }
}

ThreadPool::~ThreadPool() {
  remaining_.store(kStop);
  remaining_.notify_all();
  for (std::thread& thread : workers_) thread.join();
}

void ThreadPool::run(int count, Job job) {
  if (count <= 0) return;
  job_ = job;
  count_ = count;
  unfinished_.store(count, std::memory_order_relaxed);
  // Sequentially consistent, as notify_all() looks for sleepers after the store.
  remaining_.store(count);
  if (count > 1) remaining_.notify_all();
  take_pieces();
  for (int left = unfinished_.load(); left != 0; left = unfinished_.load()) {
    wait_while(unfinished_, left, spins_);
  }
  if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
}

void ThreadPool::worker() {
  while (true) {
    wait_while(remaining_, 0, spins_);
    if (remaining_.load() == kStop) return;
    take_pieces();
  }
}

void ThreadPool::take_pieces() {
  int left = remaining_.load(std::memory_order_acquire);
  while (left > 0) {
    // Whoever lowers the counter owns that piece, and the job cannot change before it is done.
    if (!remaining_.compare_exchange_weak(left, left - 1, std::memory_order_acq_rel)) continue;
    run_piece(count_ - left);
    left = remaining_.load(std::memory_order_acquire);
  }
}

void ThreadPool::run_piece(int piece) {
  try {
    job_.call(job_.object, piece);
  } catch (...) {
    const std::lock_guard lock(failure_mutex_);
    if (!failure_ || piece < failed_piece_) {
      failure_ = std::current_exception();
      failed_piece_ = piece;
    }
  }
  if (unfinished_.fetch_sub(1) == 1) unfinished_.notify_one();
}

}  // namespace costate
