#pragma once

#include "ui/playground/generation.h"
#include "ui/workspace/page.h"

class QAction;
class QCheckBox;
class QDoubleSpinBox;
class QLabel;
class QPlainTextEdit;
class QPushButton;
class QSpinBox;

namespace tessera::ui {

class RunRecord;
class TextColumn;

/// The same prompt and seed to the dense model and the pruned one, side by side.
class PlaygroundPage : public Page {
    Q_OBJECT
  public:
    explicit PlaygroundPage(Workspace& workspace, QWidget* parent = nullptr);

    QString title() const override { return tr("Playground"); }
    bool settled() const override { return !m_generation.busy(); }
    QWidget* firstFocus() override;

    const Generation& generation() const { return m_generation; }

  protected:
    void showEvent(QShowEvent* event) override;

  private:
    QWidget* makePrompt();
    QWidget* makeOptions();
    void makeActions();
    void follow();
    void updateModels();
    void updateTexts();
    void updateButtons();
    void generate();
    QString verdict() const;
    QString denseModel() const;

    Generation m_generation;
    RunRecord* m_followed = nullptr;
    QString m_dense, m_pruned, m_prompted;
    QPlainTextEdit* m_prompt;
    QSpinBox *m_tokens, *m_seed;
    QDoubleSpinBox* m_temperature;
    QCheckBox* m_greedy;
    QPushButton *m_generate, *m_stop;
    QLabel *m_verdict, *m_busyNote;
    TextColumn *m_left, *m_right;
    QAction *m_generateAction, *m_stopAction;
};

}  // namespace tessera::ui
