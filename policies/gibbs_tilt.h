// The Gibbs tilt of a reference distribution by a value, q ∝ ref·exp(value/T): what maximises
// E_q[value] − T·KL(q‖ref), whose maximum is T·log Z.
//
// It is MPO's E-step (Abdolmaleki et al., "Maximum a Posteriori Policy Optimisation", ICLR 2018)
// and the improvement step of a bandit or learner that is regularised by KL(q‖ref).
#pragma once

#include <span>

namespace costate {

/// Over M ≥ 1 actions with log-probabilities log_ref [M] (−∞ for one that is excluded, but not for
/// all; they need not be normalised) and finite values [M]: out [M] ← log q, normalised, and
/// returns log Z = log Σ ref·exp(value/temperature). temperature > 0, in the units of the values.
/// `out` may be log_ref or the values. Finite for values of any size.
double gibbs_tilt(std::span<const float> log_ref, std::span<const float> value, double temperature,
                  std::span<float> out);

}  // namespace costate
