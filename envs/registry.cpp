#include "envs/registry.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <mutex>
#include <utility>

#include "envs/classic/register.h"
#include "envs/mujoco/register.h"
#include "envs/time_limit.h"

namespace costate {
namespace {

struct Table {
  std::mutex mutex;
  std::map<std::string, EnvFactory> factories;
};

Table& table() {
  static Table instance;
  return instance;
}

/// The suite's own environments register on first use, by plain calls: a linker drops
/// self-registering objects of a static library.
void ensure_registered() {
  static const bool done = [] {
    register_classic_control();
    register_mujoco();
    return true;
  }();
  (void)done;
}

/// Levenshtein's distance, blind to case.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return std::tolower(static_cast<unsigned char>(c)); };
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t substitution = diagonal + (lower(a[i - 1]) == lower(b[j - 1]) ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({substitution, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

}  // namespace

void register_env(std::string id, EnvFactory factory) {
  const std::lock_guard lock(table().mutex);
  const auto [entry, is_new] = table().factories.try_emplace(std::move(id), std::move(factory));
  if (!is_new) throw Error("environment id \"" + entry->first + "\" is registered already");
}

std::vector<std::string> env_ids() {
  ensure_registered();
  const std::lock_guard lock(table().mutex);
  std::vector<std::string> ids;
  for (const auto& [id, factory] : table().factories) ids.push_back(id);
  return ids;
}

std::unique_ptr<Env> make_env(const std::string& id) {
  ensure_registered();
  EnvFactory factory;
  {
    const std::lock_guard lock(table().mutex);
    const auto entry = table().factories.find(id);
    if (entry != table().factories.end()) factory = entry->second;
  }
  if (!factory) {
    const std::string suggestion = nearest(id, env_ids());
    throw UsageError("unknown environment \"" + id + "\"; " +
                     (suggestion.empty() ? "`envs list` names all of them"
                                         : "did you mean \"" + suggestion + "\"?"));
  }
  std::unique_ptr<Env> env = factory();
  if (env->spec().time_limit > 0) env = std::make_unique<TimeLimit>(std::move(env));
  return env;
}

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(2, word.size() / 2) + 1;
  for (const std::string& candidate : candidates) {
    const std::size_t distance = edit_distance(word, candidate);
    if (distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

}  // namespace costate
