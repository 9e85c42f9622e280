#include "envs/random.h"

namespace costate {

std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter,
                                        std::array<std::uint32_t, 2> key) {
  // Multipliers and Weyl increments of the paper (section 4.3).
  constexpr std::uint64_t kMultiplier0 = 0xD2511F53;
  constexpr std::uint64_t kMultiplier1 = 0xCD9E8D57;
  constexpr std::uint32_t kWeyl0 = 0x9E3779B9;
  constexpr std::uint32_t kWeyl1 = 0xBB67AE85;
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t product0 = kMultiplier0 * counter[0];
    const std::uint64_t product1 = kMultiplier1 * counter[2];
    counter = {static_cast<std::uint32_t>(product1 >> 32) ^ counter[1] ^ key[0],
               static_cast<std::uint32_t>(product1),
               static_cast<std::uint32_t>(product0 >> 32) ^ counter[3] ^ key[1],
               static_cast<std::uint32_t>(product0)};
    key[0] += kWeyl0;
    key[1] += kWeyl1;
  }
  return counter;
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
