#include "logs/metrics.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

#include "envs/error.h"

namespace costate {
namespace {

constexpr std::string_view kJsonStart = "{\"step\":";

template <class T>
void append_number(std::string& out, T value) {
  std::array<char, 32> digits;
  const auto result = std::to_chars(digits.data(), digits.data() + digits.size(), value);
  out.append(digits.data(), result.ptr);
}

// More bytes than a row takes in any of the files, short of names full of control characters.
std::size_t max_bytes(const MetricRow& row) {
  std::size_t bytes = 128;
  for (const auto& [name, value] : row.values) bytes += name.size() + 48;
  return bytes;
}

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) < 0x20) {
      std::array<char, 8> escape;
      std::snprintf(escape.data(), escape.size(), "\\u%04x", static_cast<unsigned>(c));
      out += escape.data();
    } else {
      out += c;
    }
  }
  out += '"';
}

std::vector<std::string> split(std::string_view line, char separator) {
  std::vector<std::string> fields;
  while (true) {
    const auto end = line.find(separator);
    fields.emplace_back(line.substr(0, end));
    if (end == std::string_view::npos) return fields;
    line.remove_prefix(end + 1);
  }
}

// Makes the file ready to append to: empty for a new run; cut back to the lines up to `resume_step`
// otherwise. A line is `prefix`, the step, anything. Returns the header line, "" where there is
// none.
std::string prepare(const std::filesystem::path& path, std::optional<std::int64_t> resume_step,
                    std::string_view prefix, bool has_header) {
  if (!resume_step || !std::filesystem::exists(path)) {
    replace_file(path, std::string_view());
    return "";
  }
  const std::string text = read_text_file(path);
  std::string kept;
  std::string header;
  std::size_t begin = 0;
  for (int number = 1;; ++number) {
    const std::size_t end = text.find('\n', begin);
    if (end == std::string::npos) break;  // the end of the file, or a torn line
    const std::string_view line(text.data() + begin, end - begin);
    begin = end + 1;
    if (has_header && number == 1) {
      header = line;
      kept.append(line) += '\n';
      continue;
    }
    std::int64_t step = 0;
    const char* first = line.data() + std::min(prefix.size(), line.size());
    const auto result = std::from_chars(first, line.data() + line.size(), step);
    if (!line.starts_with(prefix) || result.ec != std::errc()) {
      throw Error(path.string() + ": line " + std::to_string(number) +
                  " does not begin with a step, expected " + std::string(prefix) + "<number>");
    }
    if (step <= *resume_step) kept.append(line) += '\n';
  }
  if (kept != text) replace_file(path, kept);
  return header;
}

// --- protocol buffers: the three wire types that an Event needs

void put_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  out += static_cast<char>(value);
}

void put_varint_field(std::string& out, unsigned field, std::uint64_t value) {
  put_varint(out, field << 3 | 0);
  put_varint(out, value);
}

template <class T>
void put_fixed_field(std::string& out, unsigned field, T value) {
  static_assert(sizeof(T) == 8 || sizeof(T) == 4);
  put_varint(out, field << 3 | (sizeof(T) == 8 ? 1 : 5));
  out.append(reinterpret_cast<const char*>(&value), sizeof(T));
}

void put_bytes_field(std::string& out, unsigned field, std::string_view bytes) {
  put_varint(out, field << 3 | 2);
  put_varint(out, bytes.size());
  out += bytes;
}

double wall_time() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

// tensorflow/core/util/event.proto: Event {wall_time = 1, step = 2, file_version = 3, summary = 5,
// session_log = 7}; the last three are `field` and `payload`.
void put_event(std::string& out, std::int64_t step, unsigned field, std::string_view payload) {
  put_fixed_field(out, 1, wall_time());
  if (step != 0) put_varint_field(out, 2, static_cast<std::uint64_t>(step));
  put_bytes_field(out, field, payload);
}

void append_tf_record(std::string& out, std::string_view data) {
  const auto append_u32 = [&](std::uint32_t value) {
    out.append(reinterpret_cast<const char*>(&value), sizeof(value));
  };
  // A CRC over data that hold a CRC is weak; TFRecord therefore stores a rotated and shifted one.
  const auto masked = [](std::string_view bytes) {
    const std::uint32_t crc = crc32c(bytes);
    return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
  };
  const std::uint64_t length = data.size();
  const std::string_view length_bytes(reinterpret_cast<const char*>(&length), sizeof(length));
  out += length_bytes;
  append_u32(masked(length_bytes));
  out += data;
  append_u32(masked(data));
}

constexpr unsigned kFileVersion = 3;
constexpr unsigned kSummary = 5;
constexpr unsigned kSessionLog = 7;

std::filesystem::path event_file(const std::filesystem::path& folder) {
  // The count tells files apart that one process starts within a second; TensorBoard reads them in
  // the order of their names, so it has leading zeros.
  static std::atomic<unsigned> count{0};
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  std::array<char, 512> name;
  std::snprintf(name.data(), name.size(), "events.out.tfevents.%010lld.%s.%ld.%03u",
                static_cast<long long>(wall_time()), host.data(), static_cast<long>(::getpid()),
                count++);
  return folder / name.data();
}

}  // namespace

AppendFile::AppendFile(std::filesystem::path path)
    : path_(std::move(path)), file_(path_, O_WRONLY | O_CREAT | O_APPEND, "write") {}

void AppendFile::append(std::string_view record) {
  ssize_t n = 0;
  do {
    n = ::write(file_.get(), record.data(), record.size());
  } while (n < 0 && errno == EINTR);
  if (n == static_cast<ssize_t>(record.size())) return;
  // Part of a record is worse than none. The disk filled up; a second write would only tell why.
  if (n < 0) throw_file_error("write", path_, errno);
  const off_t end = ::lseek(file_.get(), 0, SEEK_END);
  if (end < n || ::ftruncate(file_.get(), end - n) != 0) throw_file_error("write", path_, errno);
  throw_file_error("write", path_, ENOSPC);
}

void AppendFile::flush() {
  if (::fdatasync(file_.get()) != 0) throw_file_error("write", path_, errno);
}

CsvMetrics::CsvMetrics(const std::filesystem::path& path, std::optional<std::int64_t> resume_step)
    : columns_(split(prepare(path, resume_step, "", true), ',')), file_(path) {
  columns_.erase(columns_.begin());  // the step, or the one empty field of an empty header
}

void CsvMetrics::write(const MetricRow& row) {
  std::string& line = line_;
  line.clear();
  line.reserve(max_bytes(row));
  if (columns_.empty()) {
    line = "step";
    for (const auto& [name, value] : row.values) {
      if (name.find_first_of(",\"\n\r") != std::string::npos) {
        throw Error("metric " + name + ": a name in a CSV file has no commas, quotes or newlines");
      }
      columns_.push_back(name);
      line += "," + name;
    }
    line += '\n';
  }
  for (const auto& [name, value] : row.values) {
    if (std::find(columns_.begin(), columns_.end(), name) == columns_.end()) {
      throw Error(file_.path().string() + ": metric " + name + " is not among the columns");
    }
  }
  append_number(line, row.step);
  for (const std::string& column : columns_) {
    const auto found = std::find_if(row.values.begin(), row.values.end(),
                                    [&](const auto& value) { return value.first == column; });
    if (found == row.values.end()) {
      throw Error(file_.path().string() + ": the row of step " + std::to_string(row.step) +
                  " has no metric " + column);
    }
    line += ',';
    if (!std::isnan(found->second)) append_number(line, found->second);
  }
  line += '\n';
  file_.append(line);
}

JsonLinesMetrics::JsonLinesMetrics(const std::filesystem::path& path,
                                   std::optional<std::int64_t> resume_step)
    : file_((prepare(path, resume_step, kJsonStart, false), path)) {}

void JsonLinesMetrics::write(const MetricRow& row) {
  std::string& line = line_;
  line.reserve(max_bytes(row));
  line = kJsonStart;
  append_number(line, row.step);
  for (const auto& [name, value] : row.values) {
    line += ',';
    append_json_string(line, name);
    line += ':';
    if (std::isfinite(value)) {
      append_number(line, value);
    } else {
      line += "null";
    }
  }
  line += "}\n";
  file_.append(line);
}

TensorBoardMetrics::TensorBoardMetrics(const std::filesystem::path& folder,
                                       std::optional<std::int64_t> resume_step)
    : file_(event_file(folder)) {
  put_event(event_, 0, kFileVersion, "brain.Event:2");
  append_tf_record(record_, event_);
  if (resume_step) {
    // SessionLog {status = 1: START = 1}. TensorBoard drops points with step >= that of the event.
    std::string session_log;
    put_varint_field(session_log, 1, 1);
    event_.clear();
    put_event(event_, *resume_step + 1, kSessionLog, session_log);
    append_tf_record(record_, event_);
  }
  file_.append(record_);
}

void TensorBoardMetrics::write(const MetricRow& row) {
  // tensorflow/core/framework/summary.proto: Summary {repeated Value value = 1}, Value {tag = 1,
  // simple_value = 2}.
  for (std::string* message : {&summary_, &event_, &record_}) {
    message->clear();
    message->reserve(max_bytes(row));
  }
  for (const auto& [name, number] : row.values) {
    value_.clear();
    put_bytes_field(value_, 1, name);
    put_fixed_field(value_, 2, static_cast<float>(number));
    put_bytes_field(summary_, 1, value_);
  }
  put_event(event_, row.step, kSummary, summary_);
  append_tf_record(record_, event_);
  file_.append(record_);
}

std::uint32_t crc32c(std::string_view bytes) {
  static const std::array<std::uint32_t, 256> table = [] {
    std::array<std::uint32_t, 256> entries{};
    for (std::uint32_t i = 0; i < 256; ++i) {
      std::uint32_t crc = i;
      for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82F63B78u : 0u);
      entries[i] = crc;
    }
    return entries;
  }();
  std::uint32_t crc = ~0u;
  for (const char c : bytes) crc = table[(crc ^ static_cast<unsigned char>(c)) & 0xff] ^ (crc >> 8);
  return ~crc;
}

std::string tf_record(std::string_view data) {
  std::string record;
  append_tf_record(record, data);
  return record;
}

}  // namespace costate
