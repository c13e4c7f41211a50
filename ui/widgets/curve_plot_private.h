#pragma once

#include <QElapsedTimer>
#include <QPointer>
#include <QPushButton>
#include <QTimer>
#include <array>

#include "ui/widgets/curve_export.h"
#include "ui/widgets/curve_panel.h"
#include "ui/widgets/curve_plot.h"
#include "ui/widgets/curve_plottable.h"

namespace tessera::ui {

/// What curve_plot.cpp (structure, data, ranges) and curve_plot_input.cpp (pointer, keys, menu) share.
struct CurvePlot::Private {
    struct Panel {
        PanelStyle style;
        QCPAxisRect* rect = nullptr;
        PanelLegend* legend = nullptr;
        PanelLines* lines = nullptr;
        PanelOverlay* overlay = nullptr;
        std::function<QString(double, double)> readOut;
        std::array<bool, 2> zoomed{false, false};  ///< y axes that the person has set, left and right
        std::array<bool, 2> log{false, false};

        QCPAxis* x() const { return rect->axis(QCPAxis::atBottom); }
        QCPAxis* y(CurveSide side) const {
            return rect->axis(side == CurveSide::Left ? QCPAxis::atLeft : QCPAxis::atRight);
        }
    };
    struct Curve {
        int panel = 0;
        CurveStyle style;
        CurvePlottable* plottable = nullptr;
        bool visible = true;
    };

    explicit Private(CurvePlot* plot) : q(plot) {}

    CurvePlot* q;
    QCustomPlot* canvas = nullptr;
    QCPMarginGroup* margins = nullptr;
    QPushButton* pill = nullptr;
    std::vector<std::unique_ptr<Panel>> panels;
    std::vector<Curve> curves;
    std::vector<PanelLines::Mark> marks;
    QString xTitle, fileName, emptyText;
    std::function<QString(double)> xText;
    std::optional<std::pair<double, double>> expected;
    std::optional<double> crosshair;  ///< where the pointer is; drawn at the point nearest to it
    double crosshairY = 0;            ///< of the pointer, in pixels: which row of a strip is meant
    double smoothing = 0;
    int highlighted = -1;
    bool following = true, logX = false, dirty = false;
    bool recoloured = false;           ///< The theme's change has not been drawn yet.
    QList<QPointer<QAction>> actions;  ///< enabled while a plot is seen
    QTimer redrawSoon;
    QElapsedTimer sinceRedraw;

    // Dragging.
    bool dragging = false;
    QPoint dragFrom;
    std::pair<double, double> dragX;
    int dragPanel = -1;
    std::array<QCPRange, 2> dragY;

    Panel& at(int panel) { return *panels.at(static_cast<std::size_t>(panel)); }
    Curve& curve(int index) { return curves.at(static_cast<std::size_t>(index)); }
    int panelAt(const QPointF& position) const;

    // curve_plot_drawing.cpp
    void recolour();
    void applyLook(Curve& curve);
    void fillLegend(int panel, std::vector<PanelLegend::Entry>& entries, QString& right);
    std::vector<PanelOverlay::Dot> dots(int panel, double x);
    bool hasPoints() const;
    std::pair<double, double> followedX() const;
    void fitY(int panel, CurveSide side);
    void setX(double low, double high);
    void placePill();
    void stopFollowing();
    /// Now, if it is seen.
    void draw(QCustomPlot::RefreshPriority when = QCustomPlot::rpQueuedReplot);
    void drawOverlay();
    void applyScales();
    QString textOf(const Curve& curve, double value) const;
    std::vector<const Curve*> shown() const;
    /// The crosshair at the nearest point of the curves that reach there.
    std::optional<double> crosshairPoint() const;

    // curve_plot_input.cpp
    void countShown(int change);
    void zoomX(double factor, double pixel);
    void zoomY(int panel, const QPointF& position, double factor);
    void drag(const QPoint& position);
    void moveCrosshair(double x, double y);
    bool key(int key, Qt::KeyboardModifiers modifiers);
    void showMenu(const QPoint& position);
    void saveAs(const QString& extension);
    CurveTable table() const;
};

}  // namespace tessera::ui
