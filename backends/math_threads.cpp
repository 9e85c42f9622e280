#include "backends/math_threads.h"

#include <ATen/Parallel.h>
#include <cblas.h>

namespace costate {

void use_single_threaded_math() {
  at::set_num_threads(1);
  openblas_set_num_threads(1);  // which at::set_num_threads does not reach
}

}  // namespace costate
