#include "ui/shell/wheel_guard.h"

#include <QAbstractSlider>
#include <QAbstractSpinBox>
#include <QApplication>
#include <QComboBox>
#include <QEvent>
#include <QScrollBar>

namespace tessera::ui {

namespace {

/// A control whose value the wheel would change.
QWidget* valueControl(QObject* object) {
    if (!object->isWidgetType() || qobject_cast<QScrollBar*>(object)) return nullptr;
    const bool one = qobject_cast<QComboBox*>(object) || qobject_cast<QAbstractSpinBox*>(object) ||
                     qobject_cast<QAbstractSlider*>(object);
    return one ? static_cast<QWidget*>(object) : nullptr;
}

}  // namespace

WheelGuard::WheelGuard(QObject* parent) : QObject(parent) {
    qApp->installEventFilter(this);
}

bool WheelGuard::eventFilter(QObject* watched, QEvent* event) {
    if (event->type() == QEvent::Polish) {
        // The wheel itself must not bring the keyboard.
        if (QWidget* control = valueControl(watched); control && control->focusPolicy() == Qt::WheelFocus)
            control->setFocusPolicy(Qt::StrongFocus);
    } else if (event->type() == QEvent::Wheel) {
        if (const QWidget* control = valueControl(watched); control && !control->hasFocus()) {
            event->ignore();  // goes on to what scrolls
            return true;
        }
    }
    return QObject::eventFilter(watched, event);
}

}  // namespace tessera::ui
