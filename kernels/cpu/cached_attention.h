#pragma once

#include <cstdint>

namespace tessera::kernels {

/// Heads of a new token that read the same kept keys and values: where those lie, and how scores are made.
struct CachedShape {
    std::int64_t heads = 1;   ///< that share them
    std::int64_t keys = 0;    ///< how many are seen, the token's own among them
    std::int64_t dim = 0;     ///< of a head
    std::int64_t stride = 0;  ///< elements from a key, or value, to the next one
    float scale = 1;          ///< of the products of queries and keys
    float cap = 0;            ///< c tanh(score / c) where not 0
};

/// Softmax of the scores of each query [heads, dim] with the keys, times the values -> out [heads, dim].
/// Keys and values are f32 or bf16, sums f32; `scores` [heads, keys] is scratch. On the calling thread.
void cachedAttention(const float* query, const float* keys, const float* values, float* scores, float* out,
                     const CachedShape& shape);
void cachedAttention(const float* query, const std::uint16_t* keys, const std::uint16_t* values,
                     float* scores, float* out, const CachedShape& shape);

}  // namespace tessera::kernels
