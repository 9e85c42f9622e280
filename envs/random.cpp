#include "envs/random.h"

#include "envs/philox.h"

namespace costate {

std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter,
                                        std::array<std::uint32_t, 2> key) {
  return philox_rounds(counter, key);
}

std::uint64_t derive_key(std::initializer_list<std::uint64_t> parts) {
  // A chain: each part is encrypted under the key that the parts before it gave. The place and the
  // length of the list enter the counter, so that {1}, {1, 0} and {0, 1} differ.
  std::uint64_t key = 0;
  std::uint32_t place = 0;
  for (const std::uint64_t part : parts) {
    const auto block =
        philox4x32({static_cast<std::uint32_t>(part), static_cast<std::uint32_t>(part >> 32),
                    ++place, static_cast<std::uint32_t>(parts.size())},
                   {static_cast<std::uint32_t>(key), static_cast<std::uint32_t>(key >> 32)});
    key = (static_cast<std::uint64_t>(block[1]) << 32) | block[0];
  }
  return key;
}

}  // namespace costate
