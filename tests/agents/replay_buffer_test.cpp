// The replay buffer against a plain list of everything that happened.
#include "agents/replay_buffer.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <map>
#include <vector>

namespace costate {
namespace {

struct Step {
  float observation;
  float action;
  float reward;
  bool terminated;
  bool ended;
  float next;  // the observation that followed
};

/// Fills a buffer with episodes of random lengths; observations are numbered through, so that each
/// names its step. Returns what happened, environment by environment.
std::vector<std::vector<Step>> fill(ReplayBuffer& buffer, int envs, int steps, std::uint64_t seed) {
  RandomStream random(seed);
  std::vector<std::vector<Step>> all(static_cast<std::size_t>(envs));
  std::vector<float> present(static_cast<std::size_t>(envs));
  float number = 0.0f;
  for (float& observation : present) observation = ++number;
  for (int t = 0; t < steps; ++t) {
    for (int env = 0; env < envs; ++env) {
      float& observation = present[static_cast<std::size_t>(env)];
      Step step{observation,
                static_cast<float>(random.uniform()),
                static_cast<float>(random.uniform(-1.0, 1.0)),
                false,
                random.below(6) == 0,
                0.0f};
      step.terminated = step.ended && random.below(2) == 0;
      step.next = ++number;
      buffer.add(env, {&step.observation, 1}, {&step.action, 1}, step.reward, step.terminated);
      if (step.ended) {
        buffer.end_episode(env, {&step.next, 1});
        observation = ++number;
      } else {
        observation = step.next;
      }
      buffer.set_next(env, {&observation, 1});
      all[static_cast<std::size_t>(env)].push_back(step);
    }
  }
  return all;
}

/// Checks the n-step return of a drawn slot against the list.
void check_return(const ReplayBuffer& buffer, std::int64_t slot, int n, double gamma,
                  const std::vector<std::vector<Step>>& all) {
  const float name = buffer.observation(slot)[0];
  for (const auto& steps : all) {
    const auto place = std::ranges::find(steps, name, &Step::observation);
    if (place == steps.end()) continue;
    CHECK(buffer.action(slot)[0] == place->action);
    double reward = 0.0;
    double factor = 1.0;
    float next = 0.0f;
    for (auto step = place; step != steps.end() && step < place + n; ++step) {
      reward += factor * static_cast<double>(step->reward);
      factor *= step->terminated ? 0.0 : gamma;
      next = step->next;
      if (step->ended) break;
    }
    const ReplayBuffer::Return r = buffer.n_step(slot, n, gamma);
    CHECK(r.reward == Approx(reward).margin(1e-6));
    CHECK(r.factor == Approx(factor).margin(1e-6));
    CHECK(buffer.observation(r.last)[0] == next);
    return;
  }
  FAIL("a drawn slot holds " << name << ", which no step began with");
}

TEST_CASE("a replay buffer gives back every step with what followed it") {
  for (const int envs : {1, 3}) {
    for (const int steps : {5, 40, 400}) {  // 400 goes round the ring several times
      ReplayBuffer buffer(300, envs, 1, 1, {});
      const auto all = fill(buffer, envs, steps, 7);
      std::vector<std::int64_t> slots(500);
      std::vector<float> weights(slots.size());
      RandomStream random(8);
      buffer.draw(random, slots, weights);
      for (const std::int64_t slot : slots) {
        for (const int n : {1, 3}) check_return(buffer, slot, n, 0.9, all);
      }
      CHECK(std::ranges::all_of(weights, [](float w) { return w == 1.0f; }));
    }
  }
}

TEST_CASE("uniform draws take every step equally often") {
  ReplayBuffer buffer(64, 2, 1, 1, {});
  fill(buffer, 2, 200, 3);
  std::vector<std::int64_t> slots(100);
  std::vector<float> weights(slots.size());
  RandomStream random(5);
  std::map<std::int64_t, int> counts;
  constexpr int kRounds = 1000;
  for (int i = 0; i < kRounds; ++i) {
    buffer.draw(random, slots, weights);
    for (const std::int64_t slot : slots) ++counts[slot];
  }
  REQUIRE(static_cast<std::int64_t>(counts.size()) == buffer.steps());
  const double expected = 100.0 * kRounds / static_cast<double>(counts.size());
  double chi_square = 0.0;
  for (const auto& [slot, count] : counts) {
    chi_square += (count - expected) * (count - expected) / expected;
  }
  // Normal approximation of the chi-square distribution: five deviations, an error rate of 3e-7.
  const double freedom = static_cast<double>(counts.size()) - 1.0;
  CHECK(chi_square < freedom + 5.0 * std::sqrt(2.0 * freedom));
}

TEST_CASE("prioritised draws follow the priorities, and the weights undo them") {
  PriorityConfig priority{.enabled = true, .exponent = 0.5, .correction = 1.0};
  ReplayBuffer buffer(32, 1, 1, 1, priority);
  fill(buffer, 1, 60, 4);
  // Every step its own error, 1, 2, 3, …
  std::vector<std::int64_t> steps;
  std::vector<std::int64_t> slots(64);
  std::vector<float> weights(slots.size());
  RandomStream random(6);
  while (static_cast<std::int64_t>(steps.size()) < buffer.steps()) {
    buffer.draw(random, slots, weights);
    for (const std::int64_t slot : slots) {
      if (std::ranges::find(steps, slot) == steps.end()) steps.push_back(slot);
    }
  }
  std::vector<float> errors;
  for (std::size_t i = 0; i < steps.size(); ++i) errors.push_back(static_cast<float>(i + 1));
  buffer.set_priorities(steps, errors);
  double total = 0.0;
  for (const float error : errors) total += std::sqrt(static_cast<double>(error));

  std::map<std::int64_t, double> counts;
  constexpr int kRounds = 4000;
  double weighted = 0.0;  // the mean of w·f over draws, over that of w: an unbiased mean of f
  double sum_of_weights = 0.0;
  for (int i = 0; i < kRounds; ++i) {
    buffer.draw(random, slots, weights);
    for (std::size_t k = 0; k < slots.size(); ++k) {
      counts[slots[k]] += 1.0;
      const auto place = std::ranges::find(steps, slots[k]) - steps.begin();
      weighted += static_cast<double>(weights[k]) * static_cast<double>(place);
      sum_of_weights += static_cast<double>(weights[k]);
    }
  }
  const double draws = 64.0 * kRounds;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const double p = std::sqrt(static_cast<double>(i + 1)) / total;
    // Draws in equal parts of the mass vary less than independent ones: six deviations of those.
    CHECK(std::abs(counts[steps[i]] - draws * p) < 6.0 * std::sqrt(draws * p));
  }
  CHECK(weighted / sum_of_weights ==
        Approx((static_cast<double>(steps.size()) - 1.0) / 2.0).epsilon(0.02));
}

TEST_CASE("a replay buffer that is saved and loaded draws and goes on in the same way") {
  for (const bool prioritised : {false, true}) {
    for (const int steps : {10, 100}) {
      PriorityConfig priority;
      priority.enabled = prioritised;
      ReplayBuffer first(64, 2, 1, 1, priority);
      fill(first, 2, steps, 9);
      Checkpoint checkpoint;
      first.save(checkpoint, "replay");
      ReplayBuffer second(64, 2, 1, 1, priority);
      fill(second, 2, 17, 10);  // it has another past
      second.load(checkpoint, "replay");
      for (ReplayBuffer* buffer : {&first, &second}) fill(*buffer, 2, 5, 11);
      std::vector<std::int64_t> slots(50);
      std::vector<std::int64_t> again(50);
      std::vector<float> weights(50);
      std::vector<float> weights_again(50);
      RandomStream random(12);
      RandomStream copy(12);
      for (int i = 0; i < 5; ++i) {
        first.draw(random, slots, weights);
        second.draw(copy, again, weights_again);
        REQUIRE(slots == again);
        REQUIRE(weights == weights_again);
        for (const std::int64_t slot : slots) {
          CHECK(first.n_step(slot, 2, 0.9).reward == second.n_step(slot, 2, 0.9).reward);
          CHECK(first.observation(slot)[0] == second.observation(slot)[0]);
        }
        first.set_priorities(slots, weights);
        second.set_priorities(again, weights);
      }
    }
  }
}

}  // namespace
}  // namespace costate
