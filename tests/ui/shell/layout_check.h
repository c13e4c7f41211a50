#pragma once

#include <QAbstractButton>
#include <QAbstractItemView>
#include <QAbstractScrollArea>
#include <QAbstractSlider>
#include <QAbstractSpinBox>
#include <QAccessible>
#include <QCheckBox>
#include <QComboBox>
#include <QLabel>
#include <QLineEdit>
#include <QPlainTextEdit>
#include <QScrollBar>
#include <QSplitterHandle>
#include <QStringList>
#include <QTabBar>
#include <QTextEdit>
#include <QToolButton>
#include <QWidget>

namespace tessera::test {

// What a careful eye would find wrong with a window: each function returns sentences, none where all is well.

/// "MainWindow > QWidget(rail) > QToolButton(\"Run\")", from the outside to the widget.
inline QString placeOf(const QWidget* widget) {
    QStringList parts;
    for (; widget; widget = widget->parentWidget()) {
        QString text = QLatin1String(widget->metaObject()->className());
        if (!widget->objectName().isEmpty()) text += QLatin1Char('#') + widget->objectName();
        if (const auto* label = qobject_cast<const QLabel*>(widget))
            text += QLatin1String(" '") + label->text().left(40) + QLatin1Char('\'');
        if (const auto* button = qobject_cast<const QAbstractButton*>(widget))
            text += QLatin1String(" '") + button->text() + QLatin1Char('\'');
        parts.prepend(text);
    }
    return parts.join(QLatin1String(" > "));
}

/// Qt's own parts of a composed widget; their places are the style's business.
inline bool isInternal(const QWidget* widget) {
    const QWidget* parent = widget->parentWidget();
    if (!parent) return false;
    for (const QWidget* up = parent; up; up = up->parentWidget())
        if (up->inherits("QComboBoxPrivateContainer")) return true;
    if (qobject_cast<const QComboBox*>(parent) || qobject_cast<const QAbstractSpinBox*>(parent) ||
        qobject_cast<const QLineEdit*>(parent) || qobject_cast<const QTabBar*>(parent))
        return true;
    if (widget->objectName().startsWith(QLatin1String("qt_"))) return true;
    // Viewport, scroll bars, headers and corner of a scroll area; what the program put into it lies deeper.
    if (qobject_cast<const QAbstractScrollArea*>(parent)) return true;
    return qobject_cast<const QAbstractItemView*>(parent->parentWidget()) != nullptr;
}

/// Visible siblings that lie over one another. What is meant to float over others says so with the property
/// "overlay".
inline QStringList overlaps(const QWidget* root) {
    QStringList found;
    QList<const QWidget*> visible;
    for (const auto* child : root->findChildren<const QWidget*>(QString(), Qt::FindDirectChildrenOnly))
        if (child->isVisible() && !child->isWindow() && !isInternal(child)) visible << child;
    for (qsizetype a = 0; a < visible.size(); ++a) {
        found += overlaps(visible[a]);
        if (visible[a]->property("overlay").toBool()) continue;
        for (qsizetype b = a + 1; b < visible.size(); ++b) {
            if (visible[b]->property("overlay").toBool()) continue;
            // A splitter's handle reaches over its neighbours on purpose, to be easy to take.
            if (qobject_cast<const QSplitterHandle*>(visible[a]) ||
                qobject_cast<const QSplitterHandle*>(visible[b]))
                continue;
            const QRect common = visible[a]->geometry() & visible[b]->geometry();
            if (common.width() > 1 && common.height() > 1)
                found << QStringLiteral("overlap: %1 lies over %2 by %3x%4")
                             .arg(placeOf(visible[a]), placeOf(visible[b]))
                             .arg(common.width())
                             .arg(common.height());
        }
    }
    // Those inside a scroll area are reached through its viewport.
    if (qobject_cast<const QAbstractScrollArea*>(root) && !qobject_cast<const QAbstractItemView*>(root))
        if (const auto* area = qobject_cast<const QAbstractScrollArea*>(root); area->viewport())
            found += overlaps(area->viewport());
    return found;
}

/// Texts that are cut off, and widgets that reach beyond what holds them.
inline QStringList clippings(const QWidget* root) {
    QStringList found;
    for (const auto* widget : root->findChildren<const QWidget*>()) {
        if (!widget->isVisible() || widget->isWindow() || isInternal(widget)) continue;
        const auto complain = [&](const QString& what) {
            found << QStringLiteral("cut off: %1: %2").arg(placeOf(widget), what);
        };
        const QSize has = widget->size();
        if (const auto* label = qobject_cast<const QLabel*>(widget); label && !label->text().isEmpty()) {
            if (label->wordWrap()) {
                const int needed = label->heightForWidth(has.width());
                if (needed > has.height() + 1)
                    complain(QStringLiteral("%1 high, needs %2").arg(has.height()).arg(needed));
                // A word that is longer than a line is cut, too.
                int longest = 0;
                for (const QString& word : label->text().split(QLatin1Char(' ')))
                    longest = std::max(longest, label->fontMetrics().horizontalAdvance(word));
                if (label->textFormat() == Qt::PlainText && longest > has.width() + 1)
                    complain(
                        QStringLiteral("%1 wide, its longest word needs %2").arg(has.width()).arg(longest));
            } else {
                const QSize needed = label->sizeHint();
                if (needed.width() > has.width() + 1 || needed.height() > has.height() + 1)
                    complain(QStringLiteral("%1x%2, needs %3x%4")
                                 .arg(has.width())
                                 .arg(has.height())
                                 .arg(needed.width())
                                 .arg(needed.height()));
            }
        }
        if (const auto* button = qobject_cast<const QAbstractButton*>(widget);
            button && !button->text().isEmpty()) {
            QSize needed = button->sizeHint();
            // What stands beside the text in a style sheet's padding may go; the text itself may not.
            const int text = button->fontMetrics().size(Qt::TextShowMnemonic, button->text()).width();
            if (text > has.width() || needed.height() > has.height() + 1 || needed.width() > has.width() + 1)
                complain(QStringLiteral("%1x%2, needs %3x%4")
                             .arg(has.width())
                             .arg(has.height())
                             .arg(needed.width())
                             .arg(needed.height()));
        }
        if (const auto* box = qobject_cast<const QComboBox*>(widget)) {
            const int text = box->fontMetrics().horizontalAdvance(box->currentText());
            if (text + 20 > has.width())
                complain(QStringLiteral("%1 wide, its text needs %2").arg(has.width()).arg(text + 20));
        }
        const QWidget* parent = widget->parentWidget();
        const bool scrolled = qobject_cast<const QAbstractScrollArea*>(parent->parentWidget()) != nullptr;
        if (!scrolled && !parent->rect().adjusted(-1, -1, 1, 1).contains(widget->geometry()) &&
            !has.isEmpty())
            complain(QStringLiteral("reaches beyond what holds it"));
    }
    return found;
}

/// Controls that say nothing to a screen reader.
inline QStringList nameless(const QWidget* root) {
    QStringList found;
    for (auto* widget : root->findChildren<QWidget*>()) {
        if (widget->isWindow() || isInternal(widget) || widget->focusPolicy() == Qt::NoFocus) continue;
        if (qobject_cast<QScrollBar*>(widget)) continue;
        const bool control = qobject_cast<QAbstractButton*>(widget) || qobject_cast<QLineEdit*>(widget) ||
                             qobject_cast<QComboBox*>(widget) || qobject_cast<QAbstractSpinBox*>(widget) ||
                             qobject_cast<QAbstractSlider*>(widget) ||
                             qobject_cast<QAbstractItemView*>(widget) || qobject_cast<QTextEdit*>(widget) ||
                             qobject_cast<QPlainTextEdit*>(widget) || (widget->focusPolicy() & Qt::TabFocus);
        if (!control) continue;
        QAccessibleInterface* reader = QAccessible::queryAccessibleInterface(widget);
        if (!reader || reader->text(QAccessible::Name).trimmed().isEmpty())
            found << QStringLiteral("no name: %1").arg(placeOf(widget));
    }
    return found;
}

}  // namespace tessera::test
