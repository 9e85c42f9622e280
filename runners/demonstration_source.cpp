#include "runners/demonstration_source.h"

#include <memory>
#include <sstream>
#include <string>

#include "agents/evaluation.h"
#include "agents/streams.h"
#include "envs/error.h"
#include "logs/rollout_file.h"
#include "logs/run_folder.h"
#include "runners/rollout_header.h"
#include "runners/trained_run.h"

namespace costate {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> split_files(const std::string& list) {
  std::vector<fs::path> files;
  std::istringstream in(list);
  for (std::string each; std::getline(in, each, ',');) files.emplace_back(each);
  return files;
}

/// A teacher whose spaces are those of the run.
TrainedRun open_teacher(const RunConfig& config) {
  TrainedRun teacher = open_run(config.imitation.teacher);
  const EnvSpec spec = config.env.make()->spec();
  const auto expect = [&](const std::string& what, const std::string& found,
                          const std::string& expected) {
    if (found == expected) return;
    throw UsageError("imitation.teacher " + config.imitation.teacher + ": " + what + " is " +
                     found + ", expected " + expected + " as in this run");
  };
  expect("the environment", teacher.spec.id, spec.id);
  expect("the observation space", teacher.spec.observation.to_string(),
         spec.observation.to_string());
  expect("the action space", teacher.spec.action.to_string(), spec.action.to_string());
  return teacher;
}

}  // namespace

std::vector<Assignment> environment_of_source(const std::string& teacher,
                                              const std::string& rollouts) {
  RunConfig config;
  std::string source = teacher;
  if (!teacher.empty()) {
    config = open_run(teacher).config;
  } else {
    source = split_files(rollouts).at(0).string();
    const RolloutReader reader(source);
    const RolloutHeader& header = reader.header();
    const auto text = header.attributes.find("config");
    if (text != header.attributes.end()) config = parse_config(text->second, source);
    if (config.env.id() != header.env) config.env = EnvConfig(header.env);
  }
  std::vector<Assignment> of_environment;
  for (Assignment& each : parse_toml(config.options().to_toml(), source)) {
    if (each.key != "env" && !each.key.starts_with("environment.")) continue;
    each.origin = source;
    of_environment.push_back(std::move(each));
  }
  return of_environment;
}

void check_demonstration_source(const RunConfig& config) {
  if (!config.imitation.teacher.empty()) {
    open_teacher(config);
    return;
  }
  const EnvSpec spec = config.env.make()->spec();
  for (const fs::path& file : split_files(config.imitation.rollouts)) {
    check_demonstrations(file, spec);
  }
}

Demonstrations gather_demonstrations(const RunConfig& config, const fs::path& run, ThreadPool& pool,
                                     Console& console) {
  const auto env = config.env.make();
  std::vector<fs::path> files = split_files(config.imitation.rollouts);
  if (!config.imitation.teacher.empty()) {
    const TrainedRun teacher = open_teacher(config);
    // The file says what made it: the teacher, in this environment.
    RunConfig acting = teacher.config;
    acting.env = config.env.without_ramps();
    files = {run_folder::rollouts(run)};
    RolloutWriter file(files[0], rollout_header(acting, teacher.policy->distribution(), *env));
    console.info("the teacher plays " + std::to_string(config.imitation.episodes) + " episodes");
    const auto seed = static_cast<std::uint64_t>(config.seed);
    record(config.env, *teacher.policy,
           {.episodes = config.imitation.episodes,
            .actions = config.imitation.actions,
            .seed = stream_key(seed, Stream::kDemonstrations)},
           file, pool);
  }
  Demonstrations demonstrations;
  for (const fs::path& file : files) read_demonstrations(file, env->spec(), demonstrations);
  console.info(std::to_string(demonstrations.steps()) + " steps of " +
               std::to_string(demonstrations.lengths.size()) + " episodes to learn from");
  return demonstrations;
}

}  // namespace costate
