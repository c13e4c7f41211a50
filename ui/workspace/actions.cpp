#include "ui/workspace/actions.h"

#include <QtGlobal>

#include "ui/theme/icons.h"

namespace tessera::ui {

Actions::Actions(QObject* parent) : QObject(parent) {}

QAction* Actions::add(const QString& id, const QString& group, const QString& text,
                      const QKeySequence& shortcut, const QString& icon) {
    Q_ASSERT_X(!action(id), "Actions::add", qPrintable(id));
    auto* made = new QAction(text, this);
    made->setObjectName(id);
    made->setProperty("group", group);
    made->setShortcut(shortcut);
    made->setToolTip(shortcut.isEmpty()
                         ? text
                         : QStringLiteral("%1  (%2)").arg(text, shortcut.toString(QKeySequence::NativeText)));
    if (!icon.isEmpty()) made->setIcon(themedIcon(icon));
    m_actions.append(made);
    return made;
}

QAction* Actions::action(const QString& id) const {
    for (QAction* each : m_actions)
        if (each->objectName() == id) return each;
    return nullptr;
}

QString Actions::group(const QAction* action) const {
    return action->property("group").toString();
}

}  // namespace tessera::ui
