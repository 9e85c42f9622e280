// Spaces: sizes, membership and names.
#include "envs/spec.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <limits>
#include <set>
#include <vector>

#include "envs/env_config.h"
#include "envs/random.h"
#include "envs/registry.h"

namespace costate {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

bool holds(const Space& space, const std::vector<float>& row) {
  return space.contains(row);
}

TEST_CASE("A box holds what lies within its bounds") {
  const Space box = Space::box({-1.0, -kInfinity}, {1.0, 0.1});
  CHECK(box.size() == 2);
  CHECK(box.to_string() == "Box(2)");
  CHECK(holds(box, {1.0f, 0.1f}));  // 0.1f is above the double 0.1
  CHECK(holds(box, {-1.0f, -1e30f}));
  CHECK_FALSE(holds(box, {1.0001f, 0.0f}));
  CHECK_FALSE(holds(box, {0.0f, 0.11f}));
  CHECK_FALSE(holds(box, {kNan, 0.0f}));
  CHECK_FALSE(holds(box, {0.0f}));
  CHECK_FALSE(box.bounded());
  CHECK(Space::box(3, -2.0, 2.0).bounded());

  Space image = Space::box(12, 0.0, 255.0);
  image.shape = {2, 2, 3};
  CHECK(image.size() == 12);
  CHECK(image.to_string() == "Box(2, 2, 3)");
}

TEST_CASE("A discrete space holds its indices") {
  const Space discrete = Space::discrete(4);
  CHECK(discrete.size() == 1);
  CHECK(discrete.to_string() == "Discrete(4)");
  CHECK_FALSE(discrete.bounded());
  CHECK(holds(discrete, {0.0f}));
  CHECK(holds(discrete, {3.0f}));
  for (const float bad : {-1.0f, 4.0f, 1.5f, kNan}) CHECK_FALSE(holds(discrete, {bad}));
}

TEST_CASE("Multi-discrete and multi-binary spaces hold rows of indices") {
  const Space several = Space::multi_discrete({2, 5});
  CHECK(several.size() == 2);
  CHECK(several.to_string() == "MultiDiscrete(2, 5)");
  CHECK(holds(several, {1.0f, 4.0f}));
  CHECK_FALSE(holds(several, {2.0f, 0.0f}));

  const Space switches = Space::multi_binary(3);
  CHECK(switches.size() == 3);
  CHECK(switches.to_string() == "MultiBinary(3)");
  CHECK(holds(switches, {0.0f, 1.0f, 1.0f}));
  CHECK_FALSE(holds(switches, {0.0f, 0.5f, 1.0f}));
  CHECK_FALSE(holds(switches, {0.0f, 2.0f, 1.0f}));
}

TEST_CASE("The nearest name is found, or none") {
  const std::vector<std::string> names = {"CartPole-v1", "Hopper-v5", "Pendulum-v1"};
  CHECK(nearest("cartpole-v1", names) == "CartPole-v1");
  CHECK(nearest("CartPole", names) == "CartPole-v1");
  CHECK(nearest("Hoper-v5", names) == "Hopper-v5");
  CHECK(nearest("Humanoid-v5-of-another-suite", names).empty());
  CHECK(nearest("", names).empty());
  CHECK(nearest("Hopper-v5", {}).empty());
}

TEST_CASE("The registry knows its environments and names the nearest for others") {
  const std::vector<std::string> ids = env_ids();
  CHECK(std::is_sorted(ids.begin(), ids.end()));
  CHECK(std::find(ids.begin(), ids.end(), "CartPole-v1") != ids.end());
  CHECK_THROWS_AS(make_env("CartPole-v7"), UsageError);
  CHECK_THROWS_WITH(make_env("Cartpole-v7"),
                    "unknown environment \"Cartpole-v7\"; did you mean \"CartPole-v1\"?");
  CHECK_THROWS_WITH(make_env("x"), Catch::Contains("`envs list`"));
  CHECK_THROWS_WITH(register_env("CartPole-v1", EnvFactory()),
                    Catch::Contains("registered already"));
}

TEST_CASE("A sample is an element, and every part of the space is drawn") {
  RandomStream random(1);
  const Space box = Space::box({-2.0, 0.0, -std::numeric_limits<double>::infinity()},
                               {3.0, 1.0, std::numeric_limits<double>::infinity()});
  std::vector<float> row(3);
  std::vector<double> low(3, 10.0);
  std::vector<double> high(3, -10.0);
  for (int i = 0; i < 2000; ++i) {
    box.sample(random, row);
    REQUIRE(box.contains(row));
    for (std::size_t k = 0; k < 3; ++k) {
      low[k] = std::min(low[k], static_cast<double>(row[k]));
      high[k] = std::max(high[k], static_cast<double>(row[k]));
    }
  }
  // The chance that 2000 uniform numbers all miss the last hundredth of a side is 2e-9.
  const std::vector<double> from = {-2.0, 0.0, -1.0};
  const std::vector<double> to = {3.0, 1.0, 1.0};
  for (std::size_t k = 0; k < 3; ++k) {
    const double share = 0.01 * (to[k] - from[k]);
    CHECK(low[k] >= from[k]);
    CHECK(low[k] < from[k] + share);
    CHECK(high[k] <= to[k]);
    CHECK(high[k] > to[k] - share);
  }
  for (const Space& space :
       {Space::discrete(3), Space::multi_discrete({2, 5}), Space::multi_binary(2)}) {
    std::vector<float> indices(static_cast<std::size_t>(space.size()));
    std::set<std::vector<float>> seen;
    for (int i = 0; i < 500; ++i) {
      space.sample(random, indices);
      REQUIRE(space.contains(indices));
      seen.insert(indices);
    }
    std::size_t all = 1;
    for (std::size_t i = 0; i < indices.size(); ++i) {
      all *= static_cast<std::size_t>(space.count(i));
    }
    CHECK(seen.size() == all);
  }
}

}  // namespace
}  // namespace costate
