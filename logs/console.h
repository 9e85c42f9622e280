// What a person sees of a run: log lines on the console and in log.txt (spdlog), and one progress
// line on the terminal.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

namespace spdlog {
class logger;
}

namespace costate {

struct ConsoleOptions {
  bool to_stderr = false;  ///< with --json, standard output belongs to the JSON object
  bool quiet = false;      ///< only warnings and errors, no progress line
  /// Appends every line, with its time, to this file too.
  std::optional<std::filesystem::path> log_file = {};
};

/// The console of a process. Thread-safe. Lines of level info are printed as they are, others after
/// "warning: " or "error: " and always to standard error.
class Console {
 public:
  /// Throws Error where the log file cannot be opened. A log file that fails later only warns,
  /// once: a run does not end for its log.
  explicit Console(ConsoleOptions options = {});
  ~Console();
  Console(const Console&) = delete;
  Console& operator=(const Console&) = delete;

  void info(const std::string& line);
  void warn(const std::string& line);
  void error(const std::string& line);

  /// For formatted lines: include <spdlog/logger.h> and call logger().info("{} steps", n).
  spdlog::logger& logger();

  /// The line at the bottom of the terminal, on standard error, below all log lines. Nothing
  /// happens where that is not a terminal or the console is quiet. "" removes it.
  void set_status(const std::string& text);
  bool shows_status() const;

 private:
  class Sink;
  std::shared_ptr<Sink> sink_;
  std::unique_ptr<spdlog::logger> logger_;
};

/// "0:47" or "1:02:03".
std::string format_duration(double seconds);

/// How far a run is. NaN in `return_mean`: no episode has ended yet.
struct Progress {
  std::int64_t step = 0;
  std::int64_t total = 0;
  double steps_per_second = 0.0;
  double return_mean = 0.0;  ///< of the last 100 episodes
};

/// " 42%  420k/1M steps  12.3k steps/s  ETA 0:47  return 123.4"
std::string format_progress(const Progress& progress);

/// Shows Progress: one line rewritten in place on a terminal, a few times a second. Elsewhere it is
/// silent.
class ProgressLine {
 public:
  explicit ProgressLine(Console& console);
  ~ProgressLine();  ///< removes the line
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  /// Cheap to call often.
  void update(const Progress& progress);

 private:
  Console& console_;
  std::optional<std::chrono::steady_clock::time_point> last_;
};

}  // namespace costate
