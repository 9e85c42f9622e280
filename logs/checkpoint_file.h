// Checkpoints: named arrays, numbers and texts in one HDF5 file that is replaced as a whole.
//
// On disk: an HDF5 file image (slashes in names are groups), then a 24-byte trailer with a CRC-32
// over the image, which HDF5 readers ignore and load() checks before it trusts anything. The image
// is made in memory, so HDF5 never meets a full disk, and holds no time stamps: equal contents give
// equal bytes. The layout is in docs/file-formats.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace costate {

class Checkpoint {
 public:
  // Sets an entry, replacing one of the same name. A name is "counters/steps" or the like; an entry
  // cannot also be the folder of another. `shape` is row-major and multiplies to the number of
  // values; empty means one axis of all values. Values are copied.
  void put(const std::string& name, std::span<const float> values,
           std::vector<std::uint64_t> shape = {});
  void put(const std::string& name, std::span<const double> values,
           std::vector<std::uint64_t> shape = {});
  void put(const std::string& name, std::span<const std::int64_t> values,
           std::vector<std::uint64_t> shape = {});
  void put(const std::string& name, std::span<const std::uint64_t> values,
           std::vector<std::uint64_t> shape = {});
  void put(const std::string& name, std::span<const std::byte> values,
           std::vector<std::uint64_t> shape = {});
  void put(const std::string& name, float value);
  void put(const std::string& name, double value);
  void put(const std::string& name, std::int64_t value);
  void put(const std::string& name, std::uint64_t value);
  /// UTF-8 text without NUL characters.
  void put(const std::string& name, const std::string& text);

  bool has(const std::string& name) const { return entries_.contains(name); }
  /// All names, sorted.
  std::vector<std::string> names() const;

  // Getters throw Error that names file and entry where the entry is missing, has another type, or
  // another number of values: "checkpoint x.h5: policy/parameters has 4481 values, expected 5123".

  /// One number or text; T is float, double, std::int64_t, std::uint64_t or std::string.
  template <class T>
  T get(const std::string& name) const;
  /// All values; T is float, double, std::int64_t, std::uint64_t or std::byte.
  template <class T>
  std::vector<T> get_vector(const std::string& name) const;
  /// Fills `values`, whose length must be that of the entry.
  void read(const std::string& name, std::span<float> values) const;
  void read(const std::string& name, std::span<double> values) const;
  void read(const std::string& name, std::span<std::int64_t> values) const;
  void read(const std::string& name, std::span<std::uint64_t> values) const;
  void read(const std::string& name, std::span<std::byte> values) const;
  /// The shape of an array; {} for a number or a text.
  const std::vector<std::uint64_t>& shape(const std::string& name) const;

  /// Replaces the file at `path`, whose folder must exist. Throws Error, the old file untouched,
  /// where that fails.
  void save(const std::filesystem::path& path) const;
  /// Throws Error where the file is missing, truncated, damaged, or not a checkpoint.
  static Checkpoint load(const std::filesystem::path& path);

 private:
  enum class Type { kFloat32, kFloat64, kInt64, kUint64, kUint8, kText };
  struct Entry {
    Type type;
    std::vector<std::uint64_t> shape;  // empty: a scalar
    std::vector<std::byte> bytes;
  };

  template <class T>
  static Type type_of();
  static std::int64_t hdf5_type_of(Type type);
  static std::size_t size_of(Type type);
  static const char* name_of(Type type);

  template <class T>
  void put_array(const std::string& name, std::span<const T> values,
                 std::vector<std::uint64_t> shape);
  template <class T>
  void put_scalar(const std::string& name, T value);
  template <class T>
  void read_values(const std::string& name, std::span<T> values) const;

  const Entry& find(const std::string& name) const;
  const Entry& find(const std::string& name, Type expected) const;
  void expect_count(const std::string& name, const Entry& entry, std::size_t expected) const;

  std::vector<std::byte> to_image(const std::string& doing) const;

  std::map<std::string, Entry> entries_;
  std::string origin_ = "(not saved)";  // the file it was loaded from, for messages
};

}  // namespace costate
