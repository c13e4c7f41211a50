#include "ui/workspace/page.h"

namespace tessera::ui {

QString pageName(PageId id) {
    switch (id) {
        case PageId::Home:
            return QStringLiteral("home");
        case PageId::Run:
            return QStringLiteral("run");
        case PageId::Inspect:
            return QStringLiteral("inspect");
        case PageId::Compare:
            return QStringLiteral("compare");
        case PageId::Playground:
            return QStringLiteral("playground");
        case PageId::Benchmark:
            return QStringLiteral("benchmark");
    }
    return {};
}

}  // namespace tessera::ui
