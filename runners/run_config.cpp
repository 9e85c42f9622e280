#include "runners/run_config.h"

#include <sstream>
#include <utility>

#include "envs/assets.h"
#include "envs/env_config.h"
#include "envs/error.h"
#include "logs/atomic_file.h"
#include "logs/run_folder.h"

namespace costate {
namespace {

namespace fs = std::filesystem;

// A configuration that cannot be read is a mistake of the command line that named it.
std::string read_text(const fs::path& path) {
  try {
    return read_text_file(path);
  } catch (const Error& error) {
    throw UsageError(error.what());
  }
}

std::vector<Assignment> read_toml(const fs::path& file) {
  return parse_toml(read_text(file), file.string());
}

/// Leaves of the assignments to `key` only the last one, in front of all others, and returns its
/// value, one of `choices` (none: any); `otherwise` where there is none.
std::string take_last(std::vector<Assignment>& values, const std::string& key,
                      const std::vector<std::string>& choices, std::string otherwise) {
  std::optional<Assignment> last;
  for (const Assignment& value : values) {
    if (value.key == key) last = value;
  }
  if (!last) return otherwise;
  std::erase_if(values, [&](const Assignment& value) { return value.key == key; });
  Options table;
  table.add(key, otherwise, choices, "");
  table.set({*last});
  values.insert(values.begin(), *last);
  return otherwise;
}

/// The environment and the learner that `values` name: they decide what other keys there are.
void take_parts(std::vector<Assignment>& values, RunConfig& config) {
  const std::string env = take_last(values, "env", {}, "");
  if (!env.empty()) config.env = EnvConfig(env);
  config.set_learner(take_last(values, "algo", RunConfig::learners(), config.algo));
  constexpr std::string_view kAny = "learner.";
  for (Assignment& value : values) {
    if (value.key.starts_with(kAny)) value.key.replace(0, kAny.size() - 1, config.algo);
  }
}

/// Throws UsageError where the reference of the learner's KL is none, or is the policy of a run
/// that has another shape.
void check_reference(const RunConfig& config, const ActorCritic& policy) {
  const KlConfig& kl = config.kl();
  kl.period(config.algo + ".");
  if (kl.run.empty()) return;
  const RunConfig other = read_run_config(kl.run);
  const ActorCritic theirs(other.policy, other.env.make()->spec());
  const auto words = [](const ActorCritic& p) {
    return std::string(p.distribution().name()) + " with " +
           std::to_string(p.distribution().parameter_size()) + " parameters of " +
           std::to_string(p.observation_size()) + " observed numbers by " +
           std::to_string(p.parameter_count()) + " weights";
  };
  if (words(theirs) == words(policy) && theirs.network_shapes() == policy.network_shapes()) return;
  throw UsageError(config.algo + ".kl.run: the policy of " + kl.run + " (" + words(theirs) +
                   ") has not the shape of this run's (" + words(policy) + ")");
}

}  // namespace

const std::vector<std::string>& RunConfig::learners() {
  static const std::vector<std::string> names = {"ppo", "sac", "mpo", "td3", "imitation"};
  return names;
}

void RunConfig::set_learner(const std::string& name) {
  algo = name;
  policy.value = name == "ppo";
  if (!interacts()) runtime.envs = 1;  // for its spaces
}

const KlConfig& RunConfig::kl() const {
  if (algo == "sac") return sac.kl;
  if (algo == "mpo") return mpo.kl;
  return algo == "td3" ? td3.kl : ppo.kl;
}

void RunConfig::describe_learner(Options& table) {
  if (algo == "sac") {
    sac.describe(table);
  } else if (algo == "mpo") {
    mpo.describe(table);
  } else if (algo == "td3") {
    td3.describe(table);
  } else if (algo == "imitation") {
    imitation.describe(table);
  } else {
    ppo.describe(table);
  }
}

Options RunConfig::options() {
  Options table;
  table.add("env", env.id(), "environment id; `costate envs list` shows all");
  table.add("algo", std::as_const(algo), "learner: ppo, sac, mpo, td3 or imitation");
  table.add("seed", seed, Range::between(0, 9.0e15), "of every random stream of the run");
  table.add("steps", steps, Range::at_least(1),
            interacts() ? "environment steps in all"
                        : "demonstrated steps to learn from in all, counted each time");
  table.add("threads", threads, Range::between(0, 1024), "worker threads; 0: one per core");
  table.only_runtime();
  table.add("pin_threads", pin_threads, "keep each worker thread on a core of its own");
  table.only_runtime();
  table.add("checkpoint_seconds", checkpoint_seconds, Range::above(0),
            "wall-clock seconds between two checkpoints");
  table.only_runtime();
  policy.describe(table);
  if (interacts()) {
    runtime.describe(table);
  } else {
    runtime.describe_observations(table);
  }
  describe_learner(table);
  if (interacts()) rollouts.describe(table);
  table.set_prefix("environment.");
  env.describe(table);
  table.set_prefix("");
  return table;
}

RunConfig resolve_config(const std::optional<fs::path>& file,
                         const std::vector<Assignment>& assignments, std::string* origins) {
  std::vector<Assignment> values;
  if (file) values = read_toml(*file);
  values.insert(values.end(), assignments.begin(), assignments.end());

  RunConfig config;
  take_parts(values, config);
  if (config.env.empty()) {
    throw UsageError("no environment: give --env ID (`costate envs list` shows all)");
  }
  Options table = config.options();
  // Lives on for a while, so that the environment below does not compile its model once more.
  const auto by_default = config.env.make();
  for (const std::string& name :
       {config.env.id(), by_default->spec().family, std::string("default")}) {
    if (const auto shipped = find_data("configs/" + config.algo + "/" + name + ".toml")) {
      table.set(read_toml(*shipped));
      break;
    }
  }
  table.set(values);
  const EnvSpec spec = config.env.make()->spec();
  // Throws where the policy and the environment, or the network and who computes it, do not fit;
  // the workspace where this machine cannot compute it.
  const ActorCritic policy(config.policy, spec);
  policy.make_workspace(/*max_rows=*/1, /*gradients=*/true);
  check_reference(config, policy);
  if (config.steps < config.runtime.envs) {
    throw UsageError("steps is " + std::to_string(config.steps) +
                     ", expected at least envs = " + std::to_string(config.runtime.envs));
  }
  if (config.algo == "imitation" &&
      config.imitation.teacher.empty() == config.imitation.rollouts.empty()) {
    throw UsageError(
        "imitation learns from demonstrations: give either imitation.teacher or "
        "imitation.rollouts");
  }
  if (origins != nullptr) *origins = table.to_toml_with_origins();
  return config;
}

RunConfig read_run_config(const fs::path& folder, const std::vector<Assignment>& assignments) {
  const fs::path file = run_folder::config(folder);
  if (!fs::exists(file)) {
    throw UsageError(folder.string() + " is not a run folder: it has no " +
                     file.filename().string());
  }
  return parse_config(read_text(file), file.string(), assignments);
}

RunConfig parse_config(const std::string& toml, const std::string& source,
                       const std::vector<Assignment>& assignments) {
  std::vector<Assignment> values = parse_toml(toml, source);
  values.insert(values.end(), assignments.begin(), assignments.end());
  RunConfig config;
  take_parts(values, config);
  Options table = config.options();
  table.set(values);
  return config;
}

std::optional<std::pair<std::string, std::string>> first_difference(RunConfig a, RunConfig b) {
  std::istringstream ours(a.options().to_toml(/*results_only=*/true));
  std::istringstream theirs(b.options().to_toml(/*results_only=*/true));
  for (std::string x, y; std::getline(ours, x) && std::getline(theirs, y);) {
    if (x != y) return std::pair(x, y);
  }
  return {};
}

}  // namespace costate
