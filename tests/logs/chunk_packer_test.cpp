#include "logs/chunk_packer.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <random>
#include <zlib.h>

using namespace costate;

namespace {

// What zlib makes of the stream, with the bytes of each value brought together again.
std::vector<std::byte> unpack(std::span<const std::byte> stream, std::size_t chunk,
                              std::size_t value_bytes) {
  std::vector<std::byte> planes(chunk + 1);
  uLongf length = planes.size();
  uLong used = stream.size();
  REQUIRE(::uncompress2(reinterpret_cast<Bytef*>(planes.data()), &length,
                        reinterpret_cast<const Bytef*>(stream.data()), &used) == Z_OK);
  REQUIRE(length == chunk);
  REQUIRE(used == stream.size());
  std::vector<std::byte> out(chunk);
  const std::size_t n = chunk / value_bytes;
  for (std::size_t i = 0; i < chunk; ++i) out[i] = planes[i % value_bytes * n + i / value_bytes];
  return out;
}

template <class T>
std::vector<std::byte> bytes_of(const std::vector<T>& values) {
  const auto bytes = std::as_bytes(std::span(values));
  return {bytes.begin(), bytes.end()};
}

}  // namespace

TEST_CASE("packed chunks are zlib streams of the shuffled bytes") {
  std::mt19937_64 random(1);
  std::normal_distribution<double> normal;
  ChunkPacker packer;
  // Lengths around those of entropy samples and stored blocks.
  for (const std::size_t n : {1u, 3u, 255u, 1025u, 16384u, 65535u, 65536u, 70001u}) {
    std::vector<float> floats(n);
    std::vector<double> doubles(n);
    std::vector<std::uint64_t> noise(n);
    std::vector<std::int64_t> counts(n);
    std::vector<std::uint8_t> flags(n);
    std::vector<std::uint8_t> random_bytes(n);
    for (std::size_t i = 0; i < n; ++i) {
      floats[i] = static_cast<float>(normal(random));
      doubles[i] = normal(random);
      noise[i] = random();
      counts[i] = static_cast<std::int64_t>(i);
      flags[i] = i % 1000 == 999;
      random_bytes[i] = static_cast<std::uint8_t>(random());
    }
    const auto check = [&](const std::vector<std::byte>& chunk, std::size_t value_bytes) {
      std::vector<std::byte> out(7);  // kept
      const std::size_t size = packer.pack(chunk, value_bytes, out);
      REQUIRE(out.size() == 7 + size);
      CAPTURE(n, value_bytes);
      REQUIRE(unpack(std::span(out).subspan(7), chunk.size(), value_bytes) == chunk);
      // What does not shrink costs a few bytes for the stream and for each stored block.
      REQUIRE(size <= chunk.size() + 64 + 5 * value_bytes * (1 + n / 65535));
      // An equal chunk packs to equal bytes, whatever was packed before.
      std::vector<std::byte> again;
      ChunkPacker().pack(chunk, value_bytes, again);
      REQUIRE(std::equal(again.begin(), again.end(), out.begin() + 7, out.end()));
      return static_cast<double>(size) / static_cast<double>(chunk.size());
    };
    const double of_floats = check(bytes_of(floats), 4);
    const double of_doubles = check(bytes_of(doubles), 8);
    check(bytes_of(noise), 8);
    check(bytes_of(random_bytes), 1);
    const double of_counts = check(bytes_of(counts), 8);
    const double of_flags = check(bytes_of(flags), 1);
    const double of_zeros = check(std::vector<std::byte>(4 * n), 4);
    if (n < 10000) continue;
    // Sign and high exponent bits of N(0, 1) have little entropy; the other planes are noise.
    REQUIRE(of_floats < 0.87);
    REQUIRE(of_doubles < 0.93);
    REQUIRE(of_counts < 0.3);
    REQUIRE(of_flags < 0.02);
    REQUIRE(of_zeros < 0.01);
  }
}
