// `costate replay`: lists the logged episodes of a run, or simulates them anew and checks every
// bit.
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "logs/rollout_file.h"
#include "logs/run_folder.h"
#include "runners/episode_selection.h"
#include "runners/main.h"
#include "runners/replay_check.h"
#include "runners/run_config.h"
#include "runners/text_table.h"

namespace costate {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

const char* ending(const Episode& episode) {
  if (episode.length() == 0) return "open";
  if (episode.terminated.back() != 0) return "terminated";
  return episode.truncated.back() != 0 ? "truncated" : "open";
}

void list_episodes(const RolloutReader& reader, std::span<const std::uint64_t> chosen,
                   const fs::path& file, bool json) {
  Json list = Json::array();
  std::vector<std::vector<std::string>> rows = {
      {"index", "env", "episode", "length", "return", "ending", "first row", "last step"}};
  std::uint64_t first_row = 0;
  std::uint64_t next = 0;  // the episode that begins there
  for (const std::uint64_t i : chosen) {
    for (; next < i; ++next) first_row += reader.length(next);
    const Episode e = reader.read(i);
    if (json) {
      list.push_back({{"index", i},
                      {"env_index", e.env_index},
                      {"episode", e.episode},
                      {"seed", e.seed},
                      {"length", e.length()},
                      {"return", e.episode_return},
                      {"ending", ending(e)},
                      {"first_row", first_row},
                      {"last_step", e.last_step}});
    } else {
      rows.push_back({std::to_string(i), std::to_string(e.env_index), std::to_string(e.episode),
                      std::to_string(e.length()), short_number(e.episode_return), ending(e),
                      std::to_string(first_row), std::to_string(e.last_step)});
    }
  }
  if (json) {
    Json out;
    out["file"] = file.string();
    out["env"] = reader.header().env;
    out["seed"] = reader.header().seed;
    out["episodes"] = std::move(list);
    std::cout << out.dump() << '\n';
    return;
  }
  std::cout << file.string() << ": " << reader.header().env << ", " << reader.episode_count()
            << " episodes, " << reader.step_count() << " steps\n";
  print_table(std::cout, rows);
}

Json to_json(const ReplayCheck& check, const fs::path& file) {
  Json json;
  json["file"] = file.string();
  json["episodes"] = check.episodes;
  json["steps"] = check.steps;
  json["differences"] = check.differences;
  json["first_difference"] = nullptr;
  if (check.first) {
    json["first_difference"] = {
        {"episode", check.first->episode}, {"step", check.first->step},
        {"field", check.first->field},     {"index", check.first->index},
        {"logged", check.first->logged},   {"replayed", check.first->replayed}};
  }
  return json;
}

/// Returns whether nothing differs.
bool verify(const RolloutReader& reader, std::span<const std::uint64_t> chosen,
            const fs::path& file, int threads, bool json) {
  ThreadPool pool(threads);
  const ReplayCheck check = check_replay(reader, chosen, file.string(), pool);
  if (json) {
    std::cout << to_json(check, file).dump() << '\n';
  } else {
    std::cout << file.string() << ": " << check.episodes << " episodes, " << check.steps
              << " steps replayed, " << check.differences << " differences" << std::endl;
  }
  if (!check.first) return true;
  std::cerr << "costate replay: " << file.string() << ": first difference in "
            << to_string(*check.first) << '\n';
  return false;
}

/// The rollout file of a run folder.
fs::path rollouts_of(const fs::path& run) {
  read_run_config(run);  // says so where this is no run folder
  const fs::path file = run_folder::rollouts(run);
  if (!fs::exists(file)) {
    throw Error(run.string() + ": no rollouts at " + file.string() +
                " (train with --log-rollouts last, sampled or all)");
  }
  return file;
}

int run(int argc, char** argv) {
  CLI::App app(
      "Lists the logged episodes of a run, or simulates them anew and checks that every bit is the "
      "same.",
      "costate replay");
  std::string folder;
  std::string file;
  int threads = 0;
  bool verify_too = false;
  bool json = false;
  CLI::Option* run_option =
      app.add_option("RUN", folder, "The run folder; its rollouts.h5 is read");
  app.add_option("--file", file, "Read this file in place of a run folder's")
      ->type_name("FILE.h5")
      ->excludes(run_option);
  app.add_flag("--verify", verify_too,
               "Simulate the episodes anew; name the first difference and exit with 1");
  app.add_option("--threads", threads, "Worker threads of --verify; 0: one per core")
      ->type_name("N")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  app.add_flag("--json", json, "Print one JSON object");
  const EpisodeSelection selection(app);
  if (!parse_command_line(app, argc, argv)) return 0;
  if (folder.empty() && file.empty()) {
    throw UsageError("give a run folder or --file FILE.h5 (see `costate replay --help`)");
  }

  const fs::path path = file.empty() ? rollouts_of(folder) : fs::path(file);
  const RolloutReader reader(path);
  const std::vector<std::uint64_t> chosen = selection.choose(reader, path.string());
  if (!verify_too) {
    list_episodes(reader, chosen, path, json);
    return 0;
  }
  return verify(reader, chosen, path, threads, json) ? 0 : 1;
}

}  // namespace
}  // namespace costate

int main(int argc, char** argv) {
  return costate::run_main("replay", [&] { return costate::run(argc, argv); });
}
