#pragma once

#include <QAction>
#include <QKeySequence>
#include <QList>
#include <QObject>
#include <QString>

namespace tessera::ui {

/// Every action of the window: the menus, the shortcut sheet (F1), the command palette (Ctrl+K) and a test
/// are made from this one list. Ids are stable ("run.start"); texts are sentences in the imperative, without
/// mnemonics; shortcuts are unique.
class Actions : public QObject {
    Q_OBJECT
  public:
    explicit Actions(QObject* parent = nullptr);

    /// `group` is the menu that holds it. The action belongs to the list.
    QAction* add(const QString& id, const QString& group, const QString& text, const QKeySequence& shortcut,
                 const QString& icon = {});
    QAction* action(const QString& id) const;  ///< nullptr where there is none
    QList<QAction*> all() const { return m_actions; }
    QString group(const QAction* action) const;

  private:
    QList<QAction*> m_actions;
};

}  // namespace tessera::ui
