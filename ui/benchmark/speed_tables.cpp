#include "ui/benchmark/speed_tables.h"

#include <QApplication>
#include <QBrush>
#include <QClipboard>
#include <QHeaderView>
#include <QKeyEvent>
#include <QWheelEvent>
#include <cmath>

#include "ui/benchmark/verdict.h"
#include "ui/theme/theme.h"
#include "ui/widgets/basics.h"

namespace tessera::ui {

namespace {

QString microseconds(double us) {
    return std::isfinite(us) ? QStringLiteral("%1 µs").arg(numberText(us, us >= 100 ? 4 : 3))
                             : QStringLiteral("–");
}

QString intervalText(double low, double high) {
    return std::isfinite(low) && std::isfinite(high)
               ? QStringLiteral("%1 to %2").arg(ratioText(low), ratioText(high))
               : QStringLiteral("–");
}

QString ratioWithWord(double ratio, double low, double high) {
    const auto word = gainWord(ratio, low, high);
    return word.isEmpty() ? ratioText(ratio) : ratioText(ratio) + QLatin1Char(' ') + word;
}

QString threadsText(int threads) {
    return threads > 0 ? QString::number(threads) : QStringLiteral("–");
}

QVariant ratioBrush(double ratio) {
    return ratio < 1 ? QVariant(QBrush(Theme::instance().tokens().warning)) : QVariant();
}

QVariant aligned(bool number) {
    return int((number ? Qt::AlignRight : Qt::AlignLeft) | Qt::AlignVCenter);
}

QVariant bold(const QFont& font) {
    auto strong = font;
    strong.setWeight(QFont::DemiBold);
    return strong;
}

/// The projections that the engine multiplies with in one go.
const std::pair<const char*, std::vector<std::string>>& groupAt(std::size_t index) {
    static const std::pair<const char*, std::vector<std::string>> kGroups[] = {
        {"q, k, v", {"q_proj", "k_proj", "v_proj"}},
        {"o", {"o_proj"}},
        {"gate, up", {"gate_proj", "up_proj"}},
        {"down", {"down_proj"}}};
    return kGroups[index];
}
constexpr std::size_t kGroupCount = 4;

}  // namespace

QString matrixNames(const Json& result, std::int64_t rows, std::int64_t cols) {
    if (!result.is_object() || !result.contains("matrices") || !result["matrices"].is_array()) return {};
    QStringList names;
    for (std::size_t g = 0; g < kGroupCount; ++g) {
        const auto& [title, projections] = groupAt(g);
        // The first matrix of each projection speaks for its block: all blocks are alike.
        std::int64_t height = 0, width = -1;
        std::size_t found = 0;
        for (const auto& projection : projections)
            for (const auto& matrix : result["matrices"]) {
                if (!matrix.is_object()) continue;
                const auto name = matrix.value("name", Json());
                const auto r = matrix.value("rows", Json()), c = matrix.value("cols", Json());
                if (!name.is_string() || !r.is_number_integer() || !c.is_number_integer()) continue;
                if (name.get<std::string>().find("." + projection + ".") == std::string::npos) continue;
                height += r.get<std::int64_t>();
                width = c.get<std::int64_t>();
                ++found;
                break;
            }
        if (found == projections.size() && height == rows && width == cols)
            names << QString::fromLatin1(title);
    }
    return names.join(QStringLiteral("; "));
}

void SpeedModel::set(const SpeedMeasurement& speed, const QString& pattern, const Json& result) {
    beginResetModel();
    m_rows = speed.sparse;
    m_pattern = pattern;
    m_names.clear();
    for (const auto& row : m_rows) m_names << matrixNames(result, row.rows, row.cols);
    endResetModel();
}

int SpeedModel::rowCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : int(m_rows.size());
}
int SpeedModel::columnCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : kColumns;
}

QVariant SpeedModel::headerData(int section, Qt::Orientation orientation, int role) const {
    if (orientation != Qt::Horizontal) return {};
    static const char* const kNames[] = {"Matrix",  "Shape",         "Pattern",  "Kernel",
                                         "Threads", "Dense",         "LibTorch", "Sparse",
                                         "Ratio",   "95 % interval", "Limit",    "Of limit"};
    static const char* const kTips[] = {"Projections that read the same input are one matrix.",
                                        "Rows and columns: outputs and inputs.",
                                        "Which weights may be zero.",
                                        "The program that ran on the sparse weights.",
                                        "Threads that worked on one product.",
                                        "One product with our dense kernel, all shapes in turn so that "
                                        "caches are full of others; the median.",
                                        "The same product with LibTorch's own linear layer.",
                                        "The same product with the sparse kernel; the median.",
                                        "Dense over sparse: above 1 the sparse kernel is faster.",
                                        "Of the ratio, from pairs timed one after the other.",
                                        "What the bytes that are read allow at most.",
                                        "The share of the limit that the ratio comes to."};
    if (role == Qt::DisplayRole) return QString::fromUtf8(kNames[section]);
    if (role == Qt::ToolTipRole) return QString::fromUtf8(kTips[section]);
    if (role == Qt::TextAlignmentRole) return aligned(section >= Threads);
    return {};
}

QVariant SpeedModel::data(const QModelIndex& index, int role) const {
    const auto& row = m_rows[std::size_t(index.row())];
    if (role == Qt::TextAlignmentRole) return aligned(index.column() >= Threads);
    if (role == Qt::ForegroundRole && index.column() == Ratio) return ratioBrush(row.speedup);
    if (role == Qt::FontRole && index.column() == Ratio) return bold(QApplication::font());
    if (role != Qt::DisplayRole && role != Qt::ToolTipRole) return {};
    switch (index.column()) {
        case Matrix:
            return m_names[index.row()].isEmpty() ? QStringLiteral("–") : m_names[index.row()];
        case Shape:
            return QStringLiteral("%1 × %2").arg(row.rows).arg(row.cols);
        case Pattern:
            return m_pattern;
        case Kernel:
            return QString::fromStdString(row.kernel);
        case Threads:
            return threadsText(row.threads);
        case Dense:
            return microseconds(row.denseUs);
        case Torch:
            return microseconds(row.torchUs);
        case Sparse:
            return microseconds(row.sparseUs);
        case Ratio:
            return ratioWithWord(row.speedup, row.low, row.high);
        case Interval:
            return intervalText(row.low, row.high);
        case Limit:
            return ratioText(row.limit);
        case Efficiency:
            return percentText(row.efficiency, 0);
        default:
            return {};
    }
}

void DecodeModel::set(const std::vector<DecodeSpeed>& decode) {
    beginResetModel();
    m_rows = decode;
    endResetModel();
}

int DecodeModel::rowCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : int(m_rows.size());
}
int DecodeModel::columnCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : kColumns;
}

QVariant DecodeModel::headerData(int section, Qt::Orientation orientation, int role) const {
    if (orientation != Qt::Horizontal) return {};
    static const char* const kNames[] = {"Threads",  "Dense, tokens/s", "Sparse, tokens/s",
                                         "Ratio",    "95 % interval",   "Limit",
                                         "Of limit", "Read a token"};
    if (role == Qt::DisplayRole) return QString::fromUtf8(kNames[section]);
    if (role == Qt::TextAlignmentRole) return aligned(section > Threads);
    return {};
}

QVariant DecodeModel::data(const QModelIndex& index, int role) const {
    const auto& row = m_rows[std::size_t(index.row())];
    if (role == Qt::TextAlignmentRole) return aligned(index.column() > Threads);
    if (role == Qt::ForegroundRole && index.column() == Ratio) return ratioBrush(row.speedup);
    if (role == Qt::FontRole && index.column() == Ratio) return bold(QApplication::font());
    if (role != Qt::DisplayRole && role != Qt::ToolTipRole) return {};
    switch (index.column()) {
        case Threads:
            return threadsText(row.threads);
        case Dense:
            return numberText(row.denseTokens, 4);
        case Sparse:
            return numberText(row.sparseTokens, 4);
        case Ratio:
            return ratioWithWord(row.speedup, row.low, row.high);
        case Interval:
            return intervalText(row.low, row.high);
        case Limit:
            return ratioText(row.limit);
        case Efficiency:
            return percentText(row.speedup / row.limit, 0);
        case Bytes:
            return std::isfinite(row.denseBytes)
                       ? QStringLiteral("%1 instead of %2")
                             .arg(bytesText(row.sparseBytes), bytesText(row.denseBytes))
                       : QStringLiteral("–");
        default:
            return {};
    }
}

WholeTable::WholeTable(QAbstractItemModel* rows, const QString& name, QWidget* parent) : QTableView(parent) {
    setModel(rows);
    setAccessibleName(name);
    setEditTriggers(NoEditTriggers);
    setSelectionBehavior(SelectRows);
    setSelectionMode(SingleSelection);
    setShowGrid(false);
    setWordWrap(false);
    setTabKeyNavigation(false);
    setHorizontalScrollMode(ScrollPerPixel);
    setVerticalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
    horizontalHeader()->setHighlightSections(false);
    // As far in as the cells' text.
    horizontalHeader()->setStyleSheet(QStringLiteral("QHeaderView::section { padding: 6px 11px; }"));
    verticalHeader()->hide();
    verticalHeader()->setSectionResizeMode(QHeaderView::Fixed);
    verticalHeader()->setDefaultSectionSize(fontMetrics().height() + kGap + 6);
    connect(rows, &QAbstractItemModel::modelReset, this, [this] {
        layColumns();
        updateGeometry();
    });
    connect(&Theme::instance(), &Theme::changed, viewport(), qOverload<>(&QWidget::update));
}

QSize WholeTable::sizeHint() const {
    const int bar = horizontalScrollBarPolicy() == Qt::ScrollBarAlwaysOff
                        ? 0
                        : style()->pixelMetric(QStyle::PM_ScrollBarExtent, nullptr, this);
    return {fontMetrics().averageCharWidth() * 60,
            horizontalHeader()->sizeHint().height() +
                model()->rowCount() * verticalHeader()->defaultSectionSize() + 2 * frameWidth() + bar};
}

QSize WholeTable::minimumSizeHint() const {
    return {fontMetrics().averageCharWidth() * 30, sizeHint().height()};
}

void WholeTable::layColumns() {
    auto strong = font();
    strong.setWeight(QFont::DemiBold);
    const QFontMetrics metrics(strong);
    std::vector<int> widths;
    int sum = 0;
    for (int column = 0; column < model()->columnCount(); ++column) {
        int width = metrics.horizontalAdvance(model()->headerData(column, Qt::Horizontal).toString());
        for (int row = 0; row < model()->rowCount(); ++row)
            width = std::max(width, metrics.horizontalAdvance(model()->index(row, column).data().toString()));
        widths.push_back(width + 2 * kGap + 8);
        sum += widths.back();
    }
    const int room = viewport()->width() - sum;
    const bool fits = room >= 0;
    setHorizontalScrollBarPolicy(fits ? Qt::ScrollBarAlwaysOff : Qt::ScrollBarAlwaysOn);
    const int count = int(widths.size()), share = fits && count > 0 ? room / count : 0;
    for (int column = 0; column < count; ++column)
        setColumnWidth(column, widths[std::size_t(column)] + share +
                                   (fits && column == count - 1 ? room - share * count : 0));
}

void WholeTable::resizeEvent(QResizeEvent* event) {
    QTableView::resizeEvent(event);
    const auto before = horizontalScrollBarPolicy();
    layColumns();
    if (before != horizontalScrollBarPolicy()) updateGeometry();
}

void WholeTable::wheelEvent(QWheelEvent* event) {
    // Up and down belongs to the page.
    event->ignore();
}

void WholeTable::keyPressEvent(QKeyEvent* event) {
    if (!event->matches(QKeySequence::Copy)) return QTableView::keyPressEvent(event);
    QStringList lines{QString()};
    for (int column = 0; column < model()->columnCount(); ++column)
        lines[0] += (column ? QStringLiteral("\t") : QString()) +
                    model()->headerData(column, Qt::Horizontal).toString();
    for (int row = 0; row < model()->rowCount(); ++row) {
        QStringList cells;
        for (int column = 0; column < model()->columnCount(); ++column)
            cells << model()->index(row, column).data().toString();
        lines << cells.join(QLatin1Char('\t'));
    }
    QApplication::clipboard()->setText(lines.join(QLatin1Char('\n')) + QLatin1Char('\n'));
}

}  // namespace tessera::ui
