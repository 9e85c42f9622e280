#include "runners/rollout_header.h"

#include <array>
#include <box2d/b2_common.h>
#include <cstdio>
#include <mujoco/mujoco.h>
#include <sys/utsname.h>
#include <utility>
#include <vector>

#include "envs/error.h"
#include "runners/version.h"

namespace costate {
namespace {

using Attributes = std::map<std::string, std::string>;

// The instruction sets by which the libraries below choose between kernels that round differently.
std::string cpu_kind() {
  utsname system{};
  uname(&system);
  std::string kind = system.machine;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("fma")) kind += " fma";
  if (__builtin_cpu_supports("avx2")) kind += " avx2";
  if (__builtin_cpu_supports("avx512f")) kind += " avx512f";
#endif
  return kind;
}

std::string hexadecimal(std::uint64_t value) {
  std::array<char, 17> text{};
  std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(value));
  return text.data();
}

// What this program would say of episodes of `env`.
Attributes origin(const Env& env) {
  Attributes attributes = {{"costate_version", COSTATE_VERSION},
                           {"git_version", COSTATE_GIT_VERSION},
                           {"cpu", cpu_kind()}};
  if (const auto model = env.physics_model()) {
    attributes["mujoco_version"] = mj_versionString();
    attributes["model_file"] = model->file;
    attributes["model_hash"] = hexadecimal(model->hash);
  }
  if (env.spec().family == "box2d") {
    attributes["box2d_version"] = std::to_string(b2_version.major) + "." +
                                  std::to_string(b2_version.minor) + "." +
                                  std::to_string(b2_version.revision);
  }
  return attributes;
}

}  // namespace

RolloutHeader rollout_header(RunConfig config, const Distribution& distribution, Env& env) {
  const EnvSpec& spec = env.spec();
  RolloutHeader header;
  header.env = config.env.id();
  header.seed = static_cast<std::uint64_t>(config.seed);
  header.attributes = origin(env);
  header.attributes["config"] = config.options().to_toml(/*results_only=*/true);
  header.observation_size = static_cast<std::uint64_t>(spec.observation.size());
  header.action_size = static_cast<std::uint64_t>(distribution.action_size());
  header.drawn_names = spec.episode_values;
  header.distribution_names = distribution.parameter_names();
  std::vector<double> observation(header.observation_size);
  env.reset(0, observation);
  std::vector<std::byte> state;
  StateWriter writer(state);
  env.save_state(writer);
  header.state_bytes = state.size();
  return header;
}

std::string origin_difference(const RolloutHeader& header, const Env& env) {
  static constexpr std::array<std::pair<const char*, const char*>, 5> kWords = {{
      {"mujoco_version", "MuJoCo "},
      {"box2d_version", "Box2D "},
      {"costate_version", "costate "},
      {"git_version", "git "},
      {"cpu", "cpu "},
  }};
  const Attributes here = origin(env);
  std::string logged;
  std::string present;
  for (const auto& [key, word] : kWords) {
    const auto there = header.attributes.find(key);
    const auto ours = here.find(key);
    if (there == header.attributes.end() || ours == here.end()) continue;
    if (there->second == ours->second) continue;
    const char* separator = logged.empty() ? "" : ", ";
    logged += separator + (word + there->second);
    present += separator + (word + ours->second);
  }
  if (logged.empty()) return "";
  return "logged with " + logged + ", this is " + present + ": bits may differ";
}

void check_same_model(const RolloutHeader& header, const Env& env) {
  const Attributes here = origin(env);
  const auto differs = [&](const char* key) {
    const auto there = header.attributes.find(key);
    const auto ours = here.find(key);
    return there != header.attributes.end() && ours != here.end() && there->second != ours->second;
  };
  if (!differs("model_hash") || differs("mujoco_version")) return;
  throw Error(here.at("model_file") + " has changed since: the model's hash is " +
              here.at("model_hash") + ", that of the logged one " +
              header.attributes.at("model_hash"));
}

std::optional<RunConfig> logged_config(const RolloutHeader& header) {
  const auto config = header.attributes.find("config");
  if (config == header.attributes.end()) return std::nullopt;
  return parse_config(config->second, "attribute config");
}

std::unique_ptr<Env> logged_environment(const RolloutHeader& header, const std::string& file) {
  try {
    const std::optional<RunConfig> config = logged_config(header);
    const bool known = config && config->env.id() == header.env;
    return (known ? config->env : EnvConfig(header.env)).make();
  } catch (const Error& error) {
    throw Error(file + ": " + error.what());
  }
}

void start_logged(Env& env, const RolloutHeader& header, const Episode& episode,
                  std::span<double> observation) {
  const auto size = [](const Space& space) { return static_cast<std::uint64_t>(space.size()); };
  if (size(env.spec().observation) != header.observation_size ||
      size(env.spec().action) != header.action_size) {
    throw Error("its rows are not of the size of " + header.env + "'s");
  }
  env.reset(episode.seed, observation);
  if (header.state_bytes == 0) return;
  StateReader reader(episode.initial_state);
  env.restore_state(reader);
}

}  // namespace costate
