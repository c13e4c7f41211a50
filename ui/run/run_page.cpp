#include "ui/run/run_page.h"

#include <QStackedWidget>
#include <QVBoxLayout>

#include "ui/client/run_record.h"
#include "ui/run/draft_view.h"
#include "ui/run/live_view.h"
#include "ui/workspace/workspace.h"

namespace tessera::ui {

RunPage::RunPage(Workspace& workspace, QWidget* parent) : Page(workspace, parent) {
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(0, 0, 0, 0);
    m_stack = new QStackedWidget(this);
    column->addWidget(m_stack);
    m_draft = new DraftView(workspace, this);
    m_live = new LiveView(workspace, this);
    m_stack->addWidget(m_draft);
    m_stack->addWidget(m_live);
    connect(&workspace, &Workspace::currentChanged, this, &RunPage::showWhatHolds);
    connect(&workspace, &Workspace::runningChanged, this, &RunPage::showWhatHolds);
    connect(&workspace, &Workspace::draftingChanged, this, &RunPage::showWhatHolds);
    connect(&workspace, &Workspace::startRefused, this, [this](const Json& error) {
        this->workspace().setDrafting(true);
        m_draft->refused(error);
    });
    showWhatHolds();
}

RunRecord* RunPage::shownRecord() const {
    // A run that was just asked for is no one's current yet.
    auto* running = workspace().running();
    return running && running->path().empty() ? running : workspace().current();
}

void RunPage::showWhatHolds() {
    auto* record = shownRecord();
    // Also while the form is shown: the old record may be gone.
    m_live->setRecord(record);
    const bool drafting = workspace().drafting() || !record;
    const bool turned = m_stack->currentWidget() != (drafting ? static_cast<QWidget*>(m_draft) : m_live);
    if (drafting)
        m_stack->setCurrentWidget(m_draft);
    else
        m_stack->setCurrentWidget(m_live);
    m_draft->setShown(drafting);
    if (turned && isVisible()) firstFocus()->setFocus(Qt::OtherFocusReason);
}

QString RunPage::title() const {
    return tr("Run");
}

bool RunPage::settled() const {
    return m_stack->currentWidget() == m_draft ? m_draft->settled() : m_live->settled();
}

QWidget* RunPage::firstFocus() {
    return m_stack->currentWidget() == m_draft ? m_draft->firstFocus() : m_live->firstFocus();
}

}  // namespace tessera::ui
