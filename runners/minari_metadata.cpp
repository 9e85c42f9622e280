#include "runners/minari_metadata.h"

#include <cmath>
#include <regex>
#include <vector>

#include "envs/error.h"
#include "envs/format.h"
#include "runners/version.h"

namespace costate {
namespace {

using Json = nlohmann::ordered_json;

// As Python writes a float: infinities have names, whole numbers a point.
std::string python_number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  const std::string text = format_number(value);
  return text.find_first_of(".e") == std::string::npos ? text + ".0" : text;
}

// The numbers of a box as nested lists, one level for each axis from `axis` on.
std::string nested(const std::vector<double>& values, const std::vector<int>& shape,
                   std::size_t axis, std::size_t& next) {
  if (axis == shape.size()) return python_number(values[next++]);
  std::string text = "[";
  for (int i = 0; i < shape[axis]; ++i) {
    text += (i == 0 ? "" : ", ") + nested(values, shape, axis + 1, next);
  }
  return text + "]";
}

std::string bounds(const std::vector<double>& values, const std::vector<int>& shape) {
  std::size_t next = 0;
  return nested(values, shape, 0, next);
}

// Gymnasium's EnvSpec, without an entry point: who has the environment knows it by its id.
Json env_spec(const EnvSpec& spec) {
  Json json;
  json["id"] = spec.id;
  json["entry_point"] = nullptr;
  json["reward_threshold"] = nullptr;
  if (spec.reward_threshold) json["reward_threshold"] = *spec.reward_threshold;
  json["nondeterministic"] = false;
  json["max_episode_steps"] = nullptr;
  if (spec.time_limit > 0) json["max_episode_steps"] = spec.time_limit;
  json["order_enforce"] = true;
  json["disable_env_checker"] = false;
  json["kwargs"] = Json::object();
  json["additional_wrappers"] = Json::array();
  json["vector_entry_point"] = nullptr;
  return json;
}

// Gymnasium refuses other ids, such as "mjcf:robot.xml".
bool is_gymnasium_id(const std::string& id) {
  static const std::regex grammar("(?:[A-Za-z0-9_:-]+/)?[A-Za-z0-9_:.-]+");
  return std::regex_match(id, grammar) && !id.starts_with("mjcf:");
}

std::vector<std::string> texts(const Json& json, const char* key) {
  return json.contains(key) ? json.at(key).get<std::vector<std::string>>()
                            : std::vector<std::string>();
}

}  // namespace

std::string minari_space_text(const Space& space) {
  switch (space.kind) {
    case Space::Kind::kDiscrete:
      return R"({"type": "Discrete", "dtype": "int64", "start": 0, "n": )" +
             std::to_string(space.counts.at(0)) + "}";
    case Space::Kind::kBox:
      return R"({"type": "Box", "dtype": "float32", "shape": )" + Json(space.shape).dump() +
             R"(, "low": )" + bounds(space.low, space.shape) + R"(, "high": )" +
             bounds(space.high, space.shape) + "}";
    default:
      throw Error("Minari has no form for a space like " + space.to_string());
  }
}

MinariSpace minari_space(const std::string& text, const std::string& what) {
  try {
    // Python writes numbers that JSON does not have, in bounds, which are not needed here.
    const std::string plain = std::regex_replace(text, std::regex("-?Infinity|NaN"), "null");
    const Json json = Json::parse(plain);
    const std::string type = json.at("type");
    if (type == "Box") {
      return {.shape = json.at("shape").get<std::vector<std::uint64_t>>()};
    }
    if (type == "Discrete") {
      if (const auto start = json.value("start", std::int64_t{0}); start != 0) {
        throw Error(what + " is Discrete and starts at " + std::to_string(start) + ", expected 0");
      }
      return {.discrete = true};
    }
    throw Error(what + " is a " + type + ", expected a Box or Discrete");
  } catch (const Json::exception& error) {
    throw Error(what + " is not a space as Minari writes it: " + text);
  }
}

void check_dataset_id(const std::string& id) {
  static const std::regex grammar("([A-Za-z0-9_-]+/)*[A-Za-z0-9_-]+-v[0-9]+");
  if (std::regex_match(id, grammar)) return;
  throw UsageError("\"" + id +
                   "\" is no dataset id, expected [namespace/][environment/]name-vN of letters, "
                   "digits, - and _, such as mujoco/hopper/expert-v0");
}

Json minari_metadata(const MinariDataset& dataset, const RolloutHeader& header,
                     const EnvSpec* spec) {
  Json json;
  json["total_episodes"] = dataset.episodes;
  json["total_steps"] = dataset.steps;
  json["data_format"] = "hdf5";
  json[kObservationSpace] = dataset.observation_space;
  json[kActionSpace] = dataset.action_space;
  if (spec != nullptr && is_gymnasium_id(spec->id)) json["env_spec"] = env_spec(*spec).dump();
  json["dataset_id"] = dataset.id;
  json["minari_version"] = ">=0.5.0";
  json["dataset_size"] = std::round(static_cast<double>(dataset.bytes) / 1e5) / 10.0;  // MB
  if (!dataset.algorithm_name.empty()) json["algorithm_name"] = dataset.algorithm_name;
  if (!dataset.author.empty()) json["author"] = dataset.author;
  Json& own = json["costate"];
  own["version"] = COSTATE_VERSION;
  own["env"] = header.env;
  own["seed"] = header.seed;
  own["attributes"] = header.attributes;
  own["distribution_names"] = header.distribution_names;
  own["drawn_names"] = header.drawn_names;
  return json;
}

RolloutHeader header_of_dataset(const Json& metadata, const MinariReader& reader,
                                const std::string& env, const std::string& file) {
  RolloutHeader header;
  header.observation_size = reader.observation_size();
  header.action_size = reader.action_size();
  header.state_bytes = reader.state_bytes();
  try {
    const Json own = metadata.value("costate", Json::object());
    if (own.contains("attributes")) {
      header.env = own.at("env");
      header.seed = own.at("seed");
      header.attributes = own.at("attributes").get<std::map<std::string, std::string>>();
      header.distribution_names = texts(own, "distribution_names");
      header.drawn_names = texts(own, "drawn_names");
    } else {
      for (const char* key : {"dataset_id", "author", "algorithm_name", "code_permalink",
                              "minari_version", "env_spec", kObservationSpace, kActionSpace}) {
        if (metadata.contains(key) && metadata.at(key).is_string()) {
          header.attributes[key] = metadata.at(key);
        }
      }
      if (metadata.contains("env_spec")) {
        header.env = Json::parse(metadata.at("env_spec").get<std::string>()).at("id");
      }
    }
  } catch (const Json::exception& error) {
    throw Error(file + ": not the metadata of a Minari dataset: " + error.what());
  }
  if (!env.empty()) header.env = env;
  if (header.env.empty()) {
    throw Error(file + " names no environment (it has no env_spec): give it with --env");
  }
  const auto expect = [&](const char* what, std::uint64_t names, std::uint64_t numbers) {
    if (names == numbers) return;
    throw Error(file + " has " + std::to_string(names) + " names of " + what + ", the episodes " +
                std::to_string(numbers) + " numbers");
  };
  expect("distribution parameters", header.distribution_names.size(), reader.distribution_size());
  expect("drawn numbers", header.drawn_names.size(), reader.drawn_size());
  return header;
}

}  // namespace costate
