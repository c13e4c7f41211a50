#pragma once

#include "kernels/cpu/gemv.h"

/// Scalar, obviously right versions of the decoding products, on the same packed bytes. They run where no
/// other version can.
namespace tessera::kernels::reference {

void gemvPart(const DensePanels& matrix, const std::uint16_t* x, float* y, RowRange range);
void gemvPart(const BitmapPanels& matrix, const std::uint16_t* x, float* y, RowRange range);
void gemvPart(const BitmapPanelsQ8& matrix, InputQ8 x, float* y, RowRange range);
void gemvPart(const TilePanels& matrix, const std::uint16_t* x, float* y, RowRange range);
void gemvPart(const TilePanelsQ8& matrix, InputQ8 x, float* y, RowRange range);

}  // namespace tessera::kernels::reference
