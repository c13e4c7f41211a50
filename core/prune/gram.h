#pragma once

#include <torch/torch.h>

#include <functional>
#include <string>

namespace tessera {

/// What a person should hear of on the way.
using LogLine = std::function<void(const std::string&)>;

/// gram += input^T input in the upper triangle, [cols, cols]; made on the first call. `input` [tokens, cols]
/// of the Gram matrix's element type.
void addToGram(torch::Tensor& gram, const torch::Tensor& input);
/// Copies the upper triangle below the diagonal.
void symmetriseGram(torch::Tensor& gram);

/// A Gram matrix made positive definite: H = G + damping * mean(diag G) * I, where an input that was always
/// zero ("dead") has the mean on its diagonal. f32 or f64 throughout.
struct DampedGram {
    torch::Tensor matrix;  ///< H, [cols, cols]
    /// U, upper: H^-1 = U^T U; rows i.. of it serve the trailing part H[i:, i:]. Undefined where not asked
    /// for.
    torch::Tensor inverseFactor;
    torch::Tensor dead;  ///< [cols] bool
};

/// H alone costs a Cholesky factorisation, U four times that.
enum class GramNeed { Matrix, Factor };

/// Factors in the matrix's own type, else in f64; while neither succeeds, the damping is raised tenfold and
/// `log` told. The factor comes from a Cholesky factorisation of H in reversed order (H = R R^T with R upper,
/// U = R^-1), so that H^-1 is never formed. Throws Error{Numerical} with `where` when no damping helps or G
/// is not finite.
DampedGram dampGram(const torch::Tensor& gram, double damping, const LogLine& log, const std::string& where,
                    GramNeed need = GramNeed::Factor);

}  // namespace tessera
