#include "envs/assets.h"

#include <cstdlib>
#include <string>
#include <system_error>
#include <vector>

#include "envs/error.h"

namespace costate {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> data_folders() {
  std::vector<fs::path> folders;
  if (const char* folder = std::getenv("COSTATE_DATA"); folder != nullptr && *folder != '\0') {
    folders.emplace_back(folder);
  }
  std::error_code error;
  const fs::path executable = fs::read_symlink("/proc/self/exe", error);
  if (!error) {
    const fs::path prefix = executable.parent_path().parent_path().parent_path();
    folders.push_back(prefix / "share" / "costate");
  }
  return folders;
}

}  // namespace

std::optional<fs::path> find_data(std::string_view name) {
  std::error_code error;
  for (const fs::path& folder : data_folders()) {
    if (fs::path path = folder / name; fs::is_regular_file(path, error)) return path;
  }
  return std::nullopt;
}

fs::path asset_path(std::string_view name) {
  if (auto path = find_data("assets/" + std::string(name))) return *path;
  std::string looked_at;
  for (const fs::path& folder : data_folders()) {
    looked_at += (looked_at.empty() ? "" : " and ") + (folder / "assets").string();
  }
  throw Error("asset " + std::string(name) + " not found in " + looked_at +
              "; COSTATE_DATA can name the folder that holds assets/");
}

}  // namespace costate
