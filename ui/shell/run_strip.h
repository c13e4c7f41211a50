#pragma once

#include <QElapsedTimer>
#include <QLabel>
#include <QProgressBar>
#include <QTimer>
#include <QToolButton>
#include <vector>

namespace tessera::ui {

class IconMark;
class RunRecord;
class Workspace;

/// The run on every page, in the status bar: the one that our engine works on, else the one being looked at.
/// State, name, phase, progress, the time left as a range, when it was last heard of, and the buttons that
/// make sense now. What does not fit is left out, the least important first.
class RunStrip : public QWidget {
    Q_OBJECT
  public:
    explicit RunStrip(Workspace& workspace, QWidget* parent = nullptr);

  protected:
    void resizeEvent(QResizeEvent* event) override;

  private:
    RunRecord* shown() const;
    void follow();
    void update();
    void beat();
    void fit();
    void showMemory();

    Workspace& m_workspace;
    QTimer m_beat, m_memoryTimer;
    QMetaObject::Connection m_following;
    IconMark* m_mark;
    QToolButton* m_name;
    QLabel *m_state, *m_phase, *m_eta, *m_heard, *m_memory;
    QProgressBar* m_bar;
    std::vector<QToolButton*> m_buttons;
    QString m_fullName;
};

}  // namespace tessera::ui
