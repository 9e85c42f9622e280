// `costate envs`: what environments there are, what each is, whether it keeps its contract, and
// what exactly it does with given actions.
#include <algorithm>
#include <cmath>
#include <functional>
#include <iomanip>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "envs/env.h"
#include "envs/env_config.h"
#include "envs/format.h"
#include "envs/random.h"
#include "envs/registry.h"
#include "envs/render/png.h"
#include "logs/atomic_file.h"
#include "runners/envs_check.h"
#include "runners/envs_fuzz.h"
#include "runners/envs_trace.h"
#include "runners/main.h"

namespace costate {
namespace {

using Json = nlohmann::ordered_json;

const char* kind_name(Space::Kind kind) {
  switch (kind) {
    case Space::Kind::kBox:
      return "box";
    case Space::Kind::kDiscrete:
      return "discrete";
    case Space::Kind::kMultiDiscrete:
      return "multi_discrete";
    case Space::Kind::kMultiBinary:
      return "multi_binary";
  }
  return "";
}

/// JSON has no infinity: a bound that is none becomes null.
Json bounds_to_json(const std::vector<double>& bounds) {
  Json json = Json::array();
  for (const double bound : bounds) json.push_back(std::isfinite(bound) ? Json(bound) : Json());
  return json;
}

Json to_json(const Space& space) {
  Json json;
  json["kind"] = kind_name(space.kind);
  json["shape"] = space.shape;
  if (space.kind == Space::Kind::kBox) {
    json["low"] = bounds_to_json(space.low);
    json["high"] = bounds_to_json(space.high);
  } else if (!space.counts.empty()) {
    json["counts"] = space.counts;
  }
  json["labels"] = space.labels;
  return json;
}

Json to_json(const EnvSpec& spec) {
  Json json;
  json["id"] = spec.id;
  json["family"] = spec.family;
  json["summary"] = spec.summary;
  json["observation"] = to_json(spec.observation);
  json["action"] = to_json(spec.action);
  json["time_limit"] = spec.time_limit;
  json["control_step"] = spec.control_step;
  json["reward_threshold"] = spec.reward_threshold ? Json(*spec.reward_threshold) : Json();
  json["reward"] = spec.reward;
  json["termination"] = spec.termination;
  return json;
}

Json to_json(const Options& options) {
  Json json = Json::array();
  for (const Option& option : options.all()) {
    json.push_back({{"key", option.key},
                    {"default", option.default_value},
                    {"help", option.help},
                    {"expected", expectation(option)}});
  }
  return json;
}

/// What `describe --json` prints.
Json to_json(EnvConfig config) {
  const auto env = config.make();
  Json json = to_json(env->spec());
  json["parameters"] = env->parameter_names();
  Options options;
  config.describe(options);
  json["options"] = to_json(options);
  return json;
}

std::string join(const std::vector<std::string>& names) {
  std::string all;
  for (const std::string& name : names) all += (all.empty() ? "" : ", ") + name;
  return all;
}

void list_envs(bool json) {
  if (json) {
    Json list = Json::array();
    for (const std::string& id : env_ids()) list.push_back(to_json(EnvConfig(id)));
    std::cout << list.dump(2) << '\n';
    return;
  }
  std::vector<EnvSpec> specs;
  for (const std::string& id : env_ids()) specs.push_back(make_env(id)->spec());
  std::size_t width = 0;
  for (const EnvSpec& spec : specs) width = std::max(width, spec.id.size());
  for (const EnvSpec& spec : specs) {
    std::cout << std::left << std::setw(static_cast<int>(width)) << spec.id << "  " << std::setw(16)
              << spec.family << "  " << std::setw(8) << spec.observation.to_string() << " -> "
              << std::setw(11) << spec.action.to_string() << "  " << spec.summary << '\n';
  }
}

void print_space(const char* title, const Space& space) {
  std::cout << title << space.to_string() << '\n';
  if (space.kind != Space::Kind::kBox) {
    for (std::size_t i = 0; i < space.labels.size(); ++i) {
      std::cout << "  " << std::setw(3) << i << "  " << space.labels[i] << '\n';
    }
    return;
  }
  // A picture has thousands of entries, all alike and without names.
  const auto all_equal = [](const std::vector<double>& bounds) {
    return std::ranges::adjacent_find(bounds, std::ranges::not_equal_to()) == bounds.end();
  };
  if (space.labels.empty() && all_equal(space.low) && all_equal(space.high)) {
    std::cout << "  all  [" << format_number(space.low[0]) << ", " << format_number(space.high[0])
              << "]\n";
    return;
  }
  for (std::size_t i = 0; i < space.low.size(); ++i) {
    std::cout << "  " << std::setw(3) << i << "  [" << format_number(space.low[i]) << ", "
              << format_number(space.high[i]) << "]  "
              << (space.labels.empty() ? "" : space.labels[i]) << '\n';
  }
}

void describe_env(EnvConfig config, bool json) {
  if (json) {
    std::cout << to_json(std::move(config)).dump(2) << '\n';
    return;
  }
  const auto env = config.make();
  const EnvSpec& spec = env->spec();
  Options options;
  config.describe(options);
  std::cout << spec.id << " (" << spec.family << "): " << spec.summary << '\n'
            << "reward        " << spec.reward << '\n'
            << "termination   " << spec.termination << '\n'
            << "time limit    "
            << (spec.time_limit > 0 ? std::to_string(spec.time_limit) + " steps" : "none") << '\n'
            << "control step  " << format_number(spec.control_step) << " s\n"
            << "solved at     "
            << (spec.reward_threshold ? format_number(*spec.reward_threshold) + " mean return"
                                      : "no threshold")
            << '\n'
            << "randomize     " << join(env->parameter_names()) << '\n'
            << std::right;
  print_space("observation   ", spec.observation);
  print_space("action        ", spec.action);
  std::cout << "options (--env-set KEY=VALUE)\n" << options.help();
}

std::string cell(const std::string& text) {
  std::string out;
  for (const char c : text) out += c == '|' ? std::string("\\|") : std::string(1, c);
  return out;
}

/// The file name of an environment's picture.
std::string picture_name(std::string id) {
  std::replace(id.begin(), id.end(), '/', '-');
  return id + ".png";
}

void print_space_as_markdown(const char* title, const Space& space) {
  std::cout << "\n**" << title << "**: `" << space.to_string() << "`\n";
  if (space.labels.empty()) return;
  const bool box = space.kind == Space::Kind::kBox;
  constexpr std::size_t kLong = 12;
  const bool fold = space.labels.size() > kLong;
  if (fold) std::cout << "\n<details><summary>" << space.labels.size() << " entries</summary>\n";
  std::cout << (box ? "\n| | | from | to |\n|--:|---|--:|--:|\n" : "\n| | |\n|--:|---|\n");
  for (std::size_t i = 0; i < space.labels.size(); ++i) {
    std::cout << "| " << i << " | " << cell(space.labels[i]) << " |";
    if (box) {
      std::cout << ' ' << format_number(space.low[i]) << " | " << format_number(space.high[i])
                << " |";
    }
    std::cout << '\n';
  }
  if (fold) std::cout << "\n</details>\n";
}

/// A page with all of the environments.
void describe_as_markdown(const std::vector<std::string>& ids) {
  std::cout << "# Environments\n\nMade by `costate envs describe all --markdown`, the pictures by "
               "`costate envs view all --png docs/images/envs --size 240x240 --steps 20`. Every "
               "environment also has the "
               "options of the wrappers, which stand at the end.\n";
  for (const std::string& id : ids) {
    const auto env = make_env(id);
    const EnvSpec& spec = env->spec();
    std::cout << "\n## " << id << "\n\n"
              << spec.summary << ".\n\n![" << id << "](images/envs/" << picture_name(id)
              << ")\n\n| | |\n|---|---|\n| Family | " << spec.family << " |\n| Reward | "
              << cell(spec.reward) << " |\n| Termination | " << cell(spec.termination)
              << " |\n| Time limit | "
              << (spec.time_limit > 0 ? std::to_string(spec.time_limit) + " steps" : "none")
              << " |\n| Control step | " << format_number(spec.control_step) << " s |\n";
    if (spec.reward_threshold) {
      std::cout << "| Solved at | a mean return of " << format_number(*spec.reward_threshold)
                << " |\n";
    }
    std::cout << "| Parameters to randomize | " << cell(join(env->parameter_names())) << " |\n";
    print_space_as_markdown("Observation", spec.observation);
    print_space_as_markdown("Action", spec.action);
    Options options;
    task_config(id)->describe(options);
    if (!options.all().empty()) std::cout << "\n**Options**\n\n```\n" << options.help() << "```\n";
  }
  Options wrappers;
  EnvConfig().describe(wrappers);
  std::cout << "\n## Options of every environment\n\n```\n" << wrappers.help() << "```\n";
}

/// Draws each environment after `steps` steps of random actions into `png`, a file, or a folder
/// where there are several.
void view_envs(const std::vector<std::string>& ids, const std::vector<Assignment>& env_options,
               const RenderOptions& options, std::int64_t steps, std::uint64_t seed,
               const std::string& png) {
  for (const std::string& id : ids) {
    const auto env = EnvConfig(id, env_options).make();
    const Space& space = env->spec().action;
    std::vector<double> observation(static_cast<std::size_t>(env->spec().observation.size()));
    std::vector<float> action(static_cast<std::size_t>(space.size()));
    RandomStream random(seed);
    env->reset(seed, observation);
    for (std::int64_t i = 0; i < steps; ++i) {
      space.sample(random, action);
      const StepResult result = env->step(action, observation);
      if (result.terminated || result.truncated) break;
    }
    Picture picture;
    env->render(options, picture);
    const std::string file = ids.size() == 1 ? png : png + "/" + picture_name(id);
    replace_file(file, to_png(picture));
    std::cout << file << '\n';
  }
}

void fuzz_envs(const std::vector<std::string>& ids, const std::vector<Assignment>& options,
               std::int64_t steps, std::uint64_t seed) {
  for (const std::string& id : ids) {
    const FuzzResult result = fuzz(EnvConfig(id, options), steps, seed);
    std::cout << std::left << std::setw(28) << id << result.steps << " steps, " << result.episodes
              << " episodes, " << result.reports << " actions refused" << std::endl;
  }
}

/// Returns whether every check passed.
bool check_envs(const std::vector<std::string>& ids, const std::vector<Assignment>& options) {
  bool all_passed = true;
  for (const std::string& each : ids) {
    const EnvConfig config(each, options);
    config.make();  // what cannot be made is a mistake of the command line, not a failed check
    std::cout << each << '\n';
    for (const CheckResult& result : check_env([&] { return config.make(); })) {
      std::cout << (result.passed ? "  ok    " : "  FAIL  ") << std::left << std::setw(14)
                << result.name << result.detail << std::endl;
      all_passed = all_passed && result.passed;
    }
  }
  return all_passed;
}

int run(int argc, char** argv) {
  CLI::App app("Lists, describes, checks and traces environments.", "costate envs");
  app.require_subcommand(1);
  std::string id;
  std::vector<std::string> env_sets;
  bool json = false;
  const auto add_env = [&](CLI::App* command, const std::string& help) {
    command->add_option("ID", id, help)->required();
    command
        ->add_option("--env-set", env_sets,
                     "KEY=VALUE, one option of the environment; may be repeated")
        ->allow_extra_args(false);
  };

  CLI::App* list = app.add_subcommand("list", "List all environments");
  list->add_flag("--json", json, "Print a JSON array of what `describe --json` prints");

  CLI::App* describe = app.add_subcommand("describe", "Spaces, reward and limits of one");
  add_env(describe, "The environment, such as Hopper-v5; `all` with --markdown");
  bool markdown = false;
  describe->add_flag("--markdown", markdown, "Print a page in Markdown (docs/envs.md)");
  describe->add_flag("--json", json, "Print a JSON object; a bound that is infinite is null");

  CLI::App* check = app.add_subcommand("check", "Check that one keeps the environment contract");
  add_env(check, "The environment, or `all`");

  CLI::App* view = app.add_subcommand("view", "Draw one into a PNG file, without a display");
  add_env(view, "The environment, or `all`");
  std::string png;
  std::string size = "480x480";
  std::string camera;
  std::int64_t view_steps = 0;
  std::uint64_t view_seed = 1;
  view->add_option("--png", png, "The file to write; for `all`, the folder")->required();
  view->add_option("--size", size, "Width and height in pixels")->capture_default_str();
  view->add_option("--camera", camera,
                   "A camera of the model; otherwise the one that shows the task");
  view->add_option("--steps", view_steps, "Random steps to take before")->capture_default_str();
  view->add_option("--seed", view_seed, "Seed of the start and of the actions")
      ->capture_default_str();

  CLI::App* fuzz_command =
      app.add_subcommand("fuzz", "Step one with random, extreme and broken actions");
  add_env(fuzz_command, "The environment, or `all`");
  std::int64_t fuzz_steps = 10000;
  std::uint64_t fuzz_seed = 1;
  fuzz_command->add_option("--steps", fuzz_steps, "Steps to take in each")->capture_default_str();
  fuzz_command->add_option("--seed", fuzz_seed, "Seed of starts and actions")
      ->capture_default_str();

  CLI::App* trace_command = app.add_subcommand(
      "trace", "Apply given actions and print every state, observation and reward in full");
  TraceRequest request;
  std::string start;
  add_env(trace_command, "The environment, such as Hopper-v5");
  trace_command
      ->add_option("--actions", request.actions_file,
                   "CSV file: an action a row, numbers separated by commas, no header")
      ->type_name("FILE.csv")
      ->required();
  CLI::Option* start_option =
      trace_command
          ->add_option("--start", start,
                       "JSON file with the exact start: {\"qpos\": [...], \"qvel\": [...]} or "
                       "{\"state\": [...]}. An array of these, one per action row, makes every "
                       "step start from its own")
          ->type_name("FILE.json");
  trace_command->add_option("--seed", request.seed, "Seed of the random start")
      ->check([](const std::string& text) {
        return text.starts_with('-') ? "is " + text + ", expected a whole number of at least 0"
                                     : std::string();
      })
      ->type_name("N")
      ->capture_default_str();
  trace_command->add_flag("--no-noise", request.no_noise, "Start without noise")
      ->excludes(start_option);
  trace_command->add_flag("--keep-going", request.keep_going,
                          "Step on past the end of the episode, without a reset");
  trace_command->add_flag("--json", json, "Print one JSON object");

  const auto is_named = [&](const CLI::App* command) { return command->get_name() == argv[1]; };
  if (argc > 1 && argv[1][0] != '-' && app.get_subcommands(is_named).empty()) {
    throw UsageError("unknown command \"" + std::string(argv[1]) +
                     "\", expected list, describe, check, view, fuzz or trace");
  }
  if (!parse_command_line(app, argc, argv)) return 0;

  std::vector<Assignment> options;
  for (const std::string& text : env_sets) {
    options.push_back(parse_assignment(text, "--env-set"));
  }

  if (list->parsed()) list_envs(json);
  const std::vector<std::string> ids = id == "all" ? env_ids() : std::vector{id};
  if (describe->parsed() && markdown) {
    describe_as_markdown(ids);
  } else if (describe->parsed()) {
    describe_env({id, options}, json);
  }
  if (check->parsed() && !check_envs(ids, options)) return 1;
  if (view->parsed()) {
    RenderOptions picture = parse_picture_size(size, "--size");
    picture.camera = camera;
    view_envs(ids, options, picture, view_steps, view_seed, png);
  }
  if (fuzz_command->parsed()) fuzz_envs(ids, options, fuzz_steps, fuzz_seed);
  if (trace_command->parsed()) {
    if (start_option->count() > 0) request.start_file = start;
    const auto env = EnvConfig(id, options).make();
    const Trace result = trace(*env, request);
    if (json) {
      std::cout << to_json(result).dump() << '\n';
    } else {
      print(result, std::cout);
    }
  }
  return 0;
}

}  // namespace
}  // namespace costate

int main(int argc, char** argv) {
  return costate::run_main("envs", [&] { return costate::run(argc, argv); });
}
