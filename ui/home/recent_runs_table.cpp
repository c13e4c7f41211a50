#include "ui/home/recent_runs_table.h"

#include <QApplication>
#include <QClipboard>
#include <QContextMenuEvent>
#include <QFileInfo>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QKeyEvent>
#include <QMenu>
#include <QPainter>
#include <QPainterPath>
#include <QPushButton>
#include <QStyledItemDelegate>
#include <algorithm>
#include <cmath>

#include "ui/theme/icons.h"
#include "ui/theme/theme.h"
#include "ui/widgets/basics.h"

namespace tessera::ui {

namespace {

constexpr int kSide = kGap * 3 / 2;  ///< between a cell's edge and its text

/// What Qt draws of a cell behind our own drawing: the selection, and the row under the mouse.
void paintBack(QPainter* painter, const QStyleOptionViewItem& option) {
    const auto& t = Theme::instance().tokens();
    const bool chosen = option.state & QStyle::State_Selected, over = option.state & QStyle::State_MouseOver;
    if (!chosen && !over) return;
    QColor back = chosen ? t.accent : t.text;
    back.setAlphaF(chosen ? (t.dark ? 0.22f : 0.11f) : (t.dark ? 0.07f : 0.04f));
    painter->fillRect(option.rect, back);
}

class CellDelegate : public QStyledItemDelegate {
  public:
    using QStyledItemDelegate::QStyledItemDelegate;
    int hovered = -1;

    void paint(QPainter* painter, const QStyleOptionViewItem& given,
               const QModelIndex& index) const override {
        QStyleOptionViewItem option = given;
        option.state.setFlag(QStyle::State_MouseOver, index.row() == hovered);
        painter->save();
        painter->setRenderHint(QPainter::Antialiasing);
        paintBack(painter, option);
        const auto area = option.rect.adjusted(kSide, 0, -kSide, 0);
        switch (index.column()) {
            case RecentRuns::Run:
                paintName(painter, option, area, index);
                break;
            case RecentRuns::State:
                paintState(painter, option, area, index);
                break;
            case RecentRuns::Loss:
                paintSpark(painter, area, index);
                break;
            case RecentRuns::Act:
                break;
            default:
                paintText(painter, option, area, index);
        }
        const auto& t = Theme::instance().tokens();
        painter->setRenderHint(QPainter::Antialiasing, false);
        if (index.row() + 1 < index.model()->rowCount()) {
            painter->setPen(t.grid);
            painter->drawLine(option.rect.bottomLeft(), option.rect.bottomRight());
        }
        painter->restore();
    }

  private:
    static void paintText(QPainter* painter, const QStyleOptionViewItem& option, const QRect& area,
                          const QModelIndex& index) {
        const auto& t = Theme::instance().tokens();
        painter->setPen(index.column() == RecentRuns::Age ? t.textMuted : t.text);
        const auto aligned = index.data(Qt::TextAlignmentRole).toInt();
        painter->drawText(
            area, aligned ? aligned : int(Qt::AlignLeft | Qt::AlignVCenter),
            option.fontMetrics.elidedText(index.data().toString(), Qt::ElideRight, area.width()));
    }

    static void paintName(QPainter* painter, const QStyleOptionViewItem& option, const QRect& area,
                          const QModelIndex& index) {
        const auto& t = Theme::instance().tokens();
        const auto metrics = option.fontMetrics;
        const int lines = metrics.lineSpacing() * 2, top = area.top() + (area.height() - lines) / 2;
        QFont bold = option.font;
        bold.setWeight(QFont::DemiBold);
        painter->setFont(bold);
        painter->setPen(t.text);
        painter->drawText(
            area.left(), top + metrics.ascent(),
            QFontMetrics(bold).elidedText(index.data().toString(), Qt::ElideRight, area.width()));
        painter->setFont(option.font);
        painter->setPen(t.textMuted);
        painter->drawText(
            area.left(), top + metrics.lineSpacing() + metrics.ascent(),
            metrics.elidedText(index.data(RecentRuns::NoteRole).toString(), Qt::ElideRight, area.width()));
    }

    static void paintState(QPainter* painter, const QStyleOptionViewItem& option, const QRect& area,
                           const QModelIndex& index) {
        using Tone = RecentRuns::Tone;
        const auto& t = Theme::instance().tokens();
        const auto tone = static_cast<Tone>(index.data(RecentRuns::ToneRole).toInt());
        const QColor colour = tone == Tone::Good      ? t.good
                              : tone == Tone::Busy    ? t.accent
                              : tone == Tone::Warning ? t.warning
                              : tone == Tone::Bad     ? t.bad
                                                      : t.textMuted;
        const auto text = index.data().toString();
        const int height = option.fontMetrics.height() + 4;
        const int width = std::min(option.fontMetrics.horizontalAdvance(text) + height + kGap, area.width());
        const QRectF chip(area.left(), area.top() + (area.height() - height) / 2.0, width, height);
        QColor back = colour;
        back.setAlphaF(t.dark ? 0.18f : 0.11f);
        painter->setPen(Qt::NoPen);
        painter->setBrush(back);
        painter->drawRoundedRect(chip, height / 2.0, height / 2.0);
        const double dot = height * 0.3;
        painter->setBrush(colour);
        painter->drawEllipse(QRectF(chip.left() + height * 0.35, chip.center().y() - dot / 2, dot, dot));
        painter->setPen(colour);
        painter->drawText(chip.adjusted(height * 0.35 + dot + kGap / 2.0, 0, -kGap / 2.0, 0),
                          Qt::AlignLeft | Qt::AlignVCenter, text);
    }

    static void paintSpark(QPainter* painter, const QRect& area, const QModelIndex& index) {
        const auto& t = Theme::instance().tokens();
        const auto values = index.data(RecentRuns::SparkRole).value<QList<float>>();
        if (values.size() < 2) {
            painter->setPen(t.textMuted);
            painter->drawText(area, Qt::AlignLeft | Qt::AlignVCenter, QStringLiteral("–"));
            return;
        }
        const auto [least, most] = std::minmax_element(values.begin(), values.end());
        const double span = std::max(double(*most) - *least, 1e-9);
        const QRectF box = QRectF(area).adjusted(1, area.height() * 0.26, -1, -area.height() * 0.26);
        QPainterPath line;
        for (qsizetype i = 0; i < values.size(); ++i) {
            const QPointF at(box.left() + box.width() * double(i) / double(values.size() - 1),
                             box.bottom() - box.height() * (values[i] - *least) / span);
            i ? line.lineTo(at) : line.moveTo(at);
        }
        auto under = line;
        under.lineTo(box.bottomRight());
        under.lineTo(box.bottomLeft());
        QColor fill = t.lossSmooth;
        fill.setAlphaF(0.10f);
        painter->fillPath(under, fill);
        painter->setPen(QPen(t.lossSmooth, 1.3));
        painter->setBrush(Qt::NoBrush);
        painter->drawPath(line);
    }
};

}  // namespace

RecentRunsTable::RecentRunsTable(RecentRuns& runs, QWidget* parent) : QTableView(parent), m_runs(runs) {
    setModel(&runs);
    setItemDelegate(new CellDelegate(this));
    setAccessibleName(tr("Recent runs"));
    setSelectionBehavior(SelectRows);
    setSelectionMode(SingleSelection);
    setEditTriggers(NoEditTriggers);
    setShowGrid(false);
    setWordWrap(false);
    setMouseTracking(true);
    setTabKeyNavigation(false);
    setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    setVerticalScrollMode(ScrollPerPixel);
    verticalHeader()->hide();
    verticalHeader()->setSectionResizeMode(QHeaderView::Fixed);
    verticalHeader()->setDefaultSectionSize(fontMetrics().lineSpacing() * 2 + kGap * 2);
    auto* header = horizontalHeader();
    header->setStyleSheet(QStringLiteral("QHeaderView::section { padding: 6px %1px; }").arg(kSide));
    header->setHighlightSections(false);
    header->setSectionsClickable(false);
    header->setSectionResizeMode(QHeaderView::Fixed);
    header->setStretchLastSection(false);
    connect(this, &QTableView::doubleClicked, this,
            [this](const QModelIndex& at) { Q_EMIT opened(runAt(at.row())); });
    connect(&runs, &RecentRuns::modelReset, this, [this] {
        placeButtons();
        updateGeometry();
    });
    connect(&runs, &RecentRuns::dataChanged, this, &RecentRunsTable::placeButtons);
    placeButtons();
}

QString RecentRunsTable::runAt(int row) const {
    return QString::fromStdString(m_runs.entry(row).summary.path.string());
}

QPushButton* RecentRunsTable::resumeButton(int row) const {
    auto* holder = indexWidget(m_runs.index(row, RecentRuns::Act));
    return holder ? holder->findChild<QPushButton*>() : nullptr;
}

void RecentRunsTable::placeButtons() {
    for (int row = 0; row < m_runs.rowCount(); ++row) {
        const auto at = m_runs.index(row, RecentRuns::Act);
        const bool wanted = m_runs.resumable(row), there = indexWidget(at) != nullptr;
        if (wanted == there) continue;
        if (!wanted) {
            setIndexWidget(at, nullptr);
            continue;
        }
        auto* holder = new QWidget(this);
        auto* line = new QHBoxLayout(holder);
        line->setContentsMargins(0, 0, kSide, 0);
        auto* button = plainButton(tr("Resume"), QStringLiteral("player-play"), holder);
        const auto name = QString::fromStdString(m_runs.entry(row).summary.path.filename().string());
        button->setAccessibleName(tr("Resume %1").arg(name));
        const auto run = runAt(row);
        connect(button, &QPushButton::clicked, this, [this, run] { Q_EMIT resumeWanted(run); });
        line->addStretch();
        line->addWidget(button, 0, Qt::AlignVCenter);
        setIndexWidget(at, holder);
    }
}

QSize RecentRunsTable::sizeHint() const {
    return minimumSizeHint();
}

QSize RecentRunsTable::minimumSizeHint() const {
    const int rows = std::clamp(m_runs.rowCount(), 1, 3);
    return {fontMetrics().averageCharWidth() * 70,
            horizontalHeader()->sizeHint().height() + rows * verticalHeader()->defaultSectionSize() + 4};
}

void RecentRunsTable::placeColumns() {
    const auto metrics = fontMetrics();
    const auto room = [&](const QString& text) { return metrics.horizontalAdvance(text) + kSide * 2; };
    const int act = room(tr("Resume")) + metrics.height() * 2 + kGap * 4;
    int widths[RecentRuns::kColumns] = {};
    widths[RecentRuns::State] = room(QStringLiteral("Interrupted")) + metrics.height() + kGap;
    widths[RecentRuns::Loss] = metrics.averageCharWidth() * 22;
    widths[RecentRuns::Sparsity] = room(QStringLiteral("Sparsity")) + kGap;
    widths[RecentRuns::Perplexity] = room(QStringLiteral("1234.5 → 12345.6"));
    widths[RecentRuns::Age] = room(QStringLiteral("20 Dec 2026")) + kGap;
    widths[RecentRuns::Act] = act;
    int others = 0;
    for (const int width : widths) others += width;
    int left = viewport()->width() - others;
    const int least = metrics.averageCharWidth() * 20;
    if (left < least) {
        // The loss gives way first, then the age.
        for (const auto column : {RecentRuns::Loss, RecentRuns::Age}) {
            if (left >= least) break;
            left += widths[column];
            widths[column] = 0;
        }
    } else {
        // Wide windows widen the name and the loss as far as they read well, then all columns alike.
        const int loss = std::min(left / 4, metrics.averageCharWidth() * 26);
        widths[RecentRuns::Loss] += loss;
        left -= loss;
        const int rest = std::max(0, left - metrics.averageCharWidth() * 56);
        for (const auto column :
             {RecentRuns::State, RecentRuns::Sparsity, RecentRuns::Perplexity, RecentRuns::Age})
            widths[column] += rest / 5;
        left -= rest / 5 * 4;
    }
    widths[RecentRuns::Run] = std::max(left, least);
    for (int column = 0; column < RecentRuns::kColumns; ++column) {
        setColumnHidden(column, widths[column] == 0);
        if (widths[column]) setColumnWidth(column, widths[column]);
    }
}

void RecentRunsTable::resizeEvent(QResizeEvent* event) {
    QTableView::resizeEvent(event);
    placeColumns();
}

void RecentRunsTable::hover(int row) {
    auto* delegate = static_cast<CellDelegate*>(itemDelegate());
    if (delegate->hovered == row) return;
    delegate->hovered = row;
    viewport()->update();
}

void RecentRunsTable::mouseMoveEvent(QMouseEvent* event) {
    QTableView::mouseMoveEvent(event);
    hover(indexAt(event->position().toPoint()).row());
}

void RecentRunsTable::leaveEvent(QEvent* event) {
    QTableView::leaveEvent(event);
    hover(-1);
}

void RecentRunsTable::keyPressEvent(QKeyEvent* event) {
    const bool enter = event->key() == Qt::Key_Return || event->key() == Qt::Key_Enter;
    if (enter && currentIndex().isValid()) {
        Q_EMIT opened(runAt(currentIndex().row()));
        return;
    }
    QTableView::keyPressEvent(event);
}

QMenu* RecentRunsTable::makeMenu(int row) {
    auto* menu = new QMenu(this);
    const auto run = runAt(row);
    if (m_runs.readable(row)) {
        menu->addAction(tr("Open"), this, [this, run] { Q_EMIT opened(run); });
        if (m_runs.resumable(row))
            menu->addAction(themedIcon(QStringLiteral("player-play")), tr("Resume"), this,
                            [this, run] { Q_EMIT resumeWanted(run); });
        menu->addAction(themedIcon(QStringLiteral("layout-grid")), tr("Inspect"), this,
                        [this, run] { Q_EMIT inspectWanted(run); });
        if (m_runs.entry(row).summary.status == "finished")
            menu->addAction(themedIcon(QStringLiteral("file-report")), tr("Benchmark and report"), this,
                            [this, run] { Q_EMIT reportWanted(run); });
        menu->addSeparator();
    }
    menu->addAction(themedIcon(QStringLiteral("copy")), tr("Copy path"), this,
                    [run] { QApplication::clipboard()->setText(run); });
    return menu;
}

void RecentRunsTable::contextMenuEvent(QContextMenuEvent* event) {
    // The keyboard's menu key belongs to the current row.
    const auto at = event->reason() == QContextMenuEvent::Mouse
                        ? indexAt(viewport()->mapFrom(this, event->pos()))
                        : currentIndex();
    if (!at.isValid()) return;
    setCurrentIndex(at);
    auto* menu = makeMenu(at.row());
    menu->setAttribute(Qt::WA_DeleteOnClose);
    menu->popup(event->reason() == QContextMenuEvent::Mouse
                    ? event->globalPos()
                    : viewport()->mapToGlobal(visualRect(at).bottomLeft()));
}

}  // namespace tessera::ui
