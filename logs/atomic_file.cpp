#include "logs/atomic_file.h"

#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "envs/error.h"

namespace costate {
namespace {

std::filesystem::path with_suffix(std::filesystem::path path, const char* suffix) {
  path += suffix;
  return path;
}

template <class Bytes>
Bytes read_all(const std::filesystem::path& path) {
  const FileDescriptor file(path, O_RDONLY, "read");
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) throw_file_error("read", path, errno);
  if (S_ISDIR(status.st_mode)) throw_file_error("read", path, EISDIR);
  Bytes bytes;
  bytes.resize(static_cast<std::size_t>(status.st_size));
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = ::read(file.get(), bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw_file_error("read", path, errno);
    if (n == 0) break;
    done += static_cast<std::size_t>(n);
  }
  bytes.resize(done);
  return bytes;
}

}  // namespace

void throw_file_error(std::string_view verb, const std::filesystem::path& path, int error_number) {
  throw Error("cannot " + std::string(verb) + " " + path.string() + ": " +
              std::generic_category().message(error_number));
}

FileDescriptor::FileDescriptor(const std::filesystem::path& path, int flags, std::string_view verb)
    : descriptor_(::open(path.c_str(), flags | O_CLOEXEC, 0666)) {
  if (descriptor_ < 0) throw_file_error(verb, path, errno);
}

FileDescriptor::~FileDescriptor() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

FileReplacement::FileReplacement(std::filesystem::path target)
    : target_(std::move(target)),
      temporary_(with_suffix(target_, ".tmp")),
      file_(temporary_, O_RDWR | O_CREAT | O_TRUNC, "write") {}

FileReplacement::~FileReplacement() {
  if (!committed_) ::unlink(temporary_.c_str());
}

void FileReplacement::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(file_.get(), bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw_file_error("write", target_, errno);
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
}

void FileReplacement::reserve(std::uint64_t size) {
  if (size == 0) return;
  int error_number = 0;
  do {
    error_number = ::posix_fallocate(file_.get(), 0, static_cast<off_t>(size));
  } while (error_number == EINTR);
  if (error_number != 0) throw_file_error("write", target_, error_number);
}

void FileReplacement::commit() {
  if (::fsync(file_.get()) != 0) throw_file_error("write", target_, errno);
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) {
    throw_file_error("write", target_, errno);
  }
  committed_ = true;
  // The new name itself must reach the disk too. Some file systems cannot sync a folder; by now the
  // file is whole under either name, so that is no failure.
  const auto folder = target_.has_parent_path() ? target_.parent_path() : ".";
  const FileDescriptor directory(folder, O_RDONLY | O_DIRECTORY, "open");
  ::fsync(directory.get());
}

void replace_file(const std::filesystem::path& path, std::span<const std::byte> bytes) {
  FileReplacement replacement(path);
  replacement.write(bytes);
  replacement.commit();
}

void replace_file(const std::filesystem::path& path, std::string_view text) {
  replace_file(path, std::as_bytes(std::span(text)));
}

std::vector<std::byte> read_file(const std::filesystem::path& path) {
  return read_all<std::vector<std::byte>>(path);
}

std::string read_text_file(const std::filesystem::path& path) {
  return read_all<std::string>(path);
}

}  // namespace costate
