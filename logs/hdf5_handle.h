// The little of HDF5's C API that checkpoints and rollouts share: identifiers that close
// themselves, errors as one line, and files that live in memory. Internal to logs/.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <hdf5.h>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace costate {

static_assert(std::endian::native == std::endian::little,
              "the file types below double as memory types");

/// Turns HDF5's own error printing off on this thread (the setting is per thread in thread-safe
/// builds); every public function that uses HDF5 calls it first.
void silence_hdf5();

/// Returns `result`, or where it is negative throws Error "<doing>: <innermost reason>", such as
/// "cannot read x.h5: file signature not found".
std::int64_t hdf5_check(std::int64_t result, const std::string& doing);

/// An HDF5 identifier of any kind (file, dataset, type, property list, …), closed with its owner.
class Hdf5Handle {
 public:
  Hdf5Handle() = default;
  /// Takes an identifier fresh from HDF5; throws as hdf5_check does where it is negative.
  Hdf5Handle(hid_t id, const std::string& doing) : id_(hdf5_check(id, doing)) {}
  ~Hdf5Handle() { reset(); }
  Hdf5Handle(Hdf5Handle&& other) noexcept : id_(std::exchange(other.id_, H5I_INVALID_HID)) {}
  Hdf5Handle& operator=(Hdf5Handle&& other) noexcept {
    std::swap(id_, other.id_);
    return *this;
  }

  hid_t get() const { return id_; }
  /// Closes now, so that a failure (of the last write) is seen.
  void close(const std::string& doing) {
    hdf5_check(H5Idec_ref(std::exchange(id_, H5I_INVALID_HID)), doing);
  }

 private:
  void reset() {
    if (id_ >= 0) H5Idec_ref(id_);
  }

  hid_t id_ = H5I_INVALID_HID;
};

/// The little-endian file type of T.
template <class T>
hid_t hdf5_type() {
  if constexpr (std::is_same_v<T, float>) return H5T_IEEE_F32LE;
  if constexpr (std::is_same_v<T, double>) return H5T_IEEE_F64LE;
  if constexpr (std::is_same_v<T, std::int64_t>) return H5T_STD_I64LE;
  if constexpr (std::is_same_v<T, std::uint64_t>) return H5T_STD_U64LE;
  if constexpr (std::is_same_v<T, std::uint32_t>) return H5T_STD_U32LE;
  if constexpr (std::is_same_v<T, std::uint8_t> || std::is_same_v<T, std::byte>) {
    return H5T_STD_U8LE;
  }
}

/// A new file in memory, without a disk file behind it: so no disk error can reach HDF5.
/// `creation` is a file creation property list.
Hdf5Handle hdf5_create_in_memory(hid_t creation, const std::string& doing);
/// Opens, for reading, a file image in memory.
Hdf5Handle hdf5_open_image(std::span<const std::byte> image, const std::string& doing);
/// The bytes that the file would have on disk.
std::vector<std::byte> hdf5_image(hid_t file, const std::string& doing);

/// Opens a disk file without HDF5's file locks: our files never change under their final name.
Hdf5Handle hdf5_open_file(const std::string& path, unsigned flags, const std::string& doing);

/// A creation property list of the class for objects without time stamps, so that equal content
/// gives equal bytes.
Hdf5Handle hdf5_untimed_properties(hid_t property_class, const std::string& doing);

}  // namespace costate
