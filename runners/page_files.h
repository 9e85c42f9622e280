// Scripts and styles that go into pages.
#pragma once

#include <string>

namespace costate {

/// The text of share/costate/pages/<name>. Throws Error where it is not there.
std::string page_file(const std::string& name);

/// The text of a file of three.js. Throws Error that names the package where it is not installed.
std::string three_js_file(const std::string& name);

}  // namespace costate
