// One cell of a study: a training run, then its evaluation, whose result stands beside the run as
// result.json. A cell with a result is done; one without goes on from its checkpoint, and ends in
// the same bytes as one that was never stopped.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agents/action_statistics.h"
#include "runners/study_plan.h"

namespace costate {

/// The episodes of one way to act.
struct CellEvaluation {
  std::vector<double> values;               ///< of each of measures_of(experiment); may be NaN
  std::vector<double> returns;              ///< of each start
  std::vector<ActionHistogram> histograms;  ///< of each dimension; none for discrete actions
};

struct CellResult {
  CellEvaluation mode;     ///< the most probable actions
  CellEvaluation sampled;  ///< sampled ones
};

/// Trains the cell, or resumes its training, evaluates it both ways and writes its result. False
/// where a signal ended the training early, after its checkpoint. Throws Error where the folder
/// holds a run of another configuration, or the cell's teacher is not done.
bool run_cell(const StudyCell& cell);

/// The cell's result, if it is done. Throws Error that names the file where it cannot be read or
/// was made with another configuration.
std::optional<CellResult> read_result(const StudyCell& cell);

}  // namespace costate
