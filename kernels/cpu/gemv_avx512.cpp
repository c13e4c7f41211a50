// Decoding products on AVX-512 with VBMI2, BF16 and VNNI. Highway 1.0.3 has neither expand nor the bf16 dot
// product.
#if defined(__x86_64__)
#pragma GCC target( \
    "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vbmi2,avx512bf16,avx512vnni,popcnt,bmi2")

#include "kernels/cpu/gemv_avx512-inl.h"

namespace tessera::kernels::avx512 {

namespace {

struct Ops {
    static __m512 dot(__m512 sums, __m512i a, __m512i b) {
        return _mm512_dpbf16_ps(sums, (__m512bh)a, (__m512bh)b);
    }

    using Input = __m512i;
    static Input input(const std::uint16_t* x) { return _mm512_loadu_si512(x); }
    static __m512 addWhole(__m512 sums, const std::uint16_t* weights, Input x) {
        return dot(sums, _mm512_load_si512(weights), x);
    }
    static __m512 addExpanded(__m512 sums, std::uint32_t mask, const std::uint16_t* values, Input x) {
        return dot(sums, _mm512_mask_expand_epi16(opaqueZero(), mask, _mm512_loadu_si512(values)), x);
    }

    struct Words {
        __m512i low, high;
    };
    static Words words(const std::int16_t* x) { return {_mm512_loadu_si512(x), _mm512_loadu_si512(x + 32)}; }
    static __m512i expandedProducts(std::uint64_t mask, const std::int8_t* values, const Words& x) {
        const auto expanded = _mm512_mask_expand_epi8(opaqueZero(), mask, _mm512_loadu_si512(values));
        return _mm512_dpwssd_epi32(
            _mm512_madd_epi16(_mm512_cvtepi8_epi16(_mm512_castsi512_si256(expanded)), x.low),
            _mm512_cvtepi8_epi16(_mm512_extracti64x4_epi64(expanded, 1)), x.high);
    }

    struct KeptColumns {
        __m512i shifts, groups, low = _mm512_set1_epi16(3);

        KeptColumns() {
            alignas(64) std::uint16_t shift[32], group[32];
            for (int value = 0; value < 32; ++value) {
                shift[value] = static_cast<std::uint16_t>(2 * value);
                group[value] = static_cast<std::uint16_t>(value / 2 * 4);
            }
            shifts = _mm512_load_si512(shift);
            groups = _mm512_load_si512(group);
        }
        __m512i operator()(const std::uint8_t* metadata) const {
            long long bits;
            __builtin_memcpy(&bits, metadata, 8);
            const auto moved = _mm512_multishift_epi64_epi8(shifts, _mm512_set1_epi64(bits));
            return _mm512_ternarylogic_epi32(moved, low, groups, 0xea);  // moved & low | groups
        }
    };
};

}  // namespace

TESSERA_GEMV_PRODUCTS(Ops)

}  // namespace tessera::kernels::avx512
#endif
