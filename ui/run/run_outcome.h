#pragma once

#include "ui/widgets/basics.h"

namespace tessera::ui {

class RunRecord;

/// What a finished run came to, in numbers.
class RunOutcome : public Card {
    Q_OBJECT
  public:
    explicit RunOutcome(QWidget* parent = nullptr);

    /// Of a record that is RunState::Finished.
    void show(const RunRecord& record);

  private:
    KeyFigure *m_sparsity, *m_perplexity, *m_time, *m_memory;
};

/// The ways on from a finished run.
class RunWays : public Card {
    Q_OBJECT
  public:
    explicit RunWays(QWidget* parent = nullptr);
    QPushButton* first() const { return m_first; }

  Q_SIGNALS:
    void inspectWanted();
    void benchmarkWanted();
    void playgroundWanted();
    void againWanted();

  private:
    QPushButton* m_first;
};

}  // namespace tessera::ui
