// What an environment is, without the environment: its spaces, limits and names.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace costate {

class RandomStream;

/// A set of values, in the sense of Gymnasium. An element is a row of `size()` numbers; a discrete
/// element is its index (0 … n−1) in one number.
struct Space {
  enum class Kind { kBox, kDiscrete, kMultiDiscrete, kMultiBinary };

  Kind kind = Kind::kBox;
  /// Box: the shape of the array. Discrete: {}. MultiDiscrete, MultiBinary: {number of components}.
  std::vector<int> shape;
  /// Box: bounds of every entry, row-major; infinite where there is none. Empty otherwise.
  std::vector<double> low;
  std::vector<double> high;
  /// Discrete: {n}. MultiDiscrete: n of every component. Empty otherwise.
  std::vector<int> counts;
  /// Names of the entries with units, such as "pole angle (rad)"; one each, or none at all.
  std::vector<std::string> labels;

  /// A box with the same bounds for all of its `n` entries.
  static Space box(int n, double low, double high);
  /// A box with bounds of its own for every entry; both vectors have the same length.
  static Space box(std::vector<double> low, std::vector<double> high);
  /// A picture [height, width, 3] of numbers from 0 to 255.
  static Space picture(int height, int width);
  static Space discrete(int n);
  static Space multi_discrete(std::vector<int> counts);
  static Space multi_binary(int n);

  /// How many numbers a row holds.
  int size() const;
  /// Box only: whether every bound is finite.
  bool bounded() const;
  /// Whether the row is an element: of the right length, within bounds, whole where it must be.
  bool contains(std::span<const float> row) const;
  /// A random element: uniform, between −1 and 1 where a bound is infinite.
  void sample(RandomStream& random, std::span<float> row) const;
  /// Not box: how many values entry i may have.
  int count(std::size_t i) const { return kind == Kind::kMultiBinary ? 2 : counts[i]; }
  /// "Box(17)", "Discrete(4)", …
  std::string to_string() const;
};

/// The fixed facts of an environment.
struct EnvSpec {
  std::string id;       ///< such as "HalfCheetah-v5"
  std::string family;   ///< such as "classic-control" or "mujoco"; names the shipped configuration
  std::string summary;  ///< one line: the task
  Space observation;
  Space action;
  int time_limit = 0;                      ///< steps until truncation; 0 where there is no limit
  double control_step = 0.0;               ///< seconds of simulated time per step
  std::optional<double> reward_threshold;  ///< mean return at which the task counts as solved
  std::string reward;       ///< the reward in words or as a formula, for `envs describe`
  std::string termination;  ///< when the task terminates, for `envs describe`
  /// Names of the numbers that are drawn anew for every episode and logged with it (Env::
  /// episode_values), such as the factors of a domain randomisation.
  std::vector<std::string> episode_values = {};
};

}  // namespace costate
