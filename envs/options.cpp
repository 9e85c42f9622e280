#include "envs/options.h"

#include <algorithm>
#include <cassert>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>
#include <sstream>
#include <toml++/toml.h>
#include <utility>

#include "envs/error.h"
#include "envs/format.h"
#include "envs/registry.h"

namespace costate {
namespace {

using IntList = std::vector<std::int64_t>;

template <class... Cases>
struct Overload : Cases... {
  using Cases::operator()...;
};
template <class... Cases>
Overload(Cases...) -> Overload<Cases...>;

// ---- writing TOML

std::string toml_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c == '\r') {
      out += "\\r";
    } else if (byte < 0x20 || byte == 0x7f) {
      constexpr char kHex[] = "0123456789ABCDEF";
      out += std::string("\\u00") + kHex[byte >> 4] + kHex[byte & 15];
    } else {
      out += c;
    }
  }
  return out + '"';
}

/// A real number that TOML does not take for an integer.
std::string toml_real(double value) {
  std::string text = format_number(value);
  if (text.find_first_of(".en") == std::string::npos) text += ".0";
  return text;
}

std::string toml_list(const IntList& values) {
  std::string text;
  for (const std::int64_t value : values) {
    if (!text.empty()) text += ", ";
    text += std::to_string(value);
  }
  return "[" + text + "]";
}

std::string toml_value(const Option::Target& target) {
  return std::visit(Overload{[](const std::int64_t* v) { return std::to_string(*v); },
                             [](const double* v) { return toml_real(*v); },
                             [](const bool* v) { return std::string(*v ? "true" : "false"); },
                             [](const std::string* v) { return toml_string(*v); },
                             [](const Bounds* v) {
                               return "[" + toml_real(v->low) + ", " + toml_real(v->high) + "]";
                             },
                             [](const IntList* v) { return toml_list(*v); }},
                    target);
}

// ---- reading values

std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

/// A value of the document as the text that Options::set parses: TOML again, strings in quotes.
std::string value_text(const toml::node& node) {
  std::ostringstream text;
  node.visit([&](const auto& value) { text << value; });
  return text.str();
}

void list_values(const toml::table& table, const std::string& prefix, const std::string& source,
                 std::vector<Assignment>& values) {
  for (const auto& [name, node] : table) {
    const std::string key = prefix + std::string(name.str());
    if (const auto* inner = node.as_table()) {
      list_values(*inner, key + ".", source, values);
    } else {
      values.push_back(
          {key, value_text(node), source + ":" + std::to_string(node.source().begin.line)});
    }
  }
}

/// Digits may be grouped as in 1_000_000; returns the text without the underscores, or nothing
/// where one does not stand between digits.
std::optional<std::string> without_separators(std::string_view text) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') {
      plain += text[i];
    } else if (i == 0 || i + 1 == text.size() || !is_digit(text[i - 1]) || !is_digit(text[i + 1])) {
      return std::nullopt;
    }
  }
  return plain;
}

template <class T>
std::optional<T> parse_whole_text(std::string_view text) {
  T value{};
  const char* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, value);
  if (result.ec != std::errc{} || result.ptr != end) return std::nullopt;
  return value;
}

std::optional<double> parse_real(std::string_view text) {
  auto plain = without_separators(trim(text));
  if (!plain) return std::nullopt;
  if (plain->size() > 1 && plain->front() == '+' && plain->at(1) != '-') plain->erase(0, 1);
  const auto value = parse_whole_text<double>(*plain);
  return value && std::isfinite(*value) ? value : std::nullopt;
}

/// As parse_real, and "inf", "+inf" or "-inf".
std::optional<double> parse_bound(std::string_view text) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  text = trim(text);
  if (text == "inf" || text == "+inf") return kInfinity;
  if (text == "-inf") return -kInfinity;
  return parse_real(text);
}

std::optional<std::int64_t> parse_integer(std::string_view text) {
  const auto plain = without_separators(trim(text));
  if (!plain) return std::nullopt;
  if (const auto exact = parse_whole_text<std::int64_t>(*plain)) return exact;
  // 1e6 is a whole number too, as long as a double holds it exactly.
  const auto real = parse_real(*plain);
  if (real && *real == std::floor(*real) && std::abs(*real) <= 0x1p53) {
    return static_cast<std::int64_t>(*real);
  }
  return std::nullopt;
}

/// "[64, 64]", "64,64", "[]"; a comma may follow the last number, as in TOML. `parse` reads one.
template <class T>
std::optional<std::vector<T>> parse_list(std::string_view text,
                                         std::optional<T> (*parse)(std::string_view)) {
  text = trim(text);
  if (text.starts_with('[') != text.ends_with(']')) return std::nullopt;
  if (text.starts_with('[')) text = trim(text.substr(1, text.size() - 2));
  std::vector<T> values;
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    const auto value = parse(text.substr(0, comma));
    if (!value) return std::nullopt;
    values.push_back(*value);
    text = comma == std::string_view::npos ? std::string_view{} : trim(text.substr(comma + 1));
  }
  return values;
}

void append_utf8(std::string& out, std::uint32_t code) {
  const auto byte = [&out](std::uint32_t value) { out += static_cast<char>(value); };
  if (code < 0x80) {
    byte(code);
  } else if (code < 0x800) {
    byte(0xC0 | code >> 6);
    byte(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    byte(0xE0 | code >> 12);
    byte(0x80 | (code >> 6 & 0x3F));
    byte(0x80 | (code & 0x3F));
  } else {
    byte(0xF0 | code >> 18);
    byte(0x80 | (code >> 12 & 0x3F));
    byte(0x80 | (code >> 6 & 0x3F));
    byte(0x80 | (code & 0x3F));
  }
}

/// A string as it stands, or a TOML string: 'literal' or "basic" with its escapes.
std::optional<std::string> parse_string(std::string_view text) {
  if (!text.starts_with('"') && !text.starts_with('\'')) return std::string(text);
  const char quote = text.front();
  if (text.size() < 2 || text.back() != quote) return std::nullopt;
  text = text.substr(1, text.size() - 2);
  if (quote == '\'') {
    if (text.find('\'') != std::string_view::npos) return std::nullopt;
    return std::string(text);
  }
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') return std::nullopt;
    if (text[i] != '\\') {
      out += text[i];
      continue;
    }
    if (++i == text.size()) return std::nullopt;
    constexpr std::string_view kNames = "\"\\bfnrt";
    constexpr std::string_view kValues = "\"\\\b\f\n\r\t";
    const std::size_t name = kNames.find(text[i]);
    if (name != std::string_view::npos) {
      out += kValues[name];
    } else if (text[i] == 'u' || text[i] == 'U') {
      const std::size_t digits = text[i] == 'u' ? 4 : 8;
      if (i + digits >= text.size()) return std::nullopt;
      const char* first = text.data() + i + 1;
      std::uint32_t code = 0;
      const auto result = std::from_chars(first, first + digits, code, 16);
      const bool is_surrogate = code >= 0xD800 && code < 0xE000;
      if (result.ptr != first + digits || code > 0x10FFFF || is_surrogate) return std::nullopt;
      append_utf8(out, code);
      i += digits;
    } else {
      return std::nullopt;
    }
  }
  return out;
}

// ---- what is expected, in words

bool in_range(double value, const Range& range) {
  return (range.low_included ? value >= range.low : value > range.low) && value <= range.high;
}

std::string range_words(const Range& range) {
  std::string words;
  if (std::isfinite(range.low)) {
    words = std::string(range.low_included ? ">= " : "> ") + format_number(range.low);
  }
  if (std::isfinite(range.high)) {
    words += (words.empty() ? "<= " : " and <= ") + format_number(range.high);
  }
  return words;
}

std::string choice_words(const std::vector<std::string>& choices) {
  std::string words;
  for (const std::string& choice : choices) words += (words.empty() ? "" : " | ") + choice;
  return words;
}

}  // namespace

std::string expectation(const Option& option) {
  const std::string range = range_words(option.range);
  const std::string numbers = range.empty() ? "" : " " + range;
  return std::visit(
      Overload{[&](std::int64_t*) { return "a whole number" + numbers; },
               [&](double*) { return "a number" + numbers; },
               [](bool*) { return std::string("true or false"); },
               [&](std::string*) {
                 return option.choices.empty() ? "a string" : choice_words(option.choices);
               },
               [](const std::string* fixed) { return *fixed; },
               [](Bounds*) { return std::string("two numbers, the lower one first"); },
               [&](IntList*) { return "a list of whole numbers" + numbers; }},
      option.target);
}

namespace {

/// Parses and checks `text`, and assigns it; false, and nothing assigned, where it does not fit.
bool assign(Option& option, std::string_view text) {
  const auto fits = [&](auto value) { return in_range(static_cast<double>(value), option.range); };
  return std::visit(
      Overload{[&](std::int64_t* field) {
                 const auto value = parse_integer(text);
                 if (!value || !fits(*value)) return false;
                 *field = *value;
                 return true;
               },
               [&](double* field) {
                 const auto value = parse_real(text);
                 if (!value || !fits(*value)) return false;
                 *field = *value;
                 return true;
               },
               [&](bool* field) {
                 const std::string_view word = trim(text);
                 if (word != "true" && word != "false") return false;
                 *field = word == "true";
                 return true;
               },
               [&](std::string* field) {
                 auto value = parse_string(text);
                 if (!value) return false;
                 if (!option.choices.empty() &&
                     std::ranges::find(option.choices, *value) == option.choices.end()) {
                   return false;
                 }
                 *field = std::move(*value);
                 return true;
               },
               [&](const std::string* fixed) { return parse_string(text) == *fixed; },
               [&](Bounds* field) {
                 const auto values = parse_list(text, parse_bound);
                 if (!values || values->size() != 2 || !(values->front() <= values->back())) {
                   return false;
                 }
                 *field = {values->front(), values->back()};
                 return true;
               },
               [&](IntList* field) {
                 auto values = parse_list(text, parse_integer);
                 if (!values || !std::ranges::all_of(*values, fits)) return false;
                 *field = std::move(*values);
                 return true;
               }},
      option.target);
}

Option make_option(std::string key, Option::Target target, std::string help) {
  Option option;
  option.key = std::move(key);
  option.target = target;
  option.help = std::move(help);
  option.default_value = toml_value(target);
  return option;
}

/// "ppo.learning_rate" → {"ppo", "learning_rate"}; a key without a dot has the table "".
std::pair<std::string, std::string> split_key(const std::string& key) {
  const std::size_t dot = key.rfind('.');
  if (dot == std::string::npos) return {"", key};
  return {key.substr(0, dot), key.substr(dot + 1)};
}

std::string write_toml(const std::vector<Option>& options, bool results_only, bool with_origins) {
  // TOML wants the keys without a table first; the tables follow in order of appearance.
  std::vector<std::string> tables = {""};
  for (const Option& option : options) {
    const std::string table = split_key(option.key).first;
    if (std::ranges::find(tables, table) == tables.end()) tables.push_back(table);
  }
  std::string out;
  for (const std::string& table : tables) {
    std::string lines;
    for (const Option& option : options) {
      const auto [prefix, name] = split_key(option.key);
      if (prefix != table || (results_only && !option.changes_results)) continue;
      lines += name + " = " + toml_value(option.target);
      if (with_origins) lines += "  # " + option.origin;
      lines += '\n';
    }
    if (lines.empty()) continue;
    if (!out.empty()) out += '\n';
    if (!table.empty()) out += "[" + table + "]\n";
    out += lines;
  }
  return out;
}

}  // namespace

void Options::add(std::string key, std::int64_t& field, Range range, std::string help) {
  Option option = make_option(std::move(key), &field, std::move(help));
  option.range = range;
  append(std::move(option));
}

void Options::add(std::string key, double& field, Range range, std::string help) {
  Option option = make_option(std::move(key), &field, std::move(help));
  option.range = range;
  append(std::move(option));
}

void Options::add(std::string key, bool& field, std::string help) {
  append(make_option(std::move(key), &field, std::move(help)));
}

void Options::add(std::string key, std::string& field, std::vector<std::string> choices,
                  std::string help) {
  Option option = make_option(std::move(key), &field, std::move(help));
  option.choices = std::move(choices);
  append(std::move(option));
}

void Options::add(std::string key, IntList& field, Range range, std::string help) {
  Option option = make_option(std::move(key), &field, std::move(help));
  option.range = range;
  append(std::move(option));
}

void Options::add(std::string key, const std::string& fixed, std::string help) {
  append(make_option(std::move(key), &fixed, std::move(help)));
}

void Options::add(std::string key, Bounds& field, std::string help) {
  append(make_option(std::move(key), &field, std::move(help)));
}

void Options::append(Option option) {
  option.key.insert(0, prefix_);
  assert(find(option.key) == nullptr);
  options_.push_back(std::move(option));
}

const Option* Options::find(std::string_view key) const {
  const auto option = std::ranges::find(options_, key, &Option::key);
  return option == options_.end() ? nullptr : &*option;
}

void Options::only_runtime() {
  assert(!options_.empty());
  options_.back().changes_results = false;
}

void Options::preset(std::vector<Settings> settings) {
  assert(!options_.empty() && options_.back().choices.size() == settings.size());
  for (Settings& each : settings) {
    for (auto& [key, text] : each) key.insert(0, prefix_);
  }
  options_.back().presets = std::move(settings);
}

void Options::set(std::string_view key, std::string_view text, const std::string& origin) {
  const auto option = std::ranges::find(options_, key, &Option::key);
  if (option == options_.end()) {
    std::vector<std::string> keys;
    for (const Option& known : options_) keys.push_back(known.key);
    const std::string suggestion = nearest(key, keys);
    throw UsageError(
        origin + ": unknown key \"" + std::string(key) + "\"; " +
        (suggestion.empty() ? "--help lists all keys" : "did you mean \"" + suggestion + "\"?"));
  }
  if (!assign(*option, text)) {
    const std::string suggestion = nearest(trim(text), option->choices);
    throw UsageError(origin + ": " + option->key + " = " + std::string(text) + ": expected " +
                     expectation(*option) +
                     (suggestion.empty() ? "" : "; did you mean \"" + suggestion + "\"?"));
  }
  option->origin = origin;
  if (option->presets.empty()) return;
  const std::string& choice = *std::get<std::string*>(option->target);
  const auto index = std::ranges::find(option->choices, choice) - option->choices.begin();
  for (const auto& [other, value] : option->presets[static_cast<std::size_t>(index)]) {
    set(other, value, origin + ", " + option->key + " = " + choice);
  }
}

void Options::set(const std::vector<Assignment>& assignments) {
  const auto is_preset = [this](const Assignment& a) {
    const Option* option = find(a.key);
    return option != nullptr && !option->presets.empty();
  };
  for (const bool presets : {true, false}) {
    for (const Assignment& a : assignments) {
      if (is_preset(a) == presets) set(a.key, a.value, a.origin);
    }
  }
}

std::string Options::to_toml(bool results_only) const {
  return write_toml(options_, results_only, false);
}

std::string Options::to_toml_with_origins() const {
  return write_toml(options_, false, true);
}

std::string Options::help() const {
  std::size_t width = 0;
  for (const Option& option : options_) {
    width = std::max(width, option.key.size() + 3 + option.default_value.size());
  }
  std::string out;
  for (const Option& option : options_) {
    const std::string setting = option.key + " = " + option.default_value;
    out += "  " + setting + std::string(width - setting.size() + 2, ' ') + option.help + " (" +
           expectation(option) + ")\n";
  }
  return out;
}

std::vector<Assignment> parse_toml(const std::string& text, const std::string& source) {
  toml::table document;
  try {
    document = toml::parse(text, source);
  } catch (const toml::parse_error& error) {
    throw UsageError(source + ":" + std::to_string(error.source().begin.line) +
                     ": not valid TOML: " + std::string(error.description()));
  }
  std::vector<Assignment> values;
  list_values(document, "", source, values);
  return values;
}

}  // namespace costate
