#include "logs/background_thread.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <csignal>
#include <future>
#include <thread>
#include <vector>

#include "envs/error.h"
#include "tests/logs/test_folder.h"

using namespace costate;

TEST_CASE("background jobs are done once each and in order") {
  std::vector<int> done;
  BackgroundThread background(3);
  for (int i = 0; i < 1000; ++i) {
    background.post([&done, i] { done.push_back(i); });
  }
  background.drain();
  REQUIRE(done.size() == 1000);
  for (int i = 0; i < 1000; ++i) REQUIRE(done[i] == i);
  background.drain();  // with nothing to do
  background.check();
}

TEST_CASE("whoever gives background jobs waits where too many are not done") {
  // The jobs are slow, so that without waiting all would be given at once.
  std::atomic<int> given = 0;
  int done = 0;
  int most = 0;
  const auto job = [&] {
    std::this_thread::sleep_for(std::chrono::microseconds(100));
    most = std::max(most, given - done);
    ++done;
  };
  BackgroundThread background(5);
  for (int i = 0; i < 100; ++i) {
    background.post([&] { job(); });
    ++given;
  }
  background.drain();
  REQUIRE(done == 100);
  REQUIRE(most <= 5);

  most = 0;
  for (int i = 0; i < 100; ++i) {
    background.post([&] { job(); }, 2);
    ++given;
  }
  background.drain();
  REQUIRE(done == 200);
  REQUIRE(most <= 2);
}

TEST_CASE("a background job that fails ends the work and is reported to the caller") {
  std::promise<void> gate;
  std::vector<int> done;
  BackgroundThread background(4);
  background.post([&] { gate.get_future().wait(); });
  background.post([&] { done.push_back(1); });
  background.post([] { throw Error("cannot write x: No space left on device"); });
  background.post([&] { done.push_back(3); });
  background.check();  // nothing has failed yet
  gate.set_value();
  const std::string expected = "cannot write x: No space left on device";
  REQUIRE(message_of<Error>([&] { background.drain(); }) == expected);
  REQUIRE(done == std::vector<int>{1});
  REQUIRE(message_of<Error>([&] { background.check(); }) == expected);
  REQUIRE(message_of<Error>([&] { background.post([&] { done.push_back(4); }); }) == expected);
  REQUIRE(done == std::vector<int>{1});
}

TEST_CASE("a failure frees whoever waits for room") {
  BackgroundThread background(1);
  const auto give = [&] {
    for (int i = 0; i < 100; ++i) {
      background.post([i] {
        if (i == 50) throw Error("failed");
      });
    }
    background.drain();
  };
  REQUIRE(message_of<Error>(give) == "failed");
}

TEST_CASE("a background thread that ends does the jobs that are left") {
  int done = 0;
  {
    BackgroundThread background(100);
    for (int i = 0; i < 100; ++i) background.post([&] { ++done; });
  }
  REQUIRE(done == 100);
  {
    BackgroundThread background(100);
    background.post([] { throw Error("nobody asks"); });
    background.post([&] { ++done; });
  }
  REQUIRE(done == 100);
}

TEST_CASE("signals do not interrupt background jobs") {
  const auto blocked = [] {
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    return sigismember(&mask, SIGINT) == 1;
  };
  bool in_background = false;
  BackgroundThread background(1);
  background.post([&] { in_background = blocked(); });
  background.drain();
  REQUIRE(in_background);
  REQUIRE_FALSE(blocked());
}
