// Tables and numbers for people.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iomanip>
#include <ostream>
#include <string>
#include <vector>

namespace costate {

/// Four significant digits, or one decimal for numbers of 1000 and more; "n/a" for NaN.
inline std::string short_number(double value) {
  if (std::isnan(value)) return "n/a";
  char text[32];
  const bool large = std::abs(value) >= 1000.0 && std::abs(value) < 1e9;
  std::snprintf(text, sizeof text, large ? "%.1f" : "%.4g", value);
  return text;
}

/// Rows of as many ASCII cells each, the first of which is the header. Columns are as wide as their
/// widest cell; the first is aligned to the left, the others to the right.
inline void print_table(std::ostream& out, const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths(rows.front().size());
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      out << (i == 0 ? "" : "  ") << (i == 0 ? std::left : std::right)
          << std::setw(static_cast<int>(widths[i])) << row[i];
    }
    out << '\n';
  }
}

}  // namespace costate
