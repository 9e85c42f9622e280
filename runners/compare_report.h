// `costate compare`: how groups of trained policies differ, in what they earn, how they act, where
// they go and how they move.
//
// A group is the seeds of one setting. Everything that is computed is in one JSON object, whose
// keys docs/compare.md describes; the tables on the console and the page are made of it.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "envs/thread_pool.h"
#include "policies/distribution.h"
#include "runners/trained_run.h"

namespace costate {

struct CompareGroup {
  std::string label;
  std::vector<TrainedRun> runs;
};

struct CompareOptions {
  std::int64_t episodes = 20;  ///< of each run
  std::uint64_t seed = 0;
  /// On which states actions are compared: "union", half from either side; "own", each side's
  /// measures on its own; or a rollout file, whose observations are taken.
  std::string states = "union";
  double epsilon = 0.01;  ///< of the boundary mass, in units of half the box
  /// Returns that count as 0 and 1 in the optimality gap; unset: a random policy's, and the
  /// environment's threshold where it has one.
  std::optional<std::array<double, 2>> normalize;
  /// Return that counts as learned; unset: nine tenths of the way from the first to the best.
  std::optional<double> threshold;
};

/// Evaluates all runs with sampled actions, every run on the same starts, and compares the groups.
/// `progress` is told what is being done. The result does not depend on the number of threads.
/// Throws UsageError that says what differs where the runs are not all of one environment with the
/// same options, or those of a group not of one policy.
nlohmann::ordered_json compare_groups(
    std::span<const CompareGroup> groups, const CompareOptions& options, ThreadPool& pool,
    const std::function<void(const std::string&)>& progress = [](const std::string&) {});

/// The numbers of a comparison as tables of text, each with its header as first row.
struct ComparisonTables {
  using Table = std::vector<std::vector<std::string>>;

  Table returns;
  Table pairs;
  std::vector<Table> dimensions;  ///< of each pair
  Table actions;
  Table behaviour;
};
ComparisonTables tables(const nlohmann::ordered_json& comparison);

/// What compare_groups gives, for people: on the console, and as a self-contained page.
void print(const nlohmann::ordered_json& comparison, std::ostream& out);
std::string comparison_page(const nlohmann::ordered_json& comparison);

/// Divergences of the actions of two policies in n states, given the parameters [n, P_a] and
/// [n, P_b]: of each dimension the mean over the states ("dimensions"), and of the joint action
/// ("joint"). Numbers that are infinite are null, and "note" says why.
nlohmann::ordered_json action_divergences(const Distribution& a,
                                          std::span<const float> parameters_a,
                                          const Distribution& b,
                                          std::span<const float> parameters_b, ThreadPool& pool);

}  // namespace costate
