#include "logs/console.h"

#include <array>
#include <cmath>
#include <cstdio>
#include <fcntl.h>
#include <mutex>
#include <spdlog/logger.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <string_view>
#include <sys/ioctl.h>
#include <unistd.h>
#include <utility>

#include "logs/atomic_file.h"

namespace costate {
namespace {

constexpr auto kRedrawInterval = std::chrono::milliseconds(100);

std::string format(const char* pattern, double value) {
  std::array<char, 64> text;
  std::snprintf(text.data(), text.size(), pattern, value);
  return text.data();
}

// Three significant digits with k or M: 999, 12.3k, 1M.
std::string short_count(double value) {
  const char* suffix = "";
  if (value >= 999.5e3) {
    value /= 1e6;
    suffix = "M";
  } else if (value >= 999.5) {
    value /= 1e3;
    suffix = "k";
  }
  // %.3g would turn 1234 M into 1.23e+03.
  return format(value >= 999.5 ? "%.0f" : "%.3g", value) + suffix;
}

}  // namespace

// Prints log lines above the status line, which it takes away before and draws again after them.
class Console::Sink : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit Sink(const ConsoleOptions& options)
      : to_stderr_(options.to_stderr),
        shows_status_(!options.quiet && ::isatty(STDERR_FILENO) == 1) {}
  ~Sink() override { set_status(""); }

  bool shows_status() const { return shows_status_; }

  void set_status(const std::string& text) {
    if (!shows_status_) return;
    const std::lock_guard lock(mutex_);
    if (text.empty() && status_.empty()) return;
    status_ = text;
    draw_status();
  }

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    const bool is_info = message.level <= spdlog::level::info;
    std::string line;
    if (!is_info) line = message.level == spdlog::level::warn ? "warning: " : "error: ";
    line.append(message.payload.data(), message.payload.size());
    line += '\n';
    if (!status_.empty()) std::fputs("\r\033[K", stderr);
    std::FILE* out = is_info && !to_stderr_ ? stdout : stderr;
    std::fwrite(line.data(), 1, line.size(), out);
    std::fflush(out);
    if (!status_.empty()) draw_status();
  }
  void flush_() override { std::fflush(stdout); }

 private:
  void draw_status() {
    // A line longer than the terminal is wide would wrap, and only its last row be rewritten.
    winsize window{};
    std::string_view shown = status_;
    if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 1) {
      shown = shown.substr(0, window.ws_col - 1u);
    }
    std::fprintf(stderr, "\r%.*s\033[K", static_cast<int>(shown.size()), shown.data());
    std::fflush(stderr);
  }

  bool to_stderr_;
  bool shows_status_;
  std::string status_;
};

Console::Console(ConsoleOptions options) : sink_(std::make_shared<Sink>(options)) {
  logger_ = std::make_unique<spdlog::logger>("costate", sink_);
  sink_->set_level(options.quiet ? spdlog::level::warn : spdlog::level::info);
  if (options.log_file) {
    // spdlog would word a failure its own way.
    { const FileDescriptor probe(*options.log_file, O_WRONLY | O_CREAT | O_APPEND, "write"); }
    auto file = std::make_shared<spdlog::sinks::basic_file_sink_mt>(options.log_file->string());
    file->set_pattern("%Y-%m-%d %H:%M:%S %l: %v");
    logger_->sinks().push_back(std::move(file));
  }
  logger_->flush_on(spdlog::level::info);
  logger_->set_error_handler([warned = false](const std::string& reason) mutable {
    if (!std::exchange(warned, true)) {
      std::fprintf(stderr, "warning: cannot write the log file: %s\n", reason.c_str());
    }
  });
}

Console::~Console() = default;

void Console::info(const std::string& line) {
  logger_->info(spdlog::string_view_t(line));
}
void Console::warn(const std::string& line) {
  logger_->warn(spdlog::string_view_t(line));
}
void Console::error(const std::string& line) {
  logger_->error(spdlog::string_view_t(line));
}
spdlog::logger& Console::logger() {
  return *logger_;
}
void Console::set_status(const std::string& text) {
  sink_->set_status(text);
}
bool Console::shows_status() const {
  return sink_->shows_status();
}

std::string format_duration(double seconds) {
  const auto whole = std::llround(seconds);
  std::array<char, 64> text;
  if (whole >= 3600) {
    std::snprintf(text.data(), text.size(), "%lld:%02lld:%02lld", whole / 3600, whole / 60 % 60,
                  whole % 60);
  } else {
    std::snprintf(text.data(), text.size(), "%lld:%02lld", whole / 60, whole % 60);
  }
  return text.data();
}

std::string format_progress(const Progress& progress) {
  const auto step = static_cast<double>(progress.step);
  const auto total = static_cast<double>(progress.total);
  std::string line = format("%3.0f%%", total > 0 ? std::floor(100 * step / total) : 100.0);
  line += "  " + short_count(step) + "/" + short_count(total) + " steps";
  line += "  " + short_count(progress.steps_per_second) + " steps/s";
  if (progress.steps_per_second > 0) {
    line += "  ETA " + format_duration((total - step) / progress.steps_per_second);
  }
  if (!std::isnan(progress.return_mean)) line += format("  return %.1f", progress.return_mean);
  return line;
}

ProgressLine::ProgressLine(Console& console) : console_(console) {}

ProgressLine::~ProgressLine() {
  console_.set_status("");
}

void ProgressLine::update(const Progress& progress) {
  if (!console_.shows_status()) return;
  const auto now = std::chrono::steady_clock::now();
  if (last_ && now - *last_ < kRedrawInterval) return;
  last_ = now;
  console_.set_status(format_progress(progress));
}

}  // namespace costate
