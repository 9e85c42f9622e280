#include "logs/chunk_packer.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <libdeflate.h>
#include <new>

namespace costate {
namespace {

constexpr int kLevel = 1;
// A plane that would shrink by less than a quarter is not worth compressing.
constexpr double kNoiseBits = 6.0;
// The entropy is estimated from the first bytes of each stretch; they are neighbours, because
// values of several columns take turns in a row.
constexpr std::size_t kStretch = 1024;
constexpr std::size_t kSampled = 256;
constexpr std::size_t kMaxStored = 65535;  // bytes of a stored block

// Plane k of the shuffled chunk is the bytes k of all values. The size is a constant, so that the
// compiler unrolls the inner loop.
template <std::size_t kBytes>
void shuffle(std::span<const std::byte> chunk, std::byte* out) {
  const std::size_t n = chunk.size() / kBytes;
  for (std::size_t k = 0; k < kBytes; ++k) {
    for (std::size_t i = 0; i < n; ++i) out[k * n + i] = chunk[i * kBytes + k];
  }
}

// Shannon entropy of the sampled bytes, in bits a byte.
double entropy(std::span<const std::byte> plane) {
  // Four histograms, so that equal neighbours do not wait for each other.
  std::array<std::array<std::uint32_t, 256>, 4> counts{};
  std::size_t n = 0;
  for (; !plane.empty(); plane = plane.subspan(std::min(kStretch, plane.size()))) {
    const auto sample = plane.first(std::min(kSampled, plane.size()));
    for (std::size_t i = 0; i < sample.size(); ++i) {
      ++counts[i % 4][std::to_integer<std::size_t>(sample[i])];
    }
    n += sample.size();
  }
  double sum = 0.0;
  for (std::size_t value = 0; value < 256; ++value) {
    const double count = counts[0][value] + counts[1][value] + counts[2][value] + counts[3][value];
    if (count > 0) sum += count * std::log2(count);
  }
  const auto total = static_cast<double>(n);
  return std::log2(total) - sum / total;
}

void append(std::vector<std::byte>& out, std::span<const std::byte> bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

void append_stored(std::vector<std::byte>& out, std::span<const std::byte> bytes, bool last) {
  while (!bytes.empty()) {
    const auto block = bytes.first(std::min(kMaxStored, bytes.size()));
    bytes = bytes.subspan(block.size());
    const auto length = static_cast<std::uint16_t>(block.size());
    const auto byte = [](int value) { return static_cast<std::byte>(value & 0xff); };
    const std::array<std::byte, 5> head = {byte(last && bytes.empty() ? 1 : 0), byte(length),
                                           byte(length >> 8), byte(~length), byte(~length >> 8)};
    append(out, head);
    append(out, block);
  }
}

}  // namespace

ChunkPacker::ChunkPacker() : compressor_(libdeflate_alloc_compressor(kLevel)) {
  if (compressor_ == nullptr) throw std::bad_alloc();
}
ChunkPacker::~ChunkPacker() = default;
ChunkPacker::ChunkPacker(ChunkPacker&&) noexcept = default;
ChunkPacker& ChunkPacker::operator=(ChunkPacker&&) noexcept = default;

void ChunkPacker::Deleter::operator()(libdeflate_compressor* compressor) const {
  libdeflate_free_compressor(compressor);
}

std::size_t ChunkPacker::pack(std::span<const std::byte> chunk, std::size_t value_bytes,
                              std::vector<std::byte>& out) {
  assert(!chunk.empty() && chunk.size() % value_bytes == 0);
  std::span<const std::byte> planes = chunk;
  if (value_bytes > 1) {
    shuffled_.resize(chunk.size());
    assert(value_bytes == 4 || value_bytes == 8);
    value_bytes == 4 ? shuffle<4>(chunk, shuffled_.data()) : shuffle<8>(chunk, shuffled_.data());
    planes = shuffled_;
  }
  const std::size_t plane = chunk.size() / value_bytes;
  std::size_t noise = 0;
  while (noise < chunk.size() && entropy(planes.subspan(noise, plane)) >= kNoiseBits) {
    noise += plane;
  }
  const auto rest = planes.subspan(noise);

  const std::size_t begin = out.size();
  append(out, std::array{std::byte{0x78}, std::byte{0x01}});  // deflate, 32 KiB window, fastest
  // Stored blocks end on a byte, so that a stream of its own can follow them.
  append_stored(out, planes.first(noise), rest.empty());
  if (!rest.empty()) {
    const std::size_t at = out.size();
    out.resize(at + libdeflate_deflate_compress_bound(compressor_.get(), rest.size()));
    const std::size_t size = libdeflate_deflate_compress(
        compressor_.get(), rest.data(), rest.size(), out.data() + at, out.size() - at);
    assert(size > 0);
    out.resize(at + size);
  }
  const std::uint32_t sum = libdeflate_adler32(1, planes.data(), planes.size());
  for (const int shift : {24, 16, 8, 0}) out.push_back(static_cast<std::byte>(sum >> shift));
  return out.size() - begin;
}

}  // namespace costate
