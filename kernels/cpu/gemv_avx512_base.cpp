// Decoding products on the AVX-512 of the first processors that had it: F, BW, DQ and VL.
#if defined(__x86_64__)
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512dq,popcnt,bmi2")

#include "kernels/cpu/gemv_avx512-inl.h"

namespace tessera::kernels::avx512base {

namespace {

struct Ops {
    /// bf16 are f32's upper halves: of a pair, one is shifted there, the other stands there already.
    static __m512 even(__m512i pairs) { return _mm512_castsi512_ps(_mm512_slli_epi32(pairs, 16)); }
    static __m512 odd(__m512i pairs) {
        return _mm512_castsi512_ps(_mm512_and_si512(pairs, _mm512_set1_epi32(-65536)));
    }
    static __m512 dot(__m512 sums, __m512i a, __m512i b) {
        return _mm512_fmadd_ps(odd(a), odd(b), _mm512_fmadd_ps(even(a), even(b), sums));
    }

    struct Input {
        __m512 low, high;
    };
    static __m512i sixteen(const void* words) {
        return _mm512_cvtepu16_epi32(_mm256_loadu_si256(static_cast<const __m256i*>(words)));
    }
    static Input input(const std::uint16_t* x) { return {even(sixteen(x)), even(sixteen(x + 16))}; }
    static __m512 addWhole(__m512 sums, const std::uint16_t* weights, const Input& x) {
        sums = _mm512_fmadd_ps(even(sixteen(weights)), x.low, sums);
        return _mm512_fmadd_ps(even(sixteen(weights + 16)), x.high, sums);
    }
    static __m512 expanded(std::uint32_t flags, const std::uint16_t* values) {
        return even(_mm512_mask_expand_epi32(opaqueZero(), static_cast<__mmask16>(flags), sixteen(values)));
    }
    static __m512 addExpanded(__m512 sums, std::uint32_t mask, const std::uint16_t* values, const Input& x) {
        sums = _mm512_fmadd_ps(expanded(mask, values), x.low, sums);
        return _mm512_fmadd_ps(expanded(mask >> 16, values + _mm_popcnt_u32(mask & 0xffff)), x.high, sums);
    }

    /// x's words with zeros above them, against which the sign above a widened weight counts nothing.
    struct Words {
        __m512i parts[4];
    };
    static Words words(const std::int16_t* x) {
        return {{sixteen(x), sixteen(x + 16), sixteen(x + 32), sixteen(x + 48)}};
    }
    static __m512i expandedProducts(std::uint64_t mask, const std::int8_t* values, const Words& x) {
        auto sums = _mm512_setzero_si512();
        for (const auto& part : x.parts) {
            const auto packed =
                _mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(values)));
            const auto expanded =
                _mm512_mask_expand_epi32(opaqueZero(), static_cast<__mmask16>(mask), packed);
            sums = _mm512_add_epi32(sums, _mm512_madd_epi16(expanded, part));
            values += _mm_popcnt_u32(static_cast<unsigned>(mask & 0xffff));
            mask >>= 16;
        }
        return sums;
    }

    struct KeptColumns {
        __m512i bytes, shifts, groups, low = _mm512_set1_epi16(3);

        KeptColumns() {
            alignas(64) std::uint16_t byte[32], shift[32], group[32];
            for (int value = 0; value < 32; ++value) {
                // The word of the metadata that holds the value's two bits.
                byte[value] = static_cast<std::uint16_t>((value / 8 * 2 + 1) << 8 | value / 8 * 2);
                shift[value] = static_cast<std::uint16_t>(value % 8 * 2);
                group[value] = static_cast<std::uint16_t>(value / 2 * 4);
            }
            bytes = _mm512_load_si512(byte);
            shifts = _mm512_load_si512(shift);
            groups = _mm512_load_si512(group);
        }
        __m512i operator()(const std::uint8_t* metadata) const {
            long long bits;
            __builtin_memcpy(&bits, metadata, 8);
            const auto moved = _mm512_srlv_epi16(_mm512_shuffle_epi8(_mm512_set1_epi64(bits), bytes), shifts);
            return _mm512_ternarylogic_epi32(moved, low, groups, 0xea);  // moved & low | groups
        }
    };
};

}  // namespace

TESSERA_GEMV_PRODUCTS(Ops)

}  // namespace tessera::kernels::avx512base
#endif
