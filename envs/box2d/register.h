// The Box2D environments of Gymnasium; their definitions stand in the file of each.
#pragma once

namespace costate {

/// Registers LunarLander-v3, LunarLanderContinuous-v3, BipedalWalker-v3, BipedalWalkerHardcore-v3
/// and CarRacing-v3. Called once, by the registry.
void register_box2d();

}  // namespace costate
