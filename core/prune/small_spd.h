#pragma once

#include <cmath>
#include <cstdint>

namespace tessera {

/// Solves A x = b for one small symmetric positive definite matrix; `a` [n, n] row-major is overwritten by
/// its factor (the lower triangle is read), `b` by x. false where A is not positive definite. For many small
/// systems at once, one a thread, where a library call for each would cost more than the work.
template <typename T>
bool solveSpd(T* a, T* b, std::int64_t n) {
    // A = R^T R, row k of R in a[k][k..]: the inner loops run along the memory.
    for (std::int64_t i = 0; i < n; ++i)
        for (std::int64_t j = i + 1; j < n; ++j) a[i * n + j] = a[j * n + i];
    for (std::int64_t k = 0; k < n; ++k) {
        T* row = a + k * n;
        if (!(row[k] > 0) || !std::isfinite(row[k])) return false;
        const T scale = 1 / std::sqrt(row[k]);
        for (std::int64_t j = k; j < n; ++j) row[j] *= scale;
        b[k] *= scale;
        for (std::int64_t i = k + 1; i < n; ++i) {
            const T factor = row[i];
            T* under = a + i * n;
            for (std::int64_t j = i; j < n; ++j) under[j] -= factor * row[j];
            b[i] -= factor * b[k];
        }
    }
    for (std::int64_t k = n - 1; k >= 0; --k) {
        const T* row = a + k * n;
        T sum = b[k];
        for (std::int64_t j = k + 1; j < n; ++j) sum -= row[j] * b[j];
        b[k] = sum / row[k];
    }
    return true;
}

}  // namespace tessera
