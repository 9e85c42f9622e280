// Environment ids and what makes them.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "envs/env.h"

namespace costate {

using EnvFactory = std::function<std::unique_ptr<Env>()>;

/// Makes an environment known under `id`, which must be new.
void register_env(std::string id, EnvFactory factory);

/// All ids, sorted.
std::vector<std::string> env_ids();

/// A new environment, its time limit included. Throws UsageError that names the nearest known id.
std::unique_ptr<Env> make_env(const std::string& id);

/// The candidate nearest to `word` in edit distance, or "" where none is near: for error messages.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace costate
