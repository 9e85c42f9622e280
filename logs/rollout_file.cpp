#include "logs/rollout_file.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <iterator>
#include <libdeflate.h>
#include <span>
#include <sys/mman.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "envs/error.h"
#include "logs/atomic_file.h"
#include "logs/chunk_packer.h"
#include "logs/hdf5_handle.h"

namespace costate {
namespace {

constexpr char kFormat[] = "costate-rollouts";
constexpr char kHeaderChecksum[] = "checksum";
constexpr std::int64_t kVersion = 2;
constexpr std::uint64_t kChunkRows = 16384;
constexpr std::uint64_t kChunkBytes = 256 * 1024;
// Space for what HDF5 keeps beside the chunks: at all, and about each chunk.
constexpr std::uint64_t kMetadataReserve = 256 * 1024;
constexpr std::uint64_t kChunkMetadata = 256;
// Packed rows in memory at which append() flushes by itself.
constexpr std::uint64_t kMaxPendingBytes = 256 << 20;

// What the file itself adds to an episode.
struct Placement {
  std::int64_t start = 0;  // of its rows in /steps
  std::int64_t length = 0;
  // CRC-32 of the episode's rows of every other column but `start`, which a file that keeps the
  // newest episodes only changes.
  std::vector<std::uint32_t> checksums;
};

constexpr std::uint64_t kOneAxis = 0;  // the width of a column without a second axis

// Calls f(name, values, width) for every column of the file, in a fixed order: the one list of
// columns that creating, appending and reading share. `episode` may be const.
template <class EpisodeType, class PlacementType, class F>
void visit_columns(const RolloutHeader& header, EpisodeType& episode, PlacementType& placement,
                   F&& f) {
  const auto rows = [&](const char* name, auto& values, std::uint64_t width) {
    if (width > 0) f(name, std::span(values), width);
  };
  const auto flat = [&](const char* name, auto& values) { f(name, std::span(values), kOneAxis); };
  const auto one = [&](const char* name, auto& value) { f(name, std::span(&value, 1), kOneAxis); };

  one("episodes/start", placement.start);
  one("episodes/length", placement.length);
  one("episodes/env_index", episode.env_index);
  one("episodes/episode", episode.episode);
  one("episodes/seed", episode.seed);
  one("episodes/last_step", episode.last_step);
  one("episodes/return", episode.episode_return);
  rows("episodes/initial_state", episode.initial_state, header.state_bytes);
  if (header.state_bytes > 0) one("episodes/final_state_hash", episode.final_state_hash);
  rows("episodes/final_observation", episode.final_observation, header.observation_size);
  rows("episodes/drawn", episode.drawn, header.drawn_names.size());
  rows("episodes/checksums", placement.checksums, placement.checksums.size());

  rows("steps/observations", episode.observations, header.observation_size);
  rows("steps/actions", episode.actions, header.action_size);
  rows("steps/raw_actions", episode.raw_actions, header.action_size);
  flat("steps/rewards", episode.rewards);
  flat("steps/terminated", episode.terminated);
  flat("steps/truncated", episode.truncated);
  flat("steps/log_probs", episode.log_probs);
  rows("steps/distributions", episode.distributions, header.distribution_names.size());
  flat("steps/values", episode.values);
}

constexpr std::size_t kStartColumn = 0;
constexpr std::size_t kLengthColumn = 1;

bool has_checksum(std::string_view column) {
  return column != "episodes/start" && column != "episodes/checksums";
}

std::vector<std::string> checksum_names(const RolloutHeader& header) {
  std::vector<std::string> names;
  const Episode episode;
  const Placement placement;
  visit_columns(header, episode, placement, [&](const char* name, auto, std::uint64_t) {
    if (has_checksum(name)) names.emplace_back(name);
  });
  return names;
}

// Writes the checksums of everything else into `placement`.
void take_checksums(const RolloutHeader& header, const Episode& episode, Placement& placement) {
  placement.checksums.clear();
  visit_columns(
      header, episode, std::as_const(placement), [&](const char* name, auto values, std::uint64_t) {
        if (!has_checksum(name)) return;
        placement.checksums.push_back(libdeflate_crc32(0, values.data(), values.size_bytes()));
      });
}

struct Column {
  std::string name;
  bool per_step;  // in /steps, all of which come after those in /episodes
  hid_t type;
  std::uint64_t width;  // of the second axis, or kOneAxis
  std::uint64_t value_bytes;
  std::uint64_t row_bytes;

  std::uint64_t chunk_rows() const {
    return std::clamp(kChunkBytes / row_bytes, std::uint64_t{1}, kChunkRows);
  }
  std::uint64_t chunk_bytes() const { return chunk_rows() * row_bytes; }
  int axes() const { return width == kOneAxis ? 1 : 2; }
};

std::vector<Column> columns_of(const RolloutHeader& header) {
  std::vector<Column> columns;
  Episode episode;
  Placement placement;
  placement.checksums.resize(checksum_names(header).size());
  visit_columns(header, episode, placement,
                [&](const char* name, auto values, std::uint64_t width) {
                  using Value = typename decltype(values)::value_type;
                  columns.push_back({name, name[0] == 's', hdf5_type<Value>(), width, sizeof(Value),
                                     sizeof(Value) * std::max(width, std::uint64_t{1})});
                });
  return columns;
}

// --- attributes

Hdf5Handle text_type(const std::string& doing) {
  Hdf5Handle type(H5Tcopy(H5T_C_S1), doing);
  hdf5_check(H5Tset_size(type.get(), H5T_VARIABLE), doing);
  hdf5_check(H5Tset_cset(type.get(), H5T_CSET_UTF8), doing);
  return type;
}

void write_attribute(hid_t object, const std::string& name, hid_t type, hid_t space,
                     const void* data, const std::string& doing) {
  const std::string what = doing + ": attribute " + name;
  const Hdf5Handle attribute(
      H5Acreate2(object, name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT), what);
  hdf5_check(H5Awrite(attribute.get(), type, data), what);
}

// Variable-length text: unlike text of fixed length it may exceed 64 KiB, and h5py gives it as str.
void write_texts(hid_t object, const std::string& name, std::span<const std::string> texts,
                 bool scalar, const std::string& doing) {
  const auto type = text_type(doing);
  std::vector<const char*> pointers;
  for (const std::string& text : texts) pointers.push_back(text.c_str());
  const hsize_t count = texts.size();
  const Hdf5Handle space(scalar ? H5Screate(H5S_SCALAR) : H5Screate_simple(1, &count, nullptr),
                         doing);
  write_attribute(object, name, type.get(), space.get(), pointers.data(), doing);
}

std::vector<std::string> read_texts(hid_t object, const std::string& name,
                                    const std::string& doing) {
  const std::string what = doing + ": attribute " + name;
  const Hdf5Handle attribute(H5Aopen(object, name.c_str(), H5P_DEFAULT), what);
  const Hdf5Handle stored(H5Aget_type(attribute.get()), what);
  if (H5Tis_variable_str(stored.get()) <= 0) {
    throw Error(what + " is not a variable-length text");
  }
  const Hdf5Handle space(H5Aget_space(attribute.get()), what);
  std::vector<char*> pointers(
      static_cast<std::size_t>(hdf5_check(H5Sget_simple_extent_npoints(space.get()), what)));
  const auto type = text_type(what);
  hdf5_check(H5Aread(attribute.get(), type.get(), pointers.data()), what);
  std::vector<std::string> texts;
  for (const char* pointer : pointers) texts.emplace_back(pointer == nullptr ? "" : pointer);
  hdf5_check(H5Dvlen_reclaim(type.get(), space.get(), H5P_DEFAULT, pointers.data()), what);
  return texts;
}

template <class T>
T read_number(hid_t object, const std::string& name, const std::string& doing) {
  const std::string what = doing + ": attribute " + name;
  const Hdf5Handle attribute(H5Aopen(object, name.c_str(), H5P_DEFAULT), what);
  const Hdf5Handle space(H5Aget_space(attribute.get()), what);
  if (H5Sget_simple_extent_npoints(space.get()) != 1) throw Error(what + " is not one number");
  T value;
  hdf5_check(H5Aread(attribute.get(), hdf5_type<T>(), &value), what);
  return value;
}

// --- columns

// CRC-32 over what the header says: "name NUL text NUL" of each root attribute that holds text, in
// the order of the names' bytes; the seed in decimals likewise; then each name of a distribution
// parameter and of a drawn number with a NUL.
std::uint32_t header_checksum(const RolloutHeader& header) {
  auto attributes = header.attributes;
  attributes["env"] = header.env;
  attributes["format"] = kFormat;
  std::string text;
  const auto add = [&](const std::string& word) { text.append(word).push_back('\0'); };
  for (const auto& [name, value] : attributes) {
    add(name);
    add(value);
  }
  add("seed");
  add(std::to_string(header.seed));
  for (const std::string& name : header.distribution_names) add(name);
  for (const std::string& name : header.drawn_names) add(name);
  return libdeflate_crc32(0, text.data(), text.size());
}

// A rollout file without episodes, as bytes.
std::vector<std::byte> empty_file(const RolloutHeader& header, const std::string& doing) {
  const auto creation = hdf5_untimed_properties(H5P_FILE_CREATE, doing);
  const auto file = hdf5_create_in_memory(creation.get(), doing);

  const Hdf5Handle scalar(H5Screate(H5S_SCALAR), doing);
  const std::string format = kFormat;
  write_texts(file.get(), "format", std::span(&format, 1), true, doing);
  write_attribute(file.get(), "version", H5T_STD_I64LE, scalar.get(), &kVersion, doing);
  write_texts(file.get(), "env", std::span(&header.env, 1), true, doing);
  write_attribute(file.get(), "seed", H5T_STD_U64LE, scalar.get(), &header.seed, doing);
  for (const auto& [name, text] : header.attributes) {
    write_texts(file.get(), name, std::span(&text, 1), true, doing);
  }
  const std::uint32_t checksum = header_checksum(header);
  write_attribute(file.get(), kHeaderChecksum, H5T_STD_U32LE, scalar.get(), &checksum, doing);

  const auto group_creation = hdf5_untimed_properties(H5P_GROUP_CREATE, doing);
  for (const char* group : {"episodes", "steps"}) {
    const Hdf5Handle created(
        H5Gcreate2(file.get(), group, H5P_DEFAULT, group_creation.get(), H5P_DEFAULT), doing);
  }
  for (const Column& column : columns_of(header)) {
    const std::string what = doing + ": " + column.name;
    const std::array<hsize_t, 2> dims = {0, column.width};
    const std::array<hsize_t, 2> max_dims = {H5S_UNLIMITED, column.width};
    const std::array<hsize_t, 2> chunk = {column.chunk_rows(), column.width};
    const Hdf5Handle space(H5Screate_simple(column.axes(), dims.data(), max_dims.data()), what);
    const auto dataset_creation = hdf5_untimed_properties(H5P_DATASET_CREATE, what);
    hdf5_check(H5Pset_chunk(dataset_creation.get(), column.axes(), chunk.data()), what);
    hdf5_check(H5Pset_shuffle(dataset_creation.get()), what);
    hdf5_check(H5Pset_deflate(dataset_creation.get(), 1), what);
    const Hdf5Handle dataset(H5Dcreate2(file.get(), column.name.c_str(), column.type, space.get(),
                                        H5P_DEFAULT, dataset_creation.get(), H5P_DEFAULT),
                             what);
    if (column.name == "steps/distributions") {
      write_texts(dataset.get(), "names", header.distribution_names, false, what);
    }
    if (column.name == "episodes/drawn") {
      write_texts(dataset.get(), "names", header.drawn_names, false, what);
    }
    if (column.name == "episodes/checksums") {
      write_texts(dataset.get(), "names", checksum_names(header), false, what);
    }
  }
  return hdf5_image(file.get(), doing);
}

Hdf5Handle open_column(hid_t file, const Column& column, const std::string& doing) {
  return {H5Dopen2(file, column.name.c_str(), H5P_DEFAULT), doing + ": " + column.name};
}

// A selection of rows in the file, and the space of as many rows in memory.
std::pair<Hdf5Handle, Hdf5Handle> row_spaces(hid_t dataset, const Column& column,
                                             std::uint64_t first, std::uint64_t count,
                                             const std::string& doing) {
  const std::array<hsize_t, 2> start = {first, 0};
  const std::array<hsize_t, 2> extent = {count, column.width};
  Hdf5Handle in_file(H5Dget_space(dataset), doing);
  hdf5_check(H5Sselect_hyperslab(in_file.get(), H5S_SELECT_SET, start.data(), nullptr,
                                 extent.data(), nullptr),
             doing);
  Hdf5Handle in_memory(H5Screate_simple(column.axes(), extent.data(), nullptr), doing);
  return {std::move(in_file), std::move(in_memory)};
}

void read_rows(hid_t dataset, const Column& column, std::uint64_t first, std::uint64_t count,
               void* out, const std::string& doing) {
  if (count == 0) return;
  const auto [in_file, in_memory] = row_spaces(dataset, column, first, count, doing);
  hdf5_check(H5Dread(dataset, column.type, in_memory.get(), in_file.get(), H5P_DEFAULT, out),
             doing + ": " + column.name);
}

// Whether two datasets cut and pack their rows alike.
bool same_layout(hid_t a, hid_t b, const std::string& doing) {
  const Hdf5Handle properties_a(H5Dget_create_plist(a), doing);
  const Hdf5Handle properties_b(H5Dget_create_plist(b), doing);
  return hdf5_check(H5Pequal(properties_a.get(), properties_b.get()), doing) > 0;
}

// Packed chunks on their way to the file, in a file that exists in memory only. A plain array would
// cost a page fault for every 4 KiB that it grows by, on virtual machines more than the packing.
class PackedChunks {
 public:
  struct Piece {
    std::uint64_t offset;
    std::size_t size;
  };

  PackedChunks() : file_(::memfd_create("rollouts", MFD_CLOEXEC)) {
    if (file_.get() < 0) fail();
  }

  Piece keep(std::span<const std::byte> bytes) {
    const Piece piece{size_, bytes.size()};
    while (!bytes.empty()) {
      const ssize_t n =
          ::pwrite(file_.get(), bytes.data(), bytes.size(), static_cast<off_t>(size_));
      if (n < 0) fail();
      size_ += static_cast<std::uint64_t>(n);
      bytes = bytes.subspan(static_cast<std::size_t>(n));
    }
    return piece;
  }
  void read(Piece piece, std::vector<std::byte>& out) const {
    out.resize(piece.size);
    if (::pread(file_.get(), out.data(), out.size(), static_cast<off_t>(piece.offset)) !=
        static_cast<ssize_t>(out.size())) {
      fail();
    }
  }
  std::uint64_t size() const { return size_; }
  /// Forgets the chunks and keeps the memory.
  void clear() { size_ = 0; }

 private:
  [[noreturn]] static void fail() {
    throw Error("cannot keep rollouts in memory: " + std::generic_category().message(errno));
  }

  FileDescriptor file_;
  std::uint64_t size_ = 0;
};

// A packer and where it leaves what it packs.
struct Packing {
  ChunkPacker packer;
  std::vector<std::byte> scratch;
  PackedChunks chunks;           // whole ones that wait for a flush
  std::vector<std::byte> tails;  // the last chunks of the columns, for the flush that goes on
};

// Rows of one column that are to be written.
struct Rows {
  std::vector<PackedChunks::Piece> chunks;  // whole ones, as they will be in the file
  std::vector<std::byte> tail;              // the rows behind them

  void pack_chunks(const Column& column, Packing& packing) {
    const std::size_t chunk = column.chunk_bytes();
    std::size_t done = 0;
    for (; tail.size() - done >= chunk; done += chunk) {
      packing.scratch.clear();
      packing.packer.pack(std::span(tail).subspan(done, chunk), column.value_bytes,
                          packing.scratch);
      chunks.push_back(packing.chunks.keep(packing.scratch));
    }
    tail.erase(tail.begin(), tail.begin() + static_cast<std::ptrdiff_t>(done));
  }
};

// How many episodes there are, and how many steps they have together.
struct Counts {
  std::uint64_t episodes = 0;
  std::uint64_t steps = 0;

  std::uint64_t rows(const Column& column) const { return column.per_step ? steps : episodes; }
};

// Leaves the tails as chunks in packing.tails, end to end, and returns the sizes of those of each
// column. Every chunk of the file is whole; beyond the last row it holds HDF5's fill value, 0.
std::vector<std::vector<std::size_t>> pack_tails(const std::vector<Column>& columns,
                                                 const std::vector<Rows>& rows, Packing& packing) {
  std::vector<std::vector<std::size_t>> sizes(columns.size());
  packing.tails.clear();
  for (std::size_t i = 0; i < columns.size(); ++i) {
    for (std::span<const std::byte> tail = rows[i].tail; !tail.empty();) {
      const auto part = tail.first(std::min<std::size_t>(tail.size(), columns[i].chunk_bytes()));
      tail = tail.subspan(part.size());
      packing.scratch.assign(part.begin(), part.end());
      packing.scratch.resize(columns[i].chunk_bytes());
      sizes[i].push_back(
          packing.packer.pack(packing.scratch, columns[i].value_bytes, packing.tails));
    }
  }
  return sizes;
}

void write_chunk(hid_t to, std::uint64_t row, std::uint32_t skipped_filters,
                 std::span<const std::byte> chunk, const std::string& doing) {
  const std::array<hsize_t, 2> offset = {row, 0};
  hdf5_check(
      H5Dwrite_chunk(to, H5P_DEFAULT, skipped_filters, offset.data(), chunk.size(), chunk.data()),
      doing);
}

// Copies the first `rows` of a column, which end a chunk.
void copy_chunks(hid_t from, hid_t to, const Column& column, std::uint64_t rows,
                 const std::string& doing) {
  std::vector<std::byte> chunk;
  // A file that another tool repacked has chunks of its own; it is read and packed again.
  if (!same_layout(from, to, doing)) {
    ChunkPacker packer;
    std::vector<std::byte> packed;
    chunk.resize(column.chunk_bytes());
    for (std::uint64_t row = 0; row < rows; row += column.chunk_rows()) {
      read_rows(from, column, row, column.chunk_rows(), chunk.data(), doing);
      packed.clear();
      packer.pack(chunk, column.value_bytes, packed);
      write_chunk(to, row, 0, packed, doing);
    }
    return;
  }
  for (std::uint64_t row = 0; row < rows; row += column.chunk_rows()) {
    const std::array<hsize_t, 2> offset = {row, 0};
    hsize_t size = 0;
    hdf5_check(H5Dget_chunk_storage_size(from, offset.data(), &size), doing);
    chunk.resize(size);
    std::uint32_t filters = 0;
    hdf5_check(H5Dread_chunk(from, H5P_DEFAULT, offset.data(), &filters, chunk.data()), doing);
    write_chunk(to, row, filters, chunk, doing);
  }
}

// Replaces `path` by a file of `total` rows in all: the whole chunks of its first `kept` rows, and
// `rows` behind them. Writing a new file, rather than appending to a copy, leaves no gaps where a
// chunk grew, and makes the bytes depend on the content only, not on when it was flushed.
void write_rollouts(const std::filesystem::path& path, const RolloutHeader& header,
                    const std::vector<Column>& columns, Counts kept, Counts total,
                    const std::vector<Rows>& rows, Packing& packing) {
  const std::string doing = "cannot write " + path.string();
  const std::vector<std::byte> empty = empty_file(header, doing);
  const auto tail_sizes = pack_tails(columns, rows, packing);

  // HDF5 cannot be trusted with a full disk (it fails when it closes the file, and then leaks it),
  // so all the space that it could need is there before it opens the file.
  const bool has_old = kept.episodes > 0;
  std::uint64_t size = empty.size() + kMetadataReserve;
  if (has_old) size += std::filesystem::file_size(path);
  for (std::size_t i = 0; i < columns.size(); ++i) {
    size += (rows[i].chunks.size() + tail_sizes[i].size()) * kChunkMetadata;
    for (const auto& chunk : rows[i].chunks) size += chunk.size;
  }
  size += packing.tails.size();
  FileReplacement replacement(path);
  replacement.write(empty);
  replacement.reserve(size);

  Hdf5Handle old;
  if (has_old) old = hdf5_open_file(path.string(), H5F_ACC_RDONLY, "cannot read " + path.string());
  auto file = hdf5_open_file(replacement.temporary().string(), H5F_ACC_RDWR, doing);
  std::span<const std::byte> tails = packing.tails;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const Column& column = columns[i];
    const std::string what = doing + ": " + column.name;
    auto dataset = open_column(file.get(), column, doing);
    const std::array<hsize_t, 2> dims = {total.rows(column), column.width};
    hdf5_check(H5Dset_extent(dataset.get(), dims.data()), what);

    std::uint64_t row = kept.rows(column) - kept.rows(column) % column.chunk_rows();
    if (has_old) {
      const auto from = open_column(old.get(), column, doing);
      copy_chunks(from.get(), dataset.get(), column, row, what);
    }
    const auto write = [&](std::span<const std::byte> chunk) {
      write_chunk(dataset.get(), row, 0, chunk, what);
      row += column.chunk_rows();
    };
    for (const auto& chunk : rows[i].chunks) {
      packing.chunks.read(chunk, packing.scratch);
      write(packing.scratch);
    }
    for (const std::size_t length : tail_sizes[i]) {
      write(tails.first(length));
      tails = tails.subspan(length);
    }
    dataset.close(what);
  }
  file.close(doing);
  replacement.commit();
}

std::span<const std::int64_t> as_int64(const std::vector<std::byte>& bytes) {
  // Vectors of bytes come from operator new, so they are aligned for any number.
  return {reinterpret_cast<const std::int64_t*>(bytes.data()), bytes.size() / sizeof(std::int64_t)};
}

void check_same_sizes(const RolloutHeader& found, const RolloutHeader& expected,
                      const std::string& path) {
  const auto check = [&](const char* what, std::uint64_t a, std::uint64_t b) {
    if (a != b) {
      throw Error(path + ": has " + std::to_string(a) + " " + what + ", expected " +
                  std::to_string(b));
    }
  };
  check("observation entries a step", found.observation_size, expected.observation_size);
  check("action entries a step", found.action_size, expected.action_size);
  check("distribution parameters a step", found.distribution_names.size(),
        expected.distribution_names.size());
  check("drawn numbers an episode", found.drawn_names.size(), expected.drawn_names.size());
  check("simulator state bytes an episode", found.state_bytes, expected.state_bytes);
  if (found.env != expected.env) {
    throw Error(path + ": holds rollouts of " + found.env + ", expected " + expected.env);
  }
}

}  // namespace

// --- writing

struct RolloutWriter::Impl {
  std::filesystem::path path;
  RolloutHeader header;
  std::uint64_t last_n = 0;
  std::vector<Column> columns;
  Packing packing;
  Counts in_file;
  Counts pending;  // episodes that wait for a flush
  // [columns] What the next flush adds to the whole chunks of the file: rows that are in its last
  // chunk, which is written anew, and the pending ones. With last_n, pending rows only, unpacked,
  // since the episodes before them move.
  std::vector<Rows> rows;

  std::vector<Rows> read_rows_of(Counts counts, bool only_tails) const;
  void keep_first(std::uint64_t episodes);
  void drop_first(std::vector<Rows>& from, Counts& counts, std::uint64_t episodes) const;
  void flush();
  void flush_newest();
};

RolloutWriter::RolloutWriter(std::filesystem::path path, RolloutHeader header,
                             RolloutOptions options)
    : impl_(std::make_unique<Impl>()) {
  silence_hdf5();
  impl_->path = std::move(path);
  impl_->header = std::move(header);
  impl_->last_n = options.last_n;
  impl_->columns = columns_of(impl_->header);
  impl_->rows.resize(impl_->columns.size());
  if (options.keep_episodes) {
    impl_->keep_first(*options.keep_episodes);
  } else {
    replace_file(impl_->path, empty_file(impl_->header, "cannot write " + impl_->path.string()));
  }
}

RolloutWriter::~RolloutWriter() = default;
RolloutWriter::RolloutWriter(RolloutWriter&&) noexcept = default;
RolloutWriter& RolloutWriter::operator=(RolloutWriter&&) noexcept = default;

std::uint64_t RolloutWriter::episode_count() const {
  return impl_->in_file.episodes;
}

// The first rows of the file: all of them, or those behind the last whole chunk.
std::vector<Rows> RolloutWriter::Impl::read_rows_of(Counts counts, bool only_tails) const {
  const std::string doing = "cannot read " + path.string();
  std::vector<Rows> read(columns.size());
  const auto file = hdf5_open_file(path.string(), H5F_ACC_RDONLY, doing);
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const std::uint64_t count = counts.rows(columns[i]);
    const std::uint64_t first = only_tails ? count - count % columns[i].chunk_rows() : 0;
    read[i].tail.resize((count - first) * columns[i].row_bytes);
    const auto dataset = open_column(file.get(), columns[i], doing);
    read_rows(dataset.get(), columns[i], first, count - first, read[i].tail.data(), doing);
  }
  return read;
}

void RolloutWriter::Impl::keep_first(std::uint64_t episodes) {
  std::uint64_t found = 0;
  {
    const RolloutReader reader(path);
    check_same_sizes(reader.header(), header, path.string());
    found = reader.episode_count();
    if (found < episodes) {
      throw Error(path.string() + ": has " + std::to_string(found) +
                  " episodes, expected at least " + std::to_string(episodes));
    }
    in_file.episodes = episodes;
    for (std::uint64_t i = 0; i < episodes; ++i) in_file.steps += reader.length(i);
  }
  std::vector<Rows> tails = read_rows_of(in_file, /*only_tails=*/true);
  if (found > episodes) {
    write_rollouts(path, header, columns, in_file, in_file, tails, packing);
  }
  if (last_n == 0) rows = std::move(tails);
}

void RolloutWriter::append(const Episode& episode) {
  Impl& w = *impl_;
  Placement placement{static_cast<std::int64_t>(w.in_file.steps + w.pending.steps),
                      static_cast<std::int64_t>(episode.length()),
                      {}};
  take_checksums(w.header, episode, placement);
  std::size_t i = 0;
  // First look at everything, then change anything.
  visit_columns(
      w.header, episode, placement, [&](const char* name, auto values, std::uint64_t width) {
        const std::uint64_t count = w.columns[i++].per_step ? episode.length() : 1;
        const std::uint64_t expected = count * std::max(width, std::uint64_t{1});
        if (values.size() != expected) {
          throw Error(w.path.string() + ": an episode of " + std::to_string(episode.length()) +
                      " steps has " + std::to_string(values.size()) + " values for " + name +
                      ", expected " + std::to_string(expected));
        }
      });
  i = 0;
  visit_columns(w.header, episode, placement, [&](const char*, auto values, std::uint64_t) {
    const auto added = std::as_bytes(values);
    Rows& rows = w.rows[i];
    rows.tail.insert(rows.tail.end(), added.begin(), added.end());
    if (w.last_n == 0) rows.pack_chunks(w.columns[i], w.packing);
    ++i;
  });
  w.pending.episodes += 1;
  w.pending.steps += episode.length();
  if (w.last_n > 0 && w.pending.episodes >= 2 * w.last_n) {
    w.drop_first(w.rows, w.pending, w.pending.episodes - w.last_n);
  }
  if (w.packing.chunks.size() > kMaxPendingBytes) flush();
}

void RolloutWriter::flush() {
  if (impl_->pending.episodes == 0) return;
  silence_hdf5();
  if (impl_->last_n > 0) {
    impl_->flush_newest();
  } else {
    impl_->flush();
  }
  impl_->pending = {};
}

void RolloutWriter::Impl::flush() {
  const Counts total{in_file.episodes + pending.episodes, in_file.steps + pending.steps};
  write_rollouts(path, header, columns, in_file, total, rows, packing);
  in_file = total;
  for (Rows& column : rows) column.chunks.clear();
  packing.chunks.clear();
}

// Writes the newest last_n episodes of file and memory together into a new file.
void RolloutWriter::Impl::flush_newest() {
  Counts total{in_file.episodes + pending.episodes, in_file.steps + pending.steps};
  std::vector<Rows> all = read_rows_of(in_file, /*only_tails=*/false);
  for (std::size_t i = 0; i < columns.size(); ++i) {
    all[i].tail.insert(all[i].tail.end(), rows[i].tail.begin(), rows[i].tail.end());
  }
  if (total.episodes > last_n) drop_first(all, total, total.episodes - last_n);
  // The episodes have moved.
  const auto lengths = as_int64(all[kLengthColumn].tail);
  std::vector<std::int64_t> starts;
  for (std::int64_t start = 0; const std::int64_t length : lengths) {
    starts.push_back(start);
    start += length;
  }
  std::memcpy(all[kStartColumn].tail.data(), starts.data(), starts.size() * sizeof(std::int64_t));

  write_rollouts(path, header, columns, {}, total, all, packing);
  in_file = total;
  for (Rows& column : rows) column.tail.clear();
}

void RolloutWriter::Impl::drop_first(std::vector<Rows>& from, Counts& counts,
                                     std::uint64_t episodes) const {
  Counts dropped{episodes, 0};
  for (const std::int64_t length : as_int64(from[kLengthColumn].tail).first(episodes)) {
    dropped.steps += static_cast<std::uint64_t>(length);
  }
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const std::uint64_t bytes = dropped.rows(columns[i]) * columns[i].row_bytes;
    auto& tail = from[i].tail;
    tail.erase(tail.begin(), tail.begin() + static_cast<std::ptrdiff_t>(bytes));
  }
  counts.episodes -= dropped.episodes;
  counts.steps -= dropped.steps;
}

// --- reading

struct RolloutReader::Impl {
  std::filesystem::path path;
  std::string doing;
  Hdf5Handle file;
  RolloutHeader header;
  std::vector<Column> columns;
  std::vector<Hdf5Handle> datasets;  // in the order of the columns
  std::vector<std::int64_t> lengths;
  std::vector<double> returns;
  std::vector<EpisodeEntry> entries;
  std::uint64_t steps = 0;
  std::uint32_t header_checksum = 0;
  // The flags of one chunk of steps, for ending().
  mutable std::uint64_t flags_first = 0;
  mutable std::vector<std::uint8_t> terminated;
  mutable std::vector<std::uint8_t> truncated;

  void read_header();
  void read_index();
  /// Number of rows and the width (kOneAxis without a second axis) of a dataset.
  std::pair<std::uint64_t, std::uint64_t> dims(hid_t dataset, const std::string& name) const;
  std::size_t column_index(std::string_view name) const;
  /// The width of a two-axis column; 0 where the file does not have it.
  std::uint64_t width(const std::string& name) const;
};

std::pair<std::uint64_t, std::uint64_t> RolloutReader::Impl::dims(hid_t dataset,
                                                                  const std::string& name) const {
  const Hdf5Handle space(H5Dget_space(dataset), doing + ": " + name);
  const auto axes = hdf5_check(H5Sget_simple_extent_ndims(space.get()), doing + ": " + name);
  std::array<hsize_t, 2> extent = {0, kOneAxis};
  if (axes != 1 && axes != 2) {
    throw Error(path.string() + ": " + name + " has " + std::to_string(axes) +
                " axes, expected 1 or 2");
  }
  hdf5_check(H5Sget_simple_extent_dims(space.get(), extent.data(), nullptr), doing);
  return {extent[0], extent[1]};
}

std::size_t RolloutReader::Impl::column_index(std::string_view name) const {
  const auto column = std::ranges::find(columns, name, &Column::name);
  assert(column != columns.end());
  return static_cast<std::size_t>(column - columns.begin());
}

std::uint64_t RolloutReader::Impl::width(const std::string& name) const {
  if (hdf5_check(H5Lexists(file.get(), name.c_str(), H5P_DEFAULT), doing + ": " + name) == 0) {
    return 0;
  }
  const Hdf5Handle dataset(H5Dopen2(file.get(), name.c_str(), H5P_DEFAULT), doing + ": " + name);
  return dims(dataset.get(), name).second;
}

void RolloutReader::Impl::read_header() {
  const auto has = hdf5_check(H5Aexists(file.get(), "format"), doing);
  if (has == 0 || read_texts(file.get(), "format", doing) != std::vector<std::string>{kFormat}) {
    throw Error(path.string() + " is an HDF5 file, but not one of rollouts");
  }
  const auto version = read_number<std::int64_t>(file.get(), "version", doing);
  if (version != kVersion) {
    throw Error(path.string() + " has rollout format version " + std::to_string(version) +
                ", expected " + std::to_string(kVersion) + ": " +
                (version < kVersion ? "an older" : "a newer") + " costate wrote it");
  }
  header_checksum = read_number<std::uint32_t>(file.get(), kHeaderChecksum, doing);
  header.seed = read_number<std::uint64_t>(file.get(), "seed", doing);

  std::vector<std::string> names;
  hdf5_check(H5Aiterate2(
                 file.get(), H5_INDEX_NAME, H5_ITER_INC, nullptr,
                 [](hid_t, const char* name, const H5A_info_t*, void* out) -> herr_t {
                   static_cast<std::vector<std::string>*>(out)->emplace_back(name);
                   return 0;
                 },
                 &names),
             doing);
  for (const std::string& name : names) {
    if (name == "format" || name == "version" || name == "seed" || name == kHeaderChecksum)
      continue;
    const auto texts = read_texts(file.get(), name, doing);
    header.attributes[name] = texts.empty() ? "" : texts.front();
  }
  const auto env = header.attributes.extract("env");
  if (env.empty()) throw Error(doing + ": attribute env is missing");
  header.env = env.mapped();

  header.observation_size = width("steps/observations");
  header.action_size = width("steps/actions");
  header.state_bytes = width("episodes/initial_state");
  if (width("steps/distributions") > 0) {
    const Hdf5Handle dataset(H5Dopen2(file.get(), "steps/distributions", H5P_DEFAULT), doing);
    header.distribution_names = read_texts(dataset.get(), "names", doing);
  }
  if (width("episodes/drawn") > 0) {
    const Hdf5Handle dataset(H5Dopen2(file.get(), "episodes/drawn", H5P_DEFAULT), doing);
    header.drawn_names = read_texts(dataset.get(), "names", doing);
  }
}

void RolloutReader::Impl::read_index() {
  columns = columns_of(header);
  for (const Column& column : columns) {
    datasets.push_back(open_column(file.get(), column, doing));
    const Hdf5Handle type(H5Dget_type(datasets.back().get()), doing);
    if (H5Tequal(type.get(), column.type) <= 0) {
      throw Error(path.string() + ": " + column.name + " has an unexpected number type");
    }
  }
  const auto damaged = [&](const std::string& why) {
    return Error("rollouts " + path.string() + " are damaged: " + why);
  };
  // All columns of a table have as many rows as its first one.
  std::uint64_t episode_rows = 0;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const auto [rows, width_found] = dims(datasets[i].get(), columns[i].name);
    if (i == 0) episode_rows = rows;
    if (columns[i].per_step && !columns[i - 1].per_step) steps = rows;
    const std::uint64_t expected = columns[i].per_step ? steps : episode_rows;
    if (rows != expected) {
      throw damaged(columns[i].name + " has " + std::to_string(rows) + " rows, expected " +
                    std::to_string(expected));
    }
    if (width_found != columns[i].width) {
      throw damaged(columns[i].name + " has " + std::to_string(width_found) +
                    " columns, expected " + std::to_string(columns[i].width));
    }
  }

  const auto read_column = [&](const std::string& name, auto& out) {
    out.resize(episode_rows);
    const std::size_t i = column_index(name);
    read_rows(datasets[i].get(), columns[i], 0, episode_rows, out.data(), doing);
  };
  entries.resize(episode_rows);
  const auto read_field = [&]<class T>(const std::string& name, T EpisodeEntry::*field) {
    std::vector<T> values;
    read_column(name, values);
    for (std::size_t i = 0; i < episode_rows; ++i) entries[i].*field = values[i];
  };
  read_column("episodes/length", lengths);
  read_column("episodes/return", returns);
  read_field("episodes/start", &EpisodeEntry::first_row);
  read_field("episodes/env_index", &EpisodeEntry::env_index);
  read_field("episodes/episode", &EpisodeEntry::episode);
  read_field("episodes/seed", &EpisodeEntry::seed);
  read_field("episodes/last_step", &EpisodeEntry::last_step);
  std::uint64_t next = 0;
  for (std::size_t i = 0; i < episode_rows; ++i) {
    const std::int64_t start = entries[i].first_row;
    if (start != static_cast<std::int64_t>(next) || lengths[i] < 0 ||
        static_cast<std::uint64_t>(lengths[i]) > steps - next) {
      throw damaged("episode " + std::to_string(i) + " has " + std::to_string(lengths[i]) +
                    " steps from row " + std::to_string(start) + ", expected to begin at row " +
                    std::to_string(next) + " of " + std::to_string(steps));
    }
    next += static_cast<std::uint64_t>(lengths[i]);
  }
  if (next != steps) {
    throw damaged("its episodes have " + std::to_string(next) + " steps together, expected " +
                  std::to_string(steps));
  }
}

RolloutReader::RolloutReader(std::filesystem::path path) : impl_(std::make_unique<Impl>()) {
  silence_hdf5();
  impl_->path = std::move(path);
  impl_->doing = "cannot read rollouts " + impl_->path.string();
  // HDF5 words a missing file at length; the system says it in one phrase.
  { const FileDescriptor probe(impl_->path, O_RDONLY, "read rollouts"); }
  impl_->file = hdf5_open_file(impl_->path.string(), H5F_ACC_RDONLY, impl_->doing);
  impl_->read_header();
  impl_->read_index();
}

RolloutReader::~RolloutReader() = default;
RolloutReader::RolloutReader(RolloutReader&&) noexcept = default;
RolloutReader& RolloutReader::operator=(RolloutReader&&) noexcept = default;

const RolloutHeader& RolloutReader::header() const {
  return impl_->header;
}
std::uint64_t RolloutReader::episode_count() const {
  return impl_->entries.size();
}
std::uint64_t RolloutReader::step_count() const {
  return impl_->steps;
}
std::uint64_t RolloutReader::length(std::uint64_t i) const {
  return static_cast<std::uint64_t>(impl_->lengths.at(i));
}
double RolloutReader::episode_return(std::uint64_t i) const {
  return impl_->returns.at(i);
}

const std::vector<EpisodeEntry>& RolloutReader::entries() const {
  return impl_->entries;
}

const char* ending_name(EpisodeEnding ending) {
  switch (ending) {
    case EpisodeEnding::kTerminated:
      return "terminated";
    case EpisodeEnding::kTruncated:
      return "truncated";
    case EpisodeEnding::kOpen:
      break;
  }
  return "open";
}

EpisodeEnding RolloutReader::ending(std::uint64_t i) const {
  const Impl& r = *impl_;
  if (length(i) == 0) return EpisodeEnding::kOpen;
  const std::uint64_t row = static_cast<std::uint64_t>(r.entries[i].first_row) + length(i) - 1;
  if (row < r.flags_first || row - r.flags_first >= r.terminated.size()) {
    silence_hdf5();
    const auto read = [&](const char* name, std::vector<std::uint8_t>& out) {
      const std::size_t k = r.column_index(name);
      const std::uint64_t rows = r.columns[k].chunk_rows();
      r.flags_first = row - row % rows;
      out.resize(std::min(rows, r.steps - r.flags_first));
      read_rows(r.datasets[k].get(), r.columns[k], r.flags_first, out.size(), out.data(), r.doing);
    };
    read("steps/truncated", r.truncated);
    read("steps/terminated", r.terminated);
  }
  if (r.terminated[row - r.flags_first] != 0) return EpisodeEnding::kTerminated;
  return r.truncated[row - r.flags_first] != 0 ? EpisodeEnding::kTruncated : EpisodeEnding::kOpen;
}

std::uint64_t RolloutReader::episodes_until(std::int64_t last_step) const {
  const auto& all = impl_->entries;
  const auto later = std::ranges::find_if(
      all, [&](const EpisodeEntry& entry) { return entry.last_step > last_step; });
  return static_cast<std::uint64_t>(later - all.begin());
}

bool RolloutReader::header_unchanged() const {
  return impl_->header_checksum == header_checksum(impl_->header);
}

std::vector<std::string> RolloutReader::changed_columns(std::uint64_t i,
                                                        const Episode& episode) const {
  silence_hdf5();
  Placement placement{0, impl_->lengths.at(i), {}};
  take_checksums(impl_->header, episode, placement);
  std::vector<std::uint32_t> logged(placement.checksums.size());
  const std::size_t k = impl_->column_index("episodes/checksums");
  read_rows(impl_->datasets[k].get(), impl_->columns[k], i, 1, logged.data(), impl_->doing);
  const std::vector<std::string> names = checksum_names(impl_->header);
  std::vector<std::string> changed;
  for (std::size_t c = 0; c < names.size(); ++c) {
    if (logged[c] != placement.checksums[c]) changed.push_back(names[c]);
  }
  return changed;
}

Episode RolloutReader::read(std::uint64_t i) const {
  silence_hdf5();
  assert(i < episode_count());
  const RolloutHeader& h = impl_->header;
  const auto first = static_cast<std::uint64_t>(impl_->entries[i].first_row);
  const auto steps = static_cast<std::size_t>(impl_->lengths[i]);
  Placement placement;
  placement.checksums.resize(checksum_names(h).size());

  Episode episode;
  episode.initial_state.resize(h.state_bytes);
  episode.final_observation.resize(h.observation_size);
  episode.drawn.resize(h.drawn_names.size());
  episode.observations.resize(steps * h.observation_size);
  episode.actions.resize(steps * h.action_size);
  episode.raw_actions.resize(steps * h.action_size);
  episode.rewards.resize(steps);
  episode.terminated.resize(steps);
  episode.truncated.resize(steps);
  episode.log_probs.resize(steps);
  episode.distributions.resize(steps * h.distribution_names.size());
  episode.values.resize(steps);

  std::size_t k = 0;
  visit_columns(h, episode, placement, [&](const char*, auto values, std::uint64_t) {
    const Column& column = impl_->columns[k];
    read_rows(impl_->datasets[k++].get(), column, column.per_step ? first : i,
              column.per_step ? steps : 1, values.data(), impl_->doing);
  });
  return episode;
}

}  // namespace costate
