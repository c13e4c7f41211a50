#include "core/report/html.h"

#include "core/report/document.h"
#include "core/report/drawing.h"

namespace tessera {

namespace {

constexpr const char* kStyle = R"css(
:root{color-scheme:light dark;--paper:#ffffff;--ground:#f6f5f2;--text:#1f2733;--muted:#5b6675;--line:#e2e4e8;
--accent:#0a5c94;--warn-ground:#fdf1dc;--warn-text:#6b4300;--ink:#16263d}
*{box-sizing:border-box}
html{font-size:16px;-webkit-text-size-adjust:100%}
body{margin:0;background:var(--ground);color:var(--text);line-height:1.55;
font-family:Inter,"Source Sans 3","Segoe UI",system-ui,-apple-system,"Noto Sans",sans-serif;
font-variant-numeric:tabular-nums}
main{max-width:60rem;margin:2.5rem auto;padding:3rem 3.5rem 3.5rem;background:var(--paper);
border:1px solid var(--line);border-radius:12px}
h1,h2{font-family:Charter,"Iowan Old Style","Source Serif 4",Georgia,serif;font-weight:600;line-height:1.2;
letter-spacing:-.01em;color:var(--ink);overflow-wrap:anywhere}
h1{font-size:2.1rem;margin:0 0 .6rem}
h2{font-size:1.6rem;margin:4rem 0 .8rem;padding-top:1.6rem;border-top:1px solid var(--line)}
h3{font-size:.8rem;font-weight:600;letter-spacing:.08em;text-transform:uppercase;color:var(--muted);margin:2.8rem 0 .8rem}
p{margin:.6rem 0;max-width:44rem}
.lead{font-size:1.2rem;line-height:1.5}
.warn{background:var(--warn-ground);color:var(--warn-text);border-radius:8px;padding:.8rem 1.1rem}
.tiles{display:flex;flex-wrap:wrap;gap:1rem 3rem;margin:1.8rem 0 0;padding:1.2rem 0;border:solid var(--line);border-width:1px 0}
.tiles dt{font-size:.82rem;color:var(--muted)}
.tiles dd{margin:0}
.tiles .value{font-size:1.7rem;font-weight:600;line-height:1.25;color:var(--ink);letter-spacing:-.01em}
.tiles .note{font-size:.82rem;color:var(--muted)}
figure{margin:1.4rem 0 2.2rem}
figcaption{font-weight:600;margin-bottom:.5rem}
.plot{display:block;width:100%;height:auto}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.92rem}
th,td{text-align:left;padding:.42rem 1.2rem .42rem 0;border-bottom:1px solid var(--line);vertical-align:top}
th{font-weight:600;color:var(--muted);font-size:.82rem}
th:last-child,td:last-child{padding-right:0}
.number{text-align:right;white-space:nowrap}
.plain th{width:13rem;font-weight:400;color:var(--muted);font-size:.92rem}
.plain td{overflow-wrap:anywhere}.name{overflow-wrap:break-word}
summary{cursor:pointer;color:var(--accent);font-size:.92rem;padding:.3rem 0}
summary:focus-visible{outline:2px solid var(--accent);outline-offset:3px;border-radius:3px}
pre{margin:0;padding:1rem 1.2rem;background:var(--ground);border-radius:8px;white-space:pre-wrap;overflow-wrap:anywhere;
font:.86rem/1.6 "JetBrains Mono","Source Code Pro",ui-monospace,"DejaVu Sans Mono",monospace}
footer{margin-top:3.5rem;font-size:.82rem;color:var(--muted)}
@media(max-width:44rem){main{margin:0;padding:1.5rem 1.2rem;border:0;border-radius:0}.plain th{width:auto}}
@media screen and (prefers-color-scheme:dark){:root{--paper:#15191f;--ground:#0f1216;--text:#dde2e9;--muted:#98a3b1;
--line:#2b323b;--accent:#76b7e8;--warn-ground:#3a2c10;--warn-text:#f3d59a;--ink:#eef2f7}
.plot{filter:invert(.92) hue-rotate(180deg)}}
@media print{@page{margin:18mm 16mm}html{font-size:11px}body,main{background:#fff}
main{max-width:none;margin:0;padding:0;border:0}figure,.tiles,tr,pre{break-inside:avoid}h2,h3{break-after:avoid}
h2{break-before:page;border:0;padding:0;margin-top:0}.all{break-before:auto;margin-top:2rem}thead{display:table-header-group}}
)css";

void addTable(std::string& html, const ReportTable& table) {
    if (table.folded) html += "<details><summary>" + escapeHtml(table.label) + "</summary>\n";
    html += "<div class=\"scroll\"><table" + std::string(table.plain ? " class=\"plain\"" : "") +
            " aria-label=\"" + escapeHtml(table.label) + "\">\n";
    const auto cell = [&](const char* tag, const std::string& attributes, const std::string& text) {
        html += std::string("<") + tag + attributes + ">" + escapeHtml(text) + "</" + tag + ">";
    };
    const auto classOf = [&](std::size_t column) {
        return std::string(table.columns[column].number ? " class=\"number\""
                           : column == 0                ? " class=\"name\""
                                                        : "");
    };
    if (!table.plain) {
        html += "<thead><tr>";
        for (std::size_t i = 0; i < table.columns.size(); ++i)
            cell("th", classOf(i) + " scope=\"col\"", table.columns[i].name);
        html += "</tr></thead>\n";
    }
    html += "<tbody>\n";
    for (const auto& row : table.rows) {
        html += "<tr>";
        for (std::size_t i = 0; i < row.size() && i < table.columns.size(); ++i)
            table.plain&& i == 0 ? cell("th", " scope=\"row\"", row[i]) : cell("td", classOf(i), row[i]);
        html += "</tr>\n";
    }
    html += "</tbody></table></div>\n";
    if (table.folded) html += "</details>\n";
}

/// Sets the blocks one after the other.
struct HtmlWriter {
    std::string html;
    int figures = 0;
    int sections = 0;

    void operator()(const ReportHeading& heading) {
        const std::string tag = "h" + std::to_string(heading.level);
        const bool all = heading.level == 2 && ++sections == 1;
        html +=
            "<" + tag + (all ? " class=\"all\"" : "") + ">" + escapeHtml(heading.text) + "</" + tag + ">\n";
    }
    void operator()(const ReportParagraph& paragraph) {
        const std::string name = std::string(paragraph.lead ? "lead" : "") + (paragraph.warn ? " warn" : "");
        html += (name.empty() ? "<p>" : "<p class=\"" + name + "\">") + escapeHtml(paragraph.text) + "</p>\n";
    }
    void operator()(const ReportTiles& tiles) {
        html += "<dl class=\"tiles\">\n";
        for (const ReportTile& tile : tiles.tiles)
            html += "<div><dt>" + escapeHtml(tile.label) + "</dt><dd class=\"value\">" +
                    escapeHtml(tile.value) + "</dd><dd class=\"note\">" + escapeHtml(tile.note) +
                    "</dd></div>\n";
        html += "</dl>\n";
    }
    void operator()(const ReportTable& table) { addTable(html, table); }
    void operator()(const Figure& figure) {
        html += "<figure><figcaption>" + escapeHtml(figure.title) + "</figcaption>\n" +
                renderSvg(figure, "f" + std::to_string(++figures) + "-") + "</figure>\n";
    }
    void operator()(const ReportCode& code) {
        html += "<pre><code>" + escapeHtml(code.text) + "</code></pre>\n";
    }
};

}  // namespace

std::string escapeHtml(std::string_view text) {
    std::string escaped;
    for (const char c : cleanText(text)) switch (c) {
            case '&':
                escaped += "&amp;";
                break;
            case '<':
                escaped += "&lt;";
                break;
            case '>':
                escaped += "&gt;";
                break;
            case '"':
                escaped += "&quot;";
                break;
            case '\'':
                escaped += "&#39;";
                break;
            default:
                escaped += c;
        }
    return escaped;
}

std::string renderHtml(const std::vector<ReportData>& runs) {
    const std::vector<ReportBlock> blocks = composeReport(runs);
    HtmlWriter writer;
    writer.html =
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
        "style-src 'unsafe-inline'; img-src data:\">\n<title>" +
        escapeHtml(std::get<ReportHeading>(blocks.front()).text) + " – Tessera</title>\n<style>" + kStyle +
        "</style>\n</head>\n<body>\n<main>\n";
    for (const ReportBlock& block : blocks) std::visit(writer, block);
    writer.html += "<footer>Written by Tessera " TESSERA_VERSION
                   ". Ink stands for weights that are kept.</footer>\n"
                   "</main>\n</body>\n</html>\n";
    return std::move(writer.html);
}

}  // namespace tessera
