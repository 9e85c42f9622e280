// The thread pool: every piece once, exceptions in order, no job lost under load.
#include "envs/thread_pool.h"

#include <catch2/catch.hpp>
#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

#include "envs/error.h"

namespace costate {
namespace {

TEST_CASE("Every piece runs exactly once") {
  for (const int threads : {1, 2, 7}) {
    ThreadPool pool(threads);
    CHECK(pool.threads() == threads);
    for (const int count : {0, 1, 2, 5, 1000}) {
      std::vector<int> calls(static_cast<std::size_t>(count), 0);
      pool.parallel_for(count, [&](int i) { ++calls[static_cast<std::size_t>(i)]; });
      CHECK(calls == std::vector<int>(calls.size(), 1));
    }
  }
}

TEST_CASE("Many small jobs in a row lose no piece and see each other's results") {
  ThreadPool pool(4);
  constexpr int kPieces = 8;
  std::vector<std::int64_t> sums(kPieces, 0);
  for (int job = 0; job < 20'000; ++job) {
    pool.parallel_for(kPieces, [&](int i) { sums[static_cast<std::size_t>(i)] += job; });
  }
  CHECK(sums == std::vector<std::int64_t>(kPieces, 199'990'000));
}

TEST_CASE("Threads that fell asleep wake up") {
  ThreadPool pool(3);
  for (int job = 0; job < 20; ++job) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    std::atomic<int> calls = 0;
    pool.parallel_for(6, [&](int) { ++calls; });
    REQUIRE(calls == 6);
  }
}

TEST_CASE("Pieces run on more than one thread") {
  ThreadPool pool(2);
  // Each of the two pieces waits until the other has begun.
  std::atomic<int> begun = 0;
  pool.parallel_for(2, [&](int) {
    ++begun;
    while (begun < 2) std::this_thread::yield();
  });
  CHECK(begun == 2);
}

TEST_CASE("The exception of the lowest piece comes out, after all pieces ran") {
  for (const int threads : {1, 4}) {
    ThreadPool pool(threads);
    for (int job = 0; job < 100; ++job) {
      std::atomic<int> calls = 0;
      const auto work = [&](int i) {
        ++calls;
        if (i % 3 == 2) throw std::runtime_error("piece " + std::to_string(i));
      };
      CHECK_THROWS_WITH(pool.parallel_for(12, work), "piece 2");
      CHECK(calls == 12);
    }
    pool.parallel_for(3, [](int) {});  // the failure is forgotten
  }
}

TEST_CASE("The number of threads is checked, and 0 takes one per core") {
  CHECK_THROWS_AS(ThreadPool(-1), UsageError);
  CHECK(ThreadPool(0).threads() >= 1);
}

}  // namespace
}  // namespace costate
