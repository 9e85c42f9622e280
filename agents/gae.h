// Generalised advantage estimation (Schulman et al., "High-Dimensional Continuous Control Using
// Generalized Advantage Estimation", ICLR 2016, equations 11–16).
#pragma once

#include <cstdint>
#include <span>

namespace costate {

/// The advantages of one environment's T consecutive steps:
///   δ_t = r_t + γ·V'_t − V_t,   A_t = δ_t + γλ·(1 − ended_t)·A_{t+1}.
/// V'_t is the value of what follows step t: 0 after a termination, next_values[t] otherwise (the
/// caller gives V of the *final* observation where a limit truncated the episode, V of the next
/// observation elsewhere). The trace is cut wherever an episode ended, either way.
void generalized_advantages(std::span<const float> rewards, std::span<const float> values,
                            std::span<const float> next_values,
                            std::span<const std::uint8_t> terminated,
                            std::span<const std::uint8_t> truncated, double gamma, double lambda,
                            std::span<float> advantages);

}  // namespace costate
