#include "ui/inspect/inspect_page.h"

#include <QAction>
#include <QComboBox>
#include <QHBoxLayout>
#include <QLabel>
#include <QSettings>
#include <QSplitter>
#include <QStackedLayout>
#include <QToolButton>
#include <QVBoxLayout>

#include "ui/client/run_record.h"
#include "ui/inspect/breadcrumb.h"
#include "ui/inspect/colour_legend.h"
#include "ui/inspect/heatmap_view.h"
#include "ui/inspect/matrix_panel.h"
#include "ui/inspect/read_out.h"
#include "ui/inspect/snapshot_slider.h"
#include "ui/theme/icons.h"
#include "ui/widgets/basics.h"
#include "ui/workspace/actions.h"
#include "ui/workspace/workspace.h"

namespace tessera::ui {

namespace {

constexpr int kFollowMs = 250;
constexpr std::size_t kDetailsKept = 6;
constexpr int kProblemsShown = 3;
constexpr const char* kPaletteSetting = "inspect/palette";

}  // namespace

InspectPage::InspectPage(Workspace& workspace, QWidget* parent) : Page(workspace, parent) {
    build();
    connectLoader();
    addActions();
    m_followTimer.setSingleShot(true);
    m_followTimer.setInterval(kFollowMs);
    connect(&m_followTimer, &QTimer::timeout, this, [this] {
        if (isVisible() && m_opened) m_loader.refresh();
    });
    connect(&workspace, &Workspace::currentChanged, this, &InspectPage::openCurrent);
    connect(&workspace, &Workspace::chosenModelChanged, this, &InspectPage::openCurrent);
}

InspectPage::~InspectPage() = default;

QString InspectPage::title() const {
    return tr("Inspect");
}

bool InspectPage::settled() const {
    return !m_stale && !m_loader.busy() && !m_followTimer.isActive();
}

QWidget* InspectPage::firstFocus() {
    return m_stack->currentWidget() == m_content ? static_cast<QWidget*>(m_view) : this;
}

void InspectPage::build() {
    m_stack = new QStackedLayout(this);
    m_empty =
        new EmptyState(QStringLiteral("layout-grid"), tr("Nothing to inspect yet"),
                       tr("Choose a model or start a run: its matrices, tiles and weights are shown here."));
    m_empty->addButton(tr("Choose a model"), [this] { workspace().goTo(PageId::Home); });
    m_stack->addWidget(m_empty);
    m_content = new QWidget;
    m_stack->addWidget(m_content);

    auto* column = new QVBoxLayout(m_content);
    column->setContentsMargins(kGap * 3, kGap * 2, kGap * 3, kGap * 2);
    column->setSpacing(kGap);
    m_banner = new Banner(m_content);
    column->addWidget(m_banner);
    column->addWidget(buildTools());

    m_view = new HeatmapView(m_content);
    m_legend = new ColourLegend(m_content);
    m_slider = new SnapshotSlider(m_content);
    m_panel = new MatrixPanel(m_content);
    auto* card = new Card(m_content);
    auto* inCard = new QVBoxLayout(card);
    inCard->setContentsMargins(kGap, kGap, kGap, kGap);
    inCard->setSpacing(kGap);
    inCard->addWidget(m_view, 1);
    auto* below = new QVBoxLayout;
    below->setContentsMargins(kGap, 0, kGap, 0);
    below->setSpacing(kGap);
    below->addWidget(m_legend);
    below->addWidget(m_slider);
    inCard->addLayout(below);

    m_split = new QSplitter(Qt::Horizontal, m_content);
    m_split->setChildrenCollapsible(false);
    m_split->setHandleWidth(kGap * 2);
    m_split->addWidget(card);
    m_split->addWidget(m_panel);
    m_split->setStretchFactor(0, 1);
    m_split->setStretchFactor(1, 0);
    column->addWidget(m_split, 1);

    m_readOut = new QLabel(m_content);
    m_readOut->setTextFormat(Qt::PlainText);
    m_readOut->setTextInteractionFlags(Qt::TextSelectableByMouse);
    m_readOut->setFocusPolicy(Qt::NoFocus);
    m_readOut->setWordWrap(true);
    m_readOut->setAlignment(Qt::AlignLeft | Qt::AlignTop);
    m_readOut->setAccessibleName(tr("What is selected"));
    // Two lines are there always, so that the map does not jump when a text is longer.
    m_readOut->setMinimumHeight(m_readOut->fontMetrics().lineSpacing() * 2 + 2);
    column->addWidget(m_readOut);

    connect(m_view, &HeatmapView::changed, this, &InspectPage::viewChanged);
    connect(m_view, &HeatmapView::pointed, this, [this] { m_readOut->setText(m_view->readOut()); });
    connect(m_view, &HeatmapView::snapshotStepped, m_slider, &SnapshotSlider::moveBy);
    connect(m_trail, &Breadcrumb::pressed, this, [this](Level level) {
        m_view->goTo(level);
        m_view->setFocus();
    });
    connect(m_slider, &SnapshotSlider::stepChanged, this, &InspectPage::showStep);
    connect(m_panel, &MatrixPanel::selected, this, [this](int matrix) {
        if (matrix != m_view->navigator().selected().matrix) m_view->select({matrix, 0, 0});
    });
    connect(m_panel, &MatrixPanel::activated, this, [this](int matrix) {
        m_view->select({matrix, 0, 0});
        m_view->goTo(Level::Matrix);
        m_view->setFocus();
    });
    connect(&Theme::instance(), &Theme::changed, this, &InspectPage::viewChanged);
}

QWidget* InspectPage::buildTools() {
    auto* tools = new QWidget(m_content);
    auto* row = new QHBoxLayout(tools);
    row->setContentsMargins(0, 0, 0, 0);
    row->setSpacing(kGap);
    m_trail = new Breadcrumb(tools);
    m_colouring = new QComboBox(tools);
    m_colouring->setAccessibleName(tr("Colour by"));
    m_colouring->setToolTip(tr("What the colours of the map tell"));
    m_colouring->setSizeAdjustPolicy(QComboBox::AdjustToContents);
    m_palette = new QComboBox(tools);
    m_palette->setAccessibleName(tr("Palette"));
    m_palette->setToolTip(tr("Viridis, Cividis for colour-blind eyes, or plain ink on paper"));
    for (const auto palette : {Palette::Viridis, Palette::Cividis, Palette::Ink})
        m_palette->addItem(paletteName(palette), static_cast<int>(palette));
    m_contrast = new QToolButton(tools);
    m_contrast->setCheckable(true);
    m_contrast->setIcon(themedIcon(QStringLiteral("adjustments")));
    m_contrast->setAccessibleName(tr("Auto contrast"));
    m_contrast->setToolTip(
        tr("Auto contrast: the colours span what is drawn, the legend says from where to where"));
    row->addWidget(m_trail, 1);
    row->addWidget(m_colouring);
    row->addWidget(m_palette);
    row->addWidget(m_contrast);
    connect(m_colouring, &QComboBox::activated, this,
            [this] { m_view->setColouring(static_cast<Colouring>(m_colouring->currentData().toInt())); });
    connect(m_palette, &QComboBox::activated, this, [this] {
        const int palette = m_palette->currentData().toInt();
        QSettings().setValue(QLatin1String(kPaletteSetting), palette);
        m_view->setPalette(static_cast<Palette>(palette));
    });
    connect(m_contrast, &QToolButton::toggled, this, [this](bool on) { m_view->setAutoContrast(on); });
    return tools;
}

void InspectPage::addAction(const QString& id, const QString& text, const QKeySequence& key,
                            std::function<void()> act, const QString& icon) {
    auto* action = workspace().actions().add(id, tr("Inspect"), text, key, icon);
    // The keys are the map's own: they mean nothing where it has not the keyboard.
    action->setShortcutContext(Qt::WidgetShortcut);
    m_view->addAction(action);
    connect(action, &QAction::triggered, this, [act = std::move(act)] { act(); });
    m_actions << action;
}

void InspectPage::addActions() {
    using namespace Qt;
    addAction(QStringLiteral("inspect.in"), tr("Open what is selected on the map"), Key_Return,
              [this] { m_view->descend(); });
    addAction(QStringLiteral("inspect.out"), tr("Go back up on the map"), Key_Backspace,
              [this] { m_view->ascend(); });
    addAction(QStringLiteral("inspect.model"), tr("Show the whole model"), Key_Home,
              [this] { m_view->goTo(Level::Model); });
    addAction(
        QStringLiteral("inspect.zoom-in"), tr("Zoom into the map"), Key_Plus,
        [this] { m_view->zoomBy(1.35); }, QStringLiteral("zoom-in"));
    addAction(
        QStringLiteral("inspect.zoom-out"), tr("Zoom out of the map"), Key_Minus,
        [this] { m_view->zoomBy(1 / 1.35); }, QStringLiteral("zoom-out"));
    addAction(QStringLiteral("inspect.next-matrix"), tr("Show the next matrix"), Key_PageDown,
              [this] { m_view->stepMatrix(1); });
    addAction(QStringLiteral("inspect.previous-matrix"), tr("Show the previous matrix"), Key_PageUp,
              [this] { m_view->stepMatrix(-1); });
    addAction(QStringLiteral("inspect.next-block"), tr("Show the next block"), Key_BracketRight,
              [this] { m_view->stepBlock(1); });
    addAction(QStringLiteral("inspect.previous-block"), tr("Show the previous block"), Key_BracketLeft,
              [this] { m_view->stepBlock(-1); });
    addAction(
        QStringLiteral("inspect.next-snapshot"), tr("Show the next snapshot"), SHIFT | Key_Right,
        [this] { m_slider->moveBy(1); }, QStringLiteral("player-skip-forward"));
    addAction(
        QStringLiteral("inspect.previous-snapshot"), tr("Show the previous snapshot"), SHIFT | Key_Left,
        [this] { m_slider->moveBy(-1); }, QStringLiteral("player-skip-back"));
    addAction(
        QStringLiteral("inspect.play"), tr("Play the snapshots"), SHIFT | Key_Space,
        [this] { m_slider->play(!m_slider->playing()); }, QStringLiteral("player-play"));
    addAction(
        QStringLiteral("inspect.contrast"), tr("Fit the colours to what is drawn"), SHIFT | Key_C,
        [this] { m_contrast->toggle(); }, QStringLiteral("adjustments"));
    for (auto* action : m_actions) action->setEnabled(false);
}

void InspectPage::connectLoader() {
    connect(&m_loader, &MaskLoader::opened, this, [this](const SourceFacts& facts) { take(facts, true); });
    connect(&m_loader, &MaskLoader::refreshed, this,
            [this](const SourceFacts& facts) { take(facts, false); });
    connect(&m_loader, &MaskLoader::problem, this, [this](const QString& sentence) {
        m_problems << sentence;
        // The first say what is wrong, later ones are mostly its consequences.
        m_banner->tell(Banner::Kind::Warning, m_problems.mid(0, kProblemsShown).join(QLatin1Char('\n')));
    });
    connect(&m_loader, &MaskLoader::frameRead, this, [this](std::int64_t step, const FramePtr& frame) {
        if (!frame) {
            // What cannot be read is no step of the slider; the next one beside it is shown.
            m_unreadable.insert(step);
            return m_slider->setSteps(readableSteps());
        }
        if (!m_facts.steps.empty() && step != m_slider->step()) return;
        m_panel->setFrame(frame);
        m_view->setFrame(frame);
    });
    connect(&m_loader, &MaskLoader::detailRead, this,
            [this](int matrix, std::int64_t, const DetailPtr& detail) {
                if (!detail) return;
                m_details.push_front(detail);
                if (m_details.size() > kDetailsKept) m_details.pop_back();
                if (matrix == m_view->navigator().selected().matrix) m_view->setDetail(detail);
            });
    connect(&m_loader, &MaskLoader::valuesRead, m_view, &HeatmapView::setValues);
    connect(&m_loader, &MaskLoader::changesRead, m_view, &HeatmapView::setChanges);
    connect(m_view, &HeatmapView::detailWanted, this, [this](int matrix, bool changes) {
        const auto step = m_view->data().frame->step;
        for (const auto& detail : m_details)
            if (detail->matrix == matrix && detail->step == step && (detail->hasChanges || !changes) &&
                detail != m_view->data().detail)
                return m_view->setDetail(detail);
        m_loader.readDetail(matrix, step, changes);
    });
    connect(m_view, &HeatmapView::valuesWanted, &m_loader, &MaskLoader::readValues);
    connect(m_view, &HeatmapView::changesWanted, this,
            [this] { m_loader.readChanges(m_view->data().frame->step); });
}

void InspectPage::showEvent(QShowEvent* event) {
    Page::showEvent(event);
    for (auto* action : m_actions) action->setEnabled(true);
    if (m_stale || (!m_opened && !m_opening))
        openCurrent();
    else
        follow();
}

void InspectPage::hideEvent(QHideEvent* event) {
    Page::hideEvent(event);
    for (auto* action : m_actions) action->setEnabled(false);
    m_slider->play(false);
}

void InspectPage::resizeEvent(QResizeEvent* event) {
    Page::resizeEvent(event);
    m_panel->setCompact(width() < fontMetrics().height() * 50);
    m_split->setSizes({width(), m_panel->minimumWidth()});
}

void InspectPage::openCurrent() {
    auto* record = workspace().current();
    const auto run = record ? record->path() : std::filesystem::path{};
    const auto model = run.empty() && !record ? workspace().chosenModel() : QString();
    disconnect(m_recordChanged);
    if (record) m_recordChanged = connect(record, &RunRecord::changed, this, &InspectPage::follow);
    if (!isVisible()) {
        m_stale = true;
        return;
    }
    m_stale = false;
    if ((m_opened || m_opening) && run == m_shownRun && model == m_shownModel) return follow();
    m_shownRun = run;
    m_shownModel = model;
    m_opened = m_opening = false;
    m_details.clear();
    m_unreadable.clear();
    m_problems.clear();
    m_banner->clear();
    m_slider->play(false);
    if (run.empty() && model.isEmpty()) {
        m_empty->setText(
            record ? tr("The run is starting") : tr("Nothing to inspect yet"),
            tr("Choose a model or start a run: its matrices, tiles and weights are shown here."));
        m_stack->setCurrentWidget(m_empty);
        return;
    }
    m_opening = true;
    if (m_stack->currentWidget() == m_empty)
        m_empty->setText(tr("Reading…"),
                         tr("The matrices, tiles and weights are shown here as soon as they are read."));
    m_loader.open(run, model.toStdString());
}

/// The files of a run change while it goes on: the newest state is what matters, a few times a second.
void InspectPage::follow() {
    if (auto* record = workspace().current(); record && record->path() != m_shownRun) return openCurrent();
    if (isVisible() && m_opened && m_facts.isRun && !m_followTimer.isActive()) m_followTimer.start();
}

void InspectPage::take(const SourceFacts& facts, bool fresh) {
    if (!facts.structure) {
        m_opening = false;
        m_empty->setText(tr("There is nothing to inspect here"),
                         m_banner->accessibleDescription().isEmpty()
                             ? tr("The run has no map yet and its model cannot be read.")
                             : m_banner->accessibleDescription());
        m_stack->setCurrentWidget(m_empty);
        return;
    }
    const auto before = std::exchange(m_facts, facts);
    if (fresh) {
        m_opening = false;
        m_opened = true;
        m_view->setStructure(facts.structure);
        m_panel->setStructure(facts.structure);
        // The page kept the keyboard for the map while it was read.
        const bool keys = window()->focusWidget() == this;
        m_stack->setCurrentWidget(m_content);
        if (keys) m_view->setFocus(Qt::OtherFocusReason);
        m_view->setPalette(static_cast<Palette>(
            std::clamp(QSettings().value(QLatin1String(kPaletteSetting), 0).toInt(), 0, 2)));
    }
    if (fresh || before.gateStep != facts.gateStep || before.steps != facts.steps ||
        before.gatesTiles != facts.gatesTiles || before.gatesWeights != facts.gatesWeights)
        m_view->setFacts(facts.hasModel, facts.steps.size() > 1, facts.gateStep, facts.gatesTiles,
                         facts.gatesWeights, facts.pattern);
    if (!fresh && before.gateStep != facts.gateStep) {
        m_details.clear();
        m_loader.forget();
        m_view->dropValues();
    }
    const auto steps = readableSteps();
    m_slider->setVisible(steps.size() > 1);
    const auto shown = m_slider->step();
    m_slider->setSteps(steps);
    if (fresh && (m_slider->step() == shown || steps.empty())) showStep();
    if (fresh && facts.isRun && facts.steps.empty() && m_problems.isEmpty())
        m_banner->tell(
            Banner::Kind::Information,
            tr("This run has recorded no map yet: the whole model is shown, and everything is still kept."));
    else if (before.steps.empty() && !facts.steps.empty() && !fresh && m_problems.isEmpty())
        m_banner->clear();
    viewChanged();
}

std::vector<std::int64_t> InspectPage::readableSteps() const {
    auto steps = m_facts.steps;
    std::erase_if(steps, [this](std::int64_t step) { return m_unreadable.contains(step); });
    return steps;
}

void InspectPage::showStep() {
    m_loader.readFrame(std::max<std::int64_t>(0, m_slider->step()));
}

void InspectPage::viewChanged() {
    m_trail->show(m_view->navigator());
    m_legend->show(*m_view);
    m_readOut->setText(m_view->readOut());
    if (!m_view->navigator().empty()) m_panel->select(m_view->navigator().selected().matrix);
    showChoices();
}

void InspectPage::showChoices() {
    const auto offered = colouringsAt(m_view->navigator().level(), m_view->data());
    QList<int> listed, wanted;
    QStringList names, texts;
    for (int i = 0; i < m_colouring->count(); ++i) {
        listed << m_colouring->itemData(i).toInt();
        texts << m_colouring->itemText(i);
    }
    for (const auto colouring : offered) {
        wanted << static_cast<int>(colouring);
        names << colouringText(colouring, m_view->data());
    }
    if (listed != wanted || names != texts) {
        m_colouring->clear();
        for (int i = 0; i < wanted.size(); ++i) m_colouring->addItem(names[i], wanted[i]);
    }
    m_colouring->setCurrentIndex(m_colouring->findData(static_cast<int>(m_view->look().colouring)));
    m_palette->setCurrentIndex(static_cast<int>(m_view->look().palette));
    const auto colouring = m_view->look().colouring;
    const bool categories =
        colouring == Colouring::TileKind || colouring == Colouring::Kept || colouring == Colouring::Changed;
    m_palette->setEnabled(!categories);
    m_contrast->setEnabled(colouring == Colouring::Density || colouring == Colouring::TileDensity ||
                           colouring == Colouring::Magnitude);
}

}  // namespace tessera::ui
