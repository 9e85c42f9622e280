// `costate export`: logged rollouts as a Minari dataset or as comma-separated values.
#include <algorithm>
#include <cctype>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "logs/atomic_file.h"
#include "logs/minari_file.h"
#include "logs/rollout_file.h"
#include "logs/unfinished_path.h"
#include "runners/episode_selection.h"
#include "runners/main.h"
#include "runners/minari_metadata.h"
#include "runners/rollout_csv.h"
#include "runners/rollout_header.h"
#include "runners/rollout_source.h"
#include "runners/run_config.h"

namespace costate {
namespace {

namespace fs = std::filesystem;

/// "HalfCheetah-v5" → "halfcheetah".
std::string word_for_id(std::string env) {
  const auto version = env.rfind("-v");
  if (version != std::string::npos) env.resize(version);
  std::ranges::transform(env, env.begin(), [](unsigned char c) {
    return std::isalnum(c) != 0 ? static_cast<char>(std::tolower(c)) : '-';
  });
  return env;
}

void export_minari(const RolloutReader& reader, const std::vector<std::uint64_t>& chosen,
                   const fs::path& file, const fs::path& root, MinariDataset dataset) {
  const RolloutHeader& header = reader.header();
  if (const auto config = header.attributes.find("config"); config != header.attributes.end()) {
    const RunConfig made_by = parse_config(config->second, file.string());
    dataset.algorithm_name =
        made_by.algo + (made_by.policy.head == "auto" ? "" : "-" + made_by.policy.head);
  } else if (const auto name = header.attributes.find("algorithm_name");
             name != header.attributes.end()) {
    dataset.algorithm_name = name->second;
  }
  if (dataset.id.empty()) {
    dataset.id = "costate/" + word_for_id(header.env) + "/" +
                 (dataset.algorithm_name.empty() ? "rollouts" : dataset.algorithm_name) + "-v0";
  }
  check_dataset_id(dataset.id);

  std::unique_ptr<Env> env;
  const auto spaces = [&](const char* attribute, const Space EnvSpec::*space) {
    const auto kept = header.attributes.find(attribute);
    if (kept != header.attributes.end()) return kept->second;
    if (!env) env = logged_environment(header, file.string());
    return minari_space_text(env->spec().*space);
  };
  dataset.observation_space = spaces(kObservationSpace, &EnvSpec::observation);
  dataset.action_space = spaces(kActionSpace, &EnvSpec::action);

  const fs::path target = root / dataset.id / "data";
  if (fs::exists(target)) throw UsageError(target.string() + " exists already");
  UnfinishedPath folder(target);
  std::error_code error;
  fs::create_directories(folder.path(), error);
  if (error) {
    throw Error("cannot make the folder " + folder.path().string() + ": " + error.message());
  }
  const fs::path data = folder.path() / "main_data.hdf5";
  MinariWriter writer(data, header,
                      minari_space(dataset.observation_space, "the observation space"),
                      minari_space(dataset.action_space, "the action space"));
  for (const std::uint64_t i : chosen) {
    const Episode episode = reader.read(i);
    writer.append(episode);
    dataset.episodes += 1;
    dataset.steps += episode.length();
  }
  writer.close();
  dataset.bytes = fs::file_size(data);
  replace_file(folder.path() / "metadata.json",
               minari_metadata(dataset, header, env ? &env->spec() : nullptr).dump(2) + "\n");
  folder.commit();
  std::cout << (root / dataset.id).string() << ": " << dataset.episodes << " episodes, "
            << dataset.steps << " steps, dataset " << dataset.id << '\n';
}

int run(int argc, char** argv) {
  CLI::App app(
      "Writes logged rollouts in the layout of Minari datasets, or as comma-separated values.",
      "costate export");
  std::string source;
  std::string minari;
  std::string csv;
  MinariDataset dataset;
  app.add_option("RUN", source, "Run folder, whose rollouts.h5 is read, or rollout file")
      ->type_name("RUN|FILE.h5")
      ->required();
  auto* form = app.add_option_group("form", "Where to, of which one is to be given");
  auto* minari_option =
      form->add_option(
              "--minari", minari,
              "Folder of Minari datasets (as in MINARI_DATASETS_PATH); the dataset goes to "
              "DIR/<id>/data, which must not be there yet")
          ->type_name("DIR");
  form->add_option("--csv", csv, "File of comma-separated values, a row per step")
      ->type_name("FILE");
  form->require_option(1);
  app.add_option("--id", dataset.id,
                 "Id of the dataset; costate/<environment>/<learner>-v0 where it is not given")
      ->type_name("ID")
      ->needs(minari_option);
  app.add_option("--author", dataset.author, "Author of the dataset, for its metadata")
      ->type_name("NAME")
      ->needs(minari_option);
  const EpisodeSelection selection(app);
  if (!parse_command_line(app, argc, argv)) return 0;

  const fs::path file = rollout_path(source);
  const RolloutReader reader(file);
  const std::vector<std::uint64_t> chosen = selection.choose(reader, file.string());
  if (!minari.empty()) {
    if (chosen.empty()) throw Error(file.string() + " holds no episodes to export");
    export_minari(reader, chosen, file, minari, dataset);
  } else {
    write_rollout_csv(reader, chosen, csv);
    std::cout << csv << ": " << chosen.size() << " episodes\n";
  }
  return 0;
}

}  // namespace
}  // namespace costate

int main(int argc, char** argv) {
  return costate::run_main("export", [&] { return costate::run(argc, argv); });
}
