#include "logs/atomic_file.h"

#include <catch2/catch.hpp>

#include "envs/error.h"
#include "tests/logs/test_folder.h"

using namespace costate;

TEST_CASE("a file is replaced as a whole") {
  const TestFolder folder;
  const auto path = folder / "file";
  replace_file(path, std::string_view("first"));
  REQUIRE(read_text_file(path) == "first");
  replace_file(path, std::string_view("second, longer"));
  REQUIRE(read_text_file(path) == "second, longer");
  replace_file(path, std::string_view());
  REQUIRE(read_file(path).empty());
  REQUIRE_FALSE(std::filesystem::exists(folder / "file.tmp"));
}

TEST_CASE("a full disk leaves the old file and no temporary one") {
  const TestFolder folder;
  const auto path = folder / "file";
  replace_file(path, std::string_view("old"));
  std::string message;
  {
    const FullDisk full(1000);
    message = message_of<Error>([&] { replace_file(path, std::string(5000, 'x')); });
  }
  REQUIRE(message == "cannot write " + path.string() + ": File too large");
  REQUIRE(read_text_file(path) == "old");
  REQUIRE_FALSE(std::filesystem::exists(folder / "file.tmp"));
}

TEST_CASE("an abandoned replacement changes nothing") {
  const TestFolder folder;
  const auto path = folder / "file";
  replace_file(path, std::string_view("old"));
  {
    FileReplacement replacement(path);
    replacement.write(read_file(path));
    REQUIRE(read_text_file(replacement.temporary()) == "old");
    replacement.reserve(100);
    REQUIRE(std::filesystem::file_size(replacement.temporary()) == 100);
  }
  REQUIRE(read_text_file(path) == "old");
  REQUIRE_FALSE(std::filesystem::exists(folder / "file.tmp"));
}

TEST_CASE("file errors name the file and the reason") {
  const TestFolder folder;
  const auto missing = folder / "no/such";
  REQUIRE(message_of<Error>([&] { replace_file(missing, std::string_view("x")); }) ==
          "cannot write " + (folder / "no/such.tmp").string() + ": No such file or directory");
  REQUIRE(message_of<Error>([&] { read_file(missing); }) ==
          "cannot read " + missing.string() + ": No such file or directory");
  REQUIRE(message_of<Error>([&] { read_file(folder.path()); }) ==
          "cannot read " + folder.path().string() + ": Is a directory");
}
