#pragma once

#include <QObject>

namespace tessera::ui {

/// Keeps the wheel that scrolls a page from changing the choice, number or slider that comes under the
/// pointer: only one that has the keyboard takes it. Filters all events of the application while it lives.
class WheelGuard : public QObject {
    Q_OBJECT
  public:
    explicit WheelGuard(QObject* parent);

  protected:
    bool eventFilter(QObject* watched, QEvent* event) override;
};

}  // namespace tessera::ui
