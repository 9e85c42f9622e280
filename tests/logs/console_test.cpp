#include "logs/console.h"

#include <array>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdio>
#include <fcntl.h>
#include <unistd.h>

#include "envs/error.h"
#include "logs/atomic_file.h"
#include "tests/logs/test_folder.h"

using namespace costate;

namespace {

// Sends a standard stream to a file while it lives.
class Capture {
 public:
  Capture(int descriptor, const std::filesystem::path& path) : descriptor_(descriptor) {
    std::fflush(nullptr);
    saved_ = ::dup(descriptor);
    const FileDescriptor file(path, O_WRONLY | O_CREAT | O_TRUNC, "write");
    ::dup2(file.get(), descriptor);
  }
  ~Capture() {
    std::fflush(nullptr);
    ::dup2(saved_, descriptor_);
    ::close(saved_);
  }

 private:
  int descriptor_;
  int saved_;
};

struct Output {
  std::string out;
  std::string err;
};

template <class F>
Output output_of(F&& f) {
  const TestFolder folder;
  {
    const Capture out(STDOUT_FILENO, folder / "out");
    const Capture err(STDERR_FILENO, folder / "err");
    f();
  }
  return {read_text_file(folder / "out"), read_text_file(folder / "err")};
}

void say_all(Console& console) {
  console.info("plain {} line");
  console.warn("odd");
  console.error("bad");
}

}  // namespace

TEST_CASE("console lines go where they belong") {
  Output output = output_of([] {
    Console console;
    say_all(console);
  });
  REQUIRE(output.out == "plain {} line\n");
  REQUIRE(output.err == "warning: odd\nerror: bad\n");

  output = output_of([] {
    Console console({.to_stderr = true});
    say_all(console);
  });
  REQUIRE(output.out.empty());
  REQUIRE(output.err == "plain {} line\nwarning: odd\nerror: bad\n");

  output = output_of([] {
    Console console({.quiet = true});
    say_all(console);
  });
  REQUIRE(output.out.empty());
  REQUIRE(output.err == "warning: odd\nerror: bad\n");
}

TEST_CASE("the log file gets every line, quiet or not, and is appended to") {
  const TestFolder folder;
  output_of([&] {
    {
      Console console({.quiet = true, .log_file = folder / "log.txt"});
      say_all(console);
    }
    Console console({.log_file = folder / "log.txt"});
    console.info("again");
  });
  const std::string text = read_text_file(folder / "log.txt");
  REQUIRE_THAT(text, Catch::Contains(" info: plain {} line\n"));
  REQUIRE_THAT(text, Catch::Contains(" warning: odd\n"));
  REQUIRE_THAT(text, Catch::Contains(" error: bad\n"));
  REQUIRE_THAT(text, Catch::EndsWith(" info: again\n"));
  REQUIRE(message_of<Error>([&] { Console console({.log_file = folder / "no/log.txt"}); }) ==
          "cannot write " + (folder / "no/log.txt").string() + ": No such file or directory");
}

TEST_CASE("progress in words") {
  REQUIRE(format_progress({420000, 1000000, 12345.0, 123.42}) ==
          " 42%  420k/1M steps  12.3k steps/s  ETA 0:47  return 123.4");
  REQUIRE(format_progress({0, 500, 0.0, std::nan("")}) == "  0%  0/500 steps  0 steps/s");
  REQUIRE(format_progress({1, 10000000, 100.0, -7.0}) ==
          "  0%  1/10M steps  100 steps/s  ETA 27:46:40  return -7.0");
  REQUIRE(format_progress({1000000, 1000000, 999.6, 0.0}) ==
          "100%  1M/1M steps  1k steps/s  ETA 0:00  return 0.0");
}

TEST_CASE("progress is silent where there is no terminal") {
  const Output output = output_of([] {
    Console console;
    ProgressLine line(console);
    for (int i = 0; i < 100; ++i) line.update({i, 100, 1.0, 0.0});
  });
  REQUIRE(output.out.empty());
  REQUIRE(output.err.empty());
}

TEST_CASE("on a terminal the progress line stays below the log lines and goes at the end") {
  const int terminal = ::posix_openpt(O_RDWR | O_NOCTTY);
  if (terminal < 0) {
    WARN("skipped: this system gives no pseudo-terminal (a chroot without /dev/pts?)");
    return;
  }
  REQUIRE(::grantpt(terminal) == 0);
  REQUIRE(::unlockpt(terminal) == 0);
  const TestFolder folder;
  {
    const Capture out(STDOUT_FILENO, folder / "out");
    const Capture err(STDERR_FILENO, ::ptsname(terminal));
    Console console({.to_stderr = true});
    ProgressLine line(console);
    line.update({1, 2, 1.0, 0.0});
    line.update({2, 2, 1.0, 0.0});  // too soon to be drawn
    console.info("news");
  }
  // What was drawn comes in pieces, then an error, since the other side is closed.
  std::string shown;
  std::array<char, 4096> piece;
  for (ssize_t n = 0; (n = ::read(terminal, piece.data(), piece.size())) > 0;) {
    shown.append(piece.data(), static_cast<std::size_t>(n));
  }
  ::close(terminal);
  const std::string line = " 50%  1/2 steps  1 steps/s  ETA 0:01  return 0.0";
  const std::string clear = "\033[K";
  REQUIRE(shown == "\r" + line + clear + "\r" + clear + "news\r\n\r" + line + clear + "\r" + clear);
}
