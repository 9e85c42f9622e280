// One thread that does jobs in the order in which they were given: what a run writes to the disk
// does not hold up the learner.
//
// The jobs that are given and not yet done are bounded: where the disk cannot keep up, post()
// waits. The first job that fails ends the work: those behind it are dropped, since a checkpoint
// must not follow rollouts that were lost, and the failure comes out of the caller's next call.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace costate {

class BackgroundThread {
 public:
  static constexpr std::size_t kNoLimit = static_cast<std::size_t>(-1);

  /// At most `capacity` > 0 jobs are given and not done.
  explicit BackgroundThread(std::size_t capacity);
  /// Does the jobs that are left. A failure that nobody has seen by then stays unseen, so call
  /// drain() first wherever it matters.
  ~BackgroundThread();
  BackgroundThread(const BackgroundThread&) = delete;
  BackgroundThread& operator=(const BackgroundThread&) = delete;

  /// Gives a job, waiting until fewer than `limit` (or `capacity`, where that is less) are not
  /// done. Nothing is allocated for a job that std::function keeps in itself (two pointers).
  ///
  /// This and the calls below throw what a job has thrown. They belong to one thread.
  void post(std::function<void()> job, std::size_t limit = kNoLimit);
  /// Waits until all jobs are done.
  void drain();
  /// Only throws, at once, where a job has failed.
  void check();

 private:
  void work();
  void rethrow() const;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::function<void()>> jobs_;  // a ring; the oldest, which is being done, stays in it
  std::size_t first_ = 0;
  std::size_t count_ = 0;
  bool stop_ = false;
  std::exception_ptr failure_;
  std::thread thread_;
};

}  // namespace costate
