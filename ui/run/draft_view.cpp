#include "ui/run/draft_view.h"

#include <QAction>
#include <QApplication>
#include <QClipboard>
#include <QHBoxLayout>
#include <QResizeEvent>
#include <QScrollArea>
#include <QTimer>
#include <QVBoxLayout>

#include "ui/client/engine_client.h"
#include "ui/client/libraries.h"
#include "ui/client/run_record.h"
#include "ui/client/sentences.h"
#include "ui/run/preflight_card.h"
#include "ui/run/remedies.h"
#include "ui/run/run_form.h"
#include "ui/theme/icons.h"
#include "ui/widgets/basics.h"
#include "ui/workspace/actions.h"
#include "ui/workspace/workspace.h"

namespace tessera::ui {

namespace {

/// As tall as the form where there is room, so that a large window shows no empty card.
class FormScroll : public QScrollArea {
  public:
    using QScrollArea::QScrollArea;
    QSize sizeHint() const override {
        if (!widget()) return QScrollArea::sizeHint();
        const int width = std::max(viewport()->width(), widget()->minimumSizeHint().width());
        const int height =
            widget()->hasHeightForWidth() ? widget()->heightForWidth(width) : widget()->sizeHint().height();
        return {widget()->sizeHint().width(), height};
    }
    QSize minimumSizeHint() const override { return {QScrollArea::minimumSizeHint().width(), 0}; }

  protected:
    bool eventFilter(QObject* watched, QEvent* event) override {
        if (watched == widget() && event->type() == QEvent::LayoutRequest) updateGeometry();
        return QScrollArea::eventFilter(watched, event);
    }
    void resizeEvent(QResizeEvent* event) override {
        QScrollArea::resizeEvent(event);
        if (event->oldSize().width() != event->size().width()) updateGeometry();
    }
};

}  // namespace

DraftView::DraftView(Workspace& workspace, QWidget* parent) : QWidget(parent), m_workspace(workspace) {
    // Lines and sliders across a whole wide screen are hard to read: the page stays a page.
    auto* across = new QHBoxLayout(this);
    across->setContentsMargins(0, 0, 0, 0);
    auto* sheet = new QWidget(this);
    sheet->setMaximumWidth(fontMetrics().averageCharWidth() * 190);
    across->addStretch(1);
    across->addWidget(sheet, 1000);
    across->addStretch(1);
    auto* column = new QVBoxLayout(sheet);
    column->setContentsMargins(kGap * 3, kGap * 3, kGap * 3, kGap * 2);
    column->setSpacing(kGap * 2);

    auto* above = new QWidget(sheet);
    auto* top = new QVBoxLayout(above);
    top->setContentsMargins(0, 0, 0, 0);
    top->setSpacing(column->spacing());
    auto* head = new QHBoxLayout;
    head->setSpacing(kGap);
    head->addWidget(heading(tr("New run"), above));
    head->addStretch();
    m_back = plainButton(tr("Back to the run"), QStringLiteral("arrow-left"), this);
    connect(m_back, &QPushButton::clicked, this, [this] { m_workspace.setDrafting(false); });
    m_copy = plainButton(tr("Copy as command line"), QStringLiteral("command"), this);
    connect(m_copy, &QPushButton::clicked, this, &DraftView::copyCommandLine);
    m_start = primaryButton(tr("Start"), this);
    m_start->setToolTip(tr("Start the run (Ctrl+R)"));
    m_start->setObjectName(QStringLiteral("run.start.button"));
    for (auto* button : {m_back, m_copy, m_start}) head->addWidget(button);
    top->addLayout(head);
    m_banner = new Banner(this);
    top->addWidget(m_banner);
    column->addWidget(above);

    auto* row = new QHBoxLayout;
    row->setSpacing(kGap * 2);
    auto* card = new Card(this);
    auto* inCard = new QVBoxLayout(card);
    inCard->setContentsMargins(1, 1, 1, 1);
    auto* scroll = new FormScroll(card);
    scroll->setWidgetResizable(true);
    scroll->setFrameShape(QFrame::NoFrame);
    scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    scroll->setAccessibleName(tr("Settings of the run"));
    scroll->setFocusPolicy(Qt::NoFocus);
    m_form = new RunForm(workspace.models(), scroll);
    scroll->setWidget(m_form);
    scroll->viewport()->setAutoFillBackground(false);
    m_form->setAutoFillBackground(false);
    inCard->addWidget(scroll);
    m_preflight = new PreflightCard(this);
    m_preflight->setFixedWidth(fontMetrics().averageCharWidth() * 46);
    row->addWidget(card, 1, Qt::AlignTop);
    row->addWidget(m_preflight, 0, Qt::AlignTop);
    column->addLayout(row, 1);

    m_startAction =
        workspace.actions().add(QStringLiteral("run.start"), tr("Run"), tr("Start the run"),
                                QKeySequence(QStringLiteral("Ctrl+R")), QStringLiteral("player-play"));
    connect(m_startAction, &QAction::triggered, this, &DraftView::start);
    connect(m_start, &QPushButton::clicked, this, &DraftView::start);
    connect(m_form, &RunForm::changed, this, &DraftView::formChanged);
    connect(m_preflight, &PreflightCard::stepsKnown, m_form, &RunForm::setQuickSteps);
    connect(m_preflight, &PreflightCard::leverPulled, m_form, &RunForm::apply);
    connect(&workspace, &Workspace::chosenModelChanged, this,
            [this] { m_form->setModel(m_workspace.chosenModel()); });
    connect(&workspace, &Workspace::draftWanted, this, [this] { m_form->setSpec(m_workspace.draftSpec()); });
    connect(&workspace, &Workspace::runningChanged, this, &DraftView::runningChanged);
    connect(&workspace.engine(), &EngineClient::busyChanged, this, &DraftView::runningChanged);
    m_form->setModel(workspace.chosenModel());
    if (workspace.draftSpec().is_object()) m_form->setSpec(workspace.draftSpec());
}

void DraftView::setShown(bool shown) {
    m_shown = shown;
    const auto* current = m_workspace.current();
    m_back->setVisible(current != nullptr);
    if (current) m_back->setText(tr("Back to %1").arg(current->name()));
    formChanged();
}

bool DraftView::settled() const {
    return m_preflight->settled();
}

QWidget* DraftView::firstFocus() const {
    return m_start;
}

void DraftView::formChanged() {
    const auto spec = m_form->check();
    m_valid = spec.has_value();
    m_copy->setEnabled(m_valid);
    if (!m_shown) return m_preflight->rest({});
    m_banner->clear();
    if (!m_valid)
        m_preflight->rest(tr("One of the settings is not possible: see the sentence at it."));
    else
        runningChanged();
}

void DraftView::runningChanged() {
    const bool busy = m_workspace.engine().busy() || m_workspace.running();
    m_startAction->setEnabled(m_shown && !busy);
    m_start->setEnabled(!busy);
    m_start->setToolTip(busy ? tr("The engine is busy: wait for it, or stop it first")
                             : tr("Start the run (Ctrl+R)"));
    if (!m_shown || !m_valid) return;
    if (busy)
        m_preflight->rest(tr("Not measured while a run is going."));
    else
        m_preflight->check(m_form->spec());
}

void DraftView::start() {
    if (!m_shown || !m_start->isEnabled()) return;
    if (!m_form->check()) {
        if (auto* wrong = m_form->wrongField()) wrong->setFocus(Qt::OtherFocusReason);
        return;
    }
    m_preflight->rest({});
    m_workspace.start(m_form->spec());
    // Where there is no engine, what the card says of it stays.
    if (!m_workspace.running()) runningChanged();
}

void DraftView::refused(const Json& error) {
    const auto summary = asSentence(errorSummary(error));
    m_form->showProblem(textAt(error, "where"), summary);
    auto sentence = summary;
    const auto remedies = remediesOf(error);
    for (const auto& remedy : remedies)
        if (remedy.option.isEmpty()) sentence += QLatin1Char(' ') + asSentence(remedy.text);
    m_banner->tell(Banner::Kind::Failure, sentence);
    for (const auto& remedy : remedies)
        if (!remedy.option.isEmpty())
            m_banner->addButton(remedy.text, [this, remedy] { m_form->apply(remedy.option, remedy.value); });
}

void DraftView::copyCommandLine() {
    const auto spec = m_form->check();
    if (!spec) return;
    QApplication::clipboard()->setText(QString::fromStdString(spec->commandLine()));
    m_copy->setText(tr("Copied"));
    QTimer::singleShot(1500, this, [this] { m_copy->setText(tr("Copy as command line")); });
}

}  // namespace tessera::ui
