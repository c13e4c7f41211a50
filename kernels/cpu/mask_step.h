#pragma once

#include <cstdint>

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
/// [count].
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

/// Adam on an accumulated gradient times `gradientScale` (clipping). Updates in place.
void adamStep(float* parameters, const float* gradient, float* moment1, float* moment2, std::int64_t count,
              float gradientScale, const AdamParameters& adam);

/// The gates m of elements 0..count-1 themselves.
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

/// The dispatch target that the kernels of this process use, e.g. "AVX3_ZEN4", "AVX2", "EMU128".
const char* maskKernelTarget();

}  // namespace tessera::kernels
