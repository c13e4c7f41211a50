#pragma once

#include <QFrame>
#include <QPointer>

namespace tessera::ui {

/// A panel over the upper middle of its window, which is dimmed behind it. Esc or a press beside the panel
/// closes it, and the keyboard goes back to where it was. Not modal: the window's shortcuts work on. Deletes
/// itself when closed.
class Popup : public QWidget {
    Q_OBJECT
  public:
    explicit Popup(QWidget* window);
    /// What is shown is laid out in here.
    QFrame* panel() const { return m_panel; }
    /// The panel is of at most this size, less where the window is smaller.
    void open(const QSize& size);

  protected:
    bool eventFilter(QObject* watched, QEvent* event) override;
    void paintEvent(QPaintEvent* event) override;
    void mousePressEvent(QMouseEvent* event) override;
    void keyPressEvent(QKeyEvent* event) override;
    void closeEvent(QCloseEvent* event) override;
    bool focusNextPrevChild(bool next) override;

  private:
    void place();

    QFrame* m_panel;
    QSize m_wanted;
    QPointer<QWidget> m_before;
};

}  // namespace tessera::ui
