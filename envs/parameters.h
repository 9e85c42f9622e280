// The named physical parameters that an environment lets be scaled, and by what they are.
//
// A name is that of a quantity, such as "mass", or of a quantity of one part, such as "mass/pole",
// whose factor multiplies that of the quantity. The names are those of the MuJoCo tasks where there
// is such a quantity: "mass" (inertia goes with it), "friction", and "gear", what an action of one
// exerts.
#pragma once

#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace costate {

class Parameters {
 public:
  /// Every factor is 1.
  Parameters(std::initializer_list<std::string> names);

  const std::vector<std::string>& names() const { return names_; }

  /// Takes a factor for each of names().
  void scale(std::span<const double> factors);

  /// What the nominal value of `name`, one of names(), is to be multiplied with.
  double factor(std::string_view name) const;

 private:
  std::vector<std::string> names_;
  std::vector<double> factors_;
};

}  // namespace costate
