#include "ui/compare/runs_table.h"

#include <QApplication>
#include <QClipboard>
#include <QContextMenuEvent>
#include <QHeaderView>
#include <QIconEngine>
#include <QKeyEvent>
#include <QMenu>
#include <QPainter>
#include <QStyledItemDelegate>
#include <algorithm>

#include "ui/theme/icons.h"
#include "ui/widgets/basics.h"

namespace tessera::ui {

namespace {

constexpr int kPadding = kGap;
constexpr int kSignWidth = 30;

void paintSpark(QPainter& painter, const QRectF& area, const std::vector<float>& values,
                const QColor& colour) {
    std::vector<float> finite;
    for (const float value : values)
        if (std::isfinite(value)) finite.push_back(value);
    if (finite.size() < 2) return;
    const auto [low, high] = std::minmax_element(finite.begin(), finite.end());
    const double span = std::max(double(*high) - double(*low), 1e-12);
    QPolygonF line;
    for (std::size_t i = 0; i < values.size(); ++i) {
        if (!std::isfinite(values[i])) continue;
        line << QPointF(area.left() + area.width() * double(i) / double(values.size() - 1),
                        area.bottom() - area.height() * (double(values[i]) - double(*low)) / span);
    }
    painter.setRenderHint(QPainter::Antialiasing);
    painter.setPen(QPen(colour, 1.4));
    painter.setBrush(Qt::NoBrush);
    painter.drawPolyline(line);
}

struct StatusLook {
    const char* icon;
    QColor ThemeTokens::*tint;
};
StatusLook lookOf(const QString& status) {
    if (status == QLatin1String("finished")) return {"circle-check", &ThemeTokens::good};
    if (status == QLatin1String("running")) return {"player-play", &ThemeTokens::accent};
    if (status == QLatin1String("paused")) return {"player-pause", &ThemeTokens::accent};
    if (status == QLatin1String("failed") || status == QLatin1String("unreadable"))
        return {"alert-circle", &ThemeTokens::bad};
    return {"alert-triangle", &ThemeTokens::warning};
}

/// Everything in two lines, the second one muted.
class RunsDelegate : public QStyledItemDelegate {
  public:
    RunsDelegate(RunsModel& model, RunsFilter& filter, QObject* parent)
        : QStyledItemDelegate(parent), m_model(model), m_filter(filter) {}

    QRect checkRect(const QStyleOptionViewItem& option) const {
        const auto* style = option.widget ? option.widget->style() : QApplication::style();
        const int side = style->pixelMetric(QStyle::PM_IndicatorWidth, &option, option.widget);
        return {option.rect.left() + kPadding, option.rect.center().y() - side / 2, side, side};
    }

    void paint(QPainter* painter, const QStyleOptionViewItem& given,
               const QModelIndex& index) const override {
        QStyleOptionViewItem option = given;
        initStyleOption(&option, index);
        const auto text = option.text;
        option.text.clear();
        option.features &= ~QStyleOptionViewItem::HasCheckIndicator;
        // The row's outline says where the keyboard is; one around a single cell says nothing more.
        option.state &= ~QStyle::State_HasFocus;
        const auto* style = option.widget ? option.widget->style() : QApplication::style();
        style->drawControl(QStyle::CE_ItemViewItem, &option, painter, option.widget);

        const auto& t = Theme::instance().tokens();
        const auto& run = m_model.facts(m_filter.mapToSource(index).row());
        painter->save();
        QRect area = option.rect.adjusted(kPadding, 0, -kPadding, 0);
        if (index.column() == RunsModel::Name) {
            if (index.flags() & Qt::ItemIsUserCheckable) {
                QStyleOptionViewItem check = option;
                check.rect = checkRect(option);
                check.state &= ~(QStyle::State_HasFocus | QStyle::State_Selected | QStyle::State_MouseOver);
                check.state |= index.data(Qt::CheckStateRole).toInt() == Qt::Checked ? QStyle::State_On
                                                                                     : QStyle::State_Off;
                style->drawPrimitive(QStyle::PE_IndicatorItemViewItemCheck, &check, painter, option.widget);
            }
            area.setLeft(checkRect(option).right() + kPadding + 2);
            if (const int slot = index.data(RunsModel::SlotRole).toInt(); slot >= 0)
                paintRunSign(*painter,
                             QRectF(area.left(), option.rect.top(), kSignWidth, option.rect.height()), slot);
            area.setLeft(area.left() + kSignWidth + kPadding);
            if (index.data(RunsModel::BaselineRole).toBool()) {
                const int side = option.fontMetrics.height();
                const int end =
                    std::min(area.right() - side, area.left() + 6 + textWidth(option, text, index));
                themedIcon(QStringLiteral("pin"), &ThemeTokens::accent)
                    .paint(painter, QRect(end, area.center().y() - side / 2, side, side));
                area.setRight(end - 4);
            }
        } else if (index.column() == RunsModel::Status) {
            const auto look = lookOf(run.status);
            const int side = option.fontMetrics.height();
            themedIcon(QLatin1String(look.icon), look.tint)
                .paint(painter, QRect(area.left(), area.center().y() - side / 2, side, side));
            area.setLeft(area.left() + side + 6);
        } else if (index.column() == RunsModel::Loss) {
            const int slot = index.data(RunsModel::SlotRole).toInt();
            const double margin = area.height() * 0.2;
            paintSpark(*painter, QRectF(area).adjusted(0, margin, 0, -margin), run.spark,
                       RunSelection::colour(slot, t));
        }
        paintText(*painter, option, area, text, index);
        painter->restore();
    }

    QSize sizeHint(const QStyleOptionViewItem& option, const QModelIndex& index) const override {
        const auto& metrics = option.fontMetrics;
        const int height = metrics.height() * 2 + kGap + 4;
        if (index.column() == RunsModel::Loss) return {metrics.averageCharWidth() * 13, height};
        int width = textWidth(option, index.data().toString(), index);
        if (index.column() == RunsModel::Status) width += metrics.height() + 6;
        return {std::min(width, metrics.averageCharWidth() * 26) + 2 * kPadding + 4, height};
    }

  protected:
    bool editorEvent(QEvent* event, QAbstractItemModel* model, const QStyleOptionViewItem& option,
                     const QModelIndex& index) override {
        if (index.column() != RunsModel::Name || !(index.flags() & Qt::ItemIsUserCheckable)) return false;
        if (event->type() != QEvent::MouseButtonRelease && event->type() != QEvent::MouseButtonDblClick)
            return false;
        const auto* mouse = static_cast<QMouseEvent*>(event);
        // The sign beside the box counts as the box.
        const QRect box = checkRect(option).adjusted(-kPadding, -kPadding, kPadding + kSignWidth, kPadding);
        if (mouse->button() != Qt::LeftButton || !box.contains(mouse->position().toPoint())) return false;
        if (event->type() == QEvent::MouseButtonDblClick) return true;
        const bool on = index.data(Qt::CheckStateRole).toInt() == Qt::Checked;
        return model->setData(index, int(on ? Qt::Unchecked : Qt::Checked), Qt::CheckStateRole);
    }

  private:
    static int textWidth(const QStyleOptionViewItem& option, const QString& text, const QModelIndex& index) {
        return std::max(option.fontMetrics.horizontalAdvance(text),
                        option.fontMetrics.horizontalAdvance(index.data(RunsModel::SecondRole).toString()));
    }
    static void paintText(QPainter& painter, const QStyleOptionViewItem& option, const QRect& area,
                          const QString& text, const QModelIndex& index) {
        if (index.column() == RunsModel::Loss) return;
        const auto& t = Theme::instance().tokens();
        const auto second = index.data(RunsModel::SecondRole).toString();
        const int line = option.fontMetrics.height();
        const auto align = (option.displayAlignment & Qt::AlignHorizontal_Mask) | Qt::AlignVCenter;
        QRect first = area;
        if (!second.isEmpty()) first = QRect(area.left(), area.center().y() - line, area.width(), line);
        const auto elide = index.column() == RunsModel::Name ? Qt::ElideMiddle : Qt::ElideRight;
        painter.setFont(option.font);
        const bool unknown = text == QLatin1String("–");
        painter.setPen(unknown ? t.textMuted : t.text);
        painter.drawText(first, int(align), option.fontMetrics.elidedText(text, elide, area.width()));
        if (second.isEmpty()) return;
        painter.setPen(t.textMuted);
        painter.drawText(first.translated(0, line + 1), int(align),
                         option.fontMetrics.elidedText(second, Qt::ElideRight, area.width()));
    }

    RunsModel& m_model;
    RunsFilter& m_filter;
};

class SignEngine : public QIconEngine {
  public:
    explicit SignEngine(int slot) : m_slot(slot) {}
    void paint(QPainter* painter, const QRect& rect, QIcon::Mode, QIcon::State) override {
        paintRunSign(*painter, rect, m_slot);
    }
    QPixmap pixmap(const QSize& size, QIcon::Mode mode, QIcon::State state) override {
        QPixmap pixmap(size);
        pixmap.fill(Qt::transparent);
        QPainter painter(&pixmap);
        paint(&painter, QRect(QPoint(), size), mode, state);
        return pixmap;
    }
    QIconEngine* clone() const override { return new SignEngine(m_slot); }

  private:
    int m_slot;
};

}  // namespace

void paintRunSign(QPainter& painter, const QRectF& area, int slot) {
    const auto colour = RunSelection::colour(slot, Theme::instance().tokens());
    const double y = std::floor(area.center().y()) + 0.5;
    painter.save();
    painter.setRenderHint(QPainter::Antialiasing);
    QPen pen(colour, 2, RunSelection::dash(slot), Qt::FlatCap);
    painter.setPen(pen);
    painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y));
    painter.setPen(Qt::NoPen);
    painter.setBrush(colour);
    painter.drawEllipse(QPointF(area.center().x(), y), 4.5, 4.5);
    painter.restore();
}

QIcon runSignIcon(int slot) {
    return QIcon(new SignEngine(slot));
}

RunsTable::RunsTable(RunsModel& model, RunSelection& selection, QWidget* parent)
    : QTableView(parent), m_model(model), m_selection(selection) {
    m_filter.setSourceModel(&model);
    m_filter.setSortRole(RunsModel::SortRole);
    m_filter.setDynamicSortFilter(true);
    setModel(&m_filter);
    setItemDelegate(new RunsDelegate(model, m_filter, this));
    setSelectionBehavior(SelectRows);
    setSelectionMode(ExtendedSelection);
    setEditTriggers(NoEditTriggers);
    setShowGrid(false);
    setWordWrap(false);
    setMouseTracking(true);
    setTabKeyNavigation(false);
    setHorizontalScrollMode(ScrollPerPixel);
    setVerticalScrollMode(ScrollPerPixel);
    setAccessibleName(tr("Runs"));
    verticalHeader()->hide();
    verticalHeader()->setSectionResizeMode(QHeaderView::Fixed);
    verticalHeader()->setDefaultSectionSize(fontMetrics().height() * 2 + kGap + 4);
    auto* header = horizontalHeader();
    header->setHighlightSections(false);
    header->setSectionsClickable(true);
    header->setSortIndicatorShown(true);
    header->setSortIndicatorClearable(true);
    header->setSortIndicator(-1, Qt::AscendingOrder);
    setSortingEnabled(true);
    connect(header, &QHeaderView::sortIndicatorChanged, this, &RunsTable::layColumns);

    for (auto* source : {static_cast<QAbstractItemModel*>(&m_filter)}) {
        connect(source, &QAbstractItemModel::layoutChanged, this, &RunsTable::layColumns);
        connect(source, &QAbstractItemModel::dataChanged, this, &RunsTable::layColumns);
        connect(source, &QAbstractItemModel::modelReset, this, &RunsTable::layColumns);
        connect(source, &QAbstractItemModel::rowsInserted, this, &RunsTable::layColumns);
    }
    connect(this, &QAbstractItemView::entered, this, [this](const QModelIndex& index) {
        m_selection.setHighlighted(index.data(RunsModel::IdRole).toString());
    });
    connect(this, &QAbstractItemView::doubleClicked, this,
            [this](const QModelIndex& index) { Q_EMIT opened(index.data(RunsModel::IdRole).toString()); });
    connect(&Theme::instance(), &Theme::changed, viewport(), qOverload<>(&QWidget::update));
}

QString RunsTable::currentRun() const {
    return currentIndex().data(RunsModel::IdRole).toString();
}

QModelIndexList RunsTable::selectedRows() const {
    auto rows = selectionModel()->selectedRows(RunsModel::Name);
    if (rows.isEmpty() && currentIndex().isValid()) rows << currentIndex().siblingAtColumn(RunsModel::Name);
    std::sort(rows.begin(), rows.end());
    return rows;
}

void RunsTable::toggleChecked() {
    const auto rows = selectedRows();
    if (rows.isEmpty()) return;
    // All alike afterwards: a mixed selection becomes checked.
    bool all = true;
    for (const auto& row : rows) all &= row.data(Qt::CheckStateRole).toInt() == Qt::Checked;
    QStringList runs;
    for (const auto& row : rows)
        if (row.flags() & Qt::ItemIsUserCheckable) runs << row.data(RunsModel::IdRole).toString();
    for (const auto& run : runs)
        if (!m_selection.setChecked(run, !all)) break;
}

void RunsTable::togglePinned() {
    const auto run = currentRun();
    const auto* facts = m_model.find(run);
    if (!facts || !facts->problem.isEmpty()) return;
    m_selection.setBaseline(run == m_selection.baseline() ? QString() : run);
}

void RunsTable::copy(bool all) {
    std::vector<int> rows;
    if (all)
        for (int row = 0; row < m_filter.rowCount(); ++row)
            rows.push_back(m_filter.mapToSource(m_filter.index(row, 0)).row());
    else
        for (const auto& index : selectedRows()) rows.push_back(m_filter.mapToSource(index).row());
    QApplication::clipboard()->setText(m_model.toText(rows));
}

int RunsTable::heightOfAll() const {
    return horizontalHeader()->sizeHint().height() +
           model()->rowCount() * verticalHeader()->defaultSectionSize() + 2 * frameWidth() + 2;
}

void RunsTable::keyPressEvent(QKeyEvent* event) {
    if (event->matches(QKeySequence::Copy)) {
        copy(false);
        return;
    }
    if (event->modifiers() == Qt::NoModifier || event->modifiers() == Qt::KeypadModifier)
        switch (event->key()) {
            case Qt::Key_Space:
                toggleChecked();
                return;
            case Qt::Key_B:
                togglePinned();
                return;
            case Qt::Key_Return:
            case Qt::Key_Enter:
                if (const auto run = currentRun(); !run.isEmpty()) Q_EMIT opened(run);
                return;
            default:
                break;
        }
    QTableView::keyPressEvent(event);
}

void RunsTable::currentChanged(const QModelIndex& current, const QModelIndex& previous) {
    QTableView::currentChanged(current, previous);
    if (hasFocus()) m_selection.setHighlighted(current.data(RunsModel::IdRole).toString());
}

void RunsTable::leaveEvent(QEvent* event) {
    QTableView::leaveEvent(event);
    m_selection.setHighlighted({});
}

void RunsTable::contextMenuEvent(QContextMenuEvent* event) {
    const auto run = currentRun();
    if (run.isEmpty()) return;
    QMenu menu(this);
    const auto* facts = m_model.find(run);
    menu.addAction(tr("Open the run"), this, [this, run] { Q_EMIT opened(run); });
    if (facts && facts->problem.isEmpty()) {
        menu.addAction(m_selection.isChecked(run) ? tr("Take off the charts") : tr("Draw on the charts"),
                       this, &RunsTable::toggleChecked);
        menu.addAction(
            m_selection.baseline() == run ? tr("Use the dense model as baseline") : tr("Pin as baseline"),
            this, &RunsTable::togglePinned);
    }
    menu.addSeparator();
    menu.addAction(tr("Copy rows"), this, [this] { copy(false); });
    menu.exec(event->globalPos());
}

void RunsTable::resizeEvent(QResizeEvent* event) {
    QTableView::resizeEvent(event);
    layColumns();
}

void RunsTable::layColumns() {
    // Every column as wide as what is in it, the name takes the rest. The header's own hint keeps room for
    // the sign of the sorting in every column.
    auto bold = font();
    bold.setWeight(QFont::DemiBold);
    const QFontMetrics metrics(bold);
    int others = 0;
    for (int column = RunsModel::Name + 1; column < RunsModel::kColumns; ++column) {
        int head = metrics.horizontalAdvance(model()->headerData(column, Qt::Horizontal).toString()) +
                   2 * kPadding + 4;
        if (horizontalHeader()->sortIndicatorSection() == column) head += metrics.height();
        const int width = std::max(sizeHintForColumn(column), head);
        setColumnWidth(column, width);
        others += width;
    }
    const int least = fontMetrics().averageCharWidth() * 16 + kSignWidth + 6 * kPadding;
    // Beyond what a name needs, all columns share.
    const int name =
        std::clamp(viewport()->width() - others, least, std::max(least, metrics.averageCharWidth() * 48));
    const int rest = std::max(0, viewport()->width() - others - name) / RunsModel::kColumns;
    for (int column = RunsModel::Name + 1; rest > 0 && column < RunsModel::kColumns; ++column)
        setColumnWidth(column, columnWidth(column) + rest);
    setColumnWidth(RunsModel::Name,
                   std::max(name, viewport()->width() - others - rest * (RunsModel::kColumns - 1)));
}

}  // namespace tessera::ui
