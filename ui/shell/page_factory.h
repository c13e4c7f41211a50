#pragma once

#include "ui/workspace/page.h"

namespace tessera::ui {

/// What the rail and the View menu say of a page, without making it.
struct PageDescription {
    const char* title;
    const char* icon;
};
PageDescription pageDescription(PageId id);

/// The one place that knows every page's class.
Page* makePage(PageId id, Workspace& workspace, QWidget* parent);

}  // namespace tessera::ui
