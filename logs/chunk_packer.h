// HDF5's filters "shuffle" and "deflate" done by hand, at a fraction of zlib's cost: chunks packed
// here are written with H5Dwrite_chunk, and any HDF5 reader unpacks them.
//
// Shuffle sorts a chunk's bytes into planes: the first bytes of all values, then the second, ….
// Of floating-point numbers the planes of low-order bytes are noise, on which a compressor spends
// nearly all its time and gains nothing. So the leading planes whose entropy says that they are
// noise become "stored" blocks of the deflate stream (RFC 1951), and libdeflate compresses the
// rest. What a chunk packs to depends on its bytes only.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

struct libdeflate_compressor;

namespace costate {

class ChunkPacker {
 public:
  ChunkPacker();
  ~ChunkPacker();
  ChunkPacker(ChunkPacker&&) noexcept;
  ChunkPacker& operator=(ChunkPacker&&) noexcept;

  /// Appends to `out` the zlib stream (RFC 1950) of the shuffled chunk, whose values have
  /// `value_bytes` bytes each. Returns the length of the stream.
  std::size_t pack(std::span<const std::byte> chunk, std::size_t value_bytes,
                   std::vector<std::byte>& out);

 private:
  struct Deleter {
    void operator()(libdeflate_compressor* compressor) const;
  };
  std::unique_ptr<libdeflate_compressor, Deleter> compressor_;
  std::vector<std::byte> shuffled_;
};

}  // namespace costate
