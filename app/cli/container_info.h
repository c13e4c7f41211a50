#pragma once

#include <filesystem>

#include "app/cli/console.h"

namespace tessera::cli {

/// `info` of a packed container: what it holds and what a token reads of it; with `verify`, whether every
/// section has its checksum. Throws Error.
void describeContainer(const std::filesystem::path& path, bool verify, const Console& console);

}  // namespace tessera::cli
