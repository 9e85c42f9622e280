#include "runners/run_config.h"

#include <sstream>
#include <toml++/toml.h>

#include "envs/assets.h"
#include "envs/error.h"
#include "envs/registry.h"
#include "logs/atomic_file.h"
#include "logs/run_folder.h"

namespace costate {
namespace {

namespace fs = std::filesystem;

// A value of the document as the text that Options::set parses: TOML again, strings in quotes.
std::string value_text(const toml::node& node) {
  std::ostringstream text;
  node.visit([&](const auto& value) { text << value; });
  return text.str();
}

void apply_table(const toml::table& table, const std::string& prefix, const std::string& source,
                 Options& options) {
  for (const auto& [name, node] : table) {
    const std::string key = prefix + std::string(name.str());
    if (const auto* inner = node.as_table()) {
      apply_table(*inner, key + ".", source, options);
    } else {
      const auto line = std::to_string(node.source().begin.line);
      options.set(key, value_text(node), source + ":" + line);
    }
  }
}

void apply_toml(const std::string& text, const std::string& source, Options& options) {
  toml::table document;
  try {
    document = toml::parse(text, source);
  } catch (const toml::parse_error& error) {
    throw UsageError(source + ":" + std::to_string(error.source().begin.line) +
                     ": not valid TOML: " + std::string(error.description()));
  }
  apply_table(document, "", source, options);
}

// A configuration that cannot be read is a mistake of the command line that named it.
std::string read_text(const fs::path& path) {
  try {
    return read_text_file(path);
  } catch (const Error& error) {
    throw UsageError(error.what());
  }
}

void apply(const std::vector<Assignment>& assignments, Options& options) {
  for (const Assignment& a : assignments) options.set(a.key, a.value, a.origin);
}

}  // namespace

Options RunConfig::options() {
  Options table;
  table.add("env", env, {}, "environment id; `costate envs list` shows all");
  table.add("algo", algo, {"ppo"}, "learner");
  table.add("seed", seed, Range::between(0, 9.0e15), "of every random stream of the run");
  table.add("steps", steps, Range::at_least(1), "environment steps in all");
  table.add("threads", threads, Range::between(0, 1024), "worker threads; 0: one per core");
  table.only_runtime();
  table.add("checkpoint_seconds", checkpoint_seconds, Range::above(0),
            "wall-clock seconds between two checkpoints");
  table.only_runtime();
  policy.describe(table);
  runtime.describe(table);
  ppo.describe(table);
  rollouts.describe(table);
  return table;
}

RunConfig resolve_config(const std::optional<fs::path>& file,
                         const std::vector<Assignment>& assignments, std::string* origins) {
  // The environment decides which shipped file is read, and may itself come from any later layer.
  const std::string text = file ? read_text(*file) : "";
  RunConfig probe;
  {
    Options table = probe.options();
    if (file) apply_toml(text, file->string(), table);
    apply(assignments, table);
  }
  if (probe.env.empty()) {
    throw UsageError("no environment: give --env ID (`costate envs list` shows all)");
  }
  const EnvSpec spec = make_env(probe.env)->spec();

  RunConfig config;
  Options table = config.options();
  for (const std::string& name : {spec.id, spec.family}) {
    if (const auto shipped = find_data("configs/" + name + ".toml")) {
      apply_toml(read_text(*shipped), shipped->string(), table);
      break;
    }
  }
  if (file) apply_toml(text, file->string(), table);
  apply(assignments, table);
  // Throws where the policy and the environment, or the network and who computes it, do not fit.
  const ActorCritic policy(config.policy, spec);
  if (config.steps < config.runtime.envs) {
    throw UsageError("steps is " + std::to_string(config.steps) +
                     ", expected at least envs = " + std::to_string(config.runtime.envs));
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
  RunConfig config;
  Options table = config.options();
  apply_toml(toml, source, table);
  apply(assignments, table);
  return config;
}

}  // namespace costate
