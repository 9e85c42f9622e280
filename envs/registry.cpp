#include "envs/registry.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <mutex>
#include <utility>

#include "envs/box2d/register.h"
#include "envs/classic/register.h"
#include "envs/dmc/register.h"
#include "envs/mujoco/mjcf.h"
#include "envs/mujoco/register.h"

namespace costate {
namespace {

struct Table {
  std::mutex mutex;
  std::map<std::string, std::unique_ptr<const TaskConfig>> tasks;
};

Table& table() {
  static Table instance;
  return instance;
}

/// The suite's own environments register on first use, by plain calls: a linker drops
/// self-registering objects of a static library.
void ensure_registered() {
  static const bool done = [] {
    register_box2d();
    register_classic_control();
    register_dmc();
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

void register_env(std::string id, std::unique_ptr<const TaskConfig> prototype) {
  const std::lock_guard lock(table().mutex);
  const auto [entry, is_new] = table().tasks.try_emplace(std::move(id), std::move(prototype));
  if (!is_new) throw Error("environment id \"" + entry->first + "\" is registered already");
}

void register_env(std::string id, EnvFactory make) {
  class Task final : public TaskConfig {
   public:
    explicit Task(EnvFactory maker) : make_(std::move(maker)) {}
    void describe(Options&) override {}
    std::unique_ptr<Env> make() const override { return make_(); }
    std::unique_ptr<TaskConfig> clone() const override { return std::make_unique<Task>(*this); }

   private:
    EnvFactory make_;
  };
  register_env(std::move(id), std::make_unique<const Task>(std::move(make)));
}

std::vector<std::string> env_ids() {
  ensure_registered();
  const std::lock_guard lock(table().mutex);
  std::vector<std::string> ids;
  for (const auto& [id, task] : table().tasks) ids.push_back(id);
  return ids;
}

std::unique_ptr<TaskConfig> task_config(const std::string& id) {
  constexpr std::string_view kOwnModel = "mjcf:";
  if (id.starts_with(kOwnModel)) return mjcf_task_config(id.substr(kOwnModel.size()));
  ensure_registered();
  {
    const std::lock_guard lock(table().mutex);
    const auto entry = table().tasks.find(id);
    if (entry != table().tasks.end()) return entry->second->clone();
  }
  const std::string suggestion = nearest(id, env_ids());
  throw UsageError("unknown environment \"" + id + "\"; " +
                   (suggestion.empty() ? "`envs list` names all of them"
                                       : "did you mean \"" + suggestion + "\"?"));
}

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(2, word.size() / 2) + 1;
  for (const std::string& candidate : candidates) {
    // A key without its table is the nearest there is.
    if (candidate.ends_with("." + std::string(word))) return candidate;
    const std::size_t distance = edit_distance(word, candidate);
    if (distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

}  // namespace costate
