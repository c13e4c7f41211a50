#pragma once

#include "ui/widgets/basics.h"

namespace tessera::ui {

class RunRecord;

/// What a finished run came to, in numbers, and the ways on from there.
class RunOutcome : public Card {
    Q_OBJECT
  public:
    explicit RunOutcome(QWidget* parent = nullptr);

    /// Of a record that is RunState::Finished.
    void show(const RunRecord& record);

  Q_SIGNALS:
    void inspectWanted();
    void benchmarkWanted();
    void playgroundWanted();
    void againWanted();

  private:
    KeyFigure *m_sparsity, *m_perplexity, *m_time, *m_memory;
};

}  // namespace tessera::ui
