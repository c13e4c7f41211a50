#include "ui/inspect/heatmap_view.h"

#include <QAccessible>
#include <QApplication>
#include <QKeyEvent>
#include <QMouseEvent>
#include <QNativeGestureEvent>
#include <QWheelEvent>
#include <algorithm>
#include <cmath>

#include "ui/inspect/read_out.h"
#include "ui/widgets/basics.h"

namespace tessera::ui {

namespace {

constexpr double kKeyZoom = 1.35;
/// Tiles whose numbers are asked for at once; more are never legible.
constexpr std::int64_t kMostTiles = 64;
constexpr std::size_t kMostValues = 256;

}  // namespace

HeatmapView::HeatmapView(QWidget* parent) : QWidget(parent) {
    setFocusPolicy(Qt::StrongFocus);
    setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Expanding);
    setMouseTracking(true);
    setAttribute(Qt::WA_OpaquePaintEvent);
    setAccessibleName(tr("Map of the masks"));
    connect(&Theme::instance(), &Theme::changed, this, [this] { dataChanged(); });
    measureFont();
}

QSize HeatmapView::sizeHint() const {
    return minimumSizeHint();  // it takes what there is, and asks for no scroll bar
}

QSize HeatmapView::minimumSizeHint() const {
    return QSize(fontMetrics().height() * 18, fontMetrics().height() * 12);
}

void HeatmapView::measureFont() {
    const QFontMetricsF metrics(font());
    m_left = std::ceil(metrics.horizontalAdvance(QStringLiteral("00000")) + kGap);
    m_top = std::ceil(metrics.height() + kGap / 2.0);
    m_navigator.setValueSide(MapOverlay::valueSide(font()));
    m_navigator.setViewport(mapRect().size());
}

QRectF HeatmapView::mapRect() const {
    return QRectF(rect()).adjusted(m_left, m_top, -kGap / 2, -kGap / 2);
}

void HeatmapView::setStructure(StructurePtr structure) {
    m_data = {};
    m_data.structure = structure;
    m_pointed.reset();
    m_navigator.setStructure(std::move(structure));
    dataChanged();
    moved();
}

void HeatmapView::setFacts(bool hasModel, bool hasHistory, std::int64_t gateStep, bool gatesTiles,
                           bool gatesWeights, const std::string& pattern) {
    m_data.hasModel = hasModel;
    m_data.hasHistory = hasHistory;
    m_data.gateStep = gateStep;
    m_data.gatesTiles = gatesTiles;
    m_data.gatesWeights = gatesWeights;
    m_data.claimsTwoFour = pattern == "2:4";
    m_data.claimsTiles = pattern == "tiles";
    dataChanged();
    moved();
}

void HeatmapView::setFrame(FramePtr frame) {
    m_data.frame = std::move(frame);
    dataChanged();
    moved();
}

void HeatmapView::setDetail(DetailPtr detail) {
    m_data.detail = std::move(detail);
    dataChanged();
    moved();
}

void HeatmapView::setValues(ValuesPtr values) {
    if (!values) return;
    if (m_data.values.size() >= kMostValues)
        std::erase_if(m_data.values, [&](const auto& entry) {
            const auto [matrix, row, col] = entry.first;
            return matrix != m_navigator.selected().matrix || std::abs(row - m_navigator.tileRow()) > 8 ||
                   std::abs(col - m_navigator.tileCol()) > 8;
        });
    m_data.values[{values->matrix, values->tileRow, values->tileCol}] = values;
    dataChanged();
    Q_EMIT pointed();
}

void HeatmapView::dropValues() {
    m_data.values.clear();
    dataChanged();
    moved();
}

void HeatmapView::setChanges(ChangesPtr changes) {
    m_data.changes = std::move(changes);
    dataChanged();
    moved();
}

void HeatmapView::dataChanged() {
    ++m_version;
    update();
}

void HeatmapView::chooseLook() {
    const auto offered = colouringsAt(m_navigator.level(), m_data);
    const auto& chosen = m_chosen[static_cast<std::size_t>(std::min(m_navigator.level(), Level::Tile))];
    m_look.colouring = chosen && offered.contains(*chosen) ? *chosen : offered.front();
}

void HeatmapView::setColouring(Colouring colouring) {
    m_chosen[static_cast<std::size_t>(std::min(m_navigator.level(), Level::Tile))] = colouring;
    moved();
}

void HeatmapView::setPalette(Palette palette) {
    m_look.palette = palette;
    moved();
}

void HeatmapView::setAutoContrast(bool on) {
    m_look.autoContrast = on;
    moved();
}

/// After anything that may show something else: the look of the level, the colours' range, what is missing.
void HeatmapView::moved() {
    chooseLook();
    const ImageKey now{m_navigator.level(), m_navigator.selected().matrix, 0, 0, 0, 0, m_look, m_version, {}};
    if (now != m_measured && !m_navigator.empty()) {
        MapPainter painter(m_data, m_look, Theme::instance().tokens());
        painter.measure(m_navigator);
        m_range = painter.range();
        m_measured = now;
    }
    ask();
    update();
    setAccessibleDescription(tessera::ui::readOut(m_data, m_navigator, m_navigator.selected()));
    if (QAccessible::isActive()) {
        QAccessibleEvent event(this, QAccessible::DescriptionChanged);
        QAccessible::updateAccessibility(&event);
    }
    Q_EMIT changed();
}

void HeatmapView::ask() {
    if (m_navigator.empty() || !m_data.frame) return;
    const bool changes = m_look.colouring == Colouring::Changed;
    if (m_navigator.level() == Level::Model) {
        if (changes && (!m_data.changes || m_data.changes->step != m_data.frame->step))
            Q_EMIT changesWanted();
        return;
    }
    const int matrix = m_navigator.selected().matrix;
    const auto* detail = m_data.detailOf(matrix);
    if (!detail || detail->step != m_data.frame->step || (changes && !detail->hasChanges))
        Q_EMIT detailWanted(matrix, changes);
    if (m_navigator.level() < Level::Tile) return;
    const auto view = m_navigator.visible();
    const auto tileRows = static_cast<double>(m_data.structure->tileRows),
               tileCols = static_cast<double>(m_data.structure->tileCols);
    const auto top = static_cast<std::int64_t>(view.top() / tileRows),
               left = static_cast<std::int64_t>(view.left() / tileCols);
    const auto bottom = std::min(static_cast<std::int64_t>(view.bottom() / tileRows),
                                 m_data.structure->gridRows(matrix) - 1),
               right = std::min(static_cast<std::int64_t>(view.right() / tileCols),
                                m_data.structure->gridCols(matrix) - 1);
    if ((bottom - top + 1) * (right - left + 1) > kMostTiles) return;
    for (auto row = top; row <= bottom; ++row)
        for (auto col = left; col <= right; ++col)
            if (!m_data.valuesOf(matrix, row, col)) Q_EMIT valuesWanted(matrix, row, col);
}

QString HeatmapView::readOut() const {
    return tessera::ui::readOut(m_data, m_navigator, m_pointed.value_or(m_navigator.selected()));
}

void HeatmapView::select(const Place& place) {
    if (place == m_navigator.selected()) return;
    m_navigator.select(place);
    m_pointed.reset();
    moved();
}

void HeatmapView::goTo(Level level) {
    m_navigator.goTo(level);
    m_pointed.reset();
    moved();
}

void HeatmapView::descend() {
    m_navigator.descend();
    m_pointed.reset();
    moved();
}

void HeatmapView::ascend() {
    m_navigator.ascend();
    m_pointed.reset();
    moved();
}

void HeatmapView::zoomBy(double factor) {
    // About what is selected where that is in view, so that keys alone lead to it.
    const auto& place = m_navigator.selected();
    QPointF about(m_navigator.viewport().width() / 2, m_navigator.viewport().height() / 2);
    const auto scene =
        m_navigator.level() == Level::Model
            ? QPointF(m_navigator.matrix().projection + 0.5, m_navigator.matrix().block + 0.5)
            : QPointF(static_cast<double>(place.col) + 0.5, static_cast<double>(place.row) + 0.5);
    if (m_navigator.visible().contains(scene)) about = m_navigator.camera().toView(scene.x(), scene.y());
    m_navigator.zoom(factor, about);
    m_pointed.reset();
    moved();
}

void HeatmapView::stepMatrix(int by) {
    m_navigator.stepMatrix(by);
    m_pointed.reset();
    moved();
}

void HeatmapView::stepBlock(int by) {
    m_navigator.stepBlock(by);
    m_pointed.reset();
    moved();
}

bool HeatmapView::event(QEvent* event) {
    if (event->type() == QEvent::NativeGesture && !m_navigator.empty()) {
        auto* gesture = static_cast<QNativeGestureEvent*>(event);
        if (gesture->gestureType() == Qt::ZoomNativeGesture) {
            m_navigator.zoom(1 + gesture->value(), gesture->position() - mapRect().topLeft());
            moved();
            return true;
        }
    }
    // Esc, Backspace and Home are the map's before they are anybody's shortcut.
    if (event->type() == QEvent::ShortcutOverride &&
        static_cast<QKeyEvent*>(event)->key() == Qt::Key_Escape && m_navigator.level() != Level::Model) {
        event->accept();
        return true;
    }
    return QWidget::event(event);
}

void HeatmapView::resizeEvent(QResizeEvent*) {
    m_navigator.setViewport(mapRect().size());
    moved();
}

void HeatmapView::changeEvent(QEvent* event) {
    QWidget::changeEvent(event);
    if (event->type() == QEvent::FontChange || event->type() == QEvent::StyleChange) {
        measureFont();
        dataChanged();
    }
}

void HeatmapView::wheelEvent(QWheelEvent* event) {
    if (m_navigator.empty()) return event->ignore();
    const auto delta = event->angleDelta();
    if (event->modifiers() & Qt::ShiftModifier || (delta.y() == 0 && delta.x() != 0))
        m_navigator.pan(QPointF(delta.x() != 0 ? delta.x() : delta.y(), 0) / 2);
    else
        m_navigator.zoom(std::exp2(delta.y() / 400.0), event->position() - mapRect().topLeft());
    event->accept();
    moved();
}

void HeatmapView::mousePressEvent(QMouseEvent* event) {
    if (event->button() != Qt::LeftButton) return QWidget::mousePressEvent(event);
    m_pressed = m_dragged = event->position();
    m_dragging = false;
}

void HeatmapView::mouseMoveEvent(QMouseEvent* event) {
    if (m_pressed && (event->buttons() & Qt::LeftButton)) {
        if (!m_dragging &&
            (event->position() - *m_pressed).manhattanLength() < QApplication::startDragDistance())
            return;
        if (!m_dragging) setCursor(Qt::ClosedHandCursor);
        m_dragging = true;
        m_navigator.pan(event->position() - m_dragged);
        m_dragged = event->position();
        return moved();
    }
    auto place = mapRect().contains(event->position())
                     ? m_navigator.at(event->position() - mapRect().topLeft())
                     : std::nullopt;
    if (place == m_pointed) return;
    m_pointed = place;
    Q_EMIT pointed();
}

void HeatmapView::mouseReleaseEvent(QMouseEvent* event) {
    if (event->button() != Qt::LeftButton || !m_pressed) return QWidget::mouseReleaseEvent(event);
    unsetCursor();
    if (!m_dragging && m_navigator.select(*m_pressed - mapRect().topLeft())) moved();
    m_pressed.reset();
    m_dragging = false;
}

void HeatmapView::mouseDoubleClickEvent(QMouseEvent* event) {
    if (event->button() != Qt::LeftButton) return;
    if (m_navigator.select(event->position() - mapRect().topLeft())) descend();
}

void HeatmapView::leaveEvent(QEvent*) {
    if (!m_pointed) return;
    m_pointed.reset();
    Q_EMIT pointed();
}

bool HeatmapView::handleKey(QKeyEvent* event) {
    const bool shift = event->modifiers() & Qt::ShiftModifier;
    const auto move = [&](int columns, int rows) {
        if (shift && columns != 0) {
            Q_EMIT snapshotStepped(columns);
        } else {
            m_navigator.move(columns, rows);
            m_pointed.reset();
            moved();
        }
    };
    switch (event->key()) {
        case Qt::Key_Left:
            move(-1, 0);
            return true;
        case Qt::Key_Right:
            move(1, 0);
            return true;
        case Qt::Key_Up:
            move(0, -1);
            return true;
        case Qt::Key_Down:
            move(0, 1);
            return true;
        case Qt::Key_Return:
        case Qt::Key_Enter:
            descend();
            return true;
        case Qt::Key_Escape:
            if (m_navigator.level() == Level::Model) return false;
            [[fallthrough]];
        case Qt::Key_Backspace:
            ascend();
            return true;
        case Qt::Key_PageUp:
            stepMatrix(-1);
            return true;
        case Qt::Key_PageDown:
            stepMatrix(1);
            return true;
        case Qt::Key_BracketLeft:
            stepBlock(-1);
            return true;
        case Qt::Key_BracketRight:
            stepBlock(1);
            return true;
        case Qt::Key_Home:
            goTo(Level::Model);
            return true;
        case Qt::Key_Plus:
        case Qt::Key_Equal:
            zoomBy(kKeyZoom);
            return true;
        case Qt::Key_Minus:
            zoomBy(1 / kKeyZoom);
            return true;
        default:
            return false;
    }
}

void HeatmapView::keyPressEvent(QKeyEvent* event) {
    if (m_navigator.empty() || !handleKey(event)) QWidget::keyPressEvent(event);
}

}  // namespace tessera::ui
