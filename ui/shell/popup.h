#pragma once

#include <QFrame>

namespace tessera::ui {

/// A panel over the upper middle of its window; Esc or a click beside it closes it, and the keyboard goes
/// back to where it was. Deletes itself when closed.
class Popup : public QFrame {
    Q_OBJECT
  public:
    explicit Popup(QWidget* window);
    /// At most `size`, less where the window is smaller.
    void open(const QSize& size);
};

}  // namespace tessera::ui
