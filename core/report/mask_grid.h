#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/formats/mask_set.h"
#include "core/report/report_data.h"

namespace tessera {

/// Block index and projection of a parameter name: "model.layers.3.self_attn.q_proj.weight" gives 3 and
/// "q_proj", GGUF's "blk.3.attn_q.weight" the same; -1 and the name itself where it has no block.
void nameParts(const std::string& name, int& block, std::string& projection);

/// Fills the matrix's tile densities: tiles of 64 x 64 weights, larger ones where that would be more than 24
/// in a direction; those at the edges may be smaller. Does nothing for an empty mask.
void fillMaskGrid(const PackedMask& mask, ReportMatrix& matrix);

/// Fills the tile densities of all matrices that the mask file holds, and adds those that are not listed yet.
/// Throws what readMasks throws.
void addMaskGrids(const std::filesystem::path& masks, std::vector<ReportMatrix>& matrices);

/// The fraction of zero weights of all matrices together; nullopt where shapes or sparsities are not known.
std::optional<double> overallSparsity(const std::vector<ReportMatrix>& matrices);

}  // namespace tessera
