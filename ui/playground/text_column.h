#pragma once

#include <QWidget>
#include <optional>

#include "ui/playground/generation.h"

class QLabel;
class QPlainTextEdit;
class QStackedLayout;

namespace tessera::ui {

class EmptyState;
class KeyFigure;

/// One side of the playground: whose text it is, the text, and what it took.
class TextColumn : public QWidget {
    Q_OBJECT
  public:
    TextColumn(const QString& role, const QString& emptyIcon, QWidget* parent = nullptr);

    /// Whose text it is: "smollm2-135m", "LEAP, 50 %".
    void setModel(const QString& name);
    /// Shows the explaining picture instead of a text.
    EmptyState& emptyState() const { return *m_empty; }
    void showEmpty(bool empty);
    /// The text so far behind its prompt, in a quieter colour; from token `divergence` on it is marked. Null:
    /// a hint.
    void present(const QString& prompt, const TextSide* side, std::optional<qsizetype> divergence);
    QString shownText() const;  ///< with the prompt
    /// The characters that are marked as the first difference; empty where nothing is.
    QString markedText() const;

  protected:
    void changeEvent(QEvent* event) override;

  private:
    void setText(const QString& prompt, const QString& text);
    void mark();
    void showFigures(const TextSide* side);

    QString m_role, m_prompt, m_shown;
    qsizetype m_from = -1, m_to = -1;  ///< the marked token, in m_shown
    QLabel *m_name, *m_state;
    QPlainTextEdit* m_text;
    KeyFigure *m_speed, *m_first, *m_count;
    QLabel* m_kernel;
    EmptyState* m_empty;
    QStackedLayout* m_stack;
};

}  // namespace tessera::ui
