#include "runners/process_pool.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <memory>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "envs/error.h"

namespace costate {
namespace {

/// While it lives, the signals that matter here wait until wait() takes them: none can slip in
/// between a look at the children and going to sleep.
class BlockedSignals {
 public:
  BlockedSignals() {
    sigemptyset(&signals_);
    for (const int signal : {SIGCHLD, SIGINT, SIGTERM, SIGUSR1}) sigaddset(&signals_, signal);
    sigprocmask(SIG_BLOCK, &signals_, &old_);
  }
  ~BlockedSignals() { sigprocmask(SIG_SETMASK, &old_, nullptr); }
  BlockedSignals(const BlockedSignals&) = delete;
  BlockedSignals& operator=(const BlockedSignals&) = delete;

  /// The next of the signals; −1 where none comes within a second.
  int wait() const {
    const timespec second{.tv_sec = 1, .tv_nsec = 0};
    return sigtimedwait(&signals_, nullptr, &second);
  }
  /// The mask from before, for a child.
  const sigset_t& old() const { return old_; }

 private:
  sigset_t signals_{};
  sigset_t old_{};
};

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

struct Child {
  pid_t pid = 0;
  std::size_t index = 0;
  File output;
};

std::string reason() {
  return std::strerror(errno);
}

Child start(std::size_t index, const std::vector<std::string>& arguments, const sigset_t& mask) {
  // What comes between fork and exec may only be system calls.
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  File output(std::tmpfile());
  if (!output) throw Error("cannot make a temporary file: " + reason());
  const int descriptor = ::fileno(output.get());
  const pid_t parent = ::getpid();

  const pid_t pid = ::fork();
  if (pid < 0) throw Error("cannot start a process: " + reason());
  if (pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(1);  // it was killed before that took effect
    ::setpgid(0, 0);  // Ctrl-C in a terminal reaches the parent, which passes it on once
    ::sigprocmask(SIG_SETMASK, &mask, nullptr);
    ::dup2(descriptor, STDOUT_FILENO);
    ::dup2(descriptor, STDERR_FILENO);
    ::execv("/proc/self/exe", argv.data());
    ::_exit(127);
  }
  return {pid, index, std::move(output)};
}

std::string read_output(const File& file) {
  std::rewind(file.get());
  std::string text;
  std::array<char, 4096> part;
  while (const auto size = std::fread(part.data(), 1, part.size(), file.get())) {
    text.append(part.data(), size);
  }
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

ProcessOutcome outcome(int status, const File& output) {
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {.succeeded = true, .description = ""};
  std::string text = read_output(output);
  if (WIFSIGNALED(status)) {
    text += (text.empty() ? "" : "\n") + std::string("it was ended by signal ") +
            std::to_string(WTERMSIG(status)) + " (" + ::strsignal(WTERMSIG(status)) + ")";
  } else if (text.empty()) {
    text = "it ended with exit code " + std::to_string(WEXITSTATUS(status));
  }
  return {.succeeded = false, .description = text};
}

}  // namespace

bool run_processes(std::size_t count, int jobs, const ProcessPool& pool) {
  const BlockedSignals signals;
  std::vector<Child> running;
  std::size_t next = 0;
  bool stopped = false;
  for (;;) {
    while (!stopped && next < count && running.size() < static_cast<std::size_t>(jobs)) {
      running.push_back(start(next, pool.arguments(next), signals.old()));
      ++next;
    }
    pool.tick(running.size());
    if (running.empty()) return !stopped;

    const int signal = signals.wait();
    if (signal > 0 && signal != SIGCHLD) {
      stopped = true;
      for (const Child& child : running) ::kill(child.pid, SIGINT);
    }
    std::erase_if(running, [&](const Child& child) {
      int status = 0;
      if (::waitpid(child.pid, &status, WNOHANG) != child.pid) return false;
      pool.ended(child.index, outcome(status, child.output));
      return true;
    });
  }
}

}  // namespace costate
