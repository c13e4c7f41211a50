#pragma once

#include <QAction>
#include <QLineEdit>
#include <QListWidget>
#include <functional>

#include "ui/shell/popup.h"

namespace tessera::ui {

class Actions;

/// How well `pattern` fits `text` when its letters are looked for in their order: higher is better, -1 not at
/// all.
int fuzzyScore(const QString& pattern, const QString& text);

/// All actions that can be carried out now, found by a few letters. Up, Down, Enter, Esc.
class CommandPalette : public Popup {
    Q_OBJECT
  public:
    /// `run` carries out the chosen action, after the palette is gone.
    CommandPalette(const Actions& actions, std::function<void(QAction*)> run, QWidget* window);

  protected:
    bool eventFilter(QObject* watched, QEvent* event) override;

  private:
    void fill(const QString& pattern);
    void take(QListWidgetItem* item);

    const Actions& m_actions;
    std::function<void(QAction*)> m_run;
    QLineEdit* m_input;
    QListWidget* m_list;
};

}  // namespace tessera::ui
