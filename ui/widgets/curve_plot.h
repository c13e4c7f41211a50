#pragma once

#include <QString>
#include <QWidget>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "ui/theme/theme.h"
#include "ui/widgets/series_index.h"

class QCPAxisRect;
class QCustomPlot;
class QMenu;

namespace tessera::ui {

class Actions;
class CurvePlottable;

enum class CurveSide { Left, Right };

/// How a curve is drawn.
enum class CurveKind {
    Line,   ///< through every point, 2 px; for series that do not jitter
    Noisy,  ///< every pixel column from its least to its greatest value, and the debiased mean over it
    Mean,   ///< only the debiased mean of a noisy series: many runs over each other
    Ghost,  ///< dotted and pale: what a resumption cut off
};

struct CurveStyle {
    QString name;  ///< legend, read-out, column head; sentence case, no unit
    CurveKind kind = CurveKind::Line;
    CurveSide side = CurveSide::Left;
    /// Asked again when the theme changes.
    std::function<QColor(const ThemeTokens&)> colour;
    /// Of a Noisy curve's band; `colour` blended into the surface where it is not given.
    std::function<QColor(const ThemeTokens&)> band;
    Qt::PenStyle dash = Qt::SolidLine;
    /// How the read-out writes a value; numberText() where it is not given.
    std::function<QString(double)> text;
    bool inLegend = true;
};

/// One of the charts stacked over the common x axis.
struct PanelStyle {
    QString left;   ///< title of the left axis, with its unit
    QString right;  ///< title of the right axis; empty: no right axis
    double stretch = 1;
    /// Fixed ends of an axis; otherwise it fits what is seen until it is zoomed by hand.
    std::optional<std::pair<double, double>> leftRange, rightRange;
    /// How the left axis writes its numbers, where plain ones will not do.
    std::function<QString(double)> leftText;
};

/// Charts stacked over one x axis, left margins aligned, for series that grow while they are looked at.
/// Drawing is exact to the pixel column at any length (no spike is lost), smoothing uses every point, and
/// both cost O(new points) as data comes. Wheel: zoom x; Ctrl+wheel: zoom y; drag: pan; double click: fit;
/// the pointer puts one crosshair through all panels with every value at that x in the legends. Follows the
/// newest point until the person pans or zooms, and again after "Follow". Has the context menu for pictures
/// and data. Recolours itself with the theme. GUI thread only.
class CurvePlot : public QWidget {
    Q_OBJECT
  public:
    explicit CurvePlot(QWidget* parent = nullptr);
    ~CurvePlot() override;

    // Structure. Indices count from 0 and stay valid; removeCurves() takes all curves of all panels away.
    int addPanel(const PanelStyle& style);
    int addCurve(int panel, const CurveStyle& style);
    void setCurveStyle(int curve, const CurveStyle& style);
    void removeCurves();
    int curves() const;
    void setPanelTitle(int panel, CurveSide side, const QString& title);
    /// Fixes an axis, or lets it fit again.
    void setYRange(int panel, CurveSide side, std::optional<std::pair<double, double>> range);
    void setXTitle(const QString& title);           ///< with unit; default "Step"
    void setXText(std::function<QString(double)>);  ///< how the read-out writes x ("step 412")
    /// What to call the picture and the table in file names; without extension.
    void setFileName(const QString& name);

    // Data.
    /// Copies points to the end of a curve.
    void append(int curve, std::span<const double> x, std::span<const double> y);
    /// Lets a curve read someone else's points, without a copy: `source` is asked at every refresh() and
    /// paint, and answers with what it gave before and more behind it. It must stay callable until clear() or
    /// removeCurves().
    void setSource(int curve, std::function<CurvePoints()> source);
    /// Takes new points of all sources in, and redraws soon: O(new points). Call it once a drain.
    void refresh();
    void clear(int curve);  ///< all points, and the source
    void clearData();       ///< of all curves
    void setCurveVisible(int curve, bool visible);
    /// Draws one curve, and those of the same name in other panels, over the others and those paler; -1: all
    /// alike.
    void setHighlighted(int curve);
    /// A dashed horizontal line, named in the legend; nullopt takes it away.
    void setTarget(int panel, CurveSide side, std::optional<double> value, const QString& name = {});
    /// A dotted vertical line (a checkpoint, a resumption).
    void addMark(double x, const QString& name);
    void clearMarks();
    /// A muted sentence in the middle of the first panel while there is no point ("First point after ...").
    void setEmptyText(const QString& sentence);
    /// The x range to show while there are fewer points than that, e.g. (0, steps of the whole run).
    void setExpectedX(std::optional<std::pair<double, double>> range);

    /// Length of the debiased exponential mean in units of x; 0: none.
    void setSmoothing(double length);
    double smoothing() const;

    // View.
    void setLogX(bool on);
    bool logX() const;
    void setLogY(int panel, CurveSide side, bool on);
    bool logY(int panel, CurveSide side) const;
    /// Points that a logarithmic axis of this panel cannot show.
    std::int64_t hiddenByLog(int panel) const;
    bool following() const;
    void setFollowing(bool on);
    void fit();  ///< everything, and follows again
    std::pair<double, double> xRange() const;
    void setXRange(double low, double high);  ///< as if the person had zoomed

    /// The crosshair, to be linked between widgets; nullopt hides it.
    void setCrosshair(std::optional<double> x);
    std::optional<double> crosshair() const;
    /// What the read-out says of a curve at the point nearest to x; NaN where there is none.
    double valueAt(int curve, double x) const;
    double smoothedAt(int curve, double x) const;

    /// For a page's own plottable in a panel (a strip over the same x). Its read-out text joins the panel's
    /// legend.
    QCustomPlot* canvas() const;
    QCPAxisRect* panelRect(int panel) const;
    void setPanelReadOut(int panel, std::function<QString(double x, double y)> text);
    /// Redraws soon, at most once for any number of calls.
    void redraw();

    // Taking it along: every point of every visible curve, whatever is zoomed.
    QByteArray toText(char separator) const;  ///< head line; x and the values; a column a curve
    /// .png (2x), .svg, .pdf or .csv by extension; tables are written on another thread. Ends in exported().
    void exportTo(const QString& file);
    void copyImage();
    void copyTable();
    /// A sentence for screen readers: "Loss 2.41 at step 1200, down 0.31 over the last 500."
    QString summary() const;

    /// Makes (once for all plots) the actions chart.follow (F), chart.logY (L), chart.logX (Shift+L) and
    /// chart.export (Ctrl+E) in the list; they act on the plot that is on the screen.
    void bindActions(Actions& actions);

  Q_SIGNALS:
    void crosshairMoved(std::optional<double> x);
    void followingChanged(bool following);
    void logYChanged(int panel, bool on);
    void xRangeChanged(double low, double high);
    /// An export ended: a sentence to show ("Saved to ...").
    void exported(const QString& sentence, bool failed);

  protected:
    bool eventFilter(QObject* watched, QEvent* event) override;
    void showEvent(QShowEvent* event) override;
    void hideEvent(QHideEvent* event) override;
    void resizeEvent(QResizeEvent* event) override;
    void changeEvent(QEvent* event) override;

  private:
    struct Private;
    std::unique_ptr<Private> m;
};

}  // namespace tessera::ui
