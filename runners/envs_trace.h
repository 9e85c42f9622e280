// `costate envs trace`: applies given actions to an environment and keeps everything it says, in
// full double precision.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "envs/env.h"

namespace costate {

struct TraceRequest {
  std::string actions_file;  ///< CSV: an action a row, no header
  /// JSON: {"qpos": […], "qvel": […]} or {"state": […]}, set exactly and with a zero warm start. An
  /// array of such objects, one per action row, makes every step start from its own state.
  std::optional<std::string> start_file;
  bool no_noise = false;    ///< without a start file: the noise-free start instead of a seeded one
  std::uint64_t seed = 0;   ///< of the seeded start
  bool keep_going = false;  ///< step on past the end of the episode, without a reset
};

struct TracePoint {
  PhysicalState state;
  std::vector<double> observation;
};

struct TraceStep {
  TracePoint after;
  StepResult result;
};

struct Trace {
  std::string env;
  TracePoint start;  ///< of the first step, where every step has a start of its own
  std::vector<TraceStep> steps;
};

/// Traces `env`. Stops after the step that ends the episode, unless asked to keep going or every
/// step starts from its own state. Throws Error where a file cannot be read, and UsageError that
/// names file and line (or entry) where its contents are malformed.
Trace trace(Env& env, const TraceRequest& request);

/// {"env", "start": {"qpos", "qvel", "observation"}, "steps": [{…, "reward", "terminated",
/// "truncated"}, …]}, with "state" in place of "qpos" and "qvel" where the environment has that.
/// Numbers read back as the same doubles.
nlohmann::ordered_json to_json(const Trace& trace);

/// The same for people.
void print(const Trace& trace, std::ostream& out);

}  // namespace costate
