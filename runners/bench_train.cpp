// Whole runs: against bare physics, against the least time that their physics and arithmetic
// take, and with logging on against off.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <numeric>
#include <spawn.h>
#include <string>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "envs/env_config.h"
#include "logs/rollout_file.h"
#include "logs/run_folder.h"
#include "policies/actor_critic.h"
#include "runners/bench.h"
#include "runners/bench_network.h"
#include "runners/bench_physics.h"
#include "runners/bench_sac_peer.h"
#include "runners/replay_check.h"
#include "runners/training.h"

extern char** environ;

namespace costate {
namespace {

namespace fs = std::filesystem;

/// A folder that is gone when this is.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (fs::temp_directory_path() / "costate-bench-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) {
      throw Error("cannot make a temporary folder like " + name);
    }
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

double process_cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

/// The shipped configuration of PPO, or another learner, on `env`, with these keys changed.
RunConfig shipped(const std::string& env, const BenchOptions& options,
                  std::vector<Assignment> changes = {}) {
  changes.push_back({"env", env, "bench"});
  changes.insert(changes.begin(), {"threads", std::to_string(options.threads), "bench"});
  return resolve_config(std::nullopt, changes);
}

/// Trains in this process, with the files that any run leaves, which go to `folder`.
TrainingResult train_once(const RunConfig& config, const TemporaryFolder& folder = {}) {
  const fs::path run = folder.path() / "run";
  prepare_run_folder(config, run);
  Console console({.quiet = true});
  const TrainingResult result = train(config, run, console);
  if (result.interrupted) throw Error("stopped by a signal");
  return result;
}

double steps_per_second(const RunConfig& config) {
  return train_once(config).steps_per_second;
}

/// The least that a run has to compute: its physics and the products of its networks, on all cores
/// at once, with nothing between them.
class LowerBound {
 public:
  explicit LowerBound(const RunConfig& config)
      : threads_(static_cast<int>(config.threads)), physics_(config.env.id(), threads_) {
    // Every step is seen once by each network while collecting, and in every epoch once forward and
    // once backward.
    const int rows = static_cast<int>(config.ppo.minibatch);
    const ActorCritic policy(config.policy, config.env.make()->spec());
    for (const MlpShape& shape : policy.network_shapes()) {
      const auto forward = forward_products(shape, rows);
      const auto backward = backward_products(shape, rows);
      const auto epochs = static_cast<double>(config.ppo.epochs);
      flops_per_step_ +=
          ((1.0 + epochs) * flops(forward) + epochs * flops(backward)) / static_cast<double>(rows);
      products_.insert(products_.end(), forward.begin(), forward.end());
      products_.insert(products_.end(), backward.begin(), backward.end());
    }
  }

  /// Bare physics on all cores, in steps a second, as measured by the last cpu_seconds_per_step().
  double physics_rate() const { return physics_rate_; }

  /// Of processor time. Measures anew for about `seconds`.
  double cpu_seconds_per_step(double seconds) {
    const auto result = physics_.run(physics_.steps_in(seconds));
    physics_rate_ = result.steps_per_second;
    return result.cpu_seconds_per_step + flops_per_step_ / matmul_peak(products_, seconds);
  }
  double steps_per_second(double seconds) { return threads_ / cpu_seconds_per_step(seconds); }

 private:
  int threads_;
  BarePhysics physics_;
  std::vector<Product> products_;
  double flops_per_step_ = 0.0;
  double physics_rate_ = 0.0;
};

/// train.ppo.<env> against the lower bound and, for MuJoCo, train.ppo.<env>.physics against bare
/// physics, from the same runs.
Benchmark training_rate(const std::string& env, std::int64_t steps) {
  const std::string name = "train.ppo." + env;
  const bool mujoco = make_env(env)->spec().family == "mujoco";
  std::vector<std::string> names = {name};
  if (mujoco) names.push_back(name + ".physics");
  return {
      names, [=](const BenchOptions& options) {
        const RunConfig config = shipped(env, options, {{"steps", std::to_string(steps), "bench"}});
        LowerBound bound(config);
        std::vector<double> ours;
        std::vector<double> limits;
        std::vector<double> physics;
        for (int i = 0; i <= options.runs; ++i) {
          const double rate = steps_per_second(config);
          const double limit = bound.steps_per_second(options.seconds);
          if (i == 0) continue;  // to warm up
          ours.push_back(rate);
          limits.push_back(limit);
          physics.push_back(bound.physics_rate());
        }
        std::vector<BenchRow> rows = {make_row(name, "steps/s", Better::kHigher, ours, limits)};
        if (mujoco) {
          rows.push_back(make_row(name + ".physics", "steps/s", Better::kHigher, ours, physics));
        }
        return rows;
      }};
}

/// Processor seconds of a whole run, against those of the lower bound.
Benchmark training_cpu(const std::string& env, std::int64_t steps) {
  const std::string name = "train.ppo." + env + ".cpu";
  return {
      {name}, [=](const BenchOptions& options) {
        const RunConfig config = shipped(env, options, {{"steps", std::to_string(steps), "bench"}});
        LowerBound bound(config);
        return std::vector<BenchRow>{interleave(
            name, "CPU s", Better::kLower, options.runs,
            [&] {
              const double start = process_cpu_seconds();
              train_once(config);
              return process_cpu_seconds() - start;
            },
            [&] {
              return static_cast<double>(steps) * bound.cpu_seconds_per_step(options.seconds);
            })};
      }};
}

/// Processor seconds of a whole SAC run, ours against the same job as a plain LibTorch program.
Benchmark off_policy_cpu(const std::string& env, std::int64_t steps) {
  const std::string name = "train.sac." + env + ".cpu";
  return {{name}, [=](const BenchOptions& options) {
            const RunConfig config = shipped(env, options,
                                             {{"algo", "sac", "bench"},
                                              {"steps", std::to_string(steps), "bench"},
                                              {"threads", "1", "bench"}});
            const auto seconds = [](const auto& job) {
              const double start = process_cpu_seconds();
              job();
              return process_cpu_seconds() - start;
            };
            return std::vector<BenchRow>{interleave(
                name, "CPU s", Better::kLower, options.runs,
                [&] { return seconds([&] { train_once(config); }); },
                [&] { return seconds([&] { train_sac_peer(config); }); })};
          }};
}

/// Runs the `train` binary beside this one and returns the seconds from before its start to after
/// its end.
double train_process_seconds(const std::string& env, int threads) {
  const fs::path program = fs::read_symlink("/proc/self/exe").parent_path() / "train";
  const TemporaryFolder folder;
  std::vector<std::string> words = {
      program.string(),        "--env",   env,     "--threads",
      std::to_string(threads), "--quiet", "--run", folder.path() / "run"};
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);

  const auto start = std::chrono::steady_clock::now();
  pid_t child = 0;
  const int error =
      posix_spawn(&child, program.c_str(), nullptr, nullptr, arguments.data(), environ);
  if (error != 0) {
    throw Error("cannot start " + program.string() + ": " +
                std::error_code(error, std::generic_category()).message());
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) throw Error(program.string() + " failed");
  return elapsed.count();
}

/// Seconds of a whole run with the shipped configuration, process start and end included.
Benchmark training_process(const std::string& env) {
  const std::string name = "train.ppo." + env + ".process";
  return {{name}, [=](const BenchOptions& options) {
            const RunConfig config = shipped(env, options);
            LowerBound bound(config);
            return std::vector<BenchRow>{interleave(
                name, "s", Better::kLower, options.runs,
                [&] { return train_process_seconds(env, options.threads); },
                [&] {
                  return static_cast<double>(config.steps) /
                         bound.steps_per_second(options.seconds);
                })};
          }};
}

/// Runs that log every step against runs that log none.
Benchmark rollout_logging(const std::string& name, const std::string& env, std::int64_t steps) {
  return {{name}, [=](const BenchOptions& options) {
            const Assignment count = {"steps", std::to_string(steps), "bench"};
            const auto logging = [&](const char* mode) {
              return shipped(env, options,
                             {count, {"envs", "64", "bench"}, {"rollouts.log", mode, "bench"}});
            };
            const RunConfig on = logging("all");
            const RunConfig off = logging("off");
            return std::vector<BenchRow>{interleave(
                name, "steps/s", Better::kHigher, options.runs,
                [&] { return steps_per_second(on); }, [&] { return steps_per_second(off); })};
          }};
}

/// The rollout file of a run on 64 environments that logs every step.
class Log {
 public:
  Log(const std::string& env, std::int64_t steps, const BenchOptions& options) {
    train_once(shipped(env, options,
                       {{"steps", std::to_string(steps), "bench"},
                        {"envs", "64", "bench"},
                        {"rollouts.log", "all", "bench"}}),
               folder_);
  }
  fs::path file() const { return run_folder::rollouts(folder_.path() / "run"); }

 private:
  TemporaryFolder folder_;
};

/// The size of a step in the file, against that of its numbers.
Benchmark rollout_size(const std::string& name, const std::string& env, std::int64_t steps) {
  return {{name}, [=](const BenchOptions& options) {
            const Log log(env, steps, options);
            const RolloutReader reader(log.file());
            const RolloutHeader& h = reader.header();
            const double raw =
                static_cast<double>(sizeof(float) * (h.observation_size + 2 * h.action_size +
                                                     h.distribution_names.size() + 2) +
                                    sizeof(double) + 2);
            const auto count = static_cast<double>(reader.step_count());
            const double packed = static_cast<double>(fs::file_size(log.file())) / count;
            return std::vector<BenchRow>{
                make_row(name, "B/step", Better::kLower, {&packed, 1}, {&raw, 1})};
          }};
}

/// `replay --verify` of a log, reading and unpacking it included, against bare physics.
Benchmark verification(const std::string& name, const std::string& env, std::int64_t steps) {
  return {{name}, [=](const BenchOptions& options) {
            const Log log(env, steps, options);
            BarePhysics physics(env, options.threads);
            ThreadPool pool(options.threads);
            const auto verify = [&] {
              const auto start = std::chrono::steady_clock::now();
              const RolloutReader reader(log.file());
              std::vector<std::uint64_t> all(reader.episode_count());
              std::iota(all.begin(), all.end(), std::uint64_t{0});
              const ReplayCheck check = check_replay(reader, all, log.file().string(), pool);
              if (check.differences > 0) throw Error(to_string(*check.first));
              const std::chrono::duration<double> elapsed =
                  std::chrono::steady_clock::now() - start;
              return static_cast<double>(check.steps) / elapsed.count();
            };
            return std::vector<BenchRow>{
                interleave(name, "steps/s", Better::kHigher, options.runs, verify,
                           [&] { return physics.run(steps).steps_per_second; })};
          }};
}

/// A checkpoint every ten seconds against none. What one costs is measured where there are many,
/// since in a run of seconds one more or less would drown in noise.
Benchmark checkpoints(const std::string& name, const std::string& env, std::int64_t steps) {
  return {{name}, [=](const BenchOptions& options) {
            constexpr double kInterval = 0.25;
            const Assignment count = {"steps", std::to_string(steps), "bench"};
            const auto every = [&](const std::string& seconds) {
              return shipped(env, options, {count, {"checkpoint_seconds", seconds, "bench"}});
            };
            const RunConfig often = every(std::to_string(kInterval));
            const RunConfig never = every("1e9");
            std::vector<double> ours;
            std::vector<double> limits;
            for (int i = 0; i <= options.runs; ++i) {
              const TrainingResult with = train_once(often);
              const TrainingResult without = train_once(never);
              if (i == 0) continue;  // to warm up
              const double checkpoints = with.wall_seconds / kInterval;
              const double seconds_each = (with.wall_seconds - without.wall_seconds) / checkpoints;
              limits.push_back(without.steps_per_second);
              ours.push_back(without.steps_per_second / (1.0 + seconds_each / 10.0));
            }
            return std::vector<BenchRow>{make_row(name, "steps/s", Better::kHigher, ours, limits)};
          }};
}

}  // namespace

std::vector<Benchmark> train_benchmarks() {
  return {training_rate("CartPole-v1", 100'000),   training_process("CartPole-v1"),
          training_rate("Pendulum-v1", 100'000),   training_cpu("Pendulum-v1", 300'000),
          training_rate("HalfCheetah-v5", 65'536), training_rate("Hopper-v5", 65'536),
          training_rate("Walker2d-v5", 65'536),    off_policy_cpu("Pendulum-v1", 10'000)};
}

std::vector<Benchmark> logs_benchmarks() {
  return {rollout_logging("logs.rollouts", "HalfCheetah-v5", 65'536),
          rollout_logging("logs.rollouts.CartPole-v1", "CartPole-v1", 150'000),
          rollout_size("logs.size", "HalfCheetah-v5", 65'536),
          verification("logs.verify", "HalfCheetah-v5", 65'536),
          checkpoints("logs.checkpoints", "HalfCheetah-v5", 131'072)};
}

}  // namespace costate
