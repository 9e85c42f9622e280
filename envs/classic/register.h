// The classic-control environments of Gymnasium; their definitions stand in the file of each.
#pragma once

namespace costate {

/// Registers CartPole-v1, Acrobot-v1, MountainCar-v0, MountainCarContinuous-v0 and Pendulum-v1.
/// Called once, by the registry.
void register_classic_control();

}  // namespace costate
