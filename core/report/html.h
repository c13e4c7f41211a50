#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/report/report_data.h"

namespace tessera {

/// Text for an HTML element or a quoted attribute: valid UTF-8, without control characters, with the five
/// special characters as references.
std::string escapeHtml(std::string_view text);

/// One self-contained page (no scripts, nothing loaded from elsewhere): the first run in full, then the
/// others; before them a comparison where there are several. Throws Error{InvalidInput} without runs.
std::string renderHtml(const std::vector<ReportData>& runs);

}  // namespace tessera
