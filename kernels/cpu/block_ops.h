#pragma once

#include <cstdint>

namespace tessera::kernels {

// What a decoder block does between its matrix products, forward and backward, in one pass over its rows
// each: nothing is stored but inputs and outputs. Every function comes for bf16 (raw bits) and for f32;
// arithmetic is f32, rounded to the type where transformers' eager code rounds, to nearest even. Rows are
// shared among OpenMP's threads; the bits do not depend on how many there are.

enum class Gating { Silu, GeluTanh };

/// RMSNorm of each row: y = weight * (x / sqrt(mean(x^2) + eps)), x and y [rows, width], weight [width] of
/// x's type: x * scale is rounded before the weight multiplies it (transformers' LlamaRMSNorm). `scales`
/// [rows] receives 1 / sqrt(..) for the gradient and may be null.
void rmsNorm(const std::uint16_t* x, const std::uint16_t* weight, std::uint16_t* y, float* scales,
             std::int64_t rows, std::int64_t width, float eps);
void rmsNorm(const float* x, const float* weight, float* y, float* scales, std::int64_t rows,
             std::int64_t width, float eps);
/// An f32 weight multiplies before anything is rounded (its GemmaRMSNorm).
void rmsNorm(const std::uint16_t* x, const float* weight, std::uint16_t* y, float* scales, std::int64_t rows,
             std::int64_t width, float eps);

/// Gradient of x from that of y: scale (w gy - x scale^2 mean(w gy x)), all [rows, width]. The weight is
/// frozen.
void rmsNormGradient(const std::uint16_t* x, const std::uint16_t* weight, const float* scales,
                     const std::uint16_t* gradY, std::uint16_t* gradX, std::int64_t rows, std::int64_t width);
void rmsNormGradient(const float* x, const float* weight, const float* scales, const float* gradY,
                     float* gradX, std::int64_t rows, std::int64_t width);
void rmsNormGradient(const std::uint16_t* x, const float* weight, const float* scales,
                     const std::uint16_t* gradY, std::uint16_t* gradX, std::int64_t rows, std::int64_t width);

/// y = act(gate) * up: gateUp [rows, 2 width] holds a row's gate, then its up; y [rows, width]. act(gate) is
/// rounded before it is multiplied.
void gatedUnit(const std::uint16_t* gateUp, std::uint16_t* y, std::int64_t rows, std::int64_t width,
               Gating gating);
void gatedUnit(const float* gateUp, float* y, std::int64_t rows, std::int64_t width, Gating gating);
/// Gradient of gateUp [rows, 2 width] from that of y [rows, width].
void gatedUnitGradient(const std::uint16_t* gateUp, const std::uint16_t* gradY, std::uint16_t* gradGateUp,
                       std::int64_t rows, std::int64_t width, Gating gating);
void gatedUnitGradient(const float* gateUp, const float* gradY, float* gradGateUp, std::int64_t rows,
                       std::int64_t width, Gating gating);

/// Shapes of the heads that a projection gives.
struct HeadShape {
    std::int64_t batch = 0, tokens = 0;
    std::int64_t heads = 0, kvHeads = 0;
    std::int64_t dim = 0;  ///< of a head, even
};
/// The projection [batch, tokens, (heads + 2 kvHeads) dim] of query, key, value -> query [batch, heads,
/// tokens, dim], key and value [batch, kvHeads, tokens, dim]; queries and keys turned by cos and sin [tokens,
/// dim] in the rotate-half form, each of the two products rounded before they are added.
void turnHeads(const std::uint16_t* projected, const std::uint16_t* cos, const std::uint16_t* sin,
               std::uint16_t* query, std::uint16_t* key, std::uint16_t* value, const HeadShape& shape);
void turnHeads(const float* projected, const float* cos, const float* sin, float* query, float* key,
               float* value, const HeadShape& shape);
/// Gradient of the projection from those of query, key and value.
void turnHeadsGradient(const std::uint16_t* gradQuery, const std::uint16_t* gradKey,
                       const std::uint16_t* gradValue, const std::uint16_t* cos, const std::uint16_t* sin,
                       std::uint16_t* gradProjected, const HeadShape& shape);
void turnHeadsGradient(const float* gradQuery, const float* gradKey, const float* gradValue, const float* cos,
                       const float* sin, float* gradProjected, const HeadShape& shape);

}  // namespace tessera::kernels
