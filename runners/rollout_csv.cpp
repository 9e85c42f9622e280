#include "runners/rollout_csv.h"

#include <string>

#include "envs/format.h"
#include "logs/atomic_file.h"

namespace costate {
namespace {

void add_names(std::string& line, const char* name, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) {
    line += ',';
    line += name;
    line += '[' + std::to_string(i) + ']';
  }
}

void add_row(std::string& line, const std::vector<float>& values, std::size_t row,
             std::size_t width) {
  for (std::size_t i = row * width; i < (row + 1) * width; ++i)
    line += ',' + format_number(values[i]);
}

}  // namespace

void write_rollout_csv(const RolloutReader& reader, std::span<const std::uint64_t> episodes,
                       const std::filesystem::path& path) {
  const RolloutHeader& header = reader.header();
  const std::size_t parameters = header.distribution_names.size();
  FileReplacement file(path);
  const auto write = [&](std::string& text) {
    file.write(std::as_bytes(std::span(text)));
    text.clear();
  };
  std::string text = "episode,step";
  add_names(text, "observation", header.observation_size);
  add_names(text, "action", header.action_size);
  add_names(text, "raw_action", header.action_size);
  text += ",reward,terminated,truncated,log_prob,value";
  for (const std::string& name : header.distribution_names) text += ',' + name;
  text += '\n';
  write(text);
  for (const std::uint64_t i : episodes) {
    const Episode e = reader.read(i);
    for (std::size_t t = 0; t < e.length(); ++t) {
      text += std::to_string(i) + ',' + std::to_string(t);
      add_row(text, e.observations, t, header.observation_size);
      add_row(text, e.actions, t, header.action_size);
      add_row(text, e.raw_actions, t, header.action_size);
      text += ',' + format_number(e.rewards[t]) + ',' + std::to_string(e.terminated[t]) + ',' +
              std::to_string(e.truncated[t]) + ',' + format_number(e.log_probs[t]) + ',' +
              format_number(e.values[t]);
      add_row(text, e.distributions, t, parameters);
      text += '\n';
    }
    write(text);
  }
  file.commit();
}

}  // namespace costate
