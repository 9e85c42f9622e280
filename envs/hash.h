// FNV-1a with 64 bits: https://datatracker.ietf.org/doc/html/draft-eastlake-fnv. Names a block of
// bytes in a log; any one changed byte changes it. It keeps no attacker out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace costate {

inline std::uint64_t fnv1a(std::span<const std::byte> bytes) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const std::byte byte : bytes) {
    hash ^= std::to_integer<std::uint64_t>(byte);
    hash *= 0x100000001b3;
  }
  return hash;
}

}  // namespace costate
