// Replacing a file as a whole: readers see the old bytes or the new ones, never a mixture.
//
// The new bytes go to `<path>.tmp` in the same folder, are forced to the disk, and take the old
// name by rename(2), which POSIX makes atomic. Whatever fails on the way (a full disk above all),
// the temporary file is removed, the old file stays as it was, and an Error says why:
// "cannot write runs/a/checkpoints/last.h5: No space left on device". A process that is killed
// leaves at most a `.tmp` behind, which the next replacement overwrites.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace costate {

/// An open file descriptor, closed with its owner.
class FileDescriptor {
 public:
  /// Opens `path` as open(2) does. Throws Error "cannot <verb> <path>: <reason>".
  FileDescriptor(const std::filesystem::path& path, int flags, std::string_view verb);
  /// Takes over an open one; negative: none.
  explicit FileDescriptor(int descriptor) : descriptor_(descriptor) {}
  ~FileDescriptor();
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;

  int get() const { return descriptor_; }

 private:
  int descriptor_;
};

/// Throws Error "cannot <verb> <path>: <text of the error number>".
[[noreturn]] void throw_file_error(std::string_view verb, const std::filesystem::path& path,
                                   int error_number);

/// The replacement of one file, from its temporary beginning to commit(). Without a commit the
/// destructor removes the temporary file. Every function throws Error that names the target.
class FileReplacement {
 public:
  /// Creates the empty temporary file.
  explicit FileReplacement(std::filesystem::path target);
  ~FileReplacement();
  FileReplacement(const FileReplacement&) = delete;
  FileReplacement& operator=(const FileReplacement&) = delete;

  const std::filesystem::path& temporary() const { return temporary_; }

  /// Appends bytes to the temporary file.
  void write(std::span<const std::byte> bytes);
  /// Makes the temporary file at least `size` bytes long on disk blocks of its own, so that later
  /// writes within them cannot run out of space.
  void reserve(std::uint64_t size);
  /// Forces the temporary file to the disk and gives it the target's name.
  void commit();

 private:
  std::filesystem::path target_;
  std::filesystem::path temporary_;
  FileDescriptor file_;
  bool committed_ = false;
};

/// Replaces the file at `path` (or creates it) by these bytes.
void replace_file(const std::filesystem::path& path, std::span<const std::byte> bytes);
void replace_file(const std::filesystem::path& path, std::string_view text);

/// The bytes of a file. Throws Error "cannot read <path>: <reason>".
std::vector<std::byte> read_file(const std::filesystem::path& path);
std::string read_text_file(const std::filesystem::path& path);

}  // namespace costate
