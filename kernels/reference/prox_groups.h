#pragma once

#include <array>

/// ProxSparse's step on one group in f64: what kernels/cpu/prox_groups.h is checked against.
namespace tessera::kernels::reference {

using Group4 = std::array<double, 4>;

/// 1/2 ||w - z||^2 + lambda * the sum of the products of three magnitudes.
double proxObjective(const Group4& w, const Group4& z, double lambda);
/// The least objective of the three candidates (methods.md 5), by up to 10,000 sweeps.
Group4 proxGroup(const Group4& z, double lambda);

}  // namespace tessera::kernels::reference
