// The classic-control environments: those of Gymnasium, and the textbook case of bang-bang control.
// Their definitions stand in the file of each.
#pragma once

namespace costate {

/// Registers CartPole-v1, Acrobot-v1, DoubleIntegrator-v0, MountainCar-v0, MountainCarContinuous-v0
/// and Pendulum-v1. Called once, by the registry.
void register_classic_control();

}  // namespace costate
