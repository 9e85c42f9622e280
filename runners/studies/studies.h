// The studies that `costate study` knows, one folder each.
#pragma once

#include <vector>

#include "runners/study_plan.h"

namespace costate {

/// "Is Bang-Bang Control All You Need?" (bang_bang/).
Study bang_bang_study();

/// All of them.
inline std::vector<Study> all_studies() {
  return {bang_bang_study()};
}

}  // namespace costate
