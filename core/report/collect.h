#pragma once

#include <filesystem>

#include "core/report/report_data.h"

namespace tessera {

/// Reads a run directory: spec.json, events.jsonl (a torn line is passed over, what a resumed run cut off is
/// left out), result.json, the newest bench result beside it, masks.npz. Any of them may be missing or
/// unreadable; the verdict then says that the run has not finished, and only what is known is filled in.
/// Throws Error{NotFound} when `run` is no directory, or holds none of these files.
ReportData collectReport(const std::filesystem::path& run);

}  // namespace tessera
