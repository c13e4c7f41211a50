#pragma once

#include <QScrollArea>

namespace tessera::ui {

class Page;

/// Holds a page: as large as there is room, and never smaller than the page needs, so that on a small or much
/// scaled window it scrolls instead of being cut off.
class PageFrame : public QScrollArea {
    Q_OBJECT
  public:
    explicit PageFrame(Page* page, QWidget* parent = nullptr);

  protected:
    bool eventFilter(QObject* watched, QEvent* event) override;
    void resizeEvent(QResizeEvent* event) override;

  private:
    void fit();
};

}  // namespace tessera::ui
