#include "logs/page.h"

#include <algorithm>
#include <cctype>

#include "logs/markup.h"

namespace costate {
namespace {

/// Whether `text` goes on at `i` with `start`, whatever its case.
bool goes_on(std::string_view text, std::size_t i, std::string_view start) {
  return std::ranges::equal(text.substr(i, start.size()), start,
                            [](char a, char b) { return std::tolower(a) == b; });
}

/// JavaScript or JSON with the "<" of what would mean something to HTML written as an escape. In
/// both languages these occur within strings and comments only.
std::string inert(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool meant = text[i] == '<' && (goes_on(text, i, "</script") ||
                                          goes_on(text, i, "<script") || goes_on(text, i, "<!--"));
    if (meant) {
      out += "\\u003c";
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace

std::string to_html(const Page& page) {
  std::string html =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
      "<meta name=\"viewport\" content=\"width=device-width\"/>\n<title>" +
      escape_markup(page.title) + "</title>\n<style>" + page.style + "</style>\n</head>\n<body>\n" +
      page.body + "\n";
  if (!page.data_id.empty()) {
    html += "<script type=\"application/json\" id=\"" + page.data_id + "\">" + inert(page.data) +
            "</script>\n";
  }
  for (const std::string& script : page.scripts) {
    html += "<script>" + inert(script) + "</script>\n";
  }
  return html + "</body>\n</html>\n";
}

}  // namespace costate
