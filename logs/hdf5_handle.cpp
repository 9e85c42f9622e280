#include "logs/hdf5_handle.h"

#include "envs/error.h"

namespace costate {
namespace {

// HDF5 words a failed system call as "…, errno = 28, error message = 'No space left on device', …";
// only the system's own text says something to a user.
std::string reason_of(const char* description) {
  std::string text = description == nullptr ? "" : description;
  const std::string marker = "error message = '";
  if (const auto begin = text.find(marker); begin != std::string::npos) {
    const auto end = text.find('\'', begin + marker.size());
    return text.substr(begin + marker.size(), end - begin - marker.size());
  }
  return text;
}

Hdf5Handle core_access(const std::string& doing) {
  Hdf5Handle access(H5Pcreate(H5P_FILE_ACCESS), doing);
  hdf5_check(H5Pset_fapl_core(access.get(), 1 << 20, /*backing_store=*/0), doing);
  return access;
}

}  // namespace

void silence_hdf5() {
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
}

std::int64_t hdf5_check(std::int64_t result, const std::string& doing) {
  if (result >= 0) return result;
  std::string reason;
  H5Ewalk2(
      H5E_DEFAULT, H5E_WALK_UPWARD,
      [](unsigned n, const H5E_error2_t* error, void* out) -> herr_t {
        if (n == 0) *static_cast<std::string*>(out) = reason_of(error->desc);
        return 0;
      },
      &reason);
  throw Error(doing + ": " + (reason.empty() ? "HDF5 gave no reason" : reason));
}

Hdf5Handle hdf5_create_in_memory(hid_t creation, const std::string& doing) {
  const Hdf5Handle access = core_access(doing);
  return {H5Fcreate("memory", H5F_ACC_TRUNC, creation, access.get()), doing};
}

Hdf5Handle hdf5_open_image(std::span<const std::byte> image, const std::string& doing) {
  const Hdf5Handle access = core_access(doing);
  // HDF5 copies the image; the parameter is only for historical reasons not const.
  hdf5_check(
      H5Pset_file_image(access.get(), const_cast<std::byte*>(image.data()), image.size_bytes()),
      doing);
  return {H5Fopen("memory", H5F_ACC_RDONLY, access.get()), doing};
}

std::vector<std::byte> hdf5_image(hid_t file, const std::string& doing) {
  hdf5_check(H5Fflush(file, H5F_SCOPE_GLOBAL), doing);
  const auto size = hdf5_check(H5Fget_file_image(file, nullptr, 0), doing);
  std::vector<std::byte> image(static_cast<std::size_t>(size));
  hdf5_check(H5Fget_file_image(file, image.data(), image.size()), doing);
  return image;
}

Hdf5Handle hdf5_open_file(const std::string& path, unsigned flags, const std::string& doing) {
  const Hdf5Handle access(H5Pcreate(H5P_FILE_ACCESS), doing);
  hdf5_check(H5Pset_file_locking(access.get(), /*use=*/0, /*ignore_when_disabled=*/1), doing);
  return {H5Fopen(path.c_str(), flags, access.get()), doing};
}

Hdf5Handle hdf5_untimed_properties(hid_t property_class, const std::string& doing) {
  Hdf5Handle properties(H5Pcreate(property_class), doing);
  hdf5_check(H5Pset_obj_track_times(properties.get(), false), doing);
  return properties;
}

}  // namespace costate
