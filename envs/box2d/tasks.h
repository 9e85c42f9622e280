// The Box2D tasks of Gymnasium, with its names for their options.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "envs/env.h"
#include "envs/options.h"

namespace costate {

struct LunarLanderConfig {
  bool continuous = false;  ///< fixed by the id: LunarLander-v3 or LunarLanderContinuous-v3
  double gravity = -10.0;
  bool enable_wind = false;
  double wind_power = 15.0;
  double turbulence_power = 1.5;

  void describe(Options& options);
};
std::unique_ptr<Env> make_lunar_lander(const LunarLanderConfig& config);

std::unique_ptr<Env> make_bipedal_walker();
std::unique_ptr<Env> make_bipedal_walker_hardcore();

struct CarRacingConfig {
  double lap_complete_percent = 0.95;
  bool continuous = true;
  bool domain_randomize = false;
  std::string observation = "pixels";

  void describe(Options& options);
};
std::unique_ptr<Env> make_car_racing(const CarRacingConfig& config);

}  // namespace costate
