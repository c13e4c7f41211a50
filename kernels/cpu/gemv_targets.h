#pragma once

#include "kernels/cpu/gemv.h"

/// The products for single instruction sets; chosen at run time by gemv.cpp. Ranges begin at whole panels and
/// are not empty.
namespace tessera::kernels {

#if defined(__x86_64__)
/// Bytes ahead of the reader that are asked for. The hardware's own prefetch stops at a page and thins out
/// where few bytes are read per instruction; one core that reads 40 GB/s with 150 ns of latency has 6 KB on
/// their way.
inline constexpr std::int64_t kAhead = 8192;

// The same functions in a namespace of each instruction set.
#define TESSERA_GEMV_TARGET(NAME)                                                                \
    namespace NAME {                                                                             \
    void gemvPart(const DensePanels& matrix, const std::uint16_t* x, float* y, RowRange range);  \
    void gemvPart(const BitmapPanels& matrix, const std::uint16_t* x, float* y, RowRange range); \
    void gemvPart(const BitmapPanelsQ8& matrix, InputQ8 x, float* y, RowRange range);            \
    void gemvPart(const TilePanels& matrix, const std::uint16_t* x, float* y, RowRange range);   \
    void gemvPart(const TilePanelsQ8& matrix, InputQ8 x, float* y, RowRange range);              \
    std::uint64_t readLines(const std::uint8_t* from, std::int64_t lines);                       \
    }
TESSERA_GEMV_TARGET(avx2)
TESSERA_GEMV_TARGET(avx512base)  // F, BW, DQ, VL
TESSERA_GEMV_TARGET(avx512)      // and VBMI, VBMI2, BF16, VNNI
#undef TESSERA_GEMV_TARGET
#endif

}  // namespace tessera::kernels
