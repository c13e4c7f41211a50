#include "ui/shell/popup.h"

#include <algorithm>

#include "ui/widgets/basics.h"

namespace tessera::ui {

Popup::Popup(QWidget* window)
    : QFrame(window, Qt::Popup | Qt::FramelessWindowHint | Qt::NoDropShadowWindowHint) {
    setAttribute(Qt::WA_DeleteOnClose);
    setObjectName(QStringLiteral("popup"));
    setStyleSheet(QStringLiteral("#popup { background: palette(base); border: 1px solid palette(mid); }"));
}

void Popup::open(const QSize& size) {
    const QWidget* window = parentWidget()->window();
    const QSize room = window->size() - QSize(kGap * 6, kGap * 12);
    resize(std::min(size.width(), room.width()), std::min(size.height(), room.height()));
    move(window->mapToGlobal(QPoint((window->width() - width()) / 2, kGap * 6)));
    show();
}

}  // namespace tessera::ui
