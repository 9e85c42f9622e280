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

/// A learner alternates collect (interaction) and update (learning) until done().
class Learner {
 public:
  virtual ~Learner() = default;

  /// Sees to it that there is a rollout to learn from.
  virtual void collect() = 0;
  /// Learns from that rollout. Returns named measurements, always the same names in the same order,
  /// which stay valid until the next call.
  virtual const MetricValues& update() = 0;
  /// Whether the last update() has new measurements: a learner of many small updates sums them up.
  virtual bool reports() const { return true; }

  /// What takes the learner's environment steps; null for one that learns from the steps of others.
  virtual Runtime* runtime() = 0;
  /// Environment steps that have been learned from. A learner that collects ahead has taken more.
  virtual std::int64_t steps() const = 0;
  virtual bool done() const = 0;

  /// Everything that a bit-exact continuation needs; load() expects a learner made with the same
  /// configuration.
  virtual void save(Checkpoint& checkpoint) const = 0;
  virtual void load(const Checkpoint& checkpoint) = 0;
};

}  // namespace costate
