#include "logs/metrics.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <limits>

#include "envs/error.h"
#include "tests/allocation_counter.h"
#include "tests/logs/test_folder.h"

using namespace costate;

namespace {

const double kNan = std::nan("");

// Splits a file of TFRecords, checking both checksums of each.
std::vector<std::string> records_of(std::string_view file) {
  std::vector<std::string> records;
  while (!file.empty()) {
    std::uint64_t length = 0;
    REQUIRE(file.size() >= 16);
    std::memcpy(&length, file.data(), 8);
    REQUIRE(file.size() >= 16 + length);
    const std::string_view data = file.substr(12, length);
    REQUIRE(file.substr(0, 16 + length) == tf_record(data));
    records.emplace_back(data);
    file.remove_prefix(16 + length);
  }
  return records;
}

}  // namespace

TEST_CASE("CSV rows are the shortest numbers that read back equal") {
  const TestFolder folder;
  CsvMetrics csv(folder / "m.csv");
  csv.write({100, {{"return", 0.1}, {"loss", 1e-300}}});
  csv.write({200, {{"loss", -std::numeric_limits<double>::infinity()}, {"return", kNan}}});
  csv.write({300, {{"return", 1.0 / 3.0}, {"loss", 250000.0}}});
  csv.flush();
  REQUIRE(read_text_file(folder / "m.csv") ==
          "step,return,loss\n"
          "100,0.1,1e-300\n"
          "200,,-inf\n"
          "300,0.3333333333333333,250000\n");
}

TEST_CASE("the first CSV row fixes the columns") {
  const TestFolder folder;
  const std::string path = (folder / "m.csv").string();
  CsvMetrics csv(path);
  csv.write({1, {{"a", 1}, {"b", 2}}});
  REQUIRE(message_of<Error>([&] {
            csv.write({2, {{"a", 1}, {"b", 2}, {"c", 3}}});
          }) == path + ": metric c is not among the columns");
  REQUIRE(message_of<Error>([&] {
            csv.write({2, {{"a", 1}}});
          }) == path + ": the row of step 2 has no metric b");
  REQUIRE(read_text_file(path) == "step,a,b\n1,1,2\n");
}

TEST_CASE("JSON lines are one object a row") {
  const TestFolder folder;
  JsonLinesMetrics json(folder / "m.jsonl");
  json.write({100, {{"return", 0.1}, {"ppo/kl", kNan}}});
  json.write({200, {{"odd \"name\"\\\n", std::numeric_limits<double>::infinity()}}});
  json.write({300, {}});
  REQUIRE(read_text_file(folder / "m.jsonl") ==
          "{\"step\":100,\"return\":0.1,\"ppo/kl\":null}\n"
          "{\"step\":200,\"odd \\\"name\\\"\\\\\\u000a\":null}\n"
          "{\"step\":300}\n");
}

TEST_CASE("a row costs no allocation once the sinks have seen one") {
  const TestFolder folder;
  CsvMetrics csv(folder / "m.csv");
  JsonLinesMetrics json(folder / "m.jsonl");
  TensorBoardMetrics events(folder / "");
  MetricRow row{1000, {{"return_mean_100", -1.0 / 3}, {"a/name/beyond/the/short/ones", kNan}}};
  const auto write = [&] {
    csv.write(row);
    json.write(row);
    events.write(row);
  };
  write();
  const std::uint64_t before = allocations();
  for (int i = 0; i < 100; ++i) {
    row.step += 1000;
    row.values[0].second = -1.0 / (4 + i);
    write();
  }
  REQUIRE(allocations() == before);
  const std::string text = read_text_file(folder / "m.csv");
  REQUIRE(std::count(text.begin(), text.end(), '\n') == 102);
}

TEST_CASE("a resumed run cuts CSV and JSON lines back to its checkpoint") {
  const TestFolder folder;
  const auto row = [](std::int64_t step) { return MetricRow{step, {{"x", 0.5 * double(step)}}}; };
  {
    CsvMetrics csv(folder / "whole.csv");
    JsonLinesMetrics json(folder / "whole.jsonl");
    for (int i = 1; i <= 6; ++i) csv.write(row(i * 10));
    for (int i = 1; i <= 6; ++i) json.write(row(i * 10));
  }
  const std::string csv_text = read_text_file(folder / "whole.csv");
  const std::string json_text = read_text_file(folder / "whole.jsonl");
  // Killed anywhere in the file, then resumed from the last checkpoint before that.
  for (std::size_t size = 0; size <= csv_text.size(); ++size) {
    const std::string torn = csv_text.substr(0, size);
    const auto rows = std::count(torn.begin(), torn.end(), '\n') - 1;
    const std::int64_t checkpoint = std::clamp<std::int64_t>(rows, 0, 3);
    replace_file(folder / "m.csv", torn);
    CsvMetrics csv(folder / "m.csv", checkpoint * 10);
    for (std::int64_t i = checkpoint + 1; i <= 6; ++i) csv.write(row(i * 10));
    REQUIRE(read_text_file(folder / "m.csv") == csv_text);
  }
  for (std::size_t size = 0; size <= json_text.size(); ++size) {
    const std::string torn = json_text.substr(0, size);
    const auto rows = std::count(torn.begin(), torn.end(), '\n');
    const std::int64_t checkpoint = std::clamp<std::int64_t>(rows, 0, 3);
    replace_file(folder / "m.jsonl", torn);
    JsonLinesMetrics json(folder / "m.jsonl", checkpoint * 10);
    for (std::int64_t i = checkpoint + 1; i <= 6; ++i) json.write(row(i * 10));
    REQUIRE(read_text_file(folder / "m.jsonl") == json_text);
  }
  // Without a resume step, a new run begins.
  CsvMetrics(folder / "whole.csv");
  REQUIRE(read_text_file(folder / "whole.csv").empty());
}

TEST_CASE("a metrics file that is none is named with its line") {
  const TestFolder folder;
  replace_file(folder / "m.csv", std::string_view("step,x\n1,2\nhello\n"));
  REQUIRE(message_of<Error>([&] { CsvMetrics csv(folder / "m.csv", 10); }) ==
          (folder / "m.csv").string() + ": line 3 does not begin with a step, expected <number>");
  replace_file(folder / "m.jsonl", std::string_view("{}\n"));
  REQUIRE(message_of<Error>([&] { JsonLinesMetrics json(folder / "m.jsonl", 10); }) ==
          (folder / "m.jsonl").string() +
              ": line 1 does not begin with a step, expected {\"step\":<number>");
}

TEST_CASE("a full disk tears no metrics line") {
  const TestFolder folder;
  CsvMetrics csv(folder / "m.csv");
  csv.write({1, {{"x", 1}}});
  {
    const FullDisk full(12);
    const std::string message = message_of<Error>([&] { csv.write({2, {{"x", 0.123456789}}}); });
    REQUIRE(message.starts_with("cannot write " + (folder / "m.csv").string() + ": "));
  }
  REQUIRE(read_text_file(folder / "m.csv") == "step,x\n1,1\n");
  csv.write({2, {{"x", 2}}});
  REQUIRE(read_text_file(folder / "m.csv") == "step,x\n1,1\n2,2\n");
}

TEST_CASE("CRC-32C is Castagnoli's") {
  REQUIRE(crc32c("123456789") == 0xE3069283u);            // the check value of the CRC catalogues
  REQUIRE(crc32c(std::string(32, '\0')) == 0x8A9136AAu);  // RFC 3720, B.4
  REQUIRE(crc32c(std::string(32, '\xff')) == 0x62A8AB43u);
  REQUIRE(crc32c("") == 0u);
}

TEST_CASE("a TFRecord has TensorFlow's bytes") {
  // The length record and masked checksum that begin every event file TensorFlow itself writes: an
  // event of 24 bytes (wall time and the version string).
  const std::string record = tf_record(std::string(24, 'x'));
  REQUIRE(record.substr(0, 12) ==
          std::string("\x18\x00\x00\x00\x00\x00\x00\x00\xa3\x7f\x4b\x22", 12));
}

TEST_CASE("TensorBoard events") {
  const TestFolder folder;
  {
    TensorBoardMetrics events(folder.path());
    events.write({300, {{"return", 1.5}, {"loss", -2.0}}});
    REQUIRE(events.path().filename().string().starts_with("events.out.tfevents."));
    const auto records = records_of(read_text_file(events.path()));
    REQUIRE(records.size() == 2);
    // Field 1, wall time: a double that follows the tag 0x09.
    REQUIRE(records[0].size() == 24);
    REQUIRE(records[0][0] == 0x09);
    REQUIRE(records[0].substr(9) ==
            "\x1a\x0d"
            "brain.Event:2");
    double wall_time = 0;
    std::memcpy(&wall_time, records[0].data() + 1, 8);
    REQUIRE(wall_time > 1.6e9);
    // step 300 = varint ac 02; summary of 28 bytes; its values of 13 and 11 bytes.
    REQUIRE(records[1].substr(9) == std::string("\x10\xac\x02\x2a\x1c"
                                                "\x0a\x0d\x0a\x06return\x15\x00\x00\xc0\x3f"
                                                "\x0a\x0b\x0a\x04loss\x15\x00\x00\x00\xc0",
                                                33));
  }
  TensorBoardMetrics resumed(folder.path(), 300);
  const auto records = records_of(read_text_file(resumed.path()));
  REQUIRE(records.size() == 2);
  // step 301 = varint ad 02; session log of 2 bytes: status START.
  REQUIRE(records[1].substr(9) == "\x10\xad\x02\x3a\x02\x08\x01");
}
