#include <QClipboard>
#include <QContextMenuEvent>
#include <QDir>
#include <QFileDialog>
#include <QGuiApplication>
#include <QKeyEvent>
#include <QMenu>
#include <QSaveFile>
#include <QStandardPaths>
#include <algorithm>
#include <cmath>
#include <thread>

#include "ui/widgets/curve_export.h"
#include "ui/widgets/curve_plot_private.h"
#include "ui/workspace/actions.h"

// What a person does to a curve plot: pointer, wheel, keys, the context menu, and taking pictures and data
// along.
namespace tessera::ui {

namespace {

constexpr double kWheelStep = 0.85;
constexpr auto kShownPlots = "shownPlots";

}  // namespace

bool CurvePlot::eventFilter(QObject* watched, QEvent* event) {
    if (watched != m->canvas) return QWidget::eventFilter(watched, event);
    switch (event->type()) {
        case QEvent::Wheel: {
            auto* wheel = static_cast<QWheelEvent*>(event);
            const double clicks = wheel->angleDelta().y() / 120.0;
            const int panel = m->panelAt(wheel->position());
            if (clicks == 0 || panel < 0) return true;
            const double factor = std::pow(kWheelStep, clicks);
            if (wheel->modifiers().testFlag(Qt::ControlModifier))
                m->zoomY(panel, wheel->position(), factor);
            else
                m->zoomX(factor, wheel->position().x());
            return true;
        }
        case QEvent::MouseButtonPress: {
            auto* mouse = static_cast<QMouseEvent*>(event);
            m->canvas->setFocus(Qt::MouseFocusReason);
            if (mouse->button() != Qt::LeftButton) return true;
            m->dragPanel = m->panelAt(mouse->position());
            if (m->dragPanel < 0) return true;
            m->dragging = true;
            m->dragFrom = mouse->position().toPoint();
            m->dragX = xRange();
            auto& panel = m->at(m->dragPanel);
            m->dragY = {panel.y(CurveSide::Left)->range(), panel.y(CurveSide::Right)->range()};
            return true;
        }
        case QEvent::MouseMove: {
            const auto position = static_cast<QMouseEvent*>(event)->position();
            if (m->dragging) m->drag(position.toPoint());
            m->moveCrosshair(position.x(), position.y());
            return true;
        }
        case QEvent::MouseButtonRelease:
            m->dragging = false;
            m->canvas->unsetCursor();
            return true;
        case QEvent::MouseButtonDblClick:
            fit();
            return true;
        case QEvent::Leave:
            setCrosshair(std::nullopt);
            Q_EMIT crosshairMoved(std::nullopt);
            return false;
        case QEvent::ContextMenu: {
            auto* menu = static_cast<QContextMenuEvent*>(event);
            m->showMenu(menu->pos());
            return true;
        }
        case QEvent::KeyPress: {
            auto* key = static_cast<QKeyEvent*>(event);
            if (m->key(key->key(), key->modifiers())) return true;
            return false;
        }
        case QEvent::Resize:
            QMetaObject::invokeMethod(
                this, [this] { m->placePill(); }, Qt::QueuedConnection);
            return false;
        default:
            return QWidget::eventFilter(watched, event);
    }
}

void CurvePlot::Private::zoomX(double factor, double pixel) {
    if (panels.empty()) return;
    stopFollowing();
    const auto* axis = panels.front()->x();
    const auto range = axis->range();
    const double centre = std::clamp(axis->pixelToCoord(pixel), range.lower, range.upper);
    if (logX)
        setX(centre * std::pow(range.lower / centre, factor),
             centre * std::pow(range.upper / centre, factor));
    else
        setX(centre + (range.lower - centre) * factor, centre + (range.upper - centre) * factor);
    q->redraw();
}

void CurvePlot::Private::zoomY(int index, const QPointF& position, double factor) {
    auto& panel = at(index);
    const bool right = panel.y(CurveSide::Right)->visible() && position.x() > panel.rect->rect().right();
    const auto side = right ? CurveSide::Right : CurveSide::Left;
    auto* axis = panel.y(side);
    const double centre =
        axis->pixelToCoord(std::clamp<double>(position.y(), panel.rect->top(), panel.rect->bottom()));
    const auto range = axis->range();
    panel.zoomed[static_cast<std::size_t>(side)] = true;
    stopFollowing();
    if (axis->scaleType() == QCPAxis::stLogarithmic)
        axis->setRange(centre * std::pow(range.lower / centre, factor),
                       centre * std::pow(range.upper / centre, factor));
    else
        axis->setRange(centre + (range.lower - centre) * factor, centre + (range.upper - centre) * factor);
    q->redraw();
}

void CurvePlot::Private::drag(const QPoint& position) {
    const auto moved = position - dragFrom;
    if (moved.manhattanLength() < 4 && following) return;
    stopFollowing();
    canvas->setCursor(Qt::ClosedHandCursor);
    auto& panel = at(dragPanel);
    const double width = std::max(1, panel.rect->width()), height = std::max(1, panel.rect->height());
    const double share = -moved.x() / width;
    if (logX) {
        const double factor = std::pow(dragX.second / dragX.first, share);
        setX(dragX.first * factor, dragX.second * factor);
    } else {
        const double by = share * (dragX.second - dragX.first);
        setX(dragX.first + by, dragX.second + by);
    }
    // Up and down moves only what has been zoomed: an axis that fits its curves has nowhere to go.
    for (const auto side : {CurveSide::Left, CurveSide::Right}) {
        if (!panel.zoomed[static_cast<std::size_t>(side)]) continue;
        const auto range = dragY[static_cast<std::size_t>(side)];
        const double up = moved.y() / height;
        auto* axis = panel.y(side);
        if (axis->scaleType() == QCPAxis::stLogarithmic) {
            const double factor = std::pow(range.upper / range.lower, up);
            axis->setRange(range.lower * factor, range.upper * factor);
        } else {
            axis->setRange(range.lower + up * range.size(), range.upper + up * range.size());
        }
    }
    q->redraw();
}

void CurvePlot::Private::moveCrosshair(double x, double y) {
    if (panels.empty()) return;
    const auto area = panels.front()->rect->rect();
    std::optional<double> at;
    if (x >= area.left() && x <= area.right() && panelAt({x, y}) >= 0 && hasPoints())
        at = panels.front()->x()->pixelToCoord(x);
    crosshairY = y;
    if (!at && !crosshair) return;
    q->setCrosshair(at);
    Q_EMIT q->crosshairMoved(at);
}

bool CurvePlot::Private::key(int key, Qt::KeyboardModifiers modifiers) {
    if (panels.empty() || (modifiers & ~(Qt::KeypadModifier | Qt::ShiftModifier))) return false;
    const auto area = panels.front()->rect->rect();
    const auto* axis = panels.front()->x();
    switch (key) {
        case Qt::Key_Left:
        case Qt::Key_Right: {
            const double from = crosshair ? axis->coordToPixel(*crosshair) : area.center().x();
            const double by = (key == Qt::Key_Left ? -1 : 1) * (modifiers & Qt::ShiftModifier ? 50 : 5);
            const double pixel = std::clamp<double>(crosshair ? from + by : from, area.left(), area.right());
            moveCrosshair(pixel, area.center().y());
            return true;
        }
        case Qt::Key_Plus:
        case Qt::Key_Equal:
        case Qt::Key_Minus:
            zoomX(key == Qt::Key_Minus ? 1 / kWheelStep : kWheelStep,
                  crosshair ? axis->coordToPixel(*crosshair) : area.center().x());
            return true;
        case Qt::Key_Escape:
            if (!crosshair) return false;
            q->setCrosshair(std::nullopt);
            Q_EMIT q->crosshairMoved(std::nullopt);
            return true;
        default:
            return false;
    }
}

void CurvePlot::Private::showMenu(const QPoint& position) {
    QMenu menu(q);
    const int index = std::max(0, panelAt(position));
    menu.addAction(CurvePlot::tr("Copy image"), q, &CurvePlot::copyImage);
    menu.addAction(CurvePlot::tr("Copy as table"), q, &CurvePlot::copyTable);
    menu.addSeparator();
    menu.addAction(CurvePlot::tr("Export PNG…"), q, [this] { saveAs(QStringLiteral("png")); });
    menu.addAction(CurvePlot::tr("Export SVG…"), q, [this] { saveAs(QStringLiteral("svg")); });
    menu.addAction(CurvePlot::tr("Export PDF…"), q, [this] { saveAs(QStringLiteral("pdf")); });
    menu.addAction(CurvePlot::tr("Export CSV, all points…"), q, [this] { saveAs(QStringLiteral("csv")); });
    menu.addSeparator();
    if (!panels.empty()) {
        auto* logY = menu.addAction(CurvePlot::tr("Logarithmic y axis"));
        logY->setCheckable(true);
        logY->setChecked(q->logY(index, CurveSide::Left));
        QObject::connect(logY, &QAction::toggled, q,
                         [this, index](bool on) { q->setLogY(index, CurveSide::Left, on); });
        auto* logarithmicX = menu.addAction(CurvePlot::tr("Logarithmic x axis"));
        logarithmicX->setCheckable(true);
        logarithmicX->setChecked(logX);
        QObject::connect(logarithmicX, &QAction::toggled, q, [this](bool on) { q->setLogX(on); });
    }
    menu.addAction(CurvePlot::tr("Show everything and follow"), q, &CurvePlot::fit);
    menu.exec(canvas->mapToGlobal(position));
}

void CurvePlot::Private::saveAs(const QString& extension) {
    const auto folder = QStandardPaths::writableLocation(QStandardPaths::DocumentsLocation);
    const auto file = QFileDialog::getSaveFileName(
        q, CurvePlot::tr("Export chart"), QDir(folder).filePath(fileName + QLatin1Char('.') + extension),
        QStringLiteral("%1 (*.%2)").arg(extension.toUpper(), extension));
    if (file.isEmpty()) return;
    const bool named = file.endsWith(QLatin1Char('.') + extension, Qt::CaseInsensitive);
    q->exportTo(named ? file : file + QLatin1Char('.') + extension);
}

CurveTable CurvePlot::Private::table() const {
    CurveTable table{xTitle, {}};
    for (const auto* curve : shown()) {
        const auto points = curve->plottable->data().points();
        const auto& name = curve->style.name;
        const bool twice = std::any_of(table.columns.begin(), table.columns.end(),
                                       [&](const auto& column) { return column.name == name; });
        table.columns.push_back(
            {twice ? QStringLiteral("%1 (%2)").arg(name).arg(table.columns.size() + 1) : name,
             {points.x.begin(), points.x.end()},
             {points.y.begin(), points.y.end()}});
    }
    return table;
}

QByteArray CurvePlot::toText(char separator) const {
    return tableText(m->table(), separator);
}

void CurvePlot::exportTo(const QString& file) {
    const auto tell = [](CurvePlot* plot, const QString& file, bool saved) {
        Q_EMIT plot->exported(saved ? tr("Saved to %1").arg(QDir::toNativeSeparators(file))
                                    : tr("%1 cannot be written.").arg(QDir::toNativeSeparators(file)),
                              !saved);
    };
    if (!file.endsWith(QLatin1String(".csv"), Qt::CaseInsensitive)) {
        const auto crosshair = m->crosshair;
        setCrosshair(std::nullopt);
        const bool saved = savePicture(*m->canvas, file, accessibleName());
        setCrosshair(crosshair);
        tell(this, file, saved);
        return;
    }
    // A million lines take a while to write; the copy of the numbers does not.
    std::thread([self = QPointer(this), file, tell, table = m->table()] {
        const auto text = tableText(table, ',');
        QSaveFile out(file);
        const bool saved = out.open(QIODevice::WriteOnly) && out.write(text) == text.size() && out.commit();
        QMetaObject::invokeMethod(
            qApp,
            [self, file, tell, saved] {
                if (self) tell(self, file, saved);
            },
            Qt::QueuedConnection);
    }).detach();
}

void CurvePlot::copyImage() {
    const auto crosshair = m->crosshair;
    setCrosshair(std::nullopt);
    QGuiApplication::clipboard()->setPixmap(
        m->canvas->toPixmap(m->canvas->width(), m->canvas->height(), 2.0));
    setCrosshair(crosshair);
}

void CurvePlot::copyTable() {
    std::thread([table = m->table()] {
        const auto text = QString::fromUtf8(tableText(table, '\t'));
        QMetaObject::invokeMethod(
            qApp, [text] { QGuiApplication::clipboard()->setText(text); }, Qt::QueuedConnection);
    }).detach();
}

void CurvePlot::Private::countShown(int change) {
    for (const auto& action : actions) {
        if (!action) continue;
        const int shown = std::max(0, action->property(kShownPlots).toInt() + change);
        action->setProperty(kShownPlots, shown);
        action->setEnabled(shown > 0);
    }
}

void CurvePlot::bindActions(Actions& list) {
    const auto bind = [&](const char* id, const QString& text, const QKeySequence& shortcut, auto act) {
        auto* action = list.action(QLatin1String(id));
        if (!action) {
            action = list.add(QLatin1String(id), tr("View"), text, shortcut);
            action->setEnabled(false);
        }
        m->actions.append(action);
        connect(action, &QAction::triggered, this, [this, act] {
            if (isVisible()) act();
        });
    };
    bind("chart.follow", tr("Follow the newest point"), Qt::Key_F, [this] { fit(); });
    bind("chart.logY", tr("Switch the logarithmic y axis"), Qt::Key_L, [this] {
        if (!m->panels.empty()) setLogY(0, CurveSide::Left, !logY(0, CurveSide::Left));
    });
    bind("chart.logX", tr("Switch the logarithmic x axis"), Qt::SHIFT | Qt::Key_L,
         [this] { setLogX(!logX()); });
    bind("chart.export", tr("Export the chart"), Qt::CTRL | Qt::Key_E,
         [this] { m->saveAs(QStringLiteral("png")); });
    if (isVisible()) m->countShown(1);
}

}  // namespace tessera::ui
