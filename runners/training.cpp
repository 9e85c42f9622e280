#include "runners/training.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <limits>
#include <memory>
#include <optional>
#include <vector>

#include "agents/imitation.h"
#include "agents/mpo.h"
#include "agents/ppo.h"
#include "agents/sac.h"
#include "agents/td3.h"
#include "backends/math_threads.h"
#include "envs/error.h"
#include "logs/atomic_file.h"
#include "logs/background_thread.h"
#include "logs/metrics.h"
#include "logs/run_folder.h"
#include "runners/demonstration_source.h"
#include "runners/rollout_header.h"
#include "runners/stop_signals.h"

namespace costate {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Rollouts that wait while a checkpoint is being written, mostly.
constexpr std::size_t kMaxBackgroundJobs = 256;

void make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) throw Error("cannot make the folder " + folder.string() + ": " + error.message());
}

/// `run` is the folder of a run that begins, or empty for one that is resumed.
std::unique_ptr<Learner> make_learner(const RunConfig& config, VectorEnv& environments,
                                      const ActorCritic& policy, ThreadPool& pool,
                                      const fs::path& run, Console& console) {
  const auto seed = static_cast<std::uint64_t>(config.seed);
  const auto make = [&]<class L, class... Config>(std::type_identity<L>, const Config&... own) {
    return std::make_unique<L>(own..., config.runtime, environments, policy, seed, config.steps,
                               pool);
  };
  if (config.algo == "imitation") {
    return std::make_unique<Imitation>(
        config.imitation, config.runtime.normalize_observations, policy, seed, config.steps, pool,
        run.empty() ? Demonstrations() : gather_demonstrations(config, run, pool, console));
  }
  if (config.algo == "sac") return make(std::type_identity<Sac>(), config.sac, config.policy);
  if (config.algo == "mpo") return make(std::type_identity<Mpo>(), config.mpo, config.policy);
  if (config.algo == "td3") return make(std::type_identity<Td3>(), config.td3, config.policy);
  return make(std::type_identity<Ppo>(), config.ppo);
}

/// One run, from its objects to its files.
class Training {
 public:
  Training(const RunConfig& config, fs::path run, Console& console,
           const std::optional<Checkpoint>& checkpoint)
      : config_(config),
        run_(std::move(run)),
        console_(console),
        pool_(static_cast<int>(config.threads), config.pin_threads),
        environments_(config.env, static_cast<int>(config.runtime.envs),
                      static_cast<std::uint64_t>(config.seed), pool_),
        policy_(config.policy, environments_.spec()),
        learner_(make_learner(config, environments_, policy_, pool_, checkpoint ? fs::path() : run_,
                              console_)),
        runtime_(learner_->runtime()) {
    console_.info("policy " + std::string(policy_.distribution().name()) + ", network " +
                  std::string(policy_.network_kind()) + ", " +
                  std::to_string(policy_.parameter_count()) + " parameters, " +
                  std::to_string(pool_.threads()) + " threads");
    if (checkpoint) learner_->load(*checkpoint);
    std::optional<std::int64_t> resume_step;
    if (checkpoint) resume_step = learner_->steps();
    if (runtime_ != nullptr && config.rollouts.mode != "off") {
      rollouts_ = std::make_unique<RolloutLogger>(
          config.rollouts, run_folder::rollouts(run_),
          rollout_header(config, policy_.distribution(), *config.env.make()), environments_.size(),
          checkpoint && runtime_->steps() > 0 ? &*checkpoint : nullptr, background_);
      runtime_->attach(*rollouts_);
    }
    if (!checkpoint) {
      start_checkpoint();
      background_.drain();
    }
    metrics_.push_back(std::make_unique<CsvMetrics>(run_folder::metrics_csv(run_), resume_step));
    metrics_.push_back(
        std::make_unique<JsonLinesMetrics>(run_folder::metrics_jsonl(run_), resume_step));
    metrics_.push_back(std::make_unique<TensorBoardMetrics>(run_, resume_step));
  }

  TrainingResult run() {
    const StopSignals signals;
    ProgressLine progress(console_);
    const auto start = Clock::now();
    const std::int64_t first_step = learner_->steps();
    const auto rate = [&] {
      return static_cast<double>(learner_->steps() - first_step) / seconds_since(start);
    };
    auto last_checkpoint = start;
    MetricRow row;
    while (!learner_->done() && !signals.arrived()) {
      learner_->collect();
      const MetricValues& values = learner_->update();
      row.step = learner_->steps();
      if (learner_->reports()) {
        row.values = values;
        for (const auto& sink : metrics_) sink->write(row);
      }
      progress.update({row.step, config_.steps, rate(), return_mean_100()});
      background_.check();
      // One that is still being written when the next is due delays it.
      if (seconds_since(last_checkpoint) >= config_.checkpoint_seconds && !writing_checkpoint_) {
        last_checkpoint = Clock::now();
        start_checkpoint();
      }
    }
    background_.drain();
    const bool interrupted = !learner_->done();
    if (!interrupted && runtime_ != nullptr) runtime_->finish_logging();
    start_checkpoint();
    background_.drain();

    TrainingResult result;
    result.run = run_;
    result.policy = policy_.distribution().name();
    result.steps = learner_->steps();
    if (runtime_ != nullptr) result.episodes = runtime_->statistics().episodes();
    result.return_mean_100 = return_mean_100();
    result.metrics = row.values;
    result.wall_seconds = seconds_since(start);
    result.steps_per_second = rate();
    result.interrupted = interrupted;
    return result;
  }

 private:
  double return_mean_100() const {
    return runtime_ != nullptr ? runtime_->statistics().return_mean_100()
                               : std::numeric_limits<double>::quiet_NaN();
  }

  /// Copies the state of the run and has it written in the background. To be called while no
  /// checkpoint is being written.
  void start_checkpoint() {
    checkpoint_ = Checkpoint();
    checkpoint_.put("config", config_.options().to_toml(/*results_only=*/true));
    learner_->save(checkpoint_);
    writing_checkpoint_ = true;
    background_.post([this] {
      write_checkpoint();
      writing_checkpoint_ = false;
    });
  }

  // Background jobs run in order, so the logger has taken exactly the rollouts up to the
  // checkpoint. What a resumed run needs beside the checkpoint is on the disk before it replaces
  // the old one.
  //
  // The folder appears together with its first checkpoint: a run folder without one was killed
  // before its first step, and one whose checkpoint is gone was damaged.
  void write_checkpoint() {
    for (const auto& sink : metrics_) sink->flush();
    if (rollouts_) rollouts_->save(checkpoint_);
    const fs::path folder = run_folder::checkpoints(run_);
    if (fs::exists(folder)) {
      checkpoint_.save(run_folder::last_checkpoint(run_));
      return;
    }
    const fs::path fresh = folder.string() + ".tmp";
    make_folder(fresh);
    try {
      checkpoint_.save(fresh / run_folder::last_checkpoint(run_).filename());
    } catch (...) {
      fs::remove_all(fresh);
      throw;
    }
    fs::rename(fresh, folder);
  }

  RunConfig config_;
  fs::path run_;
  Console& console_;
  ThreadPool pool_;
  VectorEnv environments_;
  ActorCritic policy_;
  std::unique_ptr<Learner> learner_;
  Runtime* runtime_;  // the learner's; null where it has none
  std::unique_ptr<RolloutLogger> rollouts_;
  std::vector<std::unique_ptr<MetricsSink>> metrics_;
  Checkpoint checkpoint_;  // the background thread's while one is being written
  std::atomic<bool> writing_checkpoint_{false};
  BackgroundThread background_{kMaxBackgroundJobs};  // the last: its jobs use what stands above
};

void write_config(RunConfig config, const fs::path& run) {
  replace_file(run_folder::config(run), config.options().to_toml());
}

/// Throws Error where a value that changes results, other than the number of steps, differs
/// from the one that the checkpoint was made with.
void check_unchanged(const RunConfig& config, const Checkpoint& checkpoint, const fs::path& run) {
  RunConfig old = parse_config(checkpoint.get<std::string>("config"),
                               run_folder::last_checkpoint(run).string());
  old.steps = config.steps;
  if (const auto lines = first_difference(config, old)) {
    throw Error(run_folder::config(run).string() + " has " + lines->first + ", expected " +
                lines->second + " as in " + run_folder::last_checkpoint(run).string());
  }
}

}  // namespace

fs::path default_run_folder(const RunConfig& config) {
  const std::string head = config.policy.head == "auto" ? "" : "-" + config.policy.head;
  std::string name =
      config.env.id() + "-" + config.algo + head + "-s" + std::to_string(config.seed);
  std::ranges::replace_if(
      name, [](char c) { return c == '/' || c == ':'; }, '-');
  fs::path run = fs::path("runs") / name;
  for (int i = 2; fs::exists(run); ++i) run = fs::path("runs") / (name + "-" + std::to_string(i));
  return run;
}

void prepare_run_folder(const RunConfig& config, const fs::path& run) {
  if (fs::exists(run_folder::config(run))) {
    throw UsageError(run.string() + " already holds a run: continue it with --resume " +
                     run.string() + ", or name another folder with --run");
  }
  if (config.algo == "imitation") check_demonstration_source(config);
  make_folder(run);
  write_config(config, run);
}

TrainingResult train(const RunConfig& config, const fs::path& run, Console& console) {
  use_single_threaded_math();
  return Training(config, run, console, std::nullopt).run();
}

TrainingResult resume(const RunConfig& config, const fs::path& run, Console& console) {
  use_single_threaded_math();
  std::error_code ignored;
  const auto rows = fs::file_size(run_folder::metrics_csv(run), ignored);
  const bool never_began = !fs::exists(run_folder::checkpoints(run)) && (ignored || rows == 0);
  if (never_began) {
    console.warn(run.string() + " was stopped before its first checkpoint: starting at step 0");
    return Training(config, run, console, std::nullopt).run();
  }
  const Checkpoint checkpoint = Checkpoint::load(run_folder::last_checkpoint(run));
  const std::int64_t steps = checkpoint.get<std::int64_t>("counters/steps");
  if (config.steps < steps) {
    throw UsageError("steps is " + std::to_string(config.steps) + ", but " + run.string() +
                     " has already taken " + std::to_string(steps));
  }
  check_unchanged(config, checkpoint, run);
  for (const fs::path& file : {run_folder::metrics_csv(run), run_folder::metrics_jsonl(run)}) {
    if (steps > 0 && !fs::exists(file)) {
      throw Error(file.string() + " is missing, expected the rows up to step " +
                  std::to_string(steps));
    }
  }
  write_config(config, run);
  return Training(config, run, console, checkpoint).run();
}

}  // namespace costate
