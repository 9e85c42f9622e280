// `costate import`: a Minari dataset, ours or others', as a rollout file.
#include <filesystem>
#include <iostream>
#include <string>

#include "logs/atomic_file.h"
#include "logs/minari_file.h"
#include "logs/rollout_file.h"
#include "logs/unfinished_path.h"
#include "runners/main.h"
#include "runners/minari_metadata.h"

namespace costate {
namespace {

namespace fs = std::filesystem;

/// The folder with main_data.hdf5 in it, of what the command line names.
fs::path data_folder(const fs::path& named) {
  if (named.filename() == "main_data.hdf5") return named.parent_path();
  if (fs::exists(named / "main_data.hdf5")) return named;
  if (fs::exists(named / "data" / "main_data.hdf5")) return named / "data";
  throw UsageError(named.string() +
                   " is no Minari dataset, expected a folder with data/main_data.hdf5 in it");
}

nlohmann::ordered_json read_metadata(const fs::path& file) {
  try {
    return nlohmann::ordered_json::parse(read_text_file(file));
  } catch (const nlohmann::json::exception& error) {
    throw Error(file.string() + " is not JSON: " + error.what());
  }
}

int run(int argc, char** argv) {
  CLI::App app(
      "Reads a Minari dataset into a rollout file, which replay, compare and distill then read. Of "
      "a dataset that costate exported, nothing is lost.",
      "costate import");
  std::string source;
  std::string out;
  std::string env;
  app.add_option("DATASET", source, "Folder of the dataset, or its main_data.hdf5")->required();
  app.add_option("--out", out, "The rollout file to write")->type_name("FILE.h5")->required();
  app.add_option("--env", env, "Environment id in place of the one that the dataset names")
      ->type_name("ID");
  if (!parse_command_line(app, argc, argv)) return 0;

  const fs::path folder = data_folder(source);
  const fs::path metadata_file = folder / "metadata.json";
  const nlohmann::ordered_json metadata = read_metadata(metadata_file);
  for (const char* key : {kObservationSpace, kActionSpace}) {
    if (metadata.contains(key) && metadata[key].is_string()) {
      minari_space(metadata[key], metadata_file.string() + ": " + key);
    }
  }
  const MinariReader reader(folder / "main_data.hdf5");
  const RolloutHeader header = header_of_dataset(metadata, reader, env, metadata_file.string());
  if (fs::exists(out)) throw UsageError(out + " exists already");
  UnfinishedPath unfinished(out);  // a dataset that turns out to be damaged leaves nothing
  RolloutWriter writer(unfinished.path(), header);
  std::uint64_t steps = 0;
  std::int64_t last_step = 0;
  for (std::uint64_t i = 0; i < reader.episode_count(); ++i) {
    Episode episode = reader.read(i);
    steps += episode.length();
    // Where nobody says when an episode ended, they follow each other.
    if (episode.last_step == 0) {
      episode.last_step = last_step + static_cast<std::int64_t>(episode.length());
    }
    last_step = episode.last_step;
    writer.append(episode);
  }
  writer.flush();
  unfinished.commit();
  std::cout << out << ": " << header.env << ", " << reader.episode_count() << " episodes, " << steps
            << " steps\n";
  return 0;
}

}  // namespace
}  // namespace costate

int main(int argc, char** argv) {
  return costate::run_main("import", [&] { return costate::run(argc, argv); });
}
