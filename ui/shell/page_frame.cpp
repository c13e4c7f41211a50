#include "ui/shell/page_frame.h"

#include <QEvent>
#include <QLayout>
#include <QScrollBar>
#include <algorithm>

#include "ui/theme/theme.h"
#include "ui/workspace/page.h"

namespace tessera::ui {

namespace {

// Qt's own resizing asks for the height that a page would like to have; charts like more than they need.
int leastHeight(const QWidget& page, int width) {
    const QLayout* layout = page.layout();
    const int least = layout && layout->hasHeightForWidth() ? layout->totalMinimumHeightForWidth(width) : 0;
    return std::max(least, page.minimumSizeHint().height());
}

}  // namespace

PageFrame::PageFrame(Page* page, QWidget* parent) : QScrollArea(parent) {
    setFrameShape(QFrame::NoFrame);
    setFocusPolicy(Qt::NoFocus);
    setWidget(page);
    auto& theme = Theme::instance();
    theme.dress(horizontalScrollBar());
    theme.dress(verticalScrollBar());
    theme.dress(page);
}

void PageFrame::fit() {
    QWidget* page = widget();
    QSize room = maximumViewportSize();
    if (leastHeight(*page, room.width()) > room.height())
        room.rwidth() -= verticalScrollBar()->sizeHint().width();
    const int width = std::max(room.width(), page->minimumSizeHint().width());
    page->resize(width, std::max(room.height(), leastHeight(*page, width)));
}

bool PageFrame::eventFilter(QObject* watched, QEvent* event) {
    const bool done = QScrollArea::eventFilter(watched, event);
    if (watched == widget() && event->type() == QEvent::LayoutRequest) fit();
    return done;
}

void PageFrame::resizeEvent(QResizeEvent* event) {
    QScrollArea::resizeEvent(event);
    fit();
}

}  // namespace tessera::ui
