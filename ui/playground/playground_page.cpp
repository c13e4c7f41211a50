#include "ui/playground/playground_page.h"

#include <QAction>
#include <QCheckBox>
#include <QHBoxLayout>
#include <QLabel>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QSpinBox>
#include <QVBoxLayout>
#include <filesystem>

#include "ui/client/engine_client.h"
#include "ui/client/libraries.h"
#include "ui/client/run_record.h"
#include "ui/client/sentences.h"
#include "ui/playground/text_column.h"
#include "ui/widgets/basics.h"
#include "ui/workspace/actions.h"
#include "ui/workspace/workspace.h"

namespace tessera::ui {

namespace {

constexpr int kMostTokens = 4096;

/// "starter" of a catalogue name and of a path alike.
QString shortName(const QString& model) {
    const std::filesystem::path path(model.toStdString());
    return QString::fromStdString(path.has_filename() ? path.filename().string()
                                                      : path.parent_path().filename().string());
}

}  // namespace

PlaygroundPage::PlaygroundPage(Workspace& workspace, QWidget* parent) : Page(workspace, parent) {
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(kGap * 3, kGap * 2, kGap * 3, kGap * 2);
    column->setSpacing(kGap * 2);
    auto* words = new QVBoxLayout;
    words->setSpacing(2);
    words->addWidget(heading(tr("Playground"), this));
    words->addWidget(
        muted(tr("Both models go on with the same text, as it is: no chat template is put around it. "
                 "They take turns, so that each has all cores and their speeds compare."),
              this));
    column->addLayout(words);
    column->addWidget(makePrompt());
    m_busyNote =
        muted(tr("A run is under way: speeds measured now are lower than those of models alone."), this);
    m_verdict = body({}, this);
    m_verdict->setObjectName(QStringLiteral("verdict"));
    auto* said = new QVBoxLayout;
    said->setSpacing(2);
    said->addWidget(m_verdict);
    said->addWidget(m_busyNote);
    column->addLayout(said);
    m_left = new TextColumn(tr("Dense"), QStringLiteral("box"), this);
    m_right = new TextColumn(tr("Pruned"), QStringLiteral("layout-grid"), this);
    m_right->emptyState().addButton(tr("Prune a model"), [this] { this->workspace().goTo(PageId::Home); });
    auto* sides = new QHBoxLayout;
    sides->setSpacing(kGap * 2);
    sides->addWidget(m_left, 1);
    sides->addWidget(m_right, 1);
    column->addLayout(sides, 1);

    makeActions();
    connect(&m_generation, &Generation::changed, this, &PlaygroundPage::updateTexts);
    connect(&m_generation, &Generation::busyChanged, this, &PlaygroundPage::updateButtons);
    connect(&workspace, &Workspace::currentChanged, this, &PlaygroundPage::follow);
    connect(&workspace, &Workspace::chosenModelChanged, this, &PlaygroundPage::updateModels);
    connect(&workspace.engine(), &EngineClient::busyChanged, this, &PlaygroundPage::updateButtons);
    follow();
    updateTexts();
    updateButtons();
}

QWidget* PlaygroundPage::makePrompt() {
    auto* card = new Card(this);
    auto* column = new QVBoxLayout(card);
    column->setContentsMargins(kGap * 2, kGap * 2, kGap * 2, kGap * 2);
    column->setSpacing(kGap * 3 / 2);
    m_prompt = new QPlainTextEdit(card);
    m_prompt->setAccessibleName(tr("Prompt"));
    m_prompt->setPlaceholderText(tr("A text to go on from"));
    m_prompt->setPlainText(tr("The purpose of this program is to"));
    m_prompt->moveCursor(QTextCursor::End);
    m_prompt->setTabChangesFocus(true);
    m_prompt->document()->setDocumentMargin(kGap);
    m_prompt->setFixedHeight(m_prompt->fontMetrics().lineSpacing() * 3 + kGap * 3);
    connect(m_prompt, &QPlainTextEdit::textChanged, this, &PlaygroundPage::updateButtons);
    column->addWidget(m_prompt);
    column->addWidget(makeOptions());
    return card;
}

QWidget* PlaygroundPage::makeOptions() {
    auto* part = new QWidget(this);
    auto* row = new QHBoxLayout(part);
    row->setContentsMargins(0, 0, 0, 0);
    row->setSpacing(kGap);
    const auto add = [&](const QString& name, QWidget* field, const QString& help) {
        auto* label = new QLabel(name, part);
        label->setBuddy(field);
        field->setAccessibleName(name);
        field->setToolTip(help);
        label->setToolTip(help);
        row->addWidget(label);
        row->addWidget(field);
        row->addSpacing(kGap);
    };
    m_tokens = new QSpinBox(part);
    m_tokens->setRange(1, kMostTokens);
    m_tokens->setValue(96);
    add(tr("Tokens"), m_tokens, tr("Most tokens to add; a model may end its text before"));
    m_temperature = new QDoubleSpinBox(part);
    m_temperature->setRange(0.05, 5);
    m_temperature->setSingleStep(0.05);
    m_temperature->setValue(0.8);
    add(tr("Temperature"), m_temperature,
        tr("Below 1 likelier tokens are preferred, above 1 unlikelier ones"));
    m_seed = new QSpinBox(part);
    m_seed->setRange(0, 999999999);
    m_seed->setAccelerated(true);
    add(tr("Seed"), m_seed, tr("The same seed draws the same random numbers for both models"));
    m_greedy = new QCheckBox(tr("Greedy"), part);
    m_greedy->setAccessibleName(tr("Greedy"));
    m_greedy->setToolTip(tr("Always the likeliest token: nothing is drawn, the seed does not matter"));
    connect(m_greedy, &QCheckBox::toggled, this, [this](bool greedy) {
        m_temperature->setEnabled(!greedy);
        m_seed->setEnabled(!greedy);
    });
    row->addWidget(m_greedy);
    row->addStretch(1);
    m_stop = plainButton(tr("Stop"), QStringLiteral("player-stop"), part);
    m_generate = primaryButton(tr("Generate"), part);
    row->addWidget(m_stop);
    row->addWidget(m_generate);
    return part;
}

void PlaygroundPage::makeActions() {
    auto& actions = workspace().actions();
    m_generateAction = actions.add(QStringLiteral("playground.generate"), tr("Playground"),
                                   tr("Generate text with both models"),
                                   QKeySequence(QStringLiteral("Ctrl+Return")), QStringLiteral("send"));
    m_stopAction = actions.add(QStringLiteral("playground.stop"), tr("Playground"), tr("Stop generating"),
                               QKeySequence(QStringLiteral("Ctrl+Shift+.")), QStringLiteral("player-stop"));
    for (auto* action : {m_generateAction, m_stopAction}) {
        action->setShortcutContext(Qt::WidgetWithChildrenShortcut);
        addAction(action);
    }
    connect(m_generateAction, &QAction::triggered, this, &PlaygroundPage::generate);
    connect(m_stopAction, &QAction::triggered, &m_generation, &Generation::stop);
    connect(m_generate, &QPushButton::clicked, m_generateAction, &QAction::trigger);
    connect(m_stop, &QPushButton::clicked, m_stopAction, &QAction::trigger);
    m_generate->setToolTip(m_generateAction->toolTip());
    m_stop->setToolTip(m_stopAction->toolTip());
}

QWidget* PlaygroundPage::firstFocus() {
    return m_prompt;
}

void PlaygroundPage::showEvent(QShowEvent* event) {
    Page::showEvent(event);
    updateModels();
    updateButtons();
}

void PlaygroundPage::follow() {
    // The record before may be gone: its connections went with it.
    m_followed = workspace().current();
    if (m_followed)
        connect(m_followed, &RunRecord::changed, this, [this](bool structure) {
            if (structure) updateModels();
        });
    updateModels();
}

QString PlaygroundPage::denseModel() const {
    const auto* run = workspace().current();
    if (run && !run->model().isEmpty()) return run->model();
    if (!workspace().chosenModel().isEmpty()) return workspace().chosenModel();
    const auto& models = workspace().models().models();
    for (const auto& model : models)
        if (model.installed && model.problem.isEmpty()) return model.name;
    return {};
}

void PlaygroundPage::updateModels() {
    const auto* run = workspace().current();
    const bool finished = run && run->state() == RunState::Finished && run->problem().isEmpty();
    const auto dense = denseModel(),
               pruned = finished ? QString::fromStdString(run->path().string()) : QString();
    m_left->setModel(shortName(dense));
    if (finished)
        m_right->setModel(tr("%1, %2 pruned").arg(run->name(), percentText(run->targetSparsity(), 0)));
    else if (run && !run->problem().isEmpty())
        m_right->emptyState().setText(tr("This run has no pruned model"), run->problem());
    else if (run && run->state() != RunState::None)
        m_right->emptyState().setText(
            tr("%1 is not finished").arg(run->name()),
            tr("Its pruned model answers here beside the dense one as soon as the run has ended. "
               "The dense model can be tried already."));
    else
        m_right->emptyState().setText(
            tr("No pruned model yet"),
            tr("Finish or open a run, and its pruned model answers here beside the dense "
               "one, with the same seed. The dense model can be tried already."));
    m_right->showEmpty(!finished);
    if (dense == m_dense && pruned == m_pruned) return;
    m_dense = dense;
    m_pruned = pruned;
    // Texts of other models would be taken for these models' texts.
    if (m_generation.busy())
        m_generation.stop();
    else
        m_generation.clear();
    updateTexts();
    updateButtons();
}

void PlaygroundPage::generate() {
    if (m_generation.busy() || m_dense.isEmpty() || m_prompt->toPlainText().isEmpty()) return;
    TextRequest request;
    request.prompt = m_prompted = m_prompt->toPlainText();
    request.tokens = m_tokens->value();
    request.seed = static_cast<std::uint64_t>(m_seed->value());
    request.greedy = m_greedy->isChecked();
    request.temperature = m_temperature->value();
    QStringList models{m_dense};
    if (!m_pruned.isEmpty()) models << m_pruned;
    m_generation.start(request, models);
}

void PlaygroundPage::updateTexts() {
    const auto& sides = m_generation.sides();
    const auto ours = [&](qsizetype i, const QString& model) {
        return i < sides.size() && sides[i].model == model ? &sides[i] : nullptr;
    };
    const auto* left = ours(0, m_dense);
    const auto* right = ours(1, m_pruned);
    const auto divergence = left && right ? m_generation.divergence() : std::nullopt;
    m_left->present(m_prompted, left, divergence);
    m_right->present(m_prompted, right, divergence);
    m_verdict->setText(verdict());
}

QString PlaygroundPage::verdict() const {
    const auto& sides = m_generation.sides();
    using State = TextSide::State;
    if (sides.size() < 2 || sides[1].state < State::Writing || sides[1].state == State::Failed ||
        sides[0].state == State::Failed || sides[1].tokens.isEmpty())
        return m_generation.busy() && !m_pruned.isEmpty()
                   ? tr("The dense model writes first; the first word in which the two texts part is marked.")
               : !m_pruned.isEmpty()
                   ? tr("Press Ctrl+Enter: the first word in which the two texts part is marked in both.")
               : sides.isEmpty()
                   ? tr("Press Ctrl+Enter to let the dense model go on with the text.")
                   : tr("The dense model alone: the model of a finished run is compared with it.");
    QStringList said;
    const auto apart = m_generation.divergence();
    if (!apart)
        said << (sides[1].state == State::Done
                     ? tr("Both models write the same %1 tokens.").arg(sides[1].tokens.size())
                     : tr("The same so far."));
    else if (*apart == 0)
        said << tr("The texts differ from the first token on.");
    else
        said << tr("The texts agree for %1 of %2 tokens.").arg(*apart).arg(sides[0].tokens.size());
    if (sides[0].state == State::Done && sides[1].state == State::Done && sides[0].tokensPerSecond > 0 &&
        sides[1].tokensPerSecond > 0)
        said << tr("Pruned decodes at %1 of the dense model's speed in this one measurement; the Benchmark "
                   "page repeats it.")
                    .arg(ratioText(sides[1].tokensPerSecond / sides[0].tokensPerSecond));
    return said.join(QLatin1Char(' '));
}

void PlaygroundPage::updateButtons() {
    const bool busy = m_generation.busy();
    m_generateAction->setEnabled(!busy && !m_dense.isEmpty() && !m_prompt->toPlainText().isEmpty());
    m_stopAction->setEnabled(busy && !m_generation.stopping());
    m_generate->setEnabled(m_generateAction->isEnabled());
    m_generate->setText(busy ? tr("Generating…") : tr("Generate"));
    m_stop->setEnabled(m_stopAction->isEnabled());
    m_stop->setText(m_generation.stopping() ? tr("Stopping…") : tr("Stop"));
    m_busyNote->setVisible(workspace().engine().busy());
}

}  // namespace tessera::ui
