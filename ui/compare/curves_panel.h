#pragma once

#include <QTimer>
#include <QWidget>
#include <map>
#include <memory>

#include "ui/client/run_record.h"
#include "ui/compare/runs_model.h"

class QComboBox;
class QLabel;

namespace tessera::ui {

class Actions;
class CurvePlot;

/// What the chart shows of a run beside its record's own columns: x as trained tokens or as learning time,
/// and the sparsity. Kept as long as the record's steps, and made anew where those were cut.
struct CurveColumns {
    std::vector<double> tokens, seconds;
    std::vector<double> sparsity;  ///< percent
    /// Takes in what is new in `steps`.
    void update(const StepSeries& steps);
    void clear();
};

/// Loss and sparsity of the checked runs over each other. Reads events.jsonl in small portions, goes on with
/// runs that are still going on.
class CurvesPanel : public QWidget {
    Q_OBJECT
  public:
    CurvesPanel(RunsModel& model, RunSelection& selection, Actions& actions, QWidget* parent = nullptr);
    ~CurvesPanel() override;

    /// After RunsModel::setRuns(): runs may be gone, or going on again.
    void runsChanged();
    bool settled() const;
    const RunRecord* record(const QString& run) const;
    CurvePlot& plot() const { return *m_plot; }

  Q_SIGNALS:
    void settingsRead();  ///< the records know more of their options than before

  private:
    struct Followed {
        RunRecord record;
        CurveColumns columns;
        int loss = -1, sparsity = -1;  ///< curves
        int generation = -1;           ///< of the record's steps that the columns were made of
    };
    void follow();
    void rebuild();
    void setSources(Followed& run);
    void tick();
    void showNote();
    void setSmoothing();

    RunsModel& m_model;
    RunSelection& m_selection;
    CurvePlot* m_plot;
    QComboBox *m_x, *m_y, *m_smoothing;
    QLabel* m_note;
    QTimer m_timer;
    bool m_smoothingChosen = false;
    std::map<QString, std::unique_ptr<Followed>> m_runs;
};

}  // namespace tessera::ui
