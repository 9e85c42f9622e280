// A fixed set of threads that share out numbered pieces of work.
//
// Made for thousands of jobs a second of some 10 µs each: threads without work spin for a moment
// before they sleep, pieces are handed out by one atomic counter, and nothing is allocated.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace costate {

class ThreadPool {
 public:
  /// `threads` counts the calling thread, so 1 starts none. 0 takes one per core. With `pin`, each
  /// thread but the calling one stays on a core of its own. Throws UsageError where `threads` is
  /// negative.
  explicit ThreadPool(int threads, bool pin = false);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return static_cast<int>(workers_.size()) + 1; }

  /// Calls work(0) … work(count − 1), each once, on any thread, and returns when all are done.
  /// Rethrows the exception of the lowest-numbered piece that threw one. Not reentrant.
  template <class Work>
  void parallel_for(int count, const Work& work) {
    run(count,
        {&work, [](const void* object, int piece) { (*static_cast<const Work*>(object))(piece); }});
  }

 private:
  /// A callable that the caller of run() owns; std::function would copy it to the heap.
  struct Job {
    const void* object = nullptr;
    void (*call)(const void* object, int piece) = nullptr;
  };

  void run(int count, Job job);
  void worker();
  /// Takes pieces of the present job until none is left.
  void take_pieces();
  void run_piece(int piece);

  static constexpr int kStop = -1;

  // The two counters change at every piece, so each has a cache line of its own.
  /// Pieces not yet taken: 0 when there is no work, kStop when the pool ends.
  alignas(64) std::atomic<int> remaining_{0};
  /// Pieces not yet done.
  alignas(64) std::atomic<int> unfinished_{0};

  // The present job. Written before `remaining_` is raised and read only by who took a piece of it.
  alignas(64) Job job_;
  int count_ = 0;
  int spins_ = 0;

  std::mutex failure_mutex_;
  std::exception_ptr failure_;
  int failed_piece_ = 0;

  std::vector<std::thread> workers_;
};

/// Tells the core that this thread is only waiting.
inline void pause_core() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// Returns once `value` is no longer `old`: spins for a moment, then sleeps until it is notified.
void wait_while(const std::atomic<int>& value, int old, int spins);

/// `threads`, or one per core where that is 0. Throws UsageError where it is negative.
int resolve_threads(int threads);
/// How often to spin before sleeping: for some 50 µs, longer than what a learner does between two
/// jobs and shorter than it takes to notice. With more threads than cores, spinning only keeps a
/// core from who has work: 0.
int spins_before_sleep(int threads);
/// Keeps the thread on one core, counted round the cores that there are.
void pin_to_core(std::thread& thread, int core);

}  // namespace costate
