#include "runners/page_files.h"

#include <filesystem>

#include "envs/assets.h"
#include "envs/error.h"
#include "logs/atomic_file.h"
#include "runners/version.h"

namespace costate {

std::string page_file(const std::string& name) {
  if (const auto path = find_data("pages/" + name)) return read_text_file(*path);
  throw Error("pages/" + name +
              " not found in share/costate; COSTATE_DATA can name the folder that holds pages/");
}

std::string three_js_file(const std::string& name) {
  const std::filesystem::path path = std::filesystem::path(COSTATE_THREE_JS) / name;
  if (!std::filesystem::exists(path)) {
    throw Error(path.string() + " is missing: the page needs three.js (package libjs-three)");
  }
  return read_text_file(path);
}

}  // namespace costate
