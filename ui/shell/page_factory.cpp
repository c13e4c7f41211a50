#include "ui/shell/page_factory.h"

#include "ui/widgets/basics.h"
#if __has_include("ui/benchmark/benchmark_page.h")
#include "ui/benchmark/benchmark_page.h"
#define HAVE_BENCHMARK
#endif
#if __has_include("ui/compare/compare_page.h")
#include "ui/compare/compare_page.h"
#define HAVE_COMPARE
#endif
#if __has_include("ui/home/home_page.h")
#include "ui/home/home_page.h"
#define HAVE_HOME
#endif
#if __has_include("ui/inspect/inspect_page.h")
#include "ui/inspect/inspect_page.h"
#define HAVE_INSPECT
#endif
#if __has_include("ui/playground/playground_page.h")
#include "ui/playground/playground_page.h"
#define HAVE_PLAYGROUND
#endif
#if __has_include("ui/run/run_page.h")
#include "ui/run/run_page.h"
#define HAVE_RUN
#endif
#include <QVBoxLayout>

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

namespace {
class ComingPage : public Page {
  public:
    ComingPage(Workspace& w, QWidget* parent) : Page(w, parent) {
        auto* l = new QVBoxLayout(this);
        l->addWidget(new EmptyState("home", "Page", "Not built yet.", this));
    }
    QString title() const override { return "Page"; }
};
}  // namespace

Page* makePage(PageId id, Workspace& workspace, QWidget* parent) {
    switch (id) {
#ifdef HAVE_HOME
        case PageId::Home:
            return new HomePage(workspace, parent);
#endif
#ifdef HAVE_RUN
        case PageId::Run:
            return new RunPage(workspace, parent);
#endif
#ifdef HAVE_INSPECT
        case PageId::Inspect:
            return new InspectPage(workspace, parent);
#endif
#ifdef HAVE_COMPARE
        case PageId::Compare:
            return new ComparePage(workspace, parent);
#endif
#ifdef HAVE_PLAYGROUND
        case PageId::Playground:
            return new PlaygroundPage(workspace, parent);
#endif
#ifdef HAVE_BENCHMARK
        case PageId::Benchmark:
            return new BenchmarkPage(workspace, parent);
#endif
        default:
            return new ComingPage(workspace, parent);
    }
}

}  // namespace tessera::ui
