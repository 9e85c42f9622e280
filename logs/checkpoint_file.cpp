#include "logs/checkpoint_file.h"

#include <array>
#include <cassert>
#include <cstring>
#include <functional>
#include <numeric>
#include <optional>
#include <type_traits>
#include <utility>
#include <zlib.h>

#include "envs/error.h"
#include "logs/atomic_file.h"
#include "logs/hdf5_handle.h"

namespace costate {
namespace {

// What stands behind the HDF5 image.
struct Trailer {
  std::array<char, 8> magic;
  std::uint64_t image_bytes;
  std::uint32_t crc32;  // of the image, as zlib and PNG define it
  std::uint32_t version;
};
static_assert(sizeof(Trailer) == 24);

constexpr std::array<char, 8> kMagic = {'C', 'O', 'S', 'T', 'A', 'T', 'E', '\n'};
constexpr std::uint32_t kVersion = 1;

std::uint32_t crc32_of(std::span<const std::byte> bytes) {
  return static_cast<std::uint32_t>(
      ::crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

std::uint64_t count_of(const std::vector<std::uint64_t>& shape) {
  return std::accumulate(shape.begin(), shape.end(), std::uint64_t{1}, std::multiplies<>());
}

// The HDF5 image at the front of a checkpoint file, once the trailer has vouched for it.
std::span<const std::byte> checked_image(std::span<const std::byte> file, const std::string& path) {
  const auto damaged = [&](const std::string& why) {
    return Error("checkpoint " + path + " is truncated or damaged: " + why);
  };
  if (file.size() < sizeof(Trailer)) {
    throw damaged("it has " + std::to_string(file.size()) + " bytes");
  }
  Trailer trailer;
  std::memcpy(&trailer, file.data() + file.size() - sizeof(trailer), sizeof(trailer));
  if (trailer.magic != kMagic) throw damaged("its end is not that of a checkpoint");
  const auto image = file.first(file.size() - sizeof(trailer));
  if (trailer.image_bytes != image.size()) {
    throw damaged("it has " + std::to_string(image.size()) + " bytes of data, expected " +
                  std::to_string(trailer.image_bytes));
  }
  if (trailer.crc32 != crc32_of(image)) throw damaged("its checksum does not match its data");
  if (trailer.version != kVersion) {
    throw Error("checkpoint " + path + " has format version " + std::to_string(trailer.version) +
                ", expected " + std::to_string(kVersion));
  }
  return image;
}

Hdf5Handle text_type(std::size_t size, const std::string& doing) {
  Hdf5Handle type(H5Tcopy(H5T_C_S1), doing);
  hdf5_check(H5Tset_size(type.get(), size), doing);
  hdf5_check(H5Tset_strpad(type.get(), H5T_STR_NULLPAD), doing);
  hdf5_check(H5Tset_cset(type.get(), H5T_CSET_UTF8), doing);
  return type;
}

}  // namespace

template <class T>
Checkpoint::Type Checkpoint::type_of() {
  if constexpr (std::is_same_v<T, float>) return Type::kFloat32;
  if constexpr (std::is_same_v<T, double>) return Type::kFloat64;
  if constexpr (std::is_same_v<T, std::int64_t>) return Type::kInt64;
  if constexpr (std::is_same_v<T, std::uint64_t>) return Type::kUint64;
  if constexpr (std::is_same_v<T, std::byte>) return Type::kUint8;
}

std::int64_t Checkpoint::hdf5_type_of(Type type) {
  switch (type) {
    case Type::kFloat32:
      return hdf5_type<float>();
    case Type::kFloat64:
      return hdf5_type<double>();
    case Type::kInt64:
      return hdf5_type<std::int64_t>();
    case Type::kUint64:
      return hdf5_type<std::uint64_t>();
    case Type::kUint8:
    case Type::kText:
      break;
  }
  return hdf5_type<std::byte>();
}

std::size_t Checkpoint::size_of(Type type) {
  switch (type) {
    case Type::kFloat32:
      return 4;
    case Type::kFloat64:
    case Type::kInt64:
    case Type::kUint64:
      return 8;
    case Type::kUint8:
    case Type::kText:
      break;
  }
  return 1;
}

const char* Checkpoint::name_of(Type type) {
  switch (type) {
    case Type::kFloat32:
      return "float32";
    case Type::kFloat64:
      return "float64";
    case Type::kInt64:
      return "int64";
    case Type::kUint64:
      return "uint64";
    case Type::kUint8:
      return "uint8";
    case Type::kText:
      break;
  }
  return "text";
}

template <class T>
void Checkpoint::put_array(const std::string& name, std::span<const T> values,
                           std::vector<std::uint64_t> shape) {
  if (shape.empty()) shape = {values.size()};
  assert(count_of(shape) == values.size());
  const auto bytes = std::as_bytes(values);
  entries_.insert_or_assign(
      name, Entry{type_of<T>(), std::move(shape), std::vector(bytes.begin(), bytes.end())});
}

template <class T>
void Checkpoint::put_scalar(const std::string& name, T value) {
  const auto bytes = std::as_bytes(std::span(&value, 1));
  entries_.insert_or_assign(name, Entry{type_of<T>(), {}, std::vector(bytes.begin(), bytes.end())});
}

template <class T>
void Checkpoint::read_values(const std::string& name, std::span<T> values) const {
  const Entry& entry = find(name, type_of<T>());
  expect_count(name, entry, values.size());
  if (!values.empty()) std::memcpy(values.data(), entry.bytes.data(), entry.bytes.size());
}

void Checkpoint::put(const std::string& name, std::span<const float> values,
                     std::vector<std::uint64_t> shape) {
  put_array(name, values, std::move(shape));
}
void Checkpoint::put(const std::string& name, std::span<const double> values,
                     std::vector<std::uint64_t> shape) {
  put_array(name, values, std::move(shape));
}
void Checkpoint::put(const std::string& name, std::span<const std::int64_t> values,
                     std::vector<std::uint64_t> shape) {
  put_array(name, values, std::move(shape));
}
void Checkpoint::put(const std::string& name, std::span<const std::uint64_t> values,
                     std::vector<std::uint64_t> shape) {
  put_array(name, values, std::move(shape));
}
void Checkpoint::put(const std::string& name, std::span<const std::byte> values,
                     std::vector<std::uint64_t> shape) {
  put_array(name, values, std::move(shape));
}
void Checkpoint::put(const std::string& name, float value) {
  put_scalar(name, value);
}
void Checkpoint::put(const std::string& name, double value) {
  put_scalar(name, value);
}
void Checkpoint::put(const std::string& name, std::int64_t value) {
  put_scalar(name, value);
}
void Checkpoint::put(const std::string& name, std::uint64_t value) {
  put_scalar(name, value);
}
void Checkpoint::put(const std::string& name, const std::string& text) {
  assert(text.find('\0') == std::string::npos);
  const auto bytes = std::as_bytes(std::span(text));
  entries_.insert_or_assign(name, Entry{Type::kText, {}, std::vector(bytes.begin(), bytes.end())});
}

std::vector<std::string> Checkpoint::names() const {
  std::vector<std::string> names;
  for (const auto& [name, entry] : entries_) names.push_back(name);
  return names;
}

const Checkpoint::Entry& Checkpoint::find(const std::string& name) const {
  const auto found = entries_.find(name);
  if (found == entries_.end()) throw Error("checkpoint " + origin_ + ": has no entry " + name);
  return found->second;
}

const Checkpoint::Entry& Checkpoint::find(const std::string& name, Type expected) const {
  const Entry& entry = find(name);
  if (entry.type != expected) {
    throw Error("checkpoint " + origin_ + ": " + name + " is " + name_of(entry.type) +
                ", expected " + name_of(expected));
  }
  return entry;
}

void Checkpoint::expect_count(const std::string& name, const Entry& entry,
                              std::size_t expected) const {
  const std::size_t count = entry.bytes.size() / size_of(entry.type);
  if (count != expected) {
    throw Error("checkpoint " + origin_ + ": " + name + " has " + std::to_string(count) +
                " values, expected " + std::to_string(expected));
  }
}

template <class T>
T Checkpoint::get(const std::string& name) const {
  if constexpr (std::is_same_v<T, std::string>) {
    const Entry& entry = find(name, Type::kText);
    return {reinterpret_cast<const char*>(entry.bytes.data()), entry.bytes.size()};
  } else {
    T value;
    read_values(name, std::span(&value, 1));
    return value;
  }
}

template <class T>
std::vector<T> Checkpoint::get_vector(const std::string& name) const {
  std::vector<T> values(find(name, type_of<T>()).bytes.size() / sizeof(T));
  read_values(name, std::span(values));
  return values;
}

template float Checkpoint::get<float>(const std::string&) const;
template double Checkpoint::get<double>(const std::string&) const;
template std::int64_t Checkpoint::get<std::int64_t>(const std::string&) const;
template std::uint64_t Checkpoint::get<std::uint64_t>(const std::string&) const;
template std::string Checkpoint::get<std::string>(const std::string&) const;
template std::vector<float> Checkpoint::get_vector<float>(const std::string&) const;
template std::vector<double> Checkpoint::get_vector<double>(const std::string&) const;
template std::vector<std::int64_t> Checkpoint::get_vector<std::int64_t>(const std::string&) const;
template std::vector<std::uint64_t> Checkpoint::get_vector<std::uint64_t>(const std::string&) const;
template std::vector<std::byte> Checkpoint::get_vector<std::byte>(const std::string&) const;

void Checkpoint::read(const std::string& name, std::span<float> values) const {
  read_values(name, values);
}
void Checkpoint::read(const std::string& name, std::span<double> values) const {
  read_values(name, values);
}
void Checkpoint::read(const std::string& name, std::span<std::int64_t> values) const {
  read_values(name, values);
}
void Checkpoint::read(const std::string& name, std::span<std::uint64_t> values) const {
  read_values(name, values);
}
void Checkpoint::read(const std::string& name, std::span<std::byte> values) const {
  read_values(name, values);
}

const std::vector<std::uint64_t>& Checkpoint::shape(const std::string& name) const {
  return find(name).shape;
}

std::vector<std::byte> Checkpoint::to_image(const std::string& doing) const {
  silence_hdf5();
  const auto creation = hdf5_untimed_properties(H5P_FILE_CREATE, doing);
  const auto dataset_creation = hdf5_untimed_properties(H5P_DATASET_CREATE, doing);
  const Hdf5Handle link_creation(H5Pcreate(H5P_LINK_CREATE), doing);
  hdf5_check(H5Pset_create_intermediate_group(link_creation.get(), 1), doing);

  const auto file = hdf5_create_in_memory(creation.get(), doing);
  for (const auto& [name, entry] : entries_) {
    const std::string what = doing + ": entry " + name;
    const bool is_text = entry.type == Type::kText;
    Hdf5Handle string_type;
    // HDF5 knows no text of zero bytes; a single NUL pads the empty one.
    const std::byte nul{};
    const bool is_empty_text = is_text && entry.bytes.empty();
    if (is_text) string_type = text_type(is_empty_text ? 1 : entry.bytes.size(), what);
    const hid_t type = is_text ? string_type.get() : hdf5_type_of(entry.type);

    const std::vector<hsize_t> dims(entry.shape.begin(), entry.shape.end());
    const Hdf5Handle space(
        dims.empty() ? H5Screate(H5S_SCALAR)
                     : H5Screate_simple(static_cast<int>(dims.size()), dims.data(), nullptr),
        what);
    const Hdf5Handle dataset(H5Dcreate2(file.get(), name.c_str(), type, space.get(),
                                        link_creation.get(), dataset_creation.get(), H5P_DEFAULT),
                             what);
    if (!entry.bytes.empty() || is_empty_text) {
      hdf5_check(H5Dwrite(dataset.get(), type, H5S_ALL, H5S_ALL, H5P_DEFAULT,
                          is_empty_text ? &nul : entry.bytes.data()),
                 what);
    }
  }
  return hdf5_image(file.get(), doing);
}

void Checkpoint::save(const std::filesystem::path& path) const {
  const std::vector<std::byte> image = to_image("cannot write " + path.string());
  const Trailer trailer{kMagic, image.size(), crc32_of(image), kVersion};
  FileReplacement replacement(path);
  replacement.write(image);
  replacement.write(std::as_bytes(std::span(&trailer, 1)));
  replacement.commit();
}

Checkpoint Checkpoint::load(const std::filesystem::path& path) {
  silence_hdf5();
  const std::string doing = "cannot read checkpoint " + path.string();
  const std::vector<std::byte> bytes = read_file(path);
  const auto file = hdf5_open_image(checked_image(bytes, path.string()), doing);

  std::vector<std::string> names;
  hdf5_check(H5Lvisit(
                 file.get(), H5_INDEX_NAME, H5_ITER_NATIVE,
                 [](hid_t, const char* name, const H5L_info_t*, void* out) -> herr_t {
                   static_cast<std::vector<std::string>*>(out)->emplace_back(name);
                   return 0;
                 },
                 &names),
             doing);

  Checkpoint checkpoint;
  checkpoint.origin_ = path.string();
  for (const std::string& name : names) {
    const std::string what = doing + ": entry " + name;
    const Hdf5Handle object(H5Oopen(file.get(), name.c_str(), H5P_DEFAULT), what);
    if (H5Iget_type(object.get()) != H5I_DATASET) continue;  // a group

    const Hdf5Handle stored_type(H5Dget_type(object.get()), what);
    std::optional<Type> type;
    if (H5Tget_class(stored_type.get()) == H5T_STRING &&
        H5Tis_variable_str(stored_type.get()) == 0) {
      type = Type::kText;
    }
    for (const Type known :
         {Type::kFloat32, Type::kFloat64, Type::kInt64, Type::kUint64, Type::kUint8}) {
      if (H5Tequal(stored_type.get(), hdf5_type_of(known)) > 0) type = known;
    }
    if (!type) throw Error(what + " has a type that checkpoints do not use");

    const Hdf5Handle space(H5Dget_space(object.get()), what);
    std::vector<hsize_t> dims(
        static_cast<std::size_t>(hdf5_check(H5Sget_simple_extent_ndims(space.get()), what)));
    hdf5_check(H5Sget_simple_extent_dims(space.get(), dims.data(), nullptr), what);

    Entry entry{*type, std::vector<std::uint64_t>(dims.begin(), dims.end()), {}};
    entry.bytes.resize(count_of(entry.shape) * H5Tget_size(stored_type.get()));
    if (!entry.bytes.empty()) {
      hdf5_check(H5Dread(object.get(), stored_type.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT,
                         entry.bytes.data()),
                 what);
    }
    if (*type == Type::kText) {
      while (!entry.bytes.empty() && entry.bytes.back() == std::byte{}) entry.bytes.pop_back();
    }
    checkpoint.entries_.emplace(name, std::move(entry));
  }
  return checkpoint;
}

}  // namespace costate
