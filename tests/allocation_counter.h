// Counts what is allocated, for tests that nothing is. Linked into the tests that ask for it, where
// it takes the allocator's place.
#pragma once

#include <cstdint>

namespace costate {

/// Allocations so far, by all threads.
std::uint64_t allocations();
/// Allocations so far, by the calling thread.
std::uint64_t allocations_here();

}  // namespace costate
