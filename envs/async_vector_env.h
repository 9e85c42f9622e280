// N environments of which the first M that are ready come back, as in EnvPool (Weng et al.,
// "EnvPool: a highly parallel reinforcement learning environment execution engine", 2022).
//
//   AsyncVectorEnv envs("Ant-v5", 64, 16, seed, threads);
//   envs.reset();
//   for (;;) {
//     const auto ids = envs.recv();          // 16 environments that have finished their step
//     ... choose actions for envs.results().observations() of those rows ...
//     envs.send(ids, actions);
//   }
//
// Nothing is copied: an environment writes its rows of results(), and recv() names the rows. A slow
// episode or a reset holds up nobody but itself. Each environment's own trajectory depends on its
// actions alone, but which M come back together depends on timing; for runs that repeat bit for bit
// use VectorEnv.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "envs/vector_env.h"

namespace costate {

class AsyncVectorEnv {
 public:
  /// `count` environments, `batch` of which recv() returns. `threads` counts the calling thread,
  /// which steps environments too while it waits in recv(); 0 takes one per core. With `pin`, each
  /// other thread stays on a core of its own. Throws UsageError where the environment cannot be
  /// made or `batch` is not from 1 to `count`.
  AsyncVectorEnv(const EnvConfig& env, int count, int batch, std::uint64_t seed, int threads,
                 Autoreset autoreset = Autoreset::kSameStep, bool pin = false);
  ~AsyncVectorEnv();
  AsyncVectorEnv(const AsyncVectorEnv&) = delete;
  AsyncVectorEnv& operator=(const AsyncVectorEnv&) = delete;

  int size() const { return environments_.size(); }
  int batch() const { return static_cast<int>(received_.size()); }
  const EnvSpec& spec() const { return environments_.spec(); }

  /// Starts an episode in every environment; all of them are then ready. To be called once, before
  /// the first recv().
  void reset();

  /// Hands environment ids[k] the action in row k of `actions` [ids, action] and returns at once.
  /// Each of them was received and has not been sent since.
  void send(std::span<const int> ids, std::span<const float> actions);

  /// Waits for the next `batch` environments and returns which they are, valid until the next
  /// recv(). Rethrows what a step threw. At least `batch` environments must be on their way.
  std::span<const int> recv();

  /// The rows of received environments are valid until they are sent again; the others change at
  /// any time.
  const VectorEnv& results() const { return environments_; }

 private:
  /// Steps one environment that waits for it; false where none does.
  bool step_one();
  void make_ready(int id);
  void worker();

  using Counter = std::atomic<std::uint32_t>;

  // Queues of environment ids: rings of a power of two places, at least N, with counters that run
  // on and wrap round. An environment is in one of them at most. A place of `ready_` holds id + 1,
  // or 0 while nothing is there.
  alignas(64) Counter pending_end_{0};    ///< raised by send() alone
  alignas(64) Counter pending_begin_{0};  ///< of the next one to be stepped
  alignas(64) Counter ready_end_{0};
  std::uint32_t ready_begin_ = 0;
  std::uint32_t mask_;
  std::vector<std::atomic<int>> pending_;
  std::vector<std::atomic<int>> ready_;

  ThreadPool alone_{1};
  VectorEnv environments_;
  std::vector<float> actions_;  // [N, action]
  std::vector<int> received_;   // [M]
  int spins_;

  std::mutex failure_mutex_;
  std::exception_ptr failure_;

  std::atomic<bool> stopping_{false};
  std::vector<std::thread> workers_;
};

}  // namespace costate
