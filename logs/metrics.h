// Metrics: rows of named numbers at a training step, written to CSV, JSON lines and TensorBoard.
//
// CSV and JSON lines hold no wall-clock data, so two equal runs leave equal bytes. A row is one
// write(2), so a kill tears at most the last line. Opened with a `resume_step` (the training step
// of the checkpoint that a run goes on from), a file is first cut back to its rows with step <=
// resume_step; a torn last line goes with them. A failing disk throws Error that names the file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "logs/atomic_file.h"

namespace costate {

struct MetricRow {
  std::int64_t step = 0;
  std::vector<std::pair<std::string, double>> values;
};

/// A row costs no allocation once a sink has seen one of its size.
class MetricsSink {
 public:
  virtual ~MetricsSink() = default;
  virtual void write(const MetricRow& row) = 0;
  /// Forces what was written to the disk. Another thread may call it meanwhile.
  virtual void flush() = 0;
};

/// A file that grows by whole records: each append is one write(2), undone where it falls short.
class AppendFile {
 public:
  explicit AppendFile(std::filesystem::path path);

  void append(std::string_view record);
  void flush();
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  FileDescriptor file_;
};

/// `step,<name>,…`: the first row names the columns, and later rows must have the same names.
/// Numbers in the shortest form that reads back equal; an empty field for NaN.
class CsvMetrics : public MetricsSink {
 public:
  explicit CsvMetrics(const std::filesystem::path& path,
                      std::optional<std::int64_t> resume_step = {});
  /// Throws Error that names a metric which is not a column, or a column without a metric.
  void write(const MetricRow& row) override;
  void flush() override { file_.flush(); }

 private:
  std::vector<std::string> columns_;  // without the step; empty until the first row
  std::string line_;
  AppendFile file_;
};

/// One object a line: {"step":…,"<name>":…}, null for a number that is not finite.
class JsonLinesMetrics : public MetricsSink {
 public:
  explicit JsonLinesMetrics(const std::filesystem::path& path,
                            std::optional<std::int64_t> resume_step = {});
  void write(const MetricRow& row) override;
  void flush() override { file_.flush(); }

 private:
  std::string line_;
  AppendFile file_;
};

/// A TensorBoard event file of scalars in `folder`, new for every run and resume. On resume its
/// first record is a SessionLog START, on which TensorBoard drops the earlier files' points after
/// `resume_step`.
class TensorBoardMetrics : public MetricsSink {
 public:
  explicit TensorBoardMetrics(const std::filesystem::path& folder,
                              std::optional<std::int64_t> resume_step = {});
  void write(const MetricRow& row) override;
  void flush() override { file_.flush(); }
  const std::filesystem::path& path() const { return file_.path(); }

 private:
  // A record and the messages within it, from the inside out.
  std::string value_;
  std::string summary_;
  std::string event_;
  std::string record_;
  AppendFile file_;
};

/// CRC-32C (Castagnoli) of the bytes.
std::uint32_t crc32c(std::string_view bytes);
/// The TFRecord frame: length, masked CRC-32C of the length, data, masked CRC-32C of the data.
std::string tf_record(std::string_view data);

}  // namespace costate
