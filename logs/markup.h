// Text inside XML and HTML.
#pragma once

#include <string>
#include <string_view>

namespace costate {

/// `text` with the characters that mean something in markup, or in a quoted attribute, written as
/// entities.
inline std::string escape_markup(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

}  // namespace costate
