// AsyncVectorEnv against environments that are stepped one by one.
#include "envs/async_vector_env.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <vector>

#include "envs/random.h"

namespace costate {
namespace {

/// The action of environment i in its k-th step, the same in whatever order they come.
float action_of(int i, int k) {
  RandomStream random(derive_key({static_cast<std::uint64_t>(i), static_cast<std::uint64_t>(k)}));
  return static_cast<float>(random.uniform(-1.0, 1.0));
}

TEST_CASE("Whatever comes back first, each environment goes its own way") {
  constexpr int kCount = 7;
  constexpr int kSteps = 300;  // past the 200 of an episode
  ThreadPool pool(1);
  VectorEnv expected("Pendulum-v1", kCount, 5, pool);
  expected.reset();
  std::vector<std::vector<float>> rows(kSteps + 1);
  rows[0].assign(expected.observations().begin(), expected.observations().end());
  for (int k = 0; k < kSteps; ++k) {
    std::vector<float> actions;
    for (int i = 0; i < kCount; ++i) actions.push_back(action_of(i, k));
    expected.step(actions);
    rows[static_cast<std::size_t>(k) + 1].assign(expected.observations().begin(),
                                                 expected.observations().end());
  }

  for (const int threads : {1, 2, 4}) {
    for (const int batch : {1, 3, kCount}) {
      AsyncVectorEnv envs("Pendulum-v1", kCount, batch, 5, threads);
      envs.reset();
      std::vector<int> steps(kCount, 0);
      int different = 0;
      while (*std::ranges::min_element(steps) < kSteps) {
        const auto ids = envs.recv();
        REQUIRE(ids.size() == static_cast<std::size_t>(batch));
        std::vector<float> actions;
        for (const int id : ids) {
          const auto i = static_cast<std::size_t>(id);
          if (steps[i] <= kSteps) {
            const auto row = envs.results().observations().subspan(3 * i, 3);
            different += !std::equal(row.begin(), row.end(),
                                     rows[static_cast<std::size_t>(steps[i])].begin() +
                                         static_cast<std::ptrdiff_t>(3 * i));
          }
          actions.push_back(action_of(id, steps[i]++));
        }
        envs.send(ids, actions);
      }
      CHECK(different == 0);
    }
  }
}

TEST_CASE("What a step throws comes out of recv") {
  AsyncVectorEnv envs("Pendulum-v1", 4, 2, 1, 2);
  envs.reset();
  const auto ids = envs.recv();
  const std::vector<float> actions = {0.0f, std::numeric_limits<float>::quiet_NaN()};
  envs.send(ids, actions);
  envs.recv();  // the other two, which were ready already
  CHECK_THROWS_AS(envs.recv(), Error);
  CHECK_THROWS_AS(AsyncVectorEnv("Pendulum-v1", 4, 5, 1, 1), UsageError);
  CHECK_THROWS_AS(AsyncVectorEnv("Pendulum-v1", 4, 0, 1, 1), UsageError);
}

TEST_CASE("Next-step autoreset shows the last observation, then ignores one action") {
  ThreadPool pool(1);
  VectorEnv same("Pendulum-v1", 2, 3, pool);
  VectorEnv next("Pendulum-v1", 2, 3, pool, Autoreset::kNextStep);
  CHECK(same.autoreset() == Autoreset::kSameStep);
  same.reset();
  next.reset();
  const std::vector<float> actions = {0.5f, -0.5f};
  const auto copy = [](std::span<const float> row) {
    return std::vector<float>(row.begin(), row.end());
  };
  for (int k = 1; k < 200; ++k) {
    same.step(actions);
    next.step(actions);
    REQUIRE(copy(same.observations()) == copy(next.observations()));
  }
  same.step(actions);
  next.step(actions);
  CHECK(same.truncated()[0]);
  CHECK(next.truncated()[0]);
  CHECK(copy(next.observations()) == copy(same.final_observations()));
  CHECK(copy(next.final_observations()) == copy(same.final_observations()));
  CHECK(next.rewards()[1] == same.rewards()[1]);

  // In between, the pending reset survives saving and restoring.
  VectorEnv restored("Pendulum-v1", 2, 3, pool, Autoreset::kNextStep);
  for (int i = 0; i < 2; ++i) {
    std::vector<std::byte> bytes;
    StateWriter writer(bytes);
    next.save_state(i, writer);
    StateReader reader(bytes);
    restored.restore_state(i, reader);
  }
  for (VectorEnv* envs : {&next, &restored}) {
    envs->step(actions);
    CHECK(copy(envs->observations()) == copy(same.observations()));
    CHECK(envs->rewards()[0] == 0.0);
    CHECK_FALSE(envs->truncated()[0]);
    CHECK(envs->episode(0) == 2);
  }
  same.step(actions);
  next.step(actions);
  CHECK(copy(same.observations()) == copy(next.observations()));
}

}  // namespace
}  // namespace costate
