// metadata.json of a Minari dataset: what its episodes are of, in Minari's words, and, under the
// key "costate", what a rollout file says beyond that, so that importing the dataset gives it back.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "envs/spec.h"
#include "logs/minari_file.h"
#include "logs/rollout_file.h"

namespace costate {

/// Names of text attributes that keep the spaces of a dataset which is of no environment of ours.
inline constexpr char kObservationSpace[] = "observation_space";
inline constexpr char kActionSpace[] = "action_space";

/// The space as Minari writes it, such as
/// {"type": "Discrete", "dtype": "int64", "start": 0, "n": 2}. Throws Error for a multi-discrete or
/// multi-binary one, for which Minari has no form.
std::string minari_space_text(const Space& space);

/// How values of a space that Minari wrote so are stored. Throws Error that names `what` where it
/// is not a Box, or a Discrete from 0.
MinariSpace minari_space(const std::string& text, const std::string& what);

/// Throws UsageError where it is no dataset id: words of letters, digits, - and _, separated by
/// slashes, with a version at the end, such as "mujoco/hopper/expert-v0".
void check_dataset_id(const std::string& id);

struct MinariDataset {
  std::string id;
  std::string author;          ///< empty: not said
  std::string algorithm_name;  ///< empty: not said
  std::uint64_t episodes = 0;
  std::uint64_t steps = 0;
  std::uint64_t bytes = 0;  ///< of main_data.hdf5
  std::string observation_space;
  std::string action_space;
};

/// The whole of metadata.json. `spec` is the environment's; null where it is none of ours.
nlohmann::ordered_json minari_metadata(const MinariDataset& dataset, const RolloutHeader& header,
                                       const EnvSpec* spec);

/// The header of a rollout file with the episodes of `reader`. `env` overrules the environment that
/// the metadata names. Throws Error that names `file` where the metadata are not those of a
/// dataset, do not fit the episodes or name no environment.
RolloutHeader header_of_dataset(const nlohmann::ordered_json& metadata, const MinariReader& reader,
                                const std::string& env, const std::string& file);

}  // namespace costate
