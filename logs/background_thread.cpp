#include "logs/background_thread.h"

#include <algorithm>
#include <cassert>
#include <csignal>
#include <utility>

namespace costate {

BackgroundThread::BackgroundThread(std::size_t capacity) : jobs_(capacity) {
  assert(capacity > 0);
  // Signals are for the thread that started this one: here they would only interrupt writes.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { work(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

BackgroundThread::~BackgroundThread() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void BackgroundThread::post(std::function<void()> job, std::size_t limit) {
  assert(limit > 0);
  limit = std::min(limit, jobs_.size());
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return count_ < limit || failure_; });
    rethrow();
    jobs_[(first_ + count_) % jobs_.size()] = std::move(job);
    ++count_;
  }
  changed_.notify_all();
}

void BackgroundThread::drain() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return count_ == 0; });
  rethrow();
}

void BackgroundThread::check() {
  const std::lock_guard lock(mutex_);
  rethrow();
}

void BackgroundThread::rethrow() const {
  if (failure_) std::rethrow_exception(failure_);
}

void BackgroundThread::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return count_ > 0 || stop_; });
    if (count_ == 0) return;
    const std::function<void()>& job = jobs_[first_];
    if (!failure_) {
      lock.unlock();
      std::exception_ptr failure;
      try {
        job();
      } catch (...) {
        failure = std::current_exception();
      }
      lock.lock();
      failure_ = failure;
    }
    first_ = (first_ + 1) % jobs_.size();
    --count_;
    changed_.notify_all();
  }
}

}  // namespace costate
