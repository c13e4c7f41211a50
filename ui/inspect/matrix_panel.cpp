#include "ui/inspect/matrix_panel.h"

#include <QHeaderView>
#include <QHelpEvent>
#include <QMouseEvent>
#include <QPainter>
#include <QScrollBar>
#include <QSortFilterProxyModel>
#include <QStyledItemDelegate>
#include <QTableView>
#include <QVBoxLayout>
#include <algorithm>
#include <cmath>

#include "ui/theme/theme.h"
#include "ui/widgets/basics.h"

namespace tessera::ui {

namespace {

/// A share as a thin bar below its number.
class ShareDelegate : public QStyledItemDelegate {
  public:
    using QStyledItemDelegate::QStyledItemDelegate;
    void paint(QPainter* painter, const QStyleOptionViewItem& option,
               const QModelIndex& index) const override {
        QStyledItemDelegate::paint(painter, option, index);
        const auto share = index.data(MatrixTableModel::kShareRole);
        if (!share.isValid()) return;
        const auto& tokens = Theme::instance().tokens();
        const QRectF line(option.rect.left() + kGap, option.rect.bottom() - 4, option.rect.width() - 2 * kGap,
                          2);
        painter->fillRect(line, tokens.grid);
        painter->fillRect(QRectF(line.topLeft(), QSizeF(line.width() * share.toDouble(), line.height())),
                          tokens.accent);
    }
};

}  // namespace

void MatrixTableModel::setStructure(StructurePtr structure) {
    beginResetModel();
    m_structure = std::move(structure);
    m_frame.reset();
    endResetModel();
}

void MatrixTableModel::setFrame(FramePtr frame) {
    m_frame = std::move(frame);
    if (rowCount() > 0) Q_EMIT dataChanged(index(0, kDensity), index(rowCount() - 1, kDense));
}

int MatrixTableModel::rowCount(const QModelIndex& parent) const {
    return parent.isValid() || !m_structure ? 0 : static_cast<int>(m_structure->matrices.size());
}

int MatrixTableModel::columnCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : kColumns;
}

QVariant MatrixTableModel::data(const QModelIndex& index, int role) const {
    if (!index.isValid() || !m_structure || index.row() >= rowCount()) return {};
    const auto row = static_cast<std::size_t>(index.row());
    const auto& info = m_structure->matrices[row];
    const auto* summary = m_frame ? &m_frame->summary[row] : nullptr;
    const double share = !summary                     ? 0
                         : index.column() == kDensity ? summary->density
                                                      : summary->share(TileKind::Dense);
    switch (role) {
        case Qt::DisplayRole:
        case Qt::AccessibleTextRole:
            switch (index.column()) {
                case kName:
                    return QStringLiteral("%1  %2").arg(info.block).arg(info.label);
                case kShape:
                    return QStringLiteral("%1 × %2").arg(info.rows).arg(info.cols);
                default:
                    return summary ? percentText(share) : QString();
            }
        case kSortRole:
            switch (index.column()) {
                case kName:
                    return index.row();
                case kShape:
                    return static_cast<qlonglong>(info.elements());
                default:
                    return share;
            }
        case kShareRole:
            return index.column() >= kDensity && summary ? QVariant(share) : QVariant();
        case Qt::TextAlignmentRole:
            return static_cast<int>((index.column() == kName ? Qt::AlignLeft : Qt::AlignRight) |
                                    Qt::AlignVCenter);
        case Qt::ToolTipRole:
            return QString::fromStdString(info.name);
        default:
            return {};
    }
}

QVariant MatrixTableModel::headerData(int section, Qt::Orientation orientation, int role) const {
    if (orientation != Qt::Horizontal) return {};
    if (role == Qt::TextAlignmentRole)
        return static_cast<int>((section == kName ? Qt::AlignLeft : Qt::AlignRight) | Qt::AlignVCenter);
    if (role == Qt::ToolTipRole && section == kDense) return tr("Share of the tiles that are kept whole");
    if (role != Qt::DisplayRole) return {};
    switch (section) {
        case kName:
            return tr("Matrix");
        case kShape:
            return tr("Shape");
        case kDensity:
            return tr("Density");
        default:
            return tr("Dense");
    }
}

DensityBars::DensityBars(bool horizontal, QWidget* parent) : QWidget(parent), m_horizontal(horizontal) {
    setSizePolicy(QSizePolicy::Preferred, QSizePolicy::Fixed);
    setAccessibleName(horizontal ? tr("Density by projection") : tr("Density by block"));
}

void DensityBars::setBars(std::vector<Bar> bars) {
    const bool resized = bars.size() != m_bars.size();
    m_bars = std::move(bars);
    QStringList parts;
    for (const auto& bar : m_bars) parts << bar.label + QLatin1Char(' ') + percentText(bar.density);
    setAccessibleDescription(parts.join(QStringLiteral(", ")));
    if (resized) updateGeometry();
    update();
}

void DensityBars::select(int bar) {
    m_selected = bar;
    update();
}

QSize DensityBars::sizeHint() const {
    const int line = fontMetrics().height();
    return {line * 12,
            m_horizontal ? static_cast<int>(std::max<std::size_t>(m_bars.size(), 1)) * (line + 3) : line * 5};
}

QRectF DensityBars::area() const {
    const auto metrics = fontMetrics();
    if (m_horizontal)
        return QRectF(rect()).adjusted(metrics.horizontalAdvance(QStringLiteral("down")) + kGap, 0,
                                       -metrics.horizontalAdvance(percentText(1)) - kGap, 0);
    return QRectF(rect()).adjusted(0, metrics.height() / 2.0,
                                   -metrics.horizontalAdvance(percentText(1, 0)) - kGap,
                                   -metrics.height() - 2);
}

int DensityBars::barAt(const QPointF& point) const {
    if (m_bars.empty()) return -1;
    const auto box = area();
    const auto count = static_cast<double>(m_bars.size());
    const double at =
        m_horizontal ? (point.y() - box.top()) / box.height() : (point.x() - box.left()) / box.width();
    return at < 0 || at >= 1 ? -1 : static_cast<int>(at * count);
}

void DensityBars::mousePressEvent(QMouseEvent* event) {
    if (const int bar = barAt(event->position()); bar >= 0) Q_EMIT chosen(bar);
}

bool DensityBars::event(QEvent* event) {
    if (event->type() == QEvent::ToolTip) {
        const int bar = barAt(static_cast<QHelpEvent*>(event)->pos());
        setToolTip(bar < 0 ? QString()
                           : QStringLiteral("%1: %2").arg(
                                 m_bars[static_cast<std::size_t>(bar)].label,
                                 percentText(m_bars[static_cast<std::size_t>(bar)].density)));
    }
    return QWidget::event(event);
}

void DensityBars::paintEvent(QPaintEvent*) {
    const auto& tokens = Theme::instance().tokens();
    QPainter painter(this);
    if (m_bars.empty()) return;
    const auto box = area();
    const double each = (m_horizontal ? box.height() : box.width()) / static_cast<double>(m_bars.size());
    const double gap = each > 6 ? std::min(3.0, each * 0.25) : each > 3 ? 1 : 0;
    if (!m_horizontal) {
        painter.setPen(tokens.textMuted);
        for (const double level : {0.0, 0.5, 1.0}) {
            const double y = box.bottom() - box.height() * level;
            painter.fillRect(QRectF(box.left(), std::floor(y), box.width(), 1), tokens.grid);
            painter.drawText(QRectF(box.right() + kGap / 2.0, y - 20, width() - box.right() - kGap / 2.0, 40),
                             Qt::AlignRight | Qt::AlignVCenter, percentText(level, 0));
        }
    }
    const int every =
        std::max(1, static_cast<int>(std::ceil(fontMetrics().horizontalAdvance(QStringLiteral("000")) /
                                               std::max(each, 0.1))));
    for (std::size_t i = 0; i < m_bars.size(); ++i) {
        const auto& bar = m_bars[i];
        const bool selected = static_cast<int>(i) == m_selected;
        const auto at = static_cast<double>(i) * each;
        const auto colour = selected ? tokens.accent : tokens.textMuted;
        painter.setPen(selected ? tokens.text : tokens.textMuted);
        if (m_horizontal) {
            const QRectF row(box.left(), box.top() + at, box.width(), each);
            const double thick = std::min(8.0, each - gap);
            const QRectF groove(row.left(), row.center().y() - thick / 2, row.width(), thick);
            painter.fillRect(groove, tokens.grid);
            painter.fillRect(QRectF(groove.topLeft(), QSizeF(groove.width() * bar.density, thick)), colour);
            painter.drawText(QRectF(0, row.top(), row.left(), each), Qt::AlignVCenter, bar.label);
            painter.drawText(QRectF(row.right(), row.top(), width() - row.right(), each),
                             Qt::AlignRight | Qt::AlignVCenter, percentText(bar.density));
        } else {
            const double height = box.height() * bar.density;
            painter.fillRect(QRectF(box.left() + at, box.bottom() - height, each - gap, height), colour);
            if (static_cast<int>(i) % every == 0)
                painter.drawText(QRectF(box.left() + at + (each - gap) / 2 - 30, box.bottom() + 2, 60,
                                        fontMetrics().height()),
                                 Qt::AlignHCenter | Qt::AlignTop, bar.label);
        }
    }
}

MatrixPanel::MatrixPanel(QWidget* parent) : QWidget(parent) {
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(kGap);
    m_model = new MatrixTableModel(this);
    m_sorted = new QSortFilterProxyModel(this);
    m_sorted->setSourceModel(m_model);
    m_sorted->setSortRole(MatrixTableModel::kSortRole);
    m_table = new QTableView(this);
    m_table->setModel(m_sorted);
    m_table->setItemDelegate(new ShareDelegate(m_table));
    m_table->setAccessibleName(tr("Matrices"));
    m_table->setSelectionBehavior(QAbstractItemView::SelectRows);
    m_table->setSelectionMode(QAbstractItemView::SingleSelection);
    m_table->setShowGrid(false);
    m_table->setTabKeyNavigation(false);
    m_table->setSortingEnabled(true);
    m_table->sortByColumn(MatrixTableModel::kName, Qt::AscendingOrder);
    m_table->verticalHeader()->hide();
    m_table->verticalHeader()->setDefaultSectionSize(m_table->fontMetrics().height() + kGap + 4);
    auto* header = m_table->horizontalHeader();
    header->setSectionResizeMode(QHeaderView::ResizeToContents);
    header->setSectionResizeMode(MatrixTableModel::kName, QHeaderView::Stretch);
    header->setHighlightSections(false);
    m_table->setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Ignored);
    m_table->setMinimumHeight(m_table->verticalHeader()->defaultSectionSize() * 4);
    m_table->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    column->addWidget(m_table, 1);

    m_byProjection = new DensityBars(true, this);
    m_byBlock = new DensityBars(false, this);
    column->addWidget(subheading(tr("Density by projection"), this));
    column->addWidget(m_byProjection);
    column->addWidget(subheading(tr("Density by block"), this));
    column->addWidget(m_byBlock);

    connect(m_table->selectionModel(), &QItemSelectionModel::currentRowChanged, this,
            [this](const QModelIndex& now) {
                if (m_selecting || !now.isValid()) return;
                m_selected = m_sorted->mapToSource(now).row();
                Q_EMIT selected(m_selected);
            });
    connect(m_table, &QTableView::activated, this,
            [this](const QModelIndex& at) { Q_EMIT activated(m_sorted->mapToSource(at).row()); });
    connect(m_byBlock, &DensityBars::chosen, this, [this](int block) {
        if (m_structure && m_selected >= 0)
            chooseIn(block, m_structure->matrices[static_cast<std::size_t>(m_selected)].projection);
    });
    connect(m_byProjection, &DensityBars::chosen, this, [this](int projection) {
        if (m_structure && m_selected >= 0)
            chooseIn(m_structure->matrices[static_cast<std::size_t>(m_selected)].block, projection);
    });
}

void MatrixPanel::chooseIn(int block, int projection) {
    if (const int matrix = m_structure->at(block, projection); matrix >= 0) {
        select(matrix);
        Q_EMIT selected(matrix);
    }
}

void MatrixPanel::setStructure(StructurePtr structure) {
    m_selecting = true;
    m_structure = std::move(structure);
    m_model->setStructure(m_structure);
    m_selected = -1;
    m_byProjection->setBars({});
    m_byBlock->setBars({});
    m_selecting = false;
}

/// As wide as the figures are, so that no column is cut off.
void MatrixPanel::fitWidth() {
    int width = m_table->verticalScrollBar()->sizeHint().width() + 2 * m_table->frameWidth() + kGap;
    for (int column = 0; column < MatrixTableModel::kColumns; ++column)
        if (!m_table->isColumnHidden(column))
            width += std::max(m_table->horizontalHeader()->sectionSizeHint(column),
                              static_cast<QAbstractItemView*>(m_table)->sizeHintForColumn(column));
    setMinimumWidth(width);
}

void MatrixPanel::setCompact(bool on) {
    if (m_table->isColumnHidden(MatrixTableModel::kShape) == on) return;
    m_table->setColumnHidden(MatrixTableModel::kShape, on);
    fitWidth();
}

void MatrixPanel::setFrame(FramePtr frame) {
    m_model->setFrame(frame);
    if (!m_structure || !frame) return;
    fitWidth();
    std::vector<std::int64_t> keptBlock(static_cast<std::size_t>(m_structure->blocks)), sizeBlock = keptBlock;
    std::vector<std::int64_t> keptKind(static_cast<std::size_t>(m_structure->projections.size())),
        sizeKind = keptKind;
    for (std::size_t i = 0; i < m_structure->matrices.size(); ++i) {
        const auto& info = m_structure->matrices[i];
        const auto block = static_cast<std::size_t>(info.block),
                   kind = static_cast<std::size_t>(info.projection);
        keptBlock[block] += frame->summary[i].kept;
        sizeBlock[block] += info.elements();
        keptKind[kind] += frame->summary[i].kept;
        sizeKind[kind] += info.elements();
    }
    const auto share = [](std::int64_t kept, std::int64_t size) {
        return size > 0 ? static_cast<double>(kept) / static_cast<double>(size) : 0;
    };
    std::vector<DensityBars::Bar> kinds, blocks;
    for (std::size_t i = 0; i < keptKind.size(); ++i)
        kinds.push_back({m_structure->projections[static_cast<int>(i)], share(keptKind[i], sizeKind[i])});
    for (std::size_t i = 0; i < keptBlock.size(); ++i)
        blocks.push_back({QString::number(i), share(keptBlock[i], sizeBlock[i])});
    m_byProjection->setBars(std::move(kinds));
    m_byBlock->setBars(std::move(blocks));
}

void MatrixPanel::select(int matrix) {
    if (!m_structure || matrix < 0 || matrix >= m_model->rowCount()) return;
    const auto& info = m_structure->matrices[static_cast<std::size_t>(matrix)];
    m_byBlock->select(info.block);
    m_byProjection->select(info.projection);
    if (matrix == m_selected) return;
    m_selecting = true;
    m_selected = matrix;
    const auto at = m_sorted->mapFromSource(m_model->index(matrix, 0));
    m_table->setCurrentIndex(at);
    m_table->scrollTo(at);
    m_selecting = false;
}

}  // namespace tessera::ui
