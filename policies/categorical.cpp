// One of K actions.
#include "policies/softmax.h"

namespace costate {
namespace {

std::vector<float> indices(int count) {
  std::vector<float> values(count);
  for (int k = 0; k < count; ++k) values[k] = static_cast<float>(k);
  return values;
}

class Categorical final : public Softmax {
 public:
  explicit Categorical(int actions) : Softmax(1, indices(actions)) {}

  std::string_view name() const override { return "categorical"; }
  Support support() const override { return Support::kFinite; }

  std::vector<std::string> parameter_names() const override {
    std::vector<std::string> names;
    for (int k = 0; k < k_; ++k) names.push_back("logit[" + std::to_string(k) + "]");
    return names;
  }

  void mean(std::span<const float> parameters, std::span<float> action) const override {
    mode(parameters, action);
  }
};

}  // namespace

std::unique_ptr<Distribution> make_categorical(int actions) {
  return std::make_unique<Categorical>(actions);
}

}  // namespace costate
