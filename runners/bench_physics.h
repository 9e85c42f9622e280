// The least work that simulates a task: the limit of stepping environments.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace costate {

/// Processor time of the calling thread so far.
double thread_cpu_seconds();

/// One thread's bare loop over the simulation of a task: random controls drawn beforehand, a fresh
/// start where the task ends or reaches its time limit, and nothing that an environment adds (no
/// observation, no reward, no checks).
class BareSimulation {
 public:
  virtual ~BareSimulation() = default;
  /// Takes at least `steps` control steps and returns how many it took.
  virtual std::int64_t run(std::int64_t steps) = 0;
  /// How many episodes it has started so far.
  std::int64_t episodes() const { return episodes_; }

 protected:
  std::int64_t episodes_ = 0;
};

/// Throws UsageError where there is no bare loop for the environment. `index` tells threads apart:
/// each has random numbers of its own.
std::unique_ptr<BareSimulation> make_bare_simulation(const std::string& env, std::uint64_t index);

/// A bare simulation on each of several threads, which never wait for each other.
class BarePhysics {
 public:
  BarePhysics(const std::string& env, int threads);

  struct Result {
    double steps_per_second = 0.0;      ///< of all threads together, by the wall clock
    double cpu_seconds_per_step = 0.0;  ///< of the threads' processor time
  };
  /// Takes `steps` steps in all.
  Result run(std::int64_t steps);
  /// How many steps take about `seconds`.
  std::int64_t steps_in(double seconds);

 private:
  std::vector<std::unique_ptr<BareSimulation>> simulations_;
};

}  // namespace costate
