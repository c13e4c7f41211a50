#include "ui/home/model_cards.h"

#include <algorithm>

#include "ui/client/model_library.h"
#include "ui/home/model_card.h"
#include "ui/widgets/basics.h"

namespace tessera::ui {

namespace {

constexpr int kBetween = kGap * 2, kMostColumns = 4;
/// Models to get are shown until there are as many cards as a row has on a small window.
constexpr std::size_t kFew = 3;

}  // namespace

ModelCards::ModelCards(ModelLibrary& models, QWidget* parent) : QWidget(parent), m_models(models) {
    setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
    setAccessibleName(tr("Models"));
    connect(&models, &ModelLibrary::changed, this, &ModelCards::rebuild);
    connect(&m_fits, &FitCheck::changed, this, &ModelCards::refresh);
    connect(&m_fetch, &ModelFetch::progressed, this, &ModelCards::refresh);
    connect(&m_fetch, &ModelFetch::finished, this, [this](bool got) {
        if (got) m_models.refresh();
        rebuild();
    });
    rebuild();
}

const ModelEntry* ModelCards::chosen() const {
    return m_models.find(m_chosen);
}

ModelCard* ModelCards::card(const QString& name) const {
    for (auto* card : m_cards)
        if (card->model().name == name) return card;
    return nullptr;
}

void ModelCards::choose(const QString& name) {
    if (name.isEmpty() || name == m_chosen) return;
    m_wanted = name;
    if (m_models.find(name)) rebuild();
}

std::vector<const ModelEntry*> ModelCards::few() const {
    const auto& all = m_models.models();
    const auto isHere = [](const ModelEntry& model) { return model.installed || !model.fromCatalogue; };
    auto count = static_cast<std::size_t>(std::count_if(all.begin(), all.end(), isHere));
    std::vector<const ModelEntry*> list;
    for (const auto& model : all) {
        const bool inUse = model.name == m_chosen || model.name == m_wanted ||
                           (m_fetch.running() && model.name == m_fetch.model());
        const bool offered = !isHere(model) && count < kFew;
        if (offered) ++count;
        if (isHere(model) || inUse || offered) list.push_back(&model);
    }
    return list;
}

std::vector<const ModelEntry*> ModelCards::shown() const {
    if (!m_all) return few();
    std::vector<const ModelEntry*> list;
    for (const auto& model : m_models.models()) list.push_back(&model);
    return list;
}

int ModelCards::spare() const {
    return static_cast<int>(m_models.models().size() - few().size());
}

void ModelCards::showAll(bool all) {
    if (all == m_all) return;
    m_all = all;
    rebuild();
}

void ModelCards::get(const QString& name) {
    m_fetch.start(name);
    rebuild();
}

void ModelCards::beginChecks() {
    if (m_checking) return;
    m_checking = true;
    refresh();
}

bool ModelCards::settled() const {
    const auto& all = m_models.models();
    return m_fits.settled() && std::none_of(all.begin(), all.end(), [](const auto& m) { return m.reading; });
}

ModelCard* ModelCards::makeCard() {
    auto* card = new ModelCard(this);
    connect(card, &ModelCard::toggled, this, [this, card](bool on) {
        if (!on || m_chosen == card->model().name) return;
        m_chosen = card->model().name;
        m_wanted.clear();
        Q_EMIT chosenChanged();
    });
    connect(card, &ModelCard::entered, this, &ModelCards::entered);
    connect(card, &ModelCard::getPressed, this, [this, card] {
        card->setChecked(true);
        get(card->model().name);
    });
    connect(card, &ModelCard::cancelPressed, this, [this] { m_fetch.cancel(); });
    connect(card, &ModelCard::removePressed, this, [this, card] {
        const auto name = card->model().name;
        m_fits.forget(name);
        m_models.remove(name);
    });
    card->show();
    return card;
}

void ModelCards::rebuild() {
    const auto all = shown();
    while (m_cards.size() > all.size()) {
        // One of its buttons may be telling us.
        m_cards.back()->setAutoExclusive(false);
        m_cards.back()->hide();
        m_cards.back()->deleteLater();
        m_cards.pop_back();
    }
    while (m_cards.size() < all.size()) m_cards.push_back(makeCard());
    // Which model is whose stays till the next rebuild, whatever is chosen meanwhile.
    m_shown.clear();
    for (const auto* model : all) m_shown.push_back(model->name);
    refresh();
    if (!m_wanted.isEmpty() && m_models.find(m_wanted)) m_chosen = std::exchange(m_wanted, {});
    if (!m_models.find(m_chosen)) m_chosen = all.empty() ? QString() : all.front()->name;
    if (auto* chosen = chosenCard()) chosen->setChecked(true);
    updateGeometry();
    arrange();
    Q_EMIT chosenChanged();
}

void ModelCards::refresh() {
    for (std::size_t i = 0; i < m_cards.size(); ++i) {
        const auto* found = m_models.find(m_shown[i]);
        if (!found) continue;  // the library's change that took it comes to rebuild()
        const auto& model = *found;
        const bool usable = model.installed && model.problem.isEmpty() && !model.reading;
        if (usable && m_checking) m_fits.want(model.name);
        const bool fetched = m_fetch.model() == model.name;
        m_cards[i]->present(model, m_fits.of(model.name),
                            fetched ? ModelCard::Download{m_fetch.running(), m_fetch.done(), m_fetch.total(),
                                                          m_fetch.problem()}
                                    : ModelCard::Download{});
    }
}

int ModelCards::columnsIn(int width) const {
    if (m_cards.empty()) return 1;
    const int least = m_cards.front()->sizeHint().width();
    return std::clamp((width + kBetween) / (least + kBetween), 1, kMostColumns);
}

int ModelCards::heightIn(int width) const {
    if (m_cards.empty()) return 0;
    const int columns = columnsIn(width), rows = (static_cast<int>(m_cards.size()) + columns - 1) / columns;
    return rows * m_cards.front()->sizeHint().height() + (rows - 1) * kBetween;
}

QSize ModelCards::sizeHint() const {
    return {m_cards.empty() ? 0 : m_cards.front()->sizeHint().width() * 2 + kBetween, heightIn(width())};
}

QSize ModelCards::minimumSizeHint() const {
    return {m_cards.empty() ? 0 : m_cards.front()->sizeHint().width(), 0};
}

void ModelCards::resizeEvent(QResizeEvent* event) {
    QWidget::resizeEvent(event);
    arrange();
}

void ModelCards::arrange() {
    // Not by Qt's height for width, which makes room for the narrowest width wherever it scrolls.
    if (const int height = heightIn(width()); height != minimumHeight()) setFixedHeight(height);
    if (m_cards.empty()) return;
    // Never wider than a card reads well: three in a row keep their width where there are two.
    const int columns = columnsIn(width()), shown = std::max(columns, 2);
    const int side = std::min((width() - kBetween * (columns - 1)) / columns,
                              m_cards.front()->sizeHint().width() * (shown > 2 ? 3 : 4) / 2);
    const int height = m_cards.front()->sizeHint().height();
    for (std::size_t i = 0; i < m_cards.size(); ++i) {
        const int row = static_cast<int>(i) / columns, column = static_cast<int>(i) % columns;
        m_cards[i]->setGeometry(column * (side + kBetween), row * (height + kBetween), side, height);
    }
}

}  // namespace tessera::ui
