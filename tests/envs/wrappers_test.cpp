// TimeLimit: truncation at exactly the limit, with the step count in the saved state.
#include <array>
#include <catch2/catch.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "envs/env_config.h"
#include "envs/wrappers/time_limit.h"

namespace costate {
namespace {

TEST_CASE("The time limit truncates at exactly its step, also after a restore") {
  const std::vector<float> coast = {1.0f};
  std::vector<double> observation(2);
  auto env = make_env("MountainCar-v0");
  const int limit = env->spec().time_limit;
  REQUIRE(limit == 200);

  std::vector<std::byte> bytes;
  for (int episode = 0; episode < 2; ++episode) {
    env->reset(1, observation);
    for (int step = 1; step <= limit; ++step) {
      const StepResult result = env->step(coast, observation);
      REQUIRE_FALSE(result.terminated);
      REQUIRE(result.truncated == (step == limit));
      if (episode == 0 && step == 150) {
        StateWriter writer(bytes);
        env->save_state(writer);
      }
    }
    CHECK(env->step(coast, observation).truncated);  // and stays so until the reset
  }

  auto restored = make_env("MountainCar-v0");
  StateReader reader(bytes);
  restored->restore_state(reader);
  for (int step = 151; step <= limit; ++step) {
    REQUIRE(restored->step(coast, observation).truncated == (step == limit));
  }
  restored->reset_to(std::nullopt, observation);
  CHECK_FALSE(restored->step(coast, observation).truncated);
}

TEST_CASE("An environment can terminate on the step that reaches the limit") {
  auto env = make_env("MountainCar-v0");
  std::vector<double> observation(2);
  env->reset(1, observation);
  const std::vector<float> left = {0.0f};
  const std::vector<float> right = {2.0f};
  for (int step = 1; step < 200; ++step) env->step(left, observation);
  // Keep the step count, but stand just before the goal.
  std::vector<std::byte> bytes;
  StateWriter writer(bytes);
  env->save_state(writer);
  StateReader reader(bytes);
  const auto steps = reader.read<std::int64_t>();
  CHECK(steps == 199);
  std::vector<std::byte> moved;
  StateWriter moved_writer(moved);
  moved_writer.write(steps);
  moved_writer.write(std::array<double, 2>{0.49, 0.05});
  StateReader moved_reader(moved);
  env->restore_state(moved_reader);
  const StepResult result = env->step(right, observation);
  CHECK(result.terminated);
  CHECK(result.truncated);
}

}  // namespace
}  // namespace costate
