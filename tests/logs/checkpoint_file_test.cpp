#include "logs/checkpoint_file.h"

#include <array>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <thread>

#include "envs/error.h"
#include "logs/atomic_file.h"
#include "tests/logs/test_folder.h"

using namespace costate;

namespace {

Checkpoint example() {
  Checkpoint checkpoint;
  const std::vector<float> weights = {1.5f, -2.0f, 0.0f, std::nanf(""), 1e-42f, 3.0f};
  const std::vector<double> moments = {0.1, -std::numeric_limits<double>::infinity()};
  const std::vector<std::int64_t> counts = {-1, std::numeric_limits<std::int64_t>::min()};
  const std::vector<std::uint64_t> keys = {~std::uint64_t{0}};
  const std::vector<std::byte> state = {std::byte{0}, std::byte{255}, std::byte{0}};
  checkpoint.put("policy/weights", weights, {2, 3});
  checkpoint.put("policy/optimizer/moments", moments);
  checkpoint.put("counts", counts);
  checkpoint.put("random/keys", keys);
  checkpoint.put("envs/state", state);
  checkpoint.put("envs/none", std::span<const std::byte>{});
  checkpoint.put("f", 0.1f);
  checkpoint.put("d", 0.1);
  checkpoint.put("i", std::int64_t{-7});
  checkpoint.put("u", ~std::uint64_t{0});
  checkpoint.put("config", std::string("env = \"Größe\"\n"));
  checkpoint.put("empty", std::string());
  return checkpoint;
}

// Bits, so that NaN equals itself.
template <class T>
std::vector<std::byte> bytes_of(const std::vector<T>& values) {
  const auto bytes = std::as_bytes(std::span(values));
  return {bytes.begin(), bytes.end()};
}

}  // namespace

TEST_CASE("a checkpoint comes back as it was saved") {
  const TestFolder folder;
  const auto path = folder / "c.h5";
  const Checkpoint saved = example();
  saved.save(path);
  const Checkpoint loaded = Checkpoint::load(path);

  REQUIRE(loaded.names() == saved.names());
  REQUIRE(loaded.names().size() == 12);
  REQUIRE(bytes_of(loaded.get_vector<float>("policy/weights")) ==
          bytes_of(saved.get_vector<float>("policy/weights")));
  REQUIRE(loaded.shape("policy/weights") == std::vector<std::uint64_t>{2, 3});
  REQUIRE(loaded.get_vector<double>("policy/optimizer/moments") ==
          std::vector<double>{0.1, -std::numeric_limits<double>::infinity()});
  REQUIRE(loaded.get_vector<std::int64_t>("counts")[1] == std::numeric_limits<std::int64_t>::min());
  REQUIRE(loaded.get_vector<std::uint64_t>("random/keys")[0] == ~std::uint64_t{0});
  REQUIRE(loaded.get_vector<std::byte>("envs/state") ==
          std::vector{std::byte{0}, std::byte{255}, std::byte{0}});
  REQUIRE(loaded.get_vector<std::byte>("envs/none").empty());
  REQUIRE(loaded.get<float>("f") == 0.1f);
  REQUIRE(loaded.get<double>("d") == 0.1);
  REQUIRE(loaded.get<std::int64_t>("i") == -7);
  REQUIRE(loaded.get<std::uint64_t>("u") == ~std::uint64_t{0});
  REQUIRE(loaded.get<std::string>("config") == "env = \"Größe\"\n");
  REQUIRE(loaded.get<std::string>("empty").empty());
  REQUIRE(loaded.has("f"));
  REQUIRE_FALSE(loaded.has("policy"));

  std::array<double, 2> moments{};
  loaded.read("policy/optimizer/moments", moments);
  REQUIRE(moments[0] == 0.1);
}

TEST_CASE("an empty checkpoint is one too") {
  const TestFolder folder;
  Checkpoint().save(folder / "c.h5");
  REQUIRE(Checkpoint::load(folder / "c.h5").names().empty());
}

TEST_CASE("equal contents give equal bytes") {
  const TestFolder folder;
  example().save(folder / "a.h5");
  // HDF5 time stamps count seconds; the memory that it is given next holds other garbage.
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));
  for (int i = 1; i < 64; ++i) {
    void* garbage = std::malloc(static_cast<std::size_t>(i) * 4096);
    std::fill_n(static_cast<unsigned char*>(garbage), i * 4096, 0xA5);
    std::free(garbage);
  }
  example().save(folder / "b.h5");
  REQUIRE(read_file(folder / "a.h5") == read_file(folder / "b.h5"));

  Checkpoint::load(folder / "a.h5").save(folder / "c.h5");
  REQUIRE(read_file(folder / "a.h5") == read_file(folder / "c.h5"));
}

TEST_CASE("a truncated checkpoint is detected at every length") {
  const TestFolder folder;
  example().save(folder / "c.h5");
  const auto bytes = read_file(folder / "c.h5");
  const auto path = folder / "cut.h5";
  const std::string expected = "checkpoint " + path.string() + " is truncated or damaged: ";
  for (std::size_t size = 0; size < bytes.size(); size += size < 64 ? 1 : 401) {
    replace_file(path, std::span(bytes).first(size));
    REQUIRE_THAT(message_of<Error>([&] { Checkpoint::load(path); }), Catch::StartsWith(expected));
  }
}

TEST_CASE("a flipped bit in a checkpoint is detected anywhere") {
  const TestFolder folder;
  example().save(folder / "c.h5");
  auto bytes = read_file(folder / "c.h5");
  const auto path = folder / "flipped.h5";
  for (std::size_t i = 0; i < bytes.size(); i += i + 32 < bytes.size() ? 241 : 1) {
    const auto bit = std::byte{1} << (i % 8);
    bytes[i] ^= bit;
    replace_file(path, bytes);
    REQUIRE_THAT(message_of<Error>([&] { Checkpoint::load(path); }),
                 Catch::Contains("checkpoint " + path.string()));
    bytes[i] ^= bit;
  }
}

TEST_CASE("a foreign file is not a checkpoint") {
  const TestFolder folder;
  const auto path = folder / "c.h5";
  replace_file(path, std::string(1000, 'x'));
  REQUIRE(message_of<Error>([&] { Checkpoint::load(path); }) ==
          "checkpoint " + path.string() +
              " is truncated or damaged: its end is not that of a checkpoint");
  REQUIRE(message_of<Error>([&] { Checkpoint::load(folder / "missing.h5"); }) ==
          "cannot read " + (folder / "missing.h5").string() + ": No such file or directory");
}

TEST_CASE("getters name file, entry, and what was expected") {
  const TestFolder folder;
  const auto path = folder / "c.h5";
  example().save(path);
  const Checkpoint checkpoint = Checkpoint::load(path);
  const std::string start = "checkpoint " + path.string() + ": ";
  std::array<float, 5> five{};
  REQUIRE(message_of<Error>([&] { checkpoint.read("policy/weights", five); }) ==
          start + "policy/weights has 6 values, expected 5");
  REQUIRE(message_of<Error>([&] { checkpoint.get<double>("f"); }) ==
          start + "f is float32, expected float64");
  REQUIRE(message_of<Error>([&] { checkpoint.get<std::int64_t>("config"); }) ==
          start + "config is text, expected int64");
  REQUIRE(message_of<Error>([&] { checkpoint.get_vector<float>("value/weights"); }) ==
          start + "has no entry value/weights");
  REQUIRE(message_of<Error>([&] { checkpoint.get<std::int64_t>("counts"); }) ==
          start + "counts has 2 values, expected 1");
}

TEST_CASE("a full disk keeps the earlier checkpoint") {
  const TestFolder folder;
  const auto path = folder / "c.h5";
  example().save(path);
  const auto before = read_file(path);
  Checkpoint larger = example();
  larger.put("more", std::vector<double>(10000));
  std::string message;
  {
    const FullDisk full(20000);
    message = message_of<Error>([&] { larger.save(path); });
  }
  REQUIRE(message == "cannot write " + path.string() + ": File too large");
  REQUIRE(read_file(path) == before);
  larger.save(path);
  REQUIRE(Checkpoint::load(path).get_vector<double>("more").size() == 10000);
}
