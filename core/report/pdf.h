#pragma once

#include <filesystem>
#include <vector>

#include "core/report/report_data.h"

namespace tessera {

/// The same report on A4 pages, vector figures and selectable text. The file appears whole or not at all.
/// Throws Error{InvalidInput} without runs, Error{DiskFull, ReadOnly, Io} with the path.
void writePdf(const std::filesystem::path& path, const std::vector<ReportData>& runs);

}  // namespace tessera
