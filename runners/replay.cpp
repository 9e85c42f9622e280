// `costate replay`: lists the logged episodes of a run, or simulates them anew and checks every
// bit, or shows them.
#include <chrono>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <unistd.h>
#include <vector>

#include "backends/math_threads.h"
#include "envs/wrappers/wrap.h"
#include "logs/atomic_file.h"
#include "logs/rollout_file.h"
#include "logs/run_folder.h"
#include "runners/episode_selection.h"
#include "runners/live_rollouts.h"
#include "runners/main.h"
#include "runners/replay_check.h"
#include "runners/replay_page.h"
#include "runners/replay_video.h"
#include "runners/rollout_header.h"
#include "runners/rollout_source.h"
#include "runners/run_config.h"
#include "runners/stop_signals.h"
#include "runners/text_table.h"

namespace costate {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

void list_episodes(const RolloutReader& reader, std::span<const std::uint64_t> chosen,
                   const fs::path& file, bool json) {
  Json list = Json::array();
  std::vector<std::vector<std::string>> rows = {
      {"index", "env", "episode", "length", "return", "ending", "first row", "last step"}};
  for (const std::uint64_t i : chosen) {
    const EpisodeEntry& e = reader.entries()[i];
    const char* ending = ending_name(reader.ending(i));
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

/// Returns whether it was made: not where Ctrl-C ended it.
bool make_video(const RolloutReader& reader, std::uint64_t episode, const fs::path& file,
                const RenderOptions& options, const std::string& video) {
  const StopSignals signals;
  const bool shown = isatty(STDERR_FILENO) != 0;
  const std::uint64_t length = reader.length(episode);
  const bool made = write_video(reader, episode, file, options, video, [&](std::uint64_t step) {
    if (shown) std::cerr << "\r" << video << ": step " << step << " of " << length << std::flush;
    return !signals.arrived();
  });
  if (shown) std::cerr << "\r\x1b[K";
  if (!made) std::cerr << "costate replay: stopped; " << video << " was not written\n";
  return made;
}

struct Opened {
  fs::path path;
  RolloutReader reader;
};

/// The one episode that a picture or a video is of.
std::uint64_t only_one(const EpisodeSelection& selection, const Opened& opened,
                       const std::string& flag) {
  const auto chosen = selection.choose_few(opened.reader, opened.path.string());
  if (chosen.size() == 1) return chosen.front();
  throw UsageError(flag + " shows one episode, " + std::to_string(chosen.size()) + " are chosen");
}

void make_page(const EpisodeSelection& selection, const std::vector<Opened>& files,
               const std::string& html) {
  constexpr std::size_t kMost = 8;
  std::vector<Json> episodes;
  for (const Opened& opened : files) {
    for (const std::uint64_t i : selection.choose_few(opened.reader, opened.path.string())) {
      if (episodes.size() == kMost) {
        throw UsageError("--html shows at most " + std::to_string(kMost) +
                         " episodes, more are chosen");
      }
      episodes.push_back(replayed_episode(opened.reader, i, opened.path));
    }
  }
  replace_file(html, replay_page(episodes));
}

int run(int argc, char** argv) {
  CLI::App app(
      "Lists the logged episodes of a run; or, simulating them anew, checks that every bit is the "
      "same (--verify) or shows them (--html, --video, --png). What shows takes the best episode "
      "where none is named. --policy makes the episodes first.",
      "costate replay");
  std::vector<std::string> named;
  int threads = 0;
  bool verify_too = false;
  bool json = false;
  std::string html;
  std::string video;
  std::string png;
  std::string size = "640x480";
  RenderOptions picture;
  std::optional<std::uint64_t> step;
  std::string policy;
  std::string live_file;
  RecordingOptions live;
  app.add_option("RUN", named,
                 "Run folder, whose rollouts.h5 is read, or rollout file; several of them for "
                 "--html, which shows them side by side")
      ->type_name("RUN|FILE.h5 ...");
  CLI::Option* policy_option =
      app.add_option("--policy", policy,
                     "In place of RUN: roll out the newest policy of this run, or that of a "
                     "checkpoint, into a rollout file, and go on with that file")
          ->type_name("RUN|CHECKPOINT.h5");
  app.add_option("--episodes", live.episodes, "How many episodes --policy rolls out")
      ->type_name("N")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str()
      ->needs(policy_option);
  app.add_option("--mode", live.actions,
                 "How --policy acts: mode, the most probable action, or sample")
      ->type_name("MODE")
      ->check(CLI::IsMember({"mode", "sample"}))
      ->capture_default_str()
      ->needs(policy_option);
  app.add_option("--seed", live.seed, "Seed of the episodes of --policy, as in evaluate")
      ->type_name("N")
      ->capture_default_str()
      ->needs(policy_option);
  app.add_option("--out", live_file,
                 "The file of --policy, which takes the place of an earlier one; otherwise "
                 "RUN/live.h5, or CHECKPOINT-live.h5 beside a checkpoint")
      ->type_name("FILE.h5")
      ->needs(policy_option);
  app.add_flag("--verify", verify_too,
               "Simulate the episodes anew; name the first difference and exit with 1");
  app.add_option("--html", html,
                 "Write a page that plays the episodes, up to 8 side by side: scene, rewards, "
                 "values, actions and distributions")
      ->type_name("FILE.html");
  app.add_option("--video", video, "Write a video of an episode: .mp4, .webm or .gif")
      ->type_name("FILE");
  app.add_option("--png", png, "Write a picture of a step of an episode")->type_name("FILE.png");
  app.add_option("--step", step, "The step of --png, from 0; the middle of the episode otherwise")
      ->type_name("K");
  app.add_option("--size", size, "Width and height in pixels of --video and --png")
      ->type_name("WxH")
      ->capture_default_str();
  app.add_option("--camera", picture.camera,
                 "Camera of the MuJoCo model for --video and --png; empty: one that shows the task")
      ->type_name("NAME");
  app.add_option("--threads", threads, "Worker threads of --verify and --policy; 0: one per core")
      ->type_name("N")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  app.add_flag("--json", json, "Print one JSON object, of the list or of --verify");
  const EpisodeSelection selection(app);
  if (!parse_command_line(app, argc, argv)) return 0;
  const RenderOptions sized = parse_picture_size(size, "--size");
  picture.width = sized.width;
  picture.height = sized.height;
  if (named.empty() == policy.empty()) {
    throw UsageError(
        "give a run folder, a rollout file or --policy, and only one kind of these (see `costate "
        "replay --help`)");
  }
  if (!policy.empty()) {
    use_single_threaded_math();
    if (live_file.empty()) live_file = live_rollouts_path(policy).string();
    ThreadPool pool(threads);
    write_live_rollouts(policy, live, live_file, pool);
    named = {live_file};
  }
  if (named.size() > 1 && (html.empty() || verify_too || !video.empty() || !png.empty())) {
    throw UsageError("\"" + named[1] + "\": only --html takes more than one run or file");
  }

  std::vector<Opened> files;
  for (const std::string& name : named) {
    const fs::path path = rollout_path(name);
    files.push_back({path, RolloutReader(path)});
    if (policy.empty() && path != name) check_same_config(name, files.back().reader.header());
  }
  const auto& [path, reader] = files.front();
  if (!html.empty()) make_page(selection, files, html);
  if (!png.empty()) {
    write_frame(reader, only_one(selection, files.front(), "--png"), path, picture, step, png);
  }
  if (!video.empty() &&
      !make_video(reader, only_one(selection, files.front(), "--video"), path, picture, video)) {
    return 1;
  }
  const bool shown = !html.empty() || !png.empty() || !video.empty();
  if (verify_too) {
    const auto chosen = selection.choose(reader, path.string());
    return verify(reader, chosen, path, threads, json) ? 0 : 1;
  }
  if (!shown) list_episodes(reader, selection.choose(reader, path.string()), path, json);
  return 0;
}

}  // namespace
}  // namespace costate

int main(int argc, char** argv) {
  return costate::run_main("replay", [&] { return costate::run(argc, argv); });
}
