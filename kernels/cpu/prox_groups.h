#pragma once

#include <cstdint>

namespace tessera::kernels {

/// The proximal step of ProxSparse (methods.md 5) on every group of four weights:
///   argmin over w of 1/2 ||w - z||^2 + lambda (|w1 w2 w3| + |w2 w3 w4| + |w3 w4 w1| + |w4 w1 w2|),
/// the penalty being zero where at most two of the four are not. Of three candidates the one with the least
/// objective: the two largest alone; the three largest, and all four, each by alternating minimisation from
/// zero until a sweep moves less than 1e-6 of the largest (at most 100 sweeps). Equal objectives: the
/// sparser. `weights` [4 * groups] f32, in place; must be finite. Results do not depend on threads or vector
/// lengths.
void proxGroups(float* weights, std::int64_t groups, float lambda);

}  // namespace tessera::kernels
