// `envs check` passes the suite's environments and catches each kind of broken one.
#include "runners/envs_check.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "envs/env_config.h"

using namespace costate;

namespace {

enum class Fault {
  kNone,
  kUnwrittenObservation,
  kOutsideSpace,
  kGlobalState,
  kIncompleteSave,
  kApproximateStart,
  kEarlyTruncation,
  kExtremeActionsGiveNan,
};

int global_counter = 0;

/// A point pushed along a line, with a fault.
class Point final : public Env {
 public:
  explicit Point(Fault fault) : fault_(fault) {
    spec_.id = "Point";
    spec_.family = "test";
    spec_.summary = "a point";
    spec_.observation = Space::box(2, -100.0, 100.0);
    spec_.action = Space::box(1, -1.0, 1.0);
    spec_.time_limit = 20;
    spec_.reward = "position";
    spec_.termination = "never";
  }

  const EnvSpec& spec() const override { return spec_; }

  void reset(std::uint64_t seed, std::span<double> observation) override {
    x_ = static_cast<double>(seed % 7) / 7.0;
    v_ = 0.0;
    steps_ = 0;
    observe(observation);
  }

  StepResult step(std::span<const float> action, std::span<double> observation) override {
    v_ = 0.9 * v_ + 0.1 * std::clamp(action[0], -1.0f, 1.0f);
    x_ = 0.9 * x_ + 0.1 * v_;
    ++steps_;
    if (fault_ == Fault::kGlobalState) x_ += 1e-12 * ++global_counter;
    if (fault_ == Fault::kExtremeActionsGiveNan && action[0] > 1.0f) {
      v_ = std::numeric_limits<double>::quiet_NaN();
    }
    observe(observation);
    return {.reward = x_, .terminated = false, .truncated = steps_ >= limit()};
  }

  void save_state(StateWriter& writer) const override {
    writer.write(x_);
    if (fault_ != Fault::kIncompleteSave) writer.write(v_);
    writer.write(steps_);
  }
  void restore_state(StateReader& reader) override {
    x_ = reader.read<double>();
    if (fault_ != Fault::kIncompleteSave) v_ = reader.read<double>();
    steps_ = reader.read<int>();
  }

  PhysicalState physical_state() const override { return {{}, {}, {x_, v_}}; }

  void reset_to(const std::optional<PhysicalState>& start, std::span<double> observation) override {
    x_ = start ? start->state[0] : 0.0;
    v_ = start ? start->state[1] : 0.0;
    if (fault_ == Fault::kApproximateStart) x_ = static_cast<float>(x_);
    steps_ = 0;
    observe(observation);
  }

 private:
  int limit() const { return fault_ == Fault::kEarlyTruncation ? 19 : 20; }
  void observe(std::span<double> observation) const {
    observation[0] = fault_ == Fault::kOutsideSpace ? x_ + 1000.0 : x_;
    if (fault_ != Fault::kUnwrittenObservation) observation[1] = v_;
  }

  Fault fault_;
  EnvSpec spec_;
  double x_ = 0.0;
  double v_ = 0.0;
  int steps_ = 0;
};

/// The names of the checks that fail.
std::vector<std::string> failures(const EnvFactory& make) {
  std::vector<std::string> names;
  for (const CheckResult& result : check_env(make)) {
    if (!result.passed) names.push_back(result.name);
  }
  return names;
}

std::vector<std::string> failures(Fault fault) {
  return failures([fault] { return std::make_unique<Point>(fault); });
}

}  // namespace

TEST_CASE("sound environments pass every check") {
  CHECK(failures(Fault::kNone).empty());
  CHECK(failures([] { return make_env("CartPole-v1"); }).empty());
  CHECK(failures([] { return make_env("InvertedPendulum-v5"); }).empty());
}

TEST_CASE("broken environments fail the check that is about their fault") {
  using Names = std::vector<std::string>;
  using Catch::VectorContains;
  CHECK_THAT(failures(Fault::kUnwrittenObservation), VectorContains(std::string("contract")));
  CHECK_THAT(failures(Fault::kOutsideSpace), VectorContains(std::string("contract")));
  CHECK_THAT(failures(Fault::kGlobalState), VectorContains(std::string("determinism")));
  CHECK(failures(Fault::kIncompleteSave) == Names{"save/restore"});
  CHECK(failures(Fault::kApproximateStart) == Names{"given start"});
  CHECK(failures(Fault::kEarlyTruncation) == Names{"time limit"});
  CHECK(failures(Fault::kExtremeActionsGiveNan) == Names{"actions"});
}
