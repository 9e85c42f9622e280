// Keeps the matrix library to the calling thread.
#pragma once

namespace costate {

/// Tells OpenBLAS to use one thread. The suite does its own threading in fixed pieces, so that
/// results do not depend on the number of threads; a library that splits a product over the cores
/// would break that, and spin against our own threads. Call it first in main. LibTorch and OpenMP
/// are told the same when they are loaded (backends/torch_plugin.h).
void use_single_threaded_math();

}  // namespace costate
