#include "ui/shell/popup.h"

#include <QApplication>
#include <QCloseEvent>
#include <QKeyEvent>
#include <QMouseEvent>
#include <QPainter>
#include <algorithm>

#include "ui/theme/theme.h"
#include "ui/widgets/basics.h"

namespace tessera::ui {

Popup::Popup(QWidget* window)
    : QWidget(window), m_panel(new QFrame(this)), m_before(QApplication::focusWidget()) {
    setAttribute(Qt::WA_DeleteOnClose);
    setProperty("overlay", true);
    m_panel->setObjectName(QStringLiteral("popup"));
    Theme::instance().dress(this);
    window->installEventFilter(this);
    hide();
}

void Popup::open(const QSize& size) {
    m_wanted = size;
    place();
    show();
    raise();
    (focusProxy() ? focusProxy() : m_panel)->setFocus(Qt::PopupFocusReason);
}

void Popup::place() {
    const QRect whole = parentWidget()->rect();
    setGeometry(whole);
    const QSize room = whole.size() - QSize(kGap * 6, kGap * 12);
    m_panel->resize(m_wanted.boundedTo(room));
    m_panel->move((whole.width() - m_panel->width()) / 2, kGap * 7);
}

bool Popup::eventFilter(QObject* watched, QEvent* event) {
    if (watched == parentWidget() && event->type() == QEvent::Resize) place();
    return QWidget::eventFilter(watched, event);
}

void Popup::paintEvent(QPaintEvent*) {
    QPainter painter(this);
    painter.fillRect(rect(), QColor(0, 0, 0, Theme::instance().tokens().dark ? 130 : 60));
}

void Popup::mousePressEvent(QMouseEvent* event) {
    if (!m_panel->geometry().contains(event->position().toPoint())) close();
}

void Popup::keyPressEvent(QKeyEvent* event) {
    if (event->key() == Qt::Key_Escape)
        close();
    else
        QWidget::keyPressEvent(event);
}

void Popup::closeEvent(QCloseEvent* event) {
    if (m_before) m_before->setFocus(Qt::PopupFocusReason);
    QWidget::closeEvent(event);
}

// Tab stays inside while this is open.
bool Popup::focusNextPrevChild(bool next) {
    QWidget* focus = QApplication::focusWidget();
    if (!focus || !isAncestorOf(focus)) focus = m_panel;
    for (QWidget* each = next ? focus->nextInFocusChain() : focus->previousInFocusChain();
         each && each != focus; each = next ? each->nextInFocusChain() : each->previousInFocusChain())
        if (m_panel->isAncestorOf(each) && each->isVisible() && each->isEnabled() &&
            (each->focusPolicy() & Qt::TabFocus)) {
            each->setFocus(next ? Qt::TabFocusReason : Qt::BacktabFocusReason);
            return true;
        }
    return true;
}

}  // namespace tessera::ui
