#pragma once

#include <QTimer>
#include <QWidget>
#include <cstdint>
#include <vector>

class QLabel;
class QSlider;
class QToolButton;

namespace tessera::ui {

/// The recorded steps of a run, with a tick each, and a button that plays them. Follows the newest while it
/// is at the end. GUI thread only.
class SnapshotSlider : public QWidget {
    Q_OBJECT
  public:
    explicit SnapshotSlider(QWidget* parent = nullptr);

    /// Ascending. Keeps the step that is shown where it is still there and not the last; else takes the last.
    void setSteps(const std::vector<std::int64_t>& steps);
    const std::vector<std::int64_t>& steps() const { return m_steps; }
    std::int64_t step() const;  ///< -1 where there is none
    void setStep(std::int64_t step);
    void moveBy(int snapshots);
    void play(bool on);
    bool playing() const { return m_timer.isActive(); }

  Q_SIGNALS:
    void stepChanged(std::int64_t step);

  private:
    void show();

    std::vector<std::int64_t> m_steps;
    QToolButton* m_play;
    QSlider* m_slider;
    QLabel* m_label;
    QTimer m_timer;
};

}  // namespace tessera::ui
