// Keeps the matrix libraries to the calling thread.
#pragma once

namespace costate {

/// Tells LibTorch, OpenMP and OpenBLAS to use one thread each. The suite does its own threading in
/// fixed pieces, so that results do not depend on the number of threads; a library that splits a
/// product over the cores would break that, and spin against our own threads. Call it first in
/// main.
void use_single_threaded_math();

}  // namespace costate
