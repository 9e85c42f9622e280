#include "runners/replay_page.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <set>
#include <vector>

#include "envs/env.h"
#include "envs/error.h"
#include "envs/format.h"
#include "logs/markup.h"
#include "logs/page.h"
#include "runners/page_files.h"
#include "runners/rollout_header.h"

namespace costate {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

/// To a tenth of a micrometre: more is not to be seen, and makes the page twice as long.
constexpr double kPoseDigits = 1e7;

Json number(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}
/// The shortest decimal that is the float.
Json number(float value) {
  return std::isfinite(value) ? Json(std::stod(format_number(value))) : Json(nullptr);
}

template <class T>
Json numbers(std::span<const T> values) {
  Json list = Json::array();
  for (const T value : values) list.push_back(number(value));
  return list;
}

/// Rows of a column [steps, width].
Json rows(const std::vector<float>& column, std::size_t steps, std::size_t width) {
  Json list = Json::array();
  for (std::size_t t = 0; t < steps; ++t) {
    list.push_back(numbers(std::span<const float>(column).subspan(t * width, width)));
  }
  return list;
}

std::string hex(std::array<float, 4> color) {
  std::string text = "#";
  for (std::size_t i = 0; i < 3; ++i) {
    const int level = static_cast<int>(std::lround(255.0f * std::clamp(color[i], 0.0f, 1.0f)));
    text += "0123456789abcdef"[level / 16];
    text += "0123456789abcdef"[level % 16];
  }
  return text;
}

Json to_json(const Scene& scene) {
  Json shapes = Json::array();
  for (const SceneShape& shape : scene.shapes) {
    shapes.push_back({{"body", shape.body},
                      {"kind", kind_name(shape.kind)},
                      {"size", shape.size},
                      {"position", shape.pose.position},
                      {"rotation", shape.pose.rotation},
                      {"color", hex(shape.color)},
                      {"opacity", number(shape.color[3])},
                      {"points", shape.points},
                      {"faces", shape.faces}});
  }
  return {{"bodies", scene.bodies},
          {"flat", scene.flat},
          {"from_above", scene.from_above},
          {"shapes", std::move(shapes)}};
}

/// The poses of all bodies in the present state: [bodies][7].
Json poses(Env& env, std::vector<double>& block) {
  env.body_poses(block);
  Json list = Json::array();
  for (std::size_t i = 0; i < block.size(); i += kPoseNumbers) {
    Json pose = Json::array();
    for (std::size_t k = i; k < i + kPoseNumbers; ++k) {
      pose.push_back(number(std::round(block[k] * kPoseDigits) / kPoseDigits));
    }
    list.push_back(std::move(pose));
  }
  return list;
}

std::vector<std::string> action_names(const EnvSpec& spec, std::size_t size) {
  std::vector<std::string> names = spec.action.labels;
  for (std::size_t i = names.size(); i < size; ++i) {
    names.push_back("action[" + std::to_string(i) + "]");
  }
  names.resize(size);
  return names;
}

std::string attribute(const RolloutHeader& header, const std::string& name) {
  const auto found = header.attributes.find(name);
  return found == header.attributes.end() ? "unknown" : found->second;
}

std::string facts_table(const Json& facts) {
  std::string html = "<table>\n";
  for (const auto& [name, value] : facts.items()) {
    html += "<tr><th>" + escape_markup(name) + "</th><td>" +
            escape_markup(value.is_string() ? value.get<std::string>() : value.dump()) +
            "</td></tr>\n";
  }
  return html + "</table>\n";
}

}  // namespace

Json replayed_episode(const RolloutReader& reader, std::uint64_t episode, const fs::path& file) {
  const RolloutHeader& header = reader.header();
  Json out;
  const std::unique_ptr<Env> env = logged_environment(header, file.string());
  try {
    check_same_model(header, *env);
    const Episode e = reader.read(episode);
    const EnvSpec& spec = env->spec();
    std::vector<double> observation(header.observation_size);
    out["label"] = file.string() + ", episode " + std::to_string(episode);
    out["facts"] = {{"environment", header.env},
                    {"episode", episode},
                    {"return", number(e.episode_return)},
                    {"steps", e.length()},
                    {"ending", ending_name(reader.ending(episode))},
                    {"training step", e.last_step},
                    {"seed of the episode", std::to_string(e.seed)},
                    {"seed of the run", std::to_string(header.seed)},
                    {"logged by", "Costate " + attribute(header, "costate_version") + " (" +
                                      attribute(header, "git_version") + ")"}};
    out["ending"] = ending_name(reader.ending(episode));
    out["control_step"] = number(spec.control_step);
    start_logged(*env, header, e, observation);
    const Scene scene = env->scene();
    out["scene"] = to_json(scene);
    out["scene_note"] = header.env + " has nothing to see.";
    std::vector<double> block(scene.bodies.size() * kPoseNumbers);
    Json frames = Json::array();
    frames.push_back(poses(*env, block));
    for (std::size_t t = 0; t < e.length(); ++t) {
      env->step(
          std::span<const float>(e.actions).subspan(t * header.action_size, header.action_size),
          observation);
      frames.push_back(poses(*env, block));
    }
    out["poses"] = std::move(frames);
    out["rewards"] = numbers(std::span<const double>(e.rewards));
    out["values"] = numbers(std::span<const float>(e.values));
    out["actions"] = {{"names", action_names(spec, header.action_size)},
                      {"rows", rows(e.actions, e.length(), header.action_size)}};
    out["distributions"] = {
        {"names", header.distribution_names},
        {"rows", rows(e.distributions, e.length(), header.distribution_names.size())}};
  } catch (const Error& error) {
    throw Error(file.string() + ": episode " + std::to_string(episode) + ": " + error.what());
  }
  return out;
}

std::string replay_page(std::span<const Json> episodes) {
  Json data = {{"format", "costate-replay"}, {"version", 1}, {"rollouts", episodes}};
  Page page;
  std::set<std::string> envs;
  for (const Json& episode : episodes) envs.insert(episode["facts"]["environment"]);
  page.title = "Replay:";
  for (const std::string& env : envs) page.title += " " + env;
  page.style = page_file("replay.css");
  page.body = "<h1>" + escape_markup(page.title) +
              "</h1>\n<div class=\"controls\" id=\"controls\"></div>\n<div class=\"rollouts\">\n";
  for (std::size_t i = 0; i < episodes.size(); ++i) {
    page.body += "<section class=\"rollout\" id=\"rollout-" + std::to_string(i) + "\">\n<h2>" +
                 escape_markup(episodes[i]["label"].get<std::string>()) +
                 "</h2>\n<div><div class=\"see\"></div>\n" + facts_table(episodes[i]["facts"]) +
                 "</div>\n<div class=\"plots\"></div>\n</section>\n";
  }
  page.body += "</div>\n<noscript><p>The page needs JavaScript to play.</p></noscript>";
  page.data_id = "costate-rollout";
  page.data = data.dump();
  page.scripts = {three_js_file("three.min.js"),
                  three_js_file("examples/js/controls/OrbitControls.js"), page_file("replay.js")};
  return to_html(page);
}

}  // namespace costate
