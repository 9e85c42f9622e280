// Actor-critics: layout, shapes and gradients, for both kinds of network and trunk.
#include "policies/actor_critic.h"

#include <catch2/catch.hpp>
#include <vector>

namespace costate {
namespace {

using Floats = std::vector<float>;

EnvSpec box_spec() {
  EnvSpec spec;
  spec.id = "test";
  spec.observation = Space::box(3, -10.0, 10.0);
  spec.action = Space::box(2, -2.0, 4.0);
  return spec;
}

// Σ_i ⟨c_i, distribution_i⟩ + d_i·value_i for fixed c and d.
struct Probe {
  Floats x, c, d;
  explicit Probe(const ActorCritic& net, int rows) {
    RandomStream random(9);
    const auto fill = [&](Floats& v, int n) {
      v.resize(n);
      for (float& f : v) f = static_cast<float>(random.normal());
    };
    fill(x, rows * net.observation_size());
    fill(c, rows * net.distribution().parameter_size());
    fill(d, rows);
  }
  double loss(const ActorCritic& net, const Floats& parameters) const {
    const int rows = static_cast<int>(d.size());
    const auto workspace = net.make_workspace(rows, false);
    Floats p(c.size());
    Floats v(d.size());
    net.forward(parameters, x.data(), rows, p.data(), v.data(), *workspace);
    double sum = 0.0;
    for (std::size_t i = 0; i < c.size(); ++i) sum += static_cast<double>(c[i]) * p[i];
    for (std::size_t i = 0; i < d.size(); ++i) sum += static_cast<double>(d[i]) * v[i];
    return sum;
  }
};

TEST_CASE("actor-critic gradients agree with finite differences") {
  for (const char* trunk : {"separate", "shared"}) {
    for (const char* kind : {"dense", "torch"}) {
      for (const bool state_dependent : {false, true}) {
        PolicyConfig config;
        config.hidden = {6};
        config.trunk = trunk;
        config.network = kind;
        config.state_dependent_std = state_dependent;
        const ActorCritic net(config, box_spec());
        Floats parameters = net.initial_parameters(4);
        RandomStream random(2);
        for (float& p : parameters) p += 0.3f * static_cast<float>(random.normal());

        const Probe probe(net, 5);
        const auto workspace = net.make_workspace(5, true);
        Floats p(probe.c.size());
        Floats v(5);
        Floats gradients(net.parameter_count());
        net.forward(parameters, probe.x.data(), 5, p.data(), v.data(), *workspace);
        net.backward(parameters, probe.x.data(), 5, probe.c.data(), probe.d.data(), gradients,
                     *workspace);
        for (std::size_t i = 0; i < parameters.size(); ++i) {
          Floats up = parameters;
          Floats down = parameters;
          up[i] += 1e-2f;
          down[i] -= 1e-2f;
          INFO(trunk << ", " << kind << ", parameter " << i);
          CHECK(gradients[i] ==
                Approx((probe.loss(net, up) - probe.loss(net, down)) / 2e-2).margin(5e-3));
        }
      }
    }
  }
}

TEST_CASE("policy and value alone give what both together give") {
  for (const char* trunk : {"separate", "shared"}) {
    PolicyConfig config;
    config.trunk = trunk;
    const ActorCritic net(config, box_spec());
    const Floats parameters = net.initial_parameters(1);
    const Probe probe(net, 4);
    const auto workspace = net.make_workspace(4, false);
    Floats p(probe.c.size()), p_alone(probe.c.size()), v(4), v_alone(4);
    net.forward(parameters, probe.x.data(), 4, p.data(), v.data(), *workspace);
    net.policy(parameters, probe.x.data(), 4, p_alone.data(), *workspace);
    net.value(parameters, probe.x.data(), 4, v_alone.data(), *workspace);
    CHECK(p == p_alone);
    CHECK(v == v_alone);
  }
}

TEST_CASE("a fresh gaussian policy starts near mean 0 with the configured deviation") {
  PolicyConfig config;
  config.log_std = -0.5;
  const ActorCritic net(config, box_spec());
  const Floats parameters = net.initial_parameters(1);
  const Probe probe(net, 1);
  const auto workspace = net.make_workspace(1, false);
  Floats p(4);
  net.policy(parameters, probe.x.data(), 1, p.data(), *workspace);
  CHECK(std::abs(p[0]) < 0.05f);
  CHECK(std::abs(p[1]) < 0.05f);
  CHECK(p[2] == -0.5f);
  CHECK(p[3] == -0.5f);
}

TEST_CASE("normalised actions map onto the bounds of the box") {
  Floats action = {-1.0f, 0.5f};
  ActionMap(box_spec().action).to_env(action);
  CHECK(action == Floats{-2.0f, 2.5f});
  Floats top = {1.0f, 1.0f};
  ActionMap(box_spec().action).to_env(top);
  CHECK(top == Floats{4.0f, 4.0f});
  Floats index = {2.0f};
  ActionMap(Space::discrete(3)).to_env(index);
  CHECK(index == Floats{2.0f});
}

}  // namespace
}  // namespace costate
