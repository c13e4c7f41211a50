#include "ui/shell/page_factory.h"

#include "ui/benchmark/benchmark_page.h"
#include "ui/compare/compare_page.h"
#include "ui/home/home_page.h"
#include "ui/inspect/inspect_page.h"
#include "ui/playground/playground_page.h"
#include "ui/run/run_page.h"

namespace tessera::ui {

PageDescription pageDescription(PageId id) {
    switch (id) {
        case PageId::Home:
            return {"Home", "home"};
        case PageId::Run:
            return {"Run", "chart-line"};
        case PageId::Inspect:
            return {"Inspect", "layout-grid"};
        case PageId::Compare:
            return {"Compare", "table"};
        case PageId::Playground:
            return {"Playground", "messages"};
        case PageId::Benchmark:
            return {"Benchmark", "gauge"};
    }
    return {};
}

Page* makePage(PageId id, Workspace& workspace, QWidget* parent) {
    switch (id) {
        case PageId::Home:
            return new HomePage(workspace, parent);
        case PageId::Run:
            return new RunPage(workspace, parent);
        case PageId::Inspect:
            return new InspectPage(workspace, parent);
        case PageId::Compare:
            return new ComparePage(workspace, parent);
        case PageId::Playground:
            return new PlaygroundPage(workspace, parent);
        case PageId::Benchmark:
            return new BenchmarkPage(workspace, parent);
    }
    return nullptr;
}

}  // namespace tessera::ui
