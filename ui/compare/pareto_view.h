#pragma once

#include <QWidget>
#include <map>
#include <vector>

#include "ui/compare/pareto_front.h"
#include "ui/compare/runs_model.h"

class QCheckBox;
class QComboBox;
class QLabel;
class QCPErrorBars;
class QCPGraph;
class QCPItemText;
class QCustomPlot;

namespace tessera::ui {

enum class ParetoX { Sparsity, Size, Speed };

/// A run, or the dense model, on the chart.
struct ParetoPoint {
    QString id;  ///< empty: the dense model
    QString name;
    double x = 0, y = 0;
    double low = 0, high = 0;  ///< 95 % interval of x; equal where there is none
};

/// What can be put on one chart: the runs measured as the baseline was (or as most were), and for speed those
/// measured on one machine at one number of threads. `notes` says what is left out and why.
struct ParetoPoints {
    std::vector<ParetoPoint> points;
    QStringList notes;
};
ParetoPoints paretoPoints(const RunList& runs, const ComparedRun* baseline,
                          const std::map<QString, SpeedMeasurement>& speeds, ParetoX x);

/// Quality against what was saved: a dot a run, the dense model, and the line that no run is beyond. Checked
/// runs in their colours with their names, the others grey.
class ParetoView : public QWidget {
    Q_OBJECT
  public:
    ParetoView(RunsModel& model, RunSelection& selection, QWidget* parent = nullptr);

    void setSpeeds(std::map<QString, SpeedMeasurement> speeds);
    void setX(ParetoX x);

  protected:
    void resizeEvent(QResizeEvent* event) override;
    bool eventFilter(QObject* watched, QEvent* event) override;

  private:
    void rebuild();
    void recolour();
    void scale();
    void placeNames();
    int pointAt(const QPointF& position) const;  ///< index, -1: none

    RunsModel& m_model;
    RunSelection& m_selection;
    std::map<QString, SpeedMeasurement> m_speeds;
    ParetoPoints m_shown;
    std::vector<std::size_t> m_front;
    QComboBox* m_x;
    QCheckBox* m_log;
    QLabel *m_hint, *m_notes;
    QCustomPlot* m_plot;
    QCPGraph* m_line = nullptr;
    std::vector<QCPGraph*> m_dots;
    std::vector<QCPErrorBars*> m_bars;
    std::vector<QCPItemText*> m_names;
};

}  // namespace tessera::ui
