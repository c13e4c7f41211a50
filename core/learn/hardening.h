#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "core/formats/mask_set.h"
#include "core/learn/mask_parameters.h"

namespace tessera {

/// Within which set of weights the target sparsity is reached exactly.
enum class TargetScope { Global, Block, Matrix };

/// One comparison group: the masks that share a budget.
using MaskList = std::vector<std::unique_ptr<MaskParameters>>;
std::vector<std::vector<MaskParameters*>> targetGroups(const MaskList& masks, TargetScope scope);

/// Shuts the lowest logits of each group until exactly floor(sparsity * weights) of the group's weights are
/// zero (LEAP), or as near to it as whole tiles allow (PATCH); where patterns make the zeros (MaskLLM) there
/// is nothing to shut. Ties are broken by order: earlier ones shut first. Returns the masks by name.
/// (methods.md section 0 "exact-count selection", 8.6)
MaskSet hardenToBudget(const MaskList& masks, double sparsity, TargetScope scope);

/// The logit value that splits a group at its budget, from a sample of about a million of its logits: what
/// centring subtracts, so that the share above zero is the budget's. Deterministic.
float budgetQuantile(const std::vector<MaskParameters*>& group, double sparsity);

}  // namespace tessera
