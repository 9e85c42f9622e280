#include "logs/rollout_file.h"

#include <catch2/catch.hpp>
#include <chrono>
#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <hdf5.h>
#include <numeric>
#include <random>
#include <signal.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "envs/error.h"
#include "envs/random.h"
#include "logs/atomic_file.h"
#include "tests/logs/test_folder.h"

using namespace costate;

namespace {

RolloutHeader example_header() {
  RolloutHeader header;
  header.env = "Example-v0";
  header.seed = ~std::uint64_t{0};
  header.attributes = {{"config", std::string(100000, 'c')}, {"git_version", "abc123"}};
  header.observation_size = 3;
  header.action_size = 2;
  header.state_bytes = 16;
  header.distribution_names = {"mean[0]", "mean[1]", "log_std[0]", "log_std[1]"};
  return header;
}

// Episode number n: all that it holds follows from n.
Episode example_episode(const RolloutHeader& header, std::uint64_t n) {
  std::mt19937_64 random(n);
  std::normal_distribution<double> normal;
  const std::size_t steps = n % 7 == 3 ? 0 : random() % 200;
  const auto fill = [&](auto& values, std::size_t size) {
    values.resize(size);
    for (auto& value : values) {
      value = static_cast<std::remove_reference_t<decltype(value)>>(normal(random));
    }
  };
  Episode episode;
  episode.env_index = n % 4;
  episode.episode = n / 4;
  episode.seed = random();
  episode.last_step = static_cast<std::int64_t>(10 * n);
  if (header.state_bytes > 0) episode.final_state_hash = random();
  for (std::size_t i = 0; i < header.state_bytes; ++i) {
    episode.initial_state.push_back(static_cast<std::byte>(random()));
  }
  fill(episode.final_observation, header.observation_size);
  fill(episode.observations, steps * header.observation_size);
  fill(episode.actions, steps * header.action_size);
  fill(episode.raw_actions, steps * header.action_size);
  fill(episode.rewards, steps);
  episode.terminated.assign(steps, 0);
  episode.truncated.assign(steps, 0);
  if (steps > 0) (n % 2 == 0 ? episode.terminated : episode.truncated).back() = 1;
  fill(episode.log_probs, steps);
  fill(episode.distributions, steps * header.distribution_names.size());
  fill(episode.values, steps);
  episode.episode_return = std::accumulate(episode.rewards.begin(), episode.rewards.end(), 0.0);
  return episode;
}

bool equal(const Episode& a, const Episode& b) {
  return a.env_index == b.env_index && a.episode == b.episode && a.seed == b.seed &&
         a.last_step == b.last_step && a.episode_return == b.episode_return &&
         a.initial_state == b.initial_state && a.final_state_hash == b.final_state_hash &&
         a.final_observation == b.final_observation && a.observations == b.observations &&
         a.actions == b.actions && a.raw_actions == b.raw_actions && a.rewards == b.rewards &&
         a.terminated == b.terminated && a.truncated == b.truncated && a.log_probs == b.log_probs &&
         a.distributions == b.distributions && a.values == b.values;
}

// Whether the file holds exactly the episodes first … first + count − 1.
bool holds(const std::filesystem::path& path, const RolloutHeader& header, std::uint64_t first,
           std::uint64_t count) {
  const RolloutReader reader(path);
  if (reader.episode_count() != count) return false;
  std::uint64_t steps = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    if (!equal(reader.read(i), example_episode(header, first + i))) return false;
    steps += reader.length(i);
  }
  return reader.step_count() == steps;
}

}  // namespace

TEST_CASE("rollouts come back as they were appended") {
  const TestFolder folder;
  const auto path = folder / "r.h5";
  const RolloutHeader header = example_header();
  RolloutWriter writer(path, header);
  REQUIRE(holds(path, header, 0, 0));
  for (std::uint64_t n = 0; n < 300; ++n) {
    writer.append(example_episode(header, n));
    if (n % 50 == 20) {
      writer.flush();
      REQUIRE(writer.episode_count() == n + 1);
      REQUIRE(holds(path, header, 0, n + 1));
    }
  }
  writer.flush();
  REQUIRE(holds(path, header, 0, 300));

  const RolloutReader reader(path);
  REQUIRE(reader.header().env == "Example-v0");
  REQUIRE(reader.header().seed == header.seed);
  REQUIRE(reader.header().attributes == header.attributes);
  REQUIRE(reader.header().distribution_names == header.distribution_names);
  REQUIRE(reader.header().state_bytes == 16);
  REQUIRE(reader.episodes_until(-1) == 0);
  REQUIRE(reader.episodes_until(50) == 6);
  REQUIRE(reader.episodes_until(1000000) == 300);
  REQUIRE(reader.header_unchanged());

  // What the table says, in any order.
  for (std::uint64_t k = 0; k < 300; ++k) {
    const std::uint64_t n = k * 77 % 300;
    const Episode episode = example_episode(header, n);
    CAPTURE(n);
    CHECK(reader.entries()[n].env_index == episode.env_index);
    CHECK(reader.entries()[n].episode == episode.episode);
    CHECK(reader.entries()[n].seed == episode.seed);
    CHECK(reader.entries()[n].last_step == episode.last_step);
    CHECK(reader.episode_return(n) == episode.episode_return);
    CHECK(reader.ending(n) == (episode.length() == 0 ? EpisodeEnding::kOpen
                               : n % 2 == 0          ? EpisodeEnding::kTerminated
                                                     : EpisodeEnding::kTruncated));
  }
}

TEST_CASE("a file of another version is refused in one line") {
  const TestFolder folder;
  const auto path = folder / "r.h5";
  RolloutWriter(path, example_header()).flush();
  const auto [version, who] = GENERATE(values<std::pair<std::int64_t, const char*>>(
      {{1, "an older costate"}, {3, "a newer costate"}}));
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
  const hid_t attribute = H5Aopen(file, "version", H5P_DEFAULT);
  H5Awrite(attribute, H5T_NATIVE_INT64, &version);
  H5Aclose(attribute);
  H5Fclose(file);
  const std::string expected = path.string() + " has rollout format version " +
                               std::to_string(version) + ", expected 2: " + who + " wrote it";
  CHECK(message_of<Error>([&] { RolloutReader reader(path); }) == expected);
  CHECK(message_of<Error>([&] {
          RolloutWriter writer(path, example_header(), {.keep_episodes = 0});
        }) == expected);
}

TEST_CASE("columns of width 0 are left out") {
  const TestFolder folder;
  RolloutHeader header = example_header();
  header.state_bytes = 0;
  header.distribution_names.clear();
  RolloutWriter writer(folder / "r.h5", header);
  writer.append(example_episode(header, 0));
  writer.flush();
  REQUIRE(holds(folder / "r.h5", header, 0, 1));
}

TEST_CASE("a reader keeps what it opened while the run goes on") {
  const TestFolder folder;
  const RolloutHeader header = example_header();
  RolloutWriter writer(folder / "r.h5", header);
  writer.append(example_episode(header, 0));
  writer.flush();
  const RolloutReader reader(folder / "r.h5");
  for (std::uint64_t n = 1; n < 10; ++n) {
    writer.append(example_episode(header, n));
    writer.flush();
  }
  REQUIRE(reader.episode_count() == 1);
  REQUIRE(equal(reader.read(0), example_episode(header, 0)));
  REQUIRE(holds(folder / "r.h5", header, 0, 10));
}

TEST_CASE("the bytes do not depend on when episodes were flushed") {
  const TestFolder folder;
  RolloutHeader header = example_header();
  header.attributes.clear();
  RolloutWriter often(folder / "often.h5", header);
  RolloutWriter once(folder / "once.h5", header);
  for (std::uint64_t n = 0; n < 240; ++n) {
    often.append(example_episode(header, n));
    if (n % 3 == 0) often.flush();
    once.append(example_episode(header, n));
  }
  often.flush();
  once.flush();
  REQUIRE(RolloutReader(folder / "once.h5").step_count() > 16384);  // more than a chunk
  REQUIRE(holds(folder / "often.h5", header, 0, 240));
  REQUIRE(read_file(folder / "often.h5") == read_file(folder / "once.h5"));

  // Nor on a stop in between: the writer goes on in the middle of a chunk.
  for (const std::uint64_t keep : {239u, 200u, 100u}) {
    RolloutWriter continued(folder / "often.h5", header, {.keep_episodes = keep});
    for (std::uint64_t n = keep; n < 240; ++n) continued.append(example_episode(header, n));
    continued.flush();
    REQUIRE(read_file(folder / "often.h5") == read_file(folder / "once.h5"));
  }
}

TEST_CASE("chunks are packed as HDF5's own filters would read them") {
  const TestFolder folder;
  const auto path = folder / "r.h5";
  RolloutHeader header = example_header();
  std::vector<double> rewards;
  {
    RolloutWriter writer(path, header);
    for (std::uint64_t n = 0; n < 240; ++n) {
      const Episode episode = example_episode(header, n);
      writer.append(episode);
      rewards.insert(rewards.end(), episode.rewards.begin(), episode.rewards.end());
    }
    writer.flush();
  }
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  const hid_t dataset = H5Dopen2(file, "steps/rewards", H5P_DEFAULT);
  const hid_t creation = H5Dget_create_plist(dataset);
  CHECK(H5Pget_nfilters(creation) == 2);
  unsigned flags = 0;
  std::size_t values = 0;
  CHECK(H5Pget_filter2(creation, 0, &flags, &values, nullptr, 0, nullptr, nullptr) ==
        H5Z_FILTER_SHUFFLE);
  values = 0;
  CHECK(H5Pget_filter2(creation, 1, &flags, &values, nullptr, 0, nullptr, nullptr) ==
        H5Z_FILTER_DEFLATE);
  hsize_t chunks = 0;
  const hid_t space = H5Dget_space(dataset);
  CHECK(H5Dget_num_chunks(dataset, space, &chunks) >= 0);
  CHECK(chunks == (rewards.size() + 16383) / 16384);
  std::vector<double> read(rewards.size());
  CHECK(H5Dread(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, read.data()) >= 0);
  CHECK(read == rewards);
  H5Sclose(space);
  H5Pclose(creation);
  H5Dclose(dataset);
  H5Fclose(file);
}

TEST_CASE("a continued file keeps its first episodes and drops the rest") {
  const TestFolder folder;
  const auto path = folder / "r.h5";
  const RolloutHeader header = example_header();
  {
    RolloutWriter writer(path, header);
    for (std::uint64_t n = 0; n < 100; ++n) writer.append(example_episode(header, n));
    writer.flush();
  }
  for (const std::uint64_t keep : {100u, 60u, 17u, 0u}) {
    RolloutWriter writer(path, header, {.keep_episodes = keep});
    REQUIRE(writer.episode_count() == keep);
    REQUIRE(holds(path, header, 0, keep));
    for (std::uint64_t n = keep; n < keep + 30; ++n) writer.append(example_episode(header, n));
    writer.flush();
    REQUIRE(holds(path, header, 0, keep + 30));
  }
  REQUIRE(message_of<Error>([&] { RolloutWriter writer(path, header, {.keep_episodes = 31}); }) ==
          path.string() + ": has 30 episodes, expected at least 31");
  RolloutHeader other = header;
  other.action_size = 5;
  REQUIRE(message_of<Error>([&] { RolloutWriter writer(path, other, {.keep_episodes = 0}); }) ==
          path.string() + ": has 2 action entries a step, expected 5");
  REQUIRE(holds(path, header, 0, 30));
}

TEST_CASE("a file whose chunks another tool has changed is continued too") {
  const TestFolder folder;
  const auto path = folder / "r.h5";
  const RolloutHeader header = example_header();
  {
    RolloutWriter writer(path, header);
    for (std::uint64_t n = 0; n < 200; ++n) writer.append(example_episode(header, n));
    writer.flush();
    REQUIRE(RolloutReader(path).step_count() > 16384);
  }
  // steps/rewards again, in smaller chunks and not compressed.
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
  const hid_t old = H5Dopen2(file, "steps/rewards", H5P_DEFAULT);
  const hid_t space = H5Dget_space(old);
  std::vector<double> rewards(static_cast<std::size_t>(H5Sget_simple_extent_npoints(space)));
  H5Dread(old, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, rewards.data());
  H5Dclose(old);
  H5Ldelete(file, "steps/rewards", H5P_DEFAULT);
  const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
  const hsize_t chunk = 512;
  H5Pset_chunk(creation, 1, &chunk);
  const hid_t replaced =
      H5Dcreate2(file, "steps/rewards", H5T_IEEE_F64LE, space, H5P_DEFAULT, creation, H5P_DEFAULT);
  H5Dwrite(replaced, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, rewards.data());
  H5Pclose(creation);
  H5Dclose(replaced);
  H5Sclose(space);
  H5Fclose(file);

  RolloutWriter writer(path, header, {.keep_episodes = 190});
  writer.append(example_episode(header, 190));
  writer.flush();
  REQUIRE(holds(path, header, 0, 191));
}

TEST_CASE("last_n keeps the newest episodes only") {
  const TestFolder folder;
  const auto path = folder / "r.h5";
  const RolloutHeader header = example_header();
  std::uint64_t written = 0;
  RolloutWriter writer(path, header, {.last_n = 10});
  for (const std::uint64_t batch : {4u, 6u, 1u, 3u, 25u, 10u, 19u, 20u, 47u}) {
    for (std::uint64_t i = 0; i < batch; ++i) writer.append(example_episode(header, written++));
    writer.flush();
    const std::uint64_t count = std::min<std::uint64_t>(written, 10);
    REQUIRE(writer.episode_count() == count);
    REQUIRE(holds(path, header, written - count, count));
  }
}

TEST_CASE("an episode of the wrong size is refused whole") {
  const TestFolder folder;
  const auto path = folder / "r.h5";
  const RolloutHeader header = example_header();
  RolloutWriter writer(path, header);
  Episode episode = example_episode(header, 1);
  episode.log_probs.pop_back();
  const auto steps = episode.length();
  REQUIRE(message_of<Error>([&] { writer.append(episode); }) ==
          path.string() + ": an episode of " + std::to_string(steps) + " steps has " +
              std::to_string(steps - 1) + " values for steps/log_probs, expected " +
              std::to_string(steps));
  writer.append(example_episode(header, 0));
  writer.flush();
  REQUIRE(holds(path, header, 0, 1));
}

TEST_CASE("a full disk leaves the rollouts whole and the episodes waiting") {
  const TestFolder folder;
  const auto path = folder / "r.h5";
  const RolloutHeader header = example_header();
  RolloutWriter writer(path, header);
  for (std::uint64_t n = 0; n < 20; ++n) writer.append(example_episode(header, n));
  writer.flush();
  for (std::uint64_t n = 20; n < 40; ++n) writer.append(example_episode(header, n));
  for (const rlim_t limit : {1000u, 100000u, 400000u}) {
    std::string message;
    {
      const FullDisk full(limit);
      message = message_of<Error>([&] { writer.flush(); });
    }
    REQUIRE(message == "cannot write " + path.string() + ": File too large");
    REQUIRE_FALSE(std::filesystem::exists(folder / "r.h5.tmp"));
    REQUIRE(holds(path, header, 0, 20));
  }
  writer.flush();
  REQUIRE(holds(path, header, 0, 40));
}

TEST_CASE("damaged and foreign rollout files are told apart") {
  const TestFolder folder;
  const auto path = folder / "r.h5";
  const auto message = [&] { return message_of<Error>([&] { RolloutReader reader(path); }); };
  REQUIRE(message() == "cannot read rollouts " + path.string() + ": No such file or directory");
  replace_file(path, std::string(5000, 'x'));
  REQUIRE_THAT(message(), Catch::StartsWith("cannot read rollouts " + path.string() + ": ") &&
                              Catch::Contains("signature"));
  hid_t foreign = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  H5Fclose(foreign);
  REQUIRE(message() == path.string() + " is an HDF5 file, but not one of rollouts");

  const RolloutHeader header = example_header();
  {
    RolloutWriter writer(path, header);
    for (std::uint64_t n = 0; n < 200; ++n) writer.append(example_episode(header, n));
    writer.flush();
  }
  // Cut or overwritten anywhere, it must not crash, and what still reads must be an Error or right.
  const auto bytes = read_file(path);
  RandomStream random(1);
  for (int i = 0; i < 200; ++i) {
    auto damaged = bytes;
    if (i % 4 == 0) {
      damaged.resize(random.below(bytes.size()));
    } else {
      damaged[random.below(bytes.size())] ^= std::byte{1} << random.below(8);
    }
    replace_file(path, damaged);
    try {
      const RolloutReader reader(path);
      for (std::uint64_t k = 0; k < reader.episode_count(); ++k) reader.read(k);
    } catch (const Error& error) {
      REQUIRE_THAT(error.what(), Catch::Contains(path.string()));
      REQUIRE_THAT(error.what(), !Catch::Contains("\n"));
    }
  }
}

TEST_CASE("a run killed at any moment leaves every flushed episode") {
  const TestFolder folder;
  const auto path = folder / "r.h5";
  const auto progress = folder / "progress";
  const RolloutHeader header = example_header();
  RandomStream random(7);
  const char* wish = std::getenv("COSTATE_TEST_KILLS");
  const int rounds = wish != nullptr ? std::atoi(wish) : 20;
  for (int round = 0; round < rounds; ++round) {
    RolloutWriter(path, header).flush();
    // The child says how many episodes it has flushed by the length of a file.
    replace_file(progress, std::string_view());
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      const int report = ::open(progress.c_str(), O_WRONLY | O_APPEND);
      RolloutWriter writer(path, header);
      for (std::uint64_t n = 0;; ++n) {
        writer.append(example_episode(header, n));
        writer.flush();
        if (::write(report, "x", 1) != 1) ::_exit(1);
      }
    }
    std::this_thread::sleep_for(std::chrono::microseconds(random.below(60000)));
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    REQUIRE(WIFSIGNALED(status));

    const std::uint64_t reported = std::filesystem::file_size(progress);
    const std::uint64_t found = RolloutReader(path).episode_count();
    CAPTURE(round, reported, found);
    // The kill may fall between the rename and the report.
    REQUIRE((found == reported || found == reported + 1));
    REQUIRE(holds(path, header, 0, found));
    // h5py looks at them all together.
    std::filesystem::create_hard_link(path, folder / ("killed" + std::to_string(round) + ".h5"));
    std::filesystem::create_directory(folder / "expected");
    std::ofstream(folder / "expected" / std::to_string(round)) << found;

    RolloutWriter writer(path, header, {.keep_episodes = found});
    writer.append(example_episode(header, found));
    writer.flush();
    REQUIRE(holds(path, header, 0, found + 1));
    REQUIRE_FALSE(std::filesystem::exists(folder / "r.h5.tmp"));
  }
  const std::string count_with_h5py =
      "/usr/bin/python3 -c 'import glob, h5py, sys\n"
      "folder = sys.argv[1]\n"
      "files = glob.glob(folder + \"/killed*.h5\")\n"
      "for path in files:\n"
      "    expected = int(open(folder + \"/expected/\" + path[len(folder) + 7 : -3]).read())\n"
      "    with h5py.File(path) as f:\n"
      "        lengths = f[\"episodes/length\"][:]\n"
      "        assert len(lengths) == expected, path\n"
      "        assert lengths.sum() == len(f[\"steps/observations\"][:]), path\n"
      "assert len(files) == int(sys.argv[2])' ";
  CHECK(std::system(
            (count_with_h5py + folder.path().string() + " " + std::to_string(rounds)).c_str()) ==
        0);
}

TEST_CASE("a file is read while another process keeps writing it") {
  const TestFolder folder;
  const auto path = folder / "r.h5";
  const RolloutHeader header = example_header();
  RolloutWriter(path, header).flush();
  constexpr std::uint64_t kEpisodes = 200;
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    RolloutWriter writer(path, header);
    for (std::uint64_t n = 0; n < kEpisodes; ++n) {
      writer.append(example_episode(header, n));
      writer.flush();
    }
    ::_exit(0);
  }
  RandomStream random(3);
  std::uint64_t reads = 0;
  bool right = true;
  std::uint64_t most = 0;
  while (right && most < kEpisodes) {
    const RolloutReader reader(path);
    right &= reader.episode_count() >= most || most == 0;
    most = reader.episode_count();
    for (int i = 0; i < 3 && most > 0; ++i, ++reads) {
      const std::uint64_t n = random.below(most);
      const Episode episode = reader.read(n);
      right &= equal(episode, example_episode(header, n));
      right &= reader.changed_columns(n, episode).empty();
    }
    if (::waitpid(child, nullptr, WNOHANG) == child) break;
  }
  if (!right) ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  CHECK(right);
  CHECK(reads > 20);
  CHECK(holds(path, header, 0, kEpisodes));
}
