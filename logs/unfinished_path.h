// A file or a folder that is made under another name until it is whole.
#pragma once

#include <filesystem>
#include <system_error>
#include <utility>

#include "envs/error.h"

namespace costate {

/// For what is written by others than FileReplacement (logs/atomic_file.h), or is a folder: to be
/// made at path(), "<target>.part", which commit() renames to the target. Without a commit the
/// destructor removes it.
class UnfinishedPath {
 public:
  explicit UnfinishedPath(std::filesystem::path target)
      : target_(std::move(target)), path_(target_.string() + ".part") {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);  // left by a run that was killed
  }
  ~UnfinishedPath() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);  // gone already where it was committed
  }
  UnfinishedPath(const UnfinishedPath&) = delete;
  UnfinishedPath& operator=(const UnfinishedPath&) = delete;

  const std::filesystem::path& path() const { return path_; }

  /// Takes the place of a file of that name, but not of a folder.
  void commit() {
    std::error_code error;
    std::filesystem::rename(path_, target_, error);
    if (error) throw Error("cannot write " + target_.string() + ": " + error.message());
  }

 private:
  std::filesystem::path target_;
  std::filesystem::path path_;
};

}  // namespace costate
