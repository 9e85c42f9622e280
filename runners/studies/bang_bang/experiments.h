// The experiments of the bang-bang study that have a file of their own.
#pragma once

#include "runners/study_plan.h"

namespace costate {

/// Every head under every learner, over tasks of three families.
StudyExperiment learners_and_heads();
/// Students of several heads that imitate one teacher.
StudyExperiment distillation();

}  // namespace costate
