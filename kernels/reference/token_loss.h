#pragma once

#include <cstdint>
#include <vector>

/// The loss of one token in f64: what the kernels of kernels/cpu/token_loss.h are checked against.
namespace tessera::kernels::reference {

struct TokenLoss {
    double crossEntropy = 0.0, divergence = 0.0;
    std::vector<double> gradient;  ///< scale (ceWeight dCE + klWeight dKL), [vocabulary]
};

/// `teacher` may be empty: then there is no divergence. A target of -1 leaves the cross-entropy out.
TokenLoss tokenLoss(const std::vector<double>& student, const std::vector<double>& teacher,
                    std::int64_t target, double ceWeight, double klWeight, double scale);

}  // namespace tessera::kernels::reference
