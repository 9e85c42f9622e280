// Who draws random numbers in a run. Each purpose has a stream of its own, derived from the run's
// seed, so that adding one leaves the others as they are. Environment episodes are seeded by
// VectorEnv from {seed, index, episode}.
#pragma once

#include <cstdint>

#include "envs/random.h"

namespace costate {

enum class Stream : std::uint64_t {
  kInitialParameters = 0xC057A7E001,
  kActions = 0xC057A7E002,
  kMinibatches = 0xC057A7E003,
  kEvaluation = 0xC057A7E004,
  kReplay = 0xC057A7E005,
  kUpdateActions = 0xC057A7E006,
  kDemonstrations = 0xC057A7E007,
};

inline std::uint64_t stream_key(std::uint64_t seed, Stream stream, std::uint64_t index = 0) {
  return derive_key({seed, static_cast<std::uint64_t>(stream), index, 0});
}

}  // namespace costate
