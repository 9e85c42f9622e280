#include "backends/math_threads.h"

#include <cblas.h>

namespace costate {

void use_single_threaded_math() {
  openblas_set_num_threads(1);
}

}  // namespace costate
