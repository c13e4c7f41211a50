#pragma once

#include <QElapsedTimer>
#include <QPointer>
#include <QTimer>
#include <QWidget>
#include <vector>

#include "ui/widgets/basics.h"

class QGridLayout;
class QProgressBar;

namespace tessera::ui {

class RunRecord;
enum class RunState;

/// What a run is doing: its phases with their times, the unit under way, the time left as a range, the pace,
/// and when the engine was last heard; says so when nothing comes for unusually long.
class RunProgress : public Card {
    Q_OBJECT
  public:
    explicit RunProgress(QWidget* parent = nullptr);

    void setRecord(RunRecord* record);
    void refresh();

  private:
    struct Phase {
        QString name;        ///< as shown
        QStringList events;  ///< as the engine calls its parts
        QLabel *done = nullptr, *now = nullptr, *later = nullptr, *ended = nullptr, *title = nullptr,
               *time = nullptr;
        double seconds = 0;
        bool timed = true;  ///< its beginning was seen here, or the result says how long it took
    };

    void makePhases(bool learns, bool writes);
    void followPhase();
    void takeResultTimes();
    void refreshPhases();
    void refreshPace();
    int phaseIndex(const QString& event) const;

    QPointer<RunRecord> m_record;
    std::vector<Phase> m_phases;
    QGridLayout* m_grid = nullptr;
    QLabel *m_unit = nullptr, *m_left = nullptr, *m_pace = nullptr, *m_heard = nullptr, *m_stalled = nullptr;
    QProgressBar* m_bar = nullptr;
    QTimer m_beat;
    QElapsedTimer m_sinceTurn;
    int m_at = -1;
    bool m_learns = true, m_writes = false, m_made = false;
};

}  // namespace tessera::ui
