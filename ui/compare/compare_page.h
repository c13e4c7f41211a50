#pragma once

#include <QThreadPool>
#include <memory>
#include <vector>

#include "ui/compare/runs_model.h"
#include "ui/workspace/page.h"

class QAction;
class QLabel;
class QLineEdit;
class QSplitter;
class QStackedLayout;
class QTabWidget;
class QToolButton;

namespace tessera::ui {

class Banner;
class CurvesPanel;
class DensityView;
class EmptyState;
class ParetoView;
class RunsTable;
class SettingsView;
class TasksView;

/// All runs of the library held against a baseline: the dense model, or one that is pinned.
class ComparePage : public Page {
    Q_OBJECT
  public:
    explicit ComparePage(Workspace& workspace, QWidget* parent = nullptr);
    ~ComparePage() override;

    QString title() const override { return tr("Compare"); }
    bool settled() const override;
    QWidget* firstFocus() override;

    RunSelection& selection() { return m_selection; }
    RunsModel& model() { return m_model; }

  protected:
    void showEvent(QShowEvent* event) override;
    void hideEvent(QHideEvent* event) override;
    void resizeEvent(QResizeEvent* event) override;

  private:
    QWidget* makeHead();
    void makeActions();
    void takeRuns();
    void takeSlice();
    void readMeasurements();
    void showSettings();
    void showState();
    void arrange();
    void split();

    RunSelection m_selection;
    RunsModel m_model;
    QStackedLayout* m_stack;
    EmptyState* m_empty;
    QLineEdit* m_filter;
    QLabel *m_baseline, *m_count;
    QToolButton *m_pin, *m_again;
    Banner* m_notes;
    RunsTable* m_table;
    QSplitter *m_halves, *m_below;
    QTabWidget *m_left, *m_right;
    CurvesPanel* m_curves;
    ParetoView* m_pareto;
    SettingsView* m_settings;
    DensityView* m_densities;
    TasksView* m_tasks;
    QList<QAction*> m_actions;
    bool m_wide = false, m_arranged = false, m_splitByHand = false;

    /// Runs of the library that are not taken apart yet, in slices of less than a frame.
    RunList m_taken;
    std::size_t m_next = 0;
    bool m_taking = false, m_reading = false, m_readAgain = false;
    QThreadPool m_pool;
};

}  // namespace tessera::ui
