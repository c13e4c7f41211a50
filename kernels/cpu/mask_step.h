#pragma once

#include <cstdint>

#include "kernels/cpu/nm_patterns.h"

/// The fused steps of learnable masks on the CPU. Noise comes from a counter-based generator (Philox4x32-7,
/// keyed by seed; counter = element, step, stream: element e of a chunk of 64 is word e / 16 of the chunk's
/// counter e % 16), so backward recomputes it and nothing is stored; results do not depend on the number of
/// threads. All arrays are contiguous. No exceptions, no allocation.
namespace tessera::kernels {

/// Identifies one draw of noise. `stream` tells matrices and micro-batches apart.
struct NoiseKey {
    std::uint64_t seed = 0;
    std::uint32_t step = 0;
    std::uint32_t stream = 0;
};

/// sigmoid(kappa * (logit - shift) / tau ...): the relaxation's constants for one step.
struct GateParameters {
    float kappa = 100.0f;  ///< scale of the logits
    float tau = 1.0f;      ///< temperature
    float shift = 0.0f;    ///< subtracted from every logit: centring that holds the budget
    /// Straight-through: the mask is what the draw makes likeliest, 0 or 1; its gradient is the soft one's.
    bool hard = false;
};

/// Per-step constants of Adam with bias correction done by the caller's step count.
struct AdamParameters {
    float learningRate = 1e-3f;
    float beta1 = 0.9f;
    float beta2 = 0.95f;
    float epsilon = 1e-12f;
    float weightDecay = 0.0f;  ///< decoupled
    std::int64_t step = 1;     ///< 1-based, for bias correction
};

/// Sums over the elements of one call, in f64, independent of threads (fixed blocks, summed in order).
struct GateSums {
    double gate = 0.0;             ///< sum of m
    double squaredMasked = 0.0;    ///< sum of (m w)^2
    double squaredGradient = 0.0;  ///< sum of g^2 (backward forms only), g = gradient to the logit
};

/// m = sigmoid((kappa (P - shift) + L) / tau), L = log u - log(1 - u) logistic noise; out = bf16(w m).
/// `weights` bf16, `logits` f32, `out` bf16, each [count]. (LEAP, methods.md 8.2.) The argument is clamped,
/// so that no input makes a NaN.
GateSums bernoulliForward(const std::uint16_t* weights, const float* logits, std::uint16_t* out,
                          std::int64_t count, const GateParameters& gate, const NoiseKey& noise);
/// The same with f32 weights and output.
GateSums bernoulliForward(const float* weights, const float* logits, float* out, std::int64_t count,
                          const GateParameters& gate, const NoiseKey& noise);

/// What the gradient of a gate is made of besides dL/d(masked weight): constants of the regularisers
/// (methods.md 8.4): d/dm = dLdWm * w + density + weight * m * w^2.
struct GateRegularisers {
    float density = 0.0f;
    float weight = 0.0f;
};

/// Adds dL/dP = (kappa / tau) m (1 - m) (gradMasked * w + density + weight * m w^2) to `gradLogits` [count]
/// f32. `gradMasked` is dL/d(w m), f32 or bf16.
GateSums bernoulliBackward(const std::uint16_t* weights, const float* logits, const float* gradMasked,
                           float* gradLogits, std::int64_t count, const GateParameters& gate,
                           const GateRegularisers& regularisers, const NoiseKey& noise);
GateSums bernoulliBackward(const std::uint16_t* weights, const float* logits, const std::uint16_t* gradMasked,
                           float* gradLogits, std::int64_t count, const GateParameters& gate,
                           const GateRegularisers& regularisers, const NoiseKey& noise);
GateSums bernoulliBackward(const float* weights, const float* logits, const float* gradMasked,
                           float* gradLogits, std::int64_t count, const GateParameters& gate,
                           const GateRegularisers& regularisers, const NoiseKey& noise);

/// Backward and Adam in one pass: the gradient is never written. Updates `logits`, `moment1`, `moment2`
/// [count]; moments are f32, or bf16 at half the memory and traffic: rounded to nearest when they are kept,
/// while the step that they give is of the exact ones.
GateSums bernoulliBackwardAdam(const std::uint16_t* weights, float* logits, const float* gradMasked,
                               float* moment1, float* moment2, std::int64_t count, const GateParameters& gate,
                               const GateRegularisers& regularisers, const NoiseKey& noise,
                               const AdamParameters& adam);
GateSums bernoulliBackwardAdam(const std::uint16_t* weights, float* logits, const std::uint16_t* gradMasked,
                               float* moment1, float* moment2, std::int64_t count, const GateParameters& gate,
                               const GateRegularisers& regularisers, const NoiseKey& noise,
                               const AdamParameters& adam);
GateSums bernoulliBackwardAdam(const float* weights, float* logits, const float* gradMasked, float* moment1,
                               float* moment2, std::int64_t count, const GateParameters& gate,
                               const GateRegularisers& regularisers, const NoiseKey& noise,
                               const AdamParameters& adam);
GateSums bernoulliBackwardAdam(const std::uint16_t* weights, float* logits, const float* gradMasked,
                               std::uint16_t* moment1, std::uint16_t* moment2, std::int64_t count,
                               const GateParameters& gate, const GateRegularisers& regularisers,
                               const NoiseKey& noise, const AdamParameters& adam);
GateSums bernoulliBackwardAdam(const std::uint16_t* weights, float* logits, const std::uint16_t* gradMasked,
                               std::uint16_t* moment1, std::uint16_t* moment2, std::int64_t count,
                               const GateParameters& gate, const GateRegularisers& regularisers,
                               const NoiseKey& noise, const AdamParameters& adam);
GateSums bernoulliBackwardAdam(const float* weights, float* logits, const float* gradMasked,
                               std::uint16_t* moment1, std::uint16_t* moment2, std::int64_t count,
                               const GateParameters& gate, const GateRegularisers& regularisers,
                               const NoiseKey& noise, const AdamParameters& adam);

/// Adam on an accumulated gradient times `gradientScale` (clipping). Updates in place.
void adamStep(float* parameters, const float* gradient, float* moment1, float* moment2, std::int64_t count,
              float gradientScale, const AdamParameters& adam);
void adamStep(float* parameters, const float* gradient, std::uint16_t* moment1, std::uint16_t* moment2,
              std::int64_t count, float gradientScale, const AdamParameters& adam);

/// The gates m of elements 0..count-1 themselves, 0 or 1 where they are hard.
void gateValues(const float* logits, float* gates, std::int64_t count, const GateParameters& gate,
                const NoiseKey& noise);

/// PATCH's tiles. A matrix [rows, cols] is cut into tiles of [tileRows, tileCols], the last ones ragged;
/// tile (i, j) has index i * ceil(cols / tileCols) + j. `inner` is the fixed 2:4 keep mask, one byte a weight
/// (0 or 1), row-major.
struct TileGeometry {
    std::int64_t rows = 0, cols = 0, tileRows = 0, tileCols = 0;
    std::int64_t gridRows() const { return (rows + tileRows - 1) / tileRows; }
    std::int64_t gridCols() const { return (cols + tileCols - 1) / tileCols; }
    std::int64_t tiles() const { return gridRows() * gridCols(); }
};

/// One gate g per tile (noise element = tile index); M = g + (1 - g) inner; out = w M.
/// `gates` [tiles] receives g. Sums.gate is the sum of M over weights.
GateSums tileForward(const std::uint16_t* weights, const std::uint8_t* inner, const float* logits,
                     float* gates, std::uint16_t* out, const TileGeometry& geometry,
                     const GateParameters& gate, const NoiseKey& noise);
GateSums tileForward(const float* weights, const std::uint8_t* inner, const float* logits, float* gates,
                     float* out, const TileGeometry& geometry, const GateParameters& gate,
                     const NoiseKey& noise);

/// Adds to `gradLogits` [tiles]: (kappa / tau) g (1 - g) * sum over the tile's pruned-by-inner weights of
/// (gradMasked w + density + weight M w^2).
GateSums tileBackward(const std::uint16_t* weights, const std::uint8_t* inner, const float* logits,
                      const float* gradMasked, float* gradLogits, const TileGeometry& geometry,
                      const GateParameters& gate, const GateRegularisers& regularisers,
                      const NoiseKey& noise);
GateSums tileBackward(const std::uint16_t* weights, const std::uint8_t* inner, const float* logits,
                      const std::uint16_t* gradMasked, float* gradLogits, const TileGeometry& geometry,
                      const GateParameters& gate, const GateRegularisers& regularisers,
                      const NoiseKey& noise);
GateSums tileBackward(const float* weights, const std::uint8_t* inner, const float* logits,
                      const float* gradMasked, float* gradLogits, const TileGeometry& geometry,
                      const GateParameters& gate, const GateRegularisers& regularisers,
                      const NoiseKey& noise);

/// MaskLLM's pattern gates (methods.md 7): every `group` consecutive weights keep `keep`, in one of
/// patterns() ways. Logits, moments and gradients are [patterns, groups]: the first pattern's of all groups,
/// then the next one's. The noise of group g and pattern p is element (g / 64 * patterns + p) * 64 + g % 64.
struct PatternGeometry {
    std::int64_t groups = 0;
    int keep = 2, group = 4;
    int patterns() const { return patternCount(keep, group); }
    std::int64_t logits() const { return groups * patterns(); }
    std::int64_t weights() const { return groups * group; }
};

/// What all passes over the pattern gates of one matrix are told.
struct PatternGates {
    PatternGeometry geometry;
    GateParameters gate;  ///< its shift says nothing here: a softmax does not see it
    NoiseKey noise;
    /// PATCH-Joint: the gate of every tile of `tiles`, as gateValues draws them; null: none, as if all shut.
    /// A group lies within one tile: `group` divides the tiles' and the matrix's columns.
    const float* tileGates = nullptr;
    TileGeometry tiles;
};

/// y = softmax((kappa P + G) / tau) over a group's patterns, G = -ln(-ln u) Gumbel noise; soft = the sum of
/// the patterns, each y times; M = g + (1 - g) soft, g the tile's gate; out = w M. All arguments are clamped,
/// so that no logit makes a NaN. Sums.gate is the sum of M over the weights.
/// `weights` and `out` [groups * group], `logits` [patterns, groups]; at most kMostPatterns patterns.
GateSums patternForward(const std::uint16_t* weights, const float* logits, std::uint16_t* out,
                        const PatternGates& gates);
GateSums patternForward(const float* weights, const float* logits, float* out, const PatternGates& gates);

/// Adds dL/dP to `gradLogits` [patterns, groups]: (kappa / tau) (1 - g) y_p (s_p - sum_q y_q s_q), s_p the
/// sum over pattern p's weights of (gradMasked w + weight M w^2). The density says nothing to patterns, which
/// all keep as many. Where `tileSlopes` [groups] is given it receives what each group adds to dL/dg of its
/// tile: the sum over its weights of (1 - soft) (gradMasked w + density + weight M w^2).
GateSums patternBackward(const std::uint16_t* weights, const float* logits, const float* gradMasked,
                         float* gradLogits, const PatternGates& gates, const GateRegularisers& regularisers,
                         float* tileSlopes = nullptr);
GateSums patternBackward(const std::uint16_t* weights, const float* logits, const std::uint16_t* gradMasked,
                         float* gradLogits, const PatternGates& gates, const GateRegularisers& regularisers,
                         float* tileSlopes = nullptr);
GateSums patternBackward(const float* weights, const float* logits, const float* gradMasked,
                         float* gradLogits, const PatternGates& gates, const GateRegularisers& regularisers,
                         float* tileSlopes = nullptr);

/// Backward and Adam in one pass, as bernoulliBackwardAdam.
GateSums patternBackwardAdam(const std::uint16_t* weights, float* logits, const float* gradMasked,
                             float* moment1, float* moment2, const PatternGates& gates,
                             const GateRegularisers& regularisers, const AdamParameters& adam,
                             float* tileSlopes = nullptr);
GateSums patternBackwardAdam(const std::uint16_t* weights, float* logits, const std::uint16_t* gradMasked,
                             float* moment1, float* moment2, const PatternGates& gates,
                             const GateRegularisers& regularisers, const AdamParameters& adam,
                             float* tileSlopes = nullptr);
GateSums patternBackwardAdam(const float* weights, float* logits, const float* gradMasked, float* moment1,
                             float* moment2, const PatternGates& gates, const GateRegularisers& regularisers,
                             const AdamParameters& adam, float* tileSlopes = nullptr);
GateSums patternBackwardAdam(const std::uint16_t* weights, float* logits, const float* gradMasked,
                             std::uint16_t* moment1, std::uint16_t* moment2, const PatternGates& gates,
                             const GateRegularisers& regularisers, const AdamParameters& adam,
                             float* tileSlopes = nullptr);
GateSums patternBackwardAdam(const std::uint16_t* weights, float* logits, const std::uint16_t* gradMasked,
                             std::uint16_t* moment1, std::uint16_t* moment2, const PatternGates& gates,
                             const GateRegularisers& regularisers, const AdamParameters& adam,
                             float* tileSlopes = nullptr);
GateSums patternBackwardAdam(const float* weights, float* logits, const float* gradMasked,
                             std::uint16_t* moment1, std::uint16_t* moment2, const PatternGates& gates,
                             const GateRegularisers& regularisers, const AdamParameters& adam,
                             float* tileSlopes = nullptr);

/// Adds to `gradLogits` [tiles] (kappa / tau) g (1 - g) times the sum of `tileSlopes` over the tile's groups,
/// `tileGates` being the soft gates g of `gate`. Returns the sum of the squares of what it added.
double tileGradients(const float* tileSlopes, const float* tileGates, float* gradLogits,
                     const TileGeometry& geometry, int group, const GateParameters& gate);

/// The dispatch target that the kernels of this process use, e.g. "AVX3_ZEN4", "AVX2", "EMU128".
const char* maskKernelTarget();

}  // namespace tessera::kernels
