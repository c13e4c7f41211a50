#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "core/deploy/packed_container.h"

namespace tessera::cli {

/// --values and --head: how a model is packed for decoding. Empty where they are not given: bf16, or what a
/// packed container has.
struct PackingOptions {
    std::string values, head;

    void add(CLI::App& command);
    bool given() const { return !values.empty() || !head.empty(); }
    /// Throws Error{InvalidInput} on others than bf16 and q8.
    Packing packing(Layout layout) const;
    /// Throws Error{InvalidInput} where something else is asked for than the container has: what is packed
    /// stays as it is.
    void requireThoseOf(const PackedContainer& container) const;
};

/// "bf16" or "q8".
std::string nameOf(WeightValues values);

}  // namespace tessera::cli
