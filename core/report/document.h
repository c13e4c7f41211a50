#pragma once

#include <string>
#include <variant>
#include <vector>

#include "core/report/figures.h"
#include "core/report/report_data.h"

namespace tessera {

struct ReportHeading {
    int level = 2;  ///< 1: the page's title, 2: a run, 3: a section of it
    std::string text;
};

struct ReportParagraph {
    std::string text;
    bool lead = false;  ///< the verdict
    bool warn = false;  ///< an unfinished run
};

struct ReportTile {
    std::string label;
    std::string value;
    std::string note;
};

/// The few numbers one came for.
struct ReportTiles {
    std::vector<ReportTile> tiles;
};

struct ReportTable {
    struct Column {
        std::string name;
        bool number = false;  ///< set flush right
        double share = 1;     ///< of the width, on paper
    };
    std::string label;
    std::vector<Column> columns;
    std::vector<std::vector<std::string>> rows;
    bool plain = false;   ///< name and value: no header
    bool folded = false;  ///< long, and shown by a figure too: closed on screen, left out on paper
};

struct ReportCode {
    std::string text;
};

using ReportBlock =
    std::variant<ReportHeading, ReportParagraph, ReportTiles, ReportTable, Figure, ReportCode>;

/// What a report says, in order; HTML and PDF only set it. Throws Error{InvalidInput} without runs.
std::vector<ReportBlock> composeReport(const std::vector<ReportData>& runs);

}  // namespace tessera
