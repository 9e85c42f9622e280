#include "envs/classic/register.h"

#include "envs/classic/acrobot.h"
#include "envs/classic/cart_pole.h"
#include "envs/classic/double_integrator.h"
#include "envs/classic/mountain_car.h"
#include "envs/classic/mountain_car_continuous.h"
#include "envs/classic/pendulum.h"
#include "envs/registry.h"

namespace costate {
namespace {

template <class Task, class Config>
std::unique_ptr<Env> make(const Config& config) {
  return std::make_unique<Task>(config);
}

}  // namespace

void register_classic_control() {
  register_env("CartPole-v1", [] { return std::make_unique<CartPole>(); });
  register_env("Acrobot-v1", [] { return std::make_unique<Acrobot>(); });
  register_env("DoubleIntegrator-v0", make<DoubleIntegrator, DoubleIntegratorConfig>);
  register_env("MountainCar-v0", [] { return std::make_unique<MountainCar>(); });
  register_env("MountainCarContinuous-v0",
               [] { return std::make_unique<MountainCarContinuous>(); });
  register_env("Pendulum-v1", make<Pendulum, PendulumConfig>);
}

}  // namespace costate
