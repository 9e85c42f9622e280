// Self-contained web pages: one file that opens from the disk and asks for nothing else.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace costate {

struct Page {
  std::string title;
  std::string style;  ///< CSS
  std::string body;   ///< HTML
  /// JSON that goes into a script element of that id, for the page's scripts and for others to
  /// read.
  std::string data_id;
  std::string data;
  std::vector<std::string> scripts;  ///< JavaScript, run in this order after the body
};

/// The whole document. Nothing in the data or the scripts can end the element that it is in.
std::string to_html(const Page& page);

}  // namespace costate
