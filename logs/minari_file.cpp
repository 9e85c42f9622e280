#include "logs/minari_file.h"

#include <algorithm>
#include <fcntl.h>
#include <functional>
#include <numeric>
#include <string>
#include <utility>

#include "envs/error.h"
#include "logs/atomic_file.h"
#include "logs/hdf5_handle.h"

namespace costate {
namespace {

constexpr std::uint64_t kChunkBytes = 256 * 1024;

std::string group_name(std::uint64_t episode) {
  return "episode_" + std::to_string(episode);
}

// As h5py stores NumPy's bool.
Hdf5Handle bool_type(const std::string& doing) {
  Hdf5Handle type(H5Tenum_create(H5T_STD_I8LE), doing);
  for (const auto& [name, value] : {std::pair<const char*, std::int8_t>{"FALSE", 0}, {"TRUE", 1}}) {
    hdf5_check(H5Tenum_insert(type.get(), name, &value), doing);
  }
  return type;
}

bool has(hid_t group, const char* name, const std::string& doing) {
  return hdf5_check(H5Lexists(group, name, H5P_DEFAULT), doing) > 0;
}

template <class T>
void write_attribute(hid_t group, const char* name, T value, const std::string& doing) {
  const std::string what = doing + ": " + name;
  const Hdf5Handle space(H5Screate(H5S_SCALAR), what);
  const Hdf5Handle attribute(
      H5Acreate2(group, name, hdf5_type<T>(), space.get(), H5P_DEFAULT, H5P_DEFAULT), what);
  hdf5_check(H5Awrite(attribute.get(), hdf5_type<T>(), &value), what);
}

/// Leaves `value` as it is where there is no such number.
template <class T>
void read_attribute(hid_t group, const char* name, T& value, const std::string& doing) {
  const std::string what = doing + ": attribute " + name;
  if (hdf5_check(H5Aexists(group, name), what) == 0) return;
  const Hdf5Handle attribute(H5Aopen(group, name, H5P_DEFAULT), what);
  const Hdf5Handle space(H5Aget_space(attribute.get()), what);
  const Hdf5Handle type(H5Aget_type(attribute.get()), what);
  const H5T_class_t kind = H5Tget_class(type.get());
  // Some datasets say "None" for a seed that is not known.
  if (H5Sget_simple_extent_npoints(space.get()) != 1 ||
      (kind != H5T_INTEGER && kind != H5T_FLOAT)) {
    return;
  }
  hdf5_check(H5Aread(attribute.get(), hdf5_type<T>(), &value), what);
}

struct Extent {
  std::uint64_t rows = 0;
  std::uint64_t width = 1;  // the numbers in a row
};

// Of a data set of numbers. Throws Error where it is something else.
Extent extent_of(hid_t dataset, const std::string& what) {
  const Hdf5Handle type(H5Dget_type(dataset), what);
  const H5T_class_t kind = H5Tget_class(type.get());
  if (kind != H5T_INTEGER && kind != H5T_FLOAT && kind != H5T_ENUM) {
    throw Error(what + ": does not hold numbers");
  }
  const Hdf5Handle space(H5Dget_space(dataset), what);
  const auto axes = hdf5_check(H5Sget_simple_extent_ndims(space.get()), what);
  std::vector<hsize_t> dims(static_cast<std::size_t>(axes));
  hdf5_check(H5Sget_simple_extent_dims(space.get(), dims.data(), nullptr), what);
  if (dims.empty()) return {1, 1};
  return {dims[0],
          std::accumulate(dims.begin() + 1, dims.end(), std::uint64_t{1}, std::multiplies<>())};
}

Hdf5Handle open_dataset(hid_t group, const char* name, const std::string& doing) {
  const std::string what = doing + ": " + name;
  if (!has(group, name, doing)) throw Error(what + " is missing");
  Hdf5Handle object(H5Oopen(group, name, H5P_DEFAULT), what);
  if (H5Iget_type(object.get()) != H5I_DATASET) {
    throw Error(what +
                " is a group (of a Dict or Tuple space), expected one array: flatten the "
                "space before collecting the dataset");
  }
  return object;
}

template <class T>
Extent read_dataset(hid_t group, const char* name, std::vector<T>& out, const std::string& doing) {
  const Hdf5Handle dataset = open_dataset(group, name, doing);
  const std::string what = doing + ": " + name;
  const Extent extent = extent_of(dataset.get(), what);
  out.resize(extent.rows * extent.width);
  hdf5_check(H5Dread(dataset.get(), hdf5_type<T>(), H5S_ALL, H5S_ALL, H5P_DEFAULT, out.data()),
             what);
  return extent;
}

}  // namespace

// --- writing

struct MinariWriter::Impl {
  std::filesystem::path path;
  RolloutHeader header;
  MinariSpace observation;
  MinariSpace action;
  std::string doing;
  Hdf5Handle file;
  Hdf5Handle group_creation;
  std::uint64_t count = 0;

  Hdf5Handle make_group(hid_t parent, const char* name) const {
    return {H5Gcreate2(parent, name, H5P_DEFAULT, group_creation.get(), H5P_DEFAULT),
            doing + ": " + name};
  }

  /// Writes `rows` rows of the shape, chunked and free to grow.
  template <class T>
  void put(hid_t group, const char* name, const std::vector<T>& values, std::uint64_t rows,
           std::vector<std::uint64_t> shape, hid_t stored) const {
    const std::string what = doing + ": " + name;
    std::vector<hsize_t> dims = {rows};
    dims.insert(dims.end(), shape.begin(), shape.end());
    std::vector<hsize_t> most = dims;
    most[0] = H5S_UNLIMITED;
    std::vector<hsize_t> chunk = dims;
    std::uint64_t row_bytes = sizeof(T);
    for (const std::uint64_t axis : shape) row_bytes *= axis;
    chunk[0] = std::clamp<hsize_t>(rows, 1, std::max<hsize_t>(1, kChunkBytes / row_bytes));
    const int axes = static_cast<int>(dims.size());
    const Hdf5Handle space(H5Screate_simple(axes, dims.data(), most.data()), what);
    const auto creation = hdf5_untimed_properties(H5P_DATASET_CREATE, what);
    hdf5_check(H5Pset_chunk(creation.get(), axes, chunk.data()), what);
    hdf5_check(H5Pset_shuffle(creation.get()), what);
    hdf5_check(H5Pset_deflate(creation.get(), 1), what);
    Hdf5Handle dataset(
        H5Dcreate2(group, name, stored, space.get(), H5P_DEFAULT, creation.get(), H5P_DEFAULT),
        what);
    if (rows > 0) {
      hdf5_check(
          H5Dwrite(dataset.get(), hdf5_type<T>(), H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()),
          what);
    }
    dataset.close(what);
  }
  void put_space(hid_t group, const char* name, const std::vector<float>& values,
                 std::uint64_t rows, const MinariSpace& space) const {
    if (space.discrete) {
      const std::vector<std::int64_t> whole(values.begin(), values.end());
      put(group, name, whole, rows, {}, H5T_STD_I64LE);
    } else {
      put(group, name, values, rows, space.shape, H5T_IEEE_F32LE);
    }
  }
  void put_flags(hid_t group, const char* name, const std::vector<std::uint8_t>& values) const {
    const std::string what = doing + ": " + name;
    const auto type = bool_type(what);
    const hsize_t rows = values.size();
    const hsize_t most = H5S_UNLIMITED;
    const hsize_t chunk = std::max<hsize_t>(rows, 1);
    const Hdf5Handle space(H5Screate_simple(1, &rows, &most), what);
    const auto creation = hdf5_untimed_properties(H5P_DATASET_CREATE, what);
    hdf5_check(H5Pset_chunk(creation.get(), 1, &chunk), what);
    hdf5_check(H5Pset_deflate(creation.get(), 1), what);
    Hdf5Handle dataset(
        H5Dcreate2(group, name, type.get(), space.get(), H5P_DEFAULT, creation.get(), H5P_DEFAULT),
        what);
    if (rows > 0) {
      hdf5_check(H5Dwrite(dataset.get(), type.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()),
                 what);
    }
    dataset.close(what);
  }
};

MinariWriter::MinariWriter(std::filesystem::path path, RolloutHeader header,
                           MinariSpace observation, MinariSpace action)
    : impl_(std::make_unique<Impl>()) {
  silence_hdf5();
  impl_->path = std::move(path);
  impl_->header = std::move(header);
  impl_->observation = std::move(observation);
  impl_->action = std::move(action);
  impl_->doing = "cannot write " + impl_->path.string();
  // Minari's readers take episodes in the order in which they were made.
  const auto file_creation = hdf5_untimed_properties(H5P_FILE_CREATE, impl_->doing);
  constexpr unsigned kOrder = H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED;
  hdf5_check(H5Pset_link_creation_order(file_creation.get(), kOrder), impl_->doing);
  impl_->group_creation = hdf5_untimed_properties(H5P_GROUP_CREATE, impl_->doing);
  hdf5_check(H5Pset_link_creation_order(impl_->group_creation.get(), kOrder), impl_->doing);
  impl_->file = Hdf5Handle(
      H5Fcreate(impl_->path.c_str(), H5F_ACC_EXCL, file_creation.get(), H5P_DEFAULT), impl_->doing);
}

MinariWriter::~MinariWriter() = default;

void MinariWriter::append(const Episode& e) {
  silence_hdf5();
  const Impl& w = *impl_;
  const std::uint64_t steps = e.length();
  const auto group = w.make_group(w.file.get(), group_name(w.count).c_str());
  write_attribute(group.get(), "id", static_cast<std::int64_t>(w.count), w.doing);
  write_attribute(group.get(), "total_steps", static_cast<std::int64_t>(steps), w.doing);
  write_attribute(group.get(), "seed", e.seed, w.doing);
  write_attribute(group.get(), "env_index", e.env_index, w.doing);
  write_attribute(group.get(), "episode", e.episode, w.doing);
  write_attribute(group.get(), "last_step", e.last_step, w.doing);
  write_attribute(group.get(), "rewards_sum", e.episode_return, w.doing);

  std::vector<float> observations = e.observations;
  observations.insert(observations.end(), e.final_observation.begin(), e.final_observation.end());
  w.put_space(group.get(), "observations", observations, steps + 1, w.observation);
  w.put_space(group.get(), "actions", e.actions, steps, w.action);
  w.put(group.get(), "rewards", e.rewards, steps, {}, H5T_IEEE_F64LE);
  w.put_flags(group.get(), "terminations", e.terminated);
  w.put_flags(group.get(), "truncations", e.truncated);

  const auto infos = w.make_group(group.get(), "infos");
  w.put(infos.get(), "raw_actions", e.raw_actions, steps, {w.header.action_size}, H5T_IEEE_F32LE);
  w.put(infos.get(), "log_probs", e.log_probs, steps, {}, H5T_IEEE_F32LE);
  w.put(infos.get(), "values", e.values, steps, {}, H5T_IEEE_F32LE);
  w.put(infos.get(), "return", std::vector<double>{e.episode_return}, 1, {}, H5T_IEEE_F64LE);
  if (!w.header.distribution_names.empty()) {
    w.put(infos.get(), "distributions", e.distributions, steps,
          {w.header.distribution_names.size()}, H5T_IEEE_F32LE);
  }
  if (!w.header.drawn_names.empty()) {
    w.put(infos.get(), "drawn", e.drawn, w.header.drawn_names.size(), {}, H5T_IEEE_F64LE);
  }
  if (w.header.state_bytes > 0) {
    w.put(infos.get(), "initial_state", e.initial_state, w.header.state_bytes, {}, H5T_STD_U8LE);
    write_attribute(group.get(), "final_state_hash", e.final_state_hash, w.doing);
  }
  ++impl_->count;
}

void MinariWriter::close() {
  impl_->group_creation.close(impl_->doing);
  impl_->file.close(impl_->doing);
}

// --- reading

struct MinariReader::Impl {
  std::filesystem::path path;
  Hdf5Handle file;
  std::uint64_t episodes = 0;
  std::uint64_t observation = 0;
  std::uint64_t action = 0;
  std::uint64_t state = 0;
  std::uint64_t distribution = 0;
  std::uint64_t drawn = 0;

  std::string doing(std::uint64_t i) const { return path.string() + ": " + group_name(i); }
  Hdf5Handle open_group(std::uint64_t i) const {
    return {H5Gopen2(file.get(), group_name(i).c_str(), H5P_DEFAULT), doing(i)};
  }
};

MinariReader::MinariReader(std::filesystem::path path) : impl_(std::make_unique<Impl>()) {
  silence_hdf5();
  Impl& r = *impl_;
  r.path = std::move(path);
  { const FileDescriptor probe(r.path, O_RDONLY, "read"); }
  r.file = hdf5_open_file(r.path.string(), H5F_ACC_RDONLY, "cannot read " + r.path.string());
  while (has(r.file.get(), group_name(r.episodes).c_str(), r.path.string())) ++r.episodes;
  if (r.episodes == 0) {
    throw Error(r.path.string() + " has no group episode_0, expected a Minari dataset");
  }
  const auto group = r.open_group(0);
  const std::string doing = r.doing(0);
  const auto extent = [&](hid_t in, const char* name) {
    return extent_of(open_dataset(in, name, doing).get(), doing + ": " + name);
  };
  r.observation = extent(group.get(), "observations").width;
  r.action = extent(group.get(), "actions").width;
  if (!has(group.get(), "infos", doing)) return;
  const Hdf5Handle infos(H5Oopen(group.get(), "infos", H5P_DEFAULT), doing);
  if (H5Iget_type(infos.get()) != H5I_GROUP) return;
  if (!has(infos.get(), "raw_actions", doing)) return;  // not ours
  if (has(infos.get(), "initial_state", doing)) {
    r.state = extent(infos.get(), "initial_state").rows;
  }
  if (has(infos.get(), "distributions", doing)) {
    r.distribution = extent(infos.get(), "distributions").width;
  }
  if (has(infos.get(), "drawn", doing)) r.drawn = extent(infos.get(), "drawn").rows;
}

MinariReader::~MinariReader() = default;

std::uint64_t MinariReader::episode_count() const {
  return impl_->episodes;
}
std::uint64_t MinariReader::observation_size() const {
  return impl_->observation;
}
std::uint64_t MinariReader::action_size() const {
  return impl_->action;
}
std::uint64_t MinariReader::state_bytes() const {
  return impl_->state;
}
std::uint64_t MinariReader::distribution_size() const {
  return impl_->distribution;
}
std::uint64_t MinariReader::drawn_size() const {
  return impl_->drawn;
}

Episode MinariReader::read(std::uint64_t i) const {
  silence_hdf5();
  const Impl& r = *impl_;
  const std::string doing = r.doing(i);
  const auto group = r.open_group(i);
  Episode e;
  e.episode = i;
  read_attribute(group.get(), "seed", e.seed, doing);
  read_attribute(group.get(), "env_index", e.env_index, doing);
  read_attribute(group.get(), "episode", e.episode, doing);
  read_attribute(group.get(), "last_step", e.last_step, doing);
  read_attribute(group.get(), "final_state_hash", e.final_state_hash, doing);

  const std::uint64_t steps = read_dataset(group.get(), "rewards", e.rewards, doing).rows;
  const auto expect = [&](const char* name, Extent found, std::uint64_t rows, std::uint64_t width) {
    if (found.rows == rows && found.width == width) return;
    throw Error(doing + ": " + name + " has " + std::to_string(found.rows) + " rows of " +
                std::to_string(found.width) + " numbers, expected " + std::to_string(rows) +
                " of " + std::to_string(width));
  };
  const auto read = [&](hid_t in, const char* name, auto& out, std::uint64_t rows,
                        std::uint64_t width) {
    expect(name, read_dataset(in, name, out, doing), rows, width);
  };
  read(group.get(), "observations", e.observations, steps + 1, r.observation);
  const auto last = e.observations.end() - static_cast<std::ptrdiff_t>(r.observation);
  e.final_observation.assign(last, e.observations.end());
  e.observations.erase(last, e.observations.end());
  read(group.get(), "actions", e.actions, steps, r.action);
  read(group.get(), "terminations", e.terminated, steps, 1);
  read(group.get(), "truncations", e.truncated, steps, 1);
  e.episode_return = std::accumulate(e.rewards.begin(), e.rewards.end(), 0.0);

  Hdf5Handle infos;
  if (has(group.get(), "infos", doing)) {
    infos = Hdf5Handle(H5Oopen(group.get(), "infos", H5P_DEFAULT), doing);
  }
  const bool ours = infos.get() >= 0 && H5Iget_type(infos.get()) == H5I_GROUP &&
                    has(infos.get(), "raw_actions", doing);
  if (!ours) {
    e.raw_actions = e.actions;
    e.log_probs.resize(steps);
    e.values.resize(steps);
    e.initial_state.resize(r.state);
    e.distributions.resize(steps * r.distribution);
    e.drawn.resize(r.drawn);
    return e;
  }
  read(infos.get(), "raw_actions", e.raw_actions, steps, r.action);
  read(infos.get(), "log_probs", e.log_probs, steps, 1);
  read(infos.get(), "values", e.values, steps, 1);
  if (r.distribution > 0) {
    read(infos.get(), "distributions", e.distributions, steps, r.distribution);
  }
  if (r.drawn > 0) read(infos.get(), "drawn", e.drawn, r.drawn, 1);
  if (r.state > 0) read(infos.get(), "initial_state", e.initial_state, r.state, 1);
  return e;
}

}  // namespace costate
