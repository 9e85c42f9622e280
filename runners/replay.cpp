// `costate replay`: lists the logged episodes of a run, or simulates them anew and checks every
// bit.
#include <chrono>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <unistd.h>
#include <vector>

#include "logs/rollout_file.h"
#include "logs/run_folder.h"
#include "runners/episode_selection.h"
#include "runners/main.h"
#include "runners/replay_check.h"
#include "runners/rollout_header.h"
#include "runners/run_config.h"
#include "runners/stop_signals.h"
#include "runners/text_table.h"

namespace costate {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

const char* name(EpisodeEnding ending) {
  switch (ending) {
    case EpisodeEnding::kTerminated:
      return "terminated";
    case EpisodeEnding::kTruncated:
      return "truncated";
    case EpisodeEnding::kOpen:
      break;
  }
  return "open";
}

void list_episodes(const RolloutReader& reader, std::span<const std::uint64_t> chosen,
                   const fs::path& file, bool json) {
  Json list = Json::array();
  std::vector<std::vector<std::string>> rows = {
      {"index", "env", "episode", "length", "return", "ending", "first row", "last step"}};
  for (const std::uint64_t i : chosen) {
    const EpisodeEntry& e = reader.entries()[i];
    const char* ending = name(reader.ending(i));
    if (json) {
      list.push_back({{"index", i},
                      {"env_index", e.env_index},
                      {"episode", e.episode},
                      {"seed", e.seed},
                      {"length", reader.length(i)},
                      {"return", reader.episode_return(i)},
                      {"ending", ending},
                      {"first_row", e.first_row},
                      {"last_step", e.last_step}});
    } else {
      rows.push_back({std::to_string(i), std::to_string(e.env_index), std::to_string(e.episode),
                      std::to_string(reader.length(i)), short_number(reader.episode_return(i)),
                      ending, std::to_string(e.first_row), std::to_string(e.last_step)});
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
    const ReplayDifference& first = *check.first;
    Json& out = json["first_difference"];
    out["episode"] = first.episode;
    out["field"] = first.field;
    if (first.simulated) {
      out["step"] = first.step;
      out["index"] = first.index;
      out["logged"] = first.logged;
      out["replayed"] = first.replayed;
    }
    out["changed_columns"] = first.changed_columns;
  }
  return json;
}

/// Says, on a terminal, once a second how far the check is.
class CheckProgress {
 public:
  explicit CheckProgress(std::size_t episodes) : episodes_(episodes), shown_(isatty(2) != 0) {}
  ~CheckProgress() {
    if (written_) std::cerr << "\r\033[K" << std::flush;
  }

  void update(const ReplayCheck& check) {
    const auto now = std::chrono::steady_clock::now();
    if (!shown_ || now < next_) return;
    next_ = now + std::chrono::seconds(1);
    written_ = true;
    std::cerr << "\r\033[K" << check.episodes << " of " << episodes_ << " episodes, " << check.steps
              << " steps, " << check.differences << " differences" << std::flush;
  }

 private:
  std::size_t episodes_;
  bool shown_;
  bool written_ = false;
  std::chrono::steady_clock::time_point next_ =
      std::chrono::steady_clock::now() + std::chrono::seconds(1);
};

/// Returns whether nothing differs.
bool verify(const RolloutReader& reader, std::span<const std::uint64_t> chosen,
            const fs::path& file, int threads, bool json) {
  const std::string note =
      origin_difference(reader.header(), *logged_environment(reader.header(), file.string()));
  if (!note.empty()) std::cerr << "costate replay: " << file.string() << ": " << note << std::endl;
  ThreadPool pool(threads);
  const StopSignals signals;
  ReplayCheck check;
  {
    CheckProgress progress(chosen.size());
    check = check_replay(reader, chosen, file.string(), pool, [&](const ReplayCheck& so_far) {
      progress.update(so_far);
      return !signals.arrived();
    });
  }
  if (json) {
    std::cout << to_json(check, file).dump() << '\n';
  } else {
    std::cout << file.string() << ": " << check.episodes << " episodes, " << check.steps
              << " steps replayed, " << check.differences << " differences" << std::endl;
  }
  if (check.first) {
    std::cerr << "costate replay: " << file.string() << ": first difference in "
              << to_string(*check.first) << '\n';
  }
  if (check.stopped) {
    throw Error(file.string() + ": stopped by a signal after " + std::to_string(check.episodes) +
                " of " + std::to_string(chosen.size()) + " episodes");
  }
  return !check.first;
}

/// Throws Error where the run's configuration is not the one under which its file was logged.
void check_same_config(const fs::path& run, const RolloutHeader& header) {
  RunConfig present = read_run_config(run);
  const auto logged_text = header.attributes.find("config");
  // A student's file is its teacher's.
  if (!present.interacts() || logged_text == header.attributes.end()) return;
  RunConfig logged = parse_config(logged_text->second, run_folder::rollouts(run).string());
  logged.steps = present.steps;
  if (const auto lines = first_difference(present, logged)) {
    throw Error(run_folder::config(run).string() + " has " + lines->first + ", but " +
                run_folder::rollouts(run).string() + " was logged with " + lines->second);
  }
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
  if (file.empty()) check_same_config(folder, reader.header());
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
