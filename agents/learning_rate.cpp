#include "agents/learning_rate.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <numbers>
#include <vector>

namespace costate {
namespace {

// In the order of LearningRate::Kind.
const std::vector<std::string> kKinds = {"constant", "linear", "cosine", "kl"};

}  // namespace

void ScheduleConfig::describe(Options& options, const std::string& prefix, bool measures_kl) {
  std::vector<std::string> kinds = kKinds;
  if (!measures_kl) kinds.pop_back();
  options.add(prefix + "schedule", kind, std::move(kinds),
              std::string("of the learning rate: constant; linear: falls to 0; cosine: falls to 0 "
                          "along half a cosine") +
                  (measures_kl ? "; kl: follows the KL of each update" : ""));
  if (!measures_kl) return;
  options.add(
      prefix + "schedule_kl", kl, Range::above(0),
      "schedule kl: KL(old || new) of an update, above twice which the rate falls and below "
      "half of which it rises");
}

LearningRate::LearningRate(const ScheduleConfig& config) : kl_(config.kl) {
  const auto at = std::ranges::find(kKinds, config.kind);
  assert(at != kKinds.end());
  kind_ = static_cast<Kind>(at - kKinds.begin());
}

double LearningRate::at(double initial, double progress) const {
  switch (kind_) {
    case Kind::kLinear:
      return initial * (1.0 - progress);
    case Kind::kCosine:
      return initial * 0.5 * (1.0 + std::cos(std::numbers::pi * progress));
    default:
      return initial * factor_;
  }
}

void LearningRate::update_kl(double kl) {
  if (kind_ != Kind::kKl) return;
  if (kl > 2.0 * kl_) factor_ = std::max(factor_ / 1.5, 0.01);
  if (kl < 0.5 * kl_) factor_ = std::min(factor_ * 1.5, 10.0);
}

void LearningRate::save(Checkpoint& checkpoint, const std::string& name) const {
  if (kind_ == Kind::kKl) checkpoint.put(name, factor_);
}

void LearningRate::load(const Checkpoint& checkpoint, const std::string& name) {
  if (kind_ == Kind::kKl) factor_ = checkpoint.get<double>(name);
}

}  // namespace costate
