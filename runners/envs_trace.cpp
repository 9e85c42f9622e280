#include "runners/envs_trace.h"

#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <ostream>
#include <sstream>
#include <string_view>
#include <system_error>
#include <utility>

#include "envs/format.h"

namespace costate {
namespace {

struct ActionRow {
  std::size_t line = 0;  ///< in the file, from 1
  std::vector<float> values;
};

struct Starts {
  std::vector<PhysicalState> states;
  bool one_per_step = false;
};

std::string read_text(const std::string& path) {
  if (std::filesystem::is_directory(path)) throw Error(path + ": is a folder, expected a file");
  std::ifstream file(path, std::ios::binary);
  if (!file) throw Error(path + ": cannot be read: " + std::strerror(errno));
  std::ostringstream text;
  text << file.rdbuf();
  if (file.bad()) throw Error(path + ": cannot be read to its end");
  return text.str();
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r";
  const auto first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

/// Cuts `text` at every separator; the pieces are trimmed. Always at least one piece.
std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> pieces;
  for (;;) {
    const auto end = text.find(separator);
    pieces.push_back(trim(text.substr(0, end)));
    if (end == std::string_view::npos) return pieces;
    text.remove_prefix(end + 1);
  }
}

std::optional<float> parse_action(std::string_view text) {
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
  double value = 0.0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  if (!whole || !(std::abs(value) <= std::numeric_limits<float>::max())) return std::nullopt;
  return static_cast<float>(value);
}

std::string quoted(std::string_view text) {
  return "\"" + std::string(text) + "\"";
}

std::string action_row_description(const Space& action) {
  const int n = action.size();
  return std::to_string(n) + (n == 1 ? " number a row" : " numbers a row, separated by commas");
}

std::vector<ActionRow> read_actions(const std::string& path, const EnvSpec& spec) {
  const std::string text = read_text(path);
  const std::string expected =
      "expected " + action_row_description(spec.action) + " (" + spec.id + ")";
  std::vector<ActionRow> rows;
  std::size_t line_number = 0;
  for (const std::string_view line : split(text, '\n')) {
    ++line_number;
    if (line.empty()) continue;
    const std::string place = path + ":" + std::to_string(line_number) + ": ";
    ActionRow row{.line = line_number, .values = {}};
    const auto fields = split(line, ',');
    for (const std::string_view field : fields) {
      const auto value = parse_action(field);
      if (!value && rows.empty() && row.values.empty() && !field.empty()) {
        throw UsageError(place + quoted(field) + " is not a finite number, " + expected +
                         " and no header line");
      }
      if (!value) throw UsageError(place + quoted(field) + " is not a finite number, " + expected);
      row.values.push_back(*value);
    }
    if (row.values.size() != static_cast<std::size_t>(spec.action.size())) {
      throw UsageError(place + "the row has " + std::to_string(row.values.size()) + " columns, " +
                       expected);
    }
    // Beyond its bounds a box action is the environment's business, but an index has to exist.
    if (spec.action.kind != Space::Kind::kBox && !spec.action.contains(row.values)) {
      throw UsageError(place + quoted(line) + " is no action, expected an element of " +
                       spec.action.to_string());
    }
    rows.push_back(std::move(row));
  }
  if (rows.empty()) throw UsageError(path + ": no actions, " + expected);
  return rows;
}

std::string key_list(const PhysicalState& state) {
  return state.state.empty()
             ? "\"qpos\" (" + std::to_string(state.qpos.size()) + " numbers) and \"qvel\" (" +
                   std::to_string(state.qvel.size()) + " numbers)"
             : "\"state\" (" + std::to_string(state.state.size()) + " numbers)";
}

/// `like` has the lengths that the state must have.
PhysicalState parse_state(const nlohmann::json& json, const PhysicalState& like,
                          const std::string& place, const EnvSpec& spec) {
  const std::string expected =
      "expected an object with " + key_list(like) + " and nothing else (" + spec.id + ")";
  if (!json.is_object()) throw UsageError(place + "is not an object, " + expected);

  PhysicalState state;
  const auto read = [&](const char* key, std::size_t size, std::vector<double>& values) {
    if (size == 0) return;
    if (!json.contains(key)) throw UsageError(place + quoted(key) + " is missing, " + expected);
    const nlohmann::json& list = json.at(key);
    if (!list.is_array()) throw UsageError(place + quoted(key) + " is not an array, " + expected);
    if (list.size() != size) {
      throw UsageError(place + quoted(key) + " has " + std::to_string(list.size()) + " entries, " +
                       expected);
    }
    for (const nlohmann::json& entry : list) {
      if (!entry.is_number()) {
        throw UsageError(place + quoted(key) + "[" + std::to_string(values.size()) +
                         "] is not a number, " + expected);
      }
      values.push_back(entry.get<double>());
    }
  };
  read("qpos", like.qpos.size(), state.qpos);
  read("qvel", like.qvel.size(), state.qvel);
  read("state", like.state.size(), state.state);
  const std::size_t known = !like.qpos.empty() + !like.qvel.empty() + !like.state.empty();
  if (json.size() != known) throw UsageError(place + "has other keys too, " + expected);
  return state;
}

Starts read_starts(const std::string& path, const PhysicalState& like, const EnvSpec& spec,
                   std::size_t steps) {
  nlohmann::json json;
  try {
    json = nlohmann::json::parse(read_text(path));
  } catch (const nlohmann::json::exception& error) {
    const std::string_view message = error.what();  // opens with the library's "[name of error] "
    throw UsageError(path +
                     ": is not valid JSON: " + std::string(message.substr(message.find(' ') + 1)));
  }
  if (!json.is_array()) return {{parse_state(json, like, path + ": ", spec)}, false};

  if (json.size() != steps) {
    throw UsageError(path + ": holds " + std::to_string(json.size()) +
                     " states, expected one state, or one for each of the " +
                     std::to_string(steps) + " action rows");
  }
  Starts starts{.states = {}, .one_per_step = true};
  for (const nlohmann::json& entry : json) {
    const std::string place = path + ": state " + std::to_string(starts.states.size() + 1) + ": ";
    starts.states.push_back(parse_state(entry, like, place, spec));
  }
  return starts;
}

nlohmann::ordered_json to_json(const TracePoint& point) {
  nlohmann::ordered_json json;
  if (point.state.state.empty()) {
    json["qpos"] = point.state.qpos;
    json["qvel"] = point.state.qvel;
  } else {
    json["state"] = point.state.state;
  }
  json["observation"] = point.observation;
  return json;
}

void print_row(const char* name, const std::vector<double>& values, std::ostream& out) {
  if (values.empty()) return;
  out << "  " << name << std::string(13 - std::strlen(name), ' ');
  for (const double value : values) out << ' ' << format_number(value);
  out << '\n';
}

void print_point(const TracePoint& point, std::ostream& out) {
  print_row("qpos", point.state.qpos, out);
  print_row("qvel", point.state.qvel, out);
  print_row("state", point.state.state, out);
  print_row("observation", point.observation, out);
}

}  // namespace

Trace trace(Env& env, const TraceRequest& request) {
  const std::vector<ActionRow> actions = read_actions(request.actions_file, env.spec());
  std::vector<double> observation(static_cast<std::size_t>(env.spec().observation.size()));
  const auto point = [&] { return TracePoint{env.physical_state(), observation}; };

  Starts starts;
  if (request.start_file) {
    env.reset_to(std::nullopt, observation);
    starts = read_starts(*request.start_file, env.physical_state(), env.spec(), actions.size());
    env.reset_to(starts.states.front(), observation);
  } else if (request.no_noise) {
    env.reset_to(std::nullopt, observation);
  } else {
    env.reset(request.seed, observation);
  }

  Trace trace{.env = env.spec().id, .start = point(), .steps = {}};
  for (std::size_t i = 0; i < actions.size(); ++i) {
    if (starts.one_per_step) env.reset_to(starts.states[i], observation);
    const StepResult result = env.step(actions[i].values, observation);
    trace.steps.push_back({point(), result});
    const bool ended = result.terminated || result.truncated;
    if (ended && !starts.one_per_step && !request.keep_going) break;
  }
  return trace;
}

nlohmann::ordered_json to_json(const Trace& trace) {
  nlohmann::ordered_json json;
  json["env"] = trace.env;
  json["start"] = to_json(trace.start);
  json["steps"] = nlohmann::ordered_json::array();
  for (const TraceStep& step : trace.steps) {
    nlohmann::ordered_json entry = to_json(step.after);
    entry["reward"] = step.result.reward;
    entry["terminated"] = step.result.terminated;
    entry["truncated"] = step.result.truncated;
    json["steps"].push_back(std::move(entry));
  }
  return json;
}

void print(const Trace& trace, std::ostream& out) {
  out << trace.env << "\nstart\n";
  print_point(trace.start, out);
  for (std::size_t i = 0; i < trace.steps.size(); ++i) {
    const TraceStep& step = trace.steps[i];
    out << "step " << i + 1 << ": reward " << format_number(step.result.reward)
        << (step.result.terminated ? ", terminated" : "")
        << (step.result.truncated ? ", truncated" : "") << '\n';
    print_point(step.after, out);
  }
}

}  // namespace costate
