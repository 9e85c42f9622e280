#include "envs/parameters.h"

#include <algorithm>
#include <cassert>
#include <cstddef>

namespace costate {

Parameters::Parameters(std::initializer_list<std::string> names)
    : names_(names), factors_(names.size(), 1.0) {}

void Parameters::scale(std::span<const double> factors) {
  assert(factors.size() == factors_.size());
  std::ranges::copy(factors, factors_.begin());
}

double Parameters::factor(std::string_view name) const {
  const auto place = std::ranges::find(names_, name);
  assert(place != names_.end());
  const double own = factors_[static_cast<std::size_t>(place - names_.begin())];
  const auto slash = name.find('/');
  return slash == std::string_view::npos ? own : own * factor(name.substr(0, slash));
}

}  // namespace costate
