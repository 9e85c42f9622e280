// What every learner offers to the program that trains it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "agents/runtime.h"
#include "logs/checkpoint_file.h"

namespace costate {

using MetricValues = std::vector<std::pair<std::string, double>>;

/// A learner alternates collect (interaction) and update (no interaction) until steps() has reached
/// the number it was made for.
class Learner {
 public:
  virtual ~Learner() = default;

  /// Interacts with the environments for one rollout.
  virtual void collect() = 0;
  /// Learns from what collect left. Returns named measurements, always the same names in the same
  /// order.
  virtual MetricValues update() = 0;

  virtual Runtime& runtime() = 0;
  virtual bool done() const = 0;

  /// Everything that a bit-exact continuation needs; load() expects a learner made with the same
  /// configuration.
  virtual void save(Checkpoint& checkpoint) const = 0;
  virtual void load(const Checkpoint& checkpoint) = 0;
};

}  // namespace costate
