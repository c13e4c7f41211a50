#pragma once

#include <cstdint>

namespace tessera::kernels {

/// Sums over the tokens of one call, in f64, in token order.
struct TokenLossSums {
    double crossEntropy = 0.0;  ///< -log softmax(student)[target], nats
    double divergence = 0.0;    ///< KL(softmax(teacher) || softmax(student)), nats
};

/// The loss of [tokens, vocabulary] logits and its gradient, in one read of each row (two passes in cache):
///   ceWeight * CE(student, target) + klWeight * KL(teacher || student), summed over tokens and times
///   `scale`.
/// `gradient` [tokens, vocabulary] receives d/dstudent and may alias `student`. `teacher` may be null (then
/// klWeight is taken as 0). A target of -1 leaves its token's cross-entropy out. bf16 rows; softmax in f32.
/// `perToken` (may be null) receives each token's cross-entropy, [tokens] f32.
TokenLossSums tokenLoss(const std::uint16_t* student, const std::uint16_t* teacher,
                        const std::int64_t* targets, std::uint16_t* gradient, float* perToken,
                        std::int64_t tokens, std::int64_t vocabulary, float ceWeight, float klWeight,
                        float scale);
/// f32 rows.
TokenLossSums tokenLoss(const float* student, const float* teacher, const std::int64_t* targets,
                        float* gradient, float* perToken, std::int64_t tokens, std::int64_t vocabulary,
                        float ceWeight, float klWeight, float scale);
/// Cross-entropy alone, nothing written but `perToken`.
TokenLossSums tokenCrossEntropy(const std::uint16_t* logits, const std::int64_t* targets, float* perToken,
                                std::int64_t tokens, std::int64_t vocabulary);
TokenLossSums tokenCrossEntropy(const float* logits, const std::int64_t* targets, float* perToken,
                                std::int64_t tokens, std::int64_t vocabulary);

}  // namespace tessera::kernels
