// The learning-rate rules against their formulas, and what a checkpoint keeps of them.
#include "agents/learning_rate.h"

#include <catch2/catch.hpp>
#include <string_view>

#include "envs/error.h"

namespace costate {
namespace {

TEST_CASE("schedules begin at the initial rate and end where they should") {
  struct Case {
    const char* kind;
    double quarter;  // of the initial rate
    double half;
    double end;
  };
  // cos(π/4) = √½.
  for (const Case c : {Case{"constant", 1.0, 1.0, 1.0}, Case{"linear", 0.75, 0.5, 0.0},
                       Case{"cosine", 0.5 + 0.25 * 1.4142135623730951, 0.5, 0.0}}) {
    const LearningRate rule({.kind = c.kind});
    INFO(c.kind);
    CHECK(rule.at(0.3, 0.0) == 0.3);
    CHECK(rule.at(0.3, 0.25) == Approx(0.3 * c.quarter));
    CHECK(rule.at(0.3, 0.5) == Approx(0.3 * c.half));
    CHECK(rule.at(0.3, 1.0) == Approx(0.3 * c.end).margin(1e-15));
  }
}

TEST_CASE("the KL rule steps by 1.5 outside of [half, twice] the wanted KL, within bounds") {
  LearningRate rule({.kind = "kl", .kl = 0.01});
  for (const double kl : {0.0051, 0.01, 0.0199}) {
    rule.update_kl(kl);
    CHECK(rule.at(3e-4, 0.7) == 3e-4);  // progress does not matter
  }
  rule.update_kl(0.021);
  CHECK(rule.at(3e-4, 0.0) == Approx(2e-4));
  rule.update_kl(0.0049);
  rule.update_kl(0.0049);
  CHECK(rule.at(3e-4, 0.0) == Approx(4.5e-4));
  for (int i = 0; i < 50; ++i) rule.update_kl(1.0);
  CHECK(rule.at(1e-3, 0.0) == Approx(1e-5));
  for (int i = 0; i < 50; ++i) rule.update_kl(0.0);
  CHECK(rule.at(1e-3, 0.0) == Approx(1e-2));

  LearningRate other({.kind = "linear"});
  other.update_kl(1.0);
  CHECK(other.at(1.0, 0.0) == 1.0);
}

TEST_CASE("a checkpoint keeps the rate that the KL rule has come to") {
  const ScheduleConfig config{.kind = "kl"};
  LearningRate rule(config);
  rule.update_kl(1.0);
  Checkpoint checkpoint;
  rule.save(checkpoint, "factor");
  LearningRate restored(config);
  restored.load(checkpoint, "factor");
  CHECK(restored.at(1.0, 0.0) == rule.at(1.0, 0.0));

  Checkpoint empty;
  LearningRate({.kind = "cosine"}).save(empty, "factor");
  CHECK(empty.names().empty());
}

TEST_CASE("only a learner that measures its KL has the rule that needs it") {
  ScheduleConfig config;
  Options with;
  config.describe(with, "a.", true);
  with.set("a.schedule", "kl", "test");
  CHECK(config.kind == "kl");
  Options without;
  config.describe(without, "b.", false);
  CHECK(without.find("b.schedule_kl") == nullptr);
  CHECK_THROWS_WITH(without.set("b.schedule", "kl", "test"),
                    Catch::Contains("b.schedule") && Catch::Contains("constant | linear | cosine"));
}

}  // namespace
}  // namespace costate
