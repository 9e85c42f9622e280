// Self-contained pages: what is in them stays where it is.
#include "logs/page.h"

#include <catch2/catch.hpp>
#include <string>

namespace costate {
namespace {

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

TEST_CASE("no data and no script ends its element") {
  Page page;
  page.title = "a < b";
  page.data_id = "x";
  page.data = R"({"a": "</script><!-- </SCRIPT ><script>"})";
  page.scripts = {"const a = '</script>'; if (1<!2) a;"};
  const std::string html = to_html(page);
  CHECK(count(html, "<script") == 2);
  CHECK(count(html, "</script") == 2);
  CHECK(count(html, "</SCRIPT") == 0);
  CHECK(count(html, "<!--") == 0);
  CHECK(html.find("<title>a &lt; b</title>") != std::string::npos);
  // Code that only looks like markup stays as it is.
  CHECK(html.find("if (1<!2) a;") != std::string::npos);
  CHECK(html.find(R"("\u003c/script>\u003c!-- \u003c/SCRIPT >\u003cscript>")") !=
        std::string::npos);
}

}  // namespace
}  // namespace costate
