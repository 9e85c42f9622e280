// A table of named options over the fields of plain configuration structs.
//
// A struct lists its fields once, beside their defaults, in `describe(Options&)`; help texts, TOML,
// the command line and range checks are all read off that one table.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace costate {

/// The values that a number may have. Integers and reals alike.
struct Range {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  bool low_included = true;

  static Range at_least(double low) { return {low, std::numeric_limits<double>::infinity(), true}; }
  static Range above(double low) { return {low, std::numeric_limits<double>::infinity(), false}; }
  static Range between(double low, double high) { return {low, high, true}; }
};

/// Two numbers, low <= high; either may be infinite.
struct Bounds {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();

  /// Whether `value` lies strictly between the two.
  bool encloses(double value) const { return low < value && value < high; }
};

/// Keys and the texts that Options::set takes for them.
using Settings = std::vector<std::pair<std::string, std::string>>;

struct Option {
  using Target = std::variant<std::int64_t*, double*, bool*, std::string*, const std::string*,
                              Bounds*, std::vector<std::int64_t>*>;

  std::string key;  ///< dotted, such as "ppo.learning_rate"
  Target target;
  std::string help;
  Range range;                       ///< of a number, or of each number of a list
  std::vector<std::string> choices;  ///< of a string; empty: any
  std::vector<Settings> presets;     ///< what each of the choices sets besides; empty: nothing
  bool changes_results = true;       ///< false for what only decides where and how fast a run goes
  std::string default_value;         ///< as TOML, taken when the option was added
  std::string origin = "default";    ///< where the present value came from
};

/// What a value of the option has to be, in words.
std::string expectation(const Option& option);

/// One value given from outside: by a line of a file, or by a flag.
struct Assignment {
  std::string key;
  std::string value;   ///< as Options::set takes it
  std::string origin;  ///< such as "--seed" or "mine.toml:3", for messages
};

class Options {
 public:
  /// Puts `prefix` before every key that is added from here on; "" ends that.
  void set_prefix(std::string prefix) { prefix_ = std::move(prefix); }
  void add(std::string key, std::int64_t& field, Range range, std::string help);
  void add(std::string key, double& field, Range range, std::string help);
  void add(std::string key, bool& field, std::string help);
  void add(std::string key, std::string& field, std::vector<std::string> choices, std::string help);
  /// One that cannot be changed: setting it to another value is an error.
  void add(std::string key, const std::string& fixed, std::string help);
  void add(std::string key, Bounds& field, std::string help);
  void add(std::string key, std::vector<std::int64_t>& field, Range range, std::string help);
  /// Says that the option added last does not change a run's results (threads, output, …).
  void only_runtime();
  /// Says that the option added last, a string of choices, is a preset: setting it to a choice also
  /// sets what that choice has in `settings`, keys with the prefix of now.
  void preset(std::vector<Settings> settings);

  const std::vector<Option>& all() const { return options_; }
  /// The option of that key, or nullptr.
  const Option* find(std::string_view key) const;

  /// Sets one option from text, as in `--set key=text`: a number, true/false, a string with or
  /// without quotes, a list as "[64, 64]" or "64,64". Throws UsageError that names the key and
  /// what was expected; for an unknown key, the nearest known one.
  void set(std::string_view key, std::string_view text, const std::string& origin);
  /// Sets them in their order, presets before all others: what is given beside a preset holds.
  void set(const std::vector<Assignment>& assignments);

  /// The present values as TOML, a table for each prefix. With `results_only`, without the options
  /// that do not change results.
  std::string to_toml(bool results_only = false) const;
  /// One line per option: key, default, meaning, range.
  std::string help() const;
  /// As to_toml, with each value's origin as a comment.
  std::string to_toml_with_origins() const;

 private:
  void append(Option option);

  std::vector<Option> options_;
  std::string prefix_;
};

/// The values of a TOML document, tables as dotted keys. Throws UsageError that names `source`, the
/// line, and what is no TOML.
std::vector<Assignment> parse_toml(const std::string& text, const std::string& source);

}  // namespace costate
