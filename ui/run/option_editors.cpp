#include "ui/run/option_editors.h"

#include <QCheckBox>
#include <QComboBox>
#include <QSpinBox>
#include <QVBoxLayout>
#include <algorithm>
#include <array>

#include "ui/client/sentences.h"
#include "ui/theme/icons.h"
#include "ui/widgets/basics.h"

namespace tessera::ui {

namespace {

struct GroupNames {
    const char* title;
    std::vector<const char*> keys;
};

// The description has no groups; a key that is not named here comes under "Other".
const std::vector<GroupNames>& groupNames() {
    static const std::vector<GroupNames> groups{
        {"Recipe", {"recipe"}},
        {"Objective",
         {"ce_weight", "kl_weight", "lambda_density", "lambda_weight", "weight_schedule", "target_scope",
          "prox_lambda", "frozen_lambda", "frozen_eps"}},
        {"Learning text",
         {"own_samples", "own_tokens", "batch", "context", "accumulate", "activation_checkpointing",
          "spill_state"}},
        {"Optimiser",
         {"lr", "lr_schedule", "lr_end", "warmup_steps", "beta1", "beta2", "eps", "weight_decay", "clip",
          "moments", "pattern_lr"}},
        {"Gates and temperature",
         {"kappa_start", "kappa_end", "tau_start", "tau_end", "pattern_kappa_start", "pattern_kappa_end",
          "pattern_tau_start", "pattern_tau_end", "temperature_schedule", "straight_through", "centring"}},
        {"Prior",
         {"prior", "prior_form", "prior_strength", "prior_sigma", "prior_noise", "prior_width", "prior_clamp",
          "prior_threshold"}},
        {"Calibration", {"calibration_windows", "calibration_context", "spill"}},
        {"Reconstruction",
         {"damping", "block_columns", "outlier_rows", "admm_steps", "sparsify_steps", "admm_penalty",
          "imitate", "finish", "finish_damping"}},
        {"Masks", {"base", "tile", "exclude"}},
        {"Measuring", {"eval_window", "eval_windows"}},
        {"What is kept", {"checkpoint_seconds", "snapshots"}},
        {"Other", {}},
    };
    return groups;
}

std::size_t groupOf(const std::string& key) {
    const auto& groups = groupNames();
    for (std::size_t i = 0; i < groups.size(); ++i)
        for (const char* name : groups[i].keys)
            if (key == name) return i;
    return groups.size() - 1;
}

QString shown(const QString& value) {
    return value.isEmpty() ? QStringLiteral("none") : value;
}

}  // namespace

OptionRow::OptionRow(const OptionDescription& option, QWidget* parent) : QWidget(parent), m_option(option) {
    auto* grid = new QGridLayout(this);
    grid->setContentsMargins(0, 0, 0, 0);
    grid->setHorizontalSpacing(kGap);
    grid->setVerticalSpacing(2);
    auto* name = new QLabel(key(), this);
    name->setTextInteractionFlags(Qt::TextSelectableByMouse);
    name->setFocusPolicy(Qt::NoFocus);
    makeEditor();
    m_editor->setObjectName(QStringLiteral("option.") + key());
    m_editor->setAccessibleName(key());
    m_editor->setAccessibleDescription(QString::fromStdString(option.help));
    m_editor->setMinimumWidth(fontMetrics().averageCharWidth() * 18);
    m_editor->setMaximumWidth(fontMetrics().averageCharWidth() * 34);
    auto* unit = muted(QString::fromStdString(option.unit), this);
    unit->setWordWrap(false);
    m_reset = new QToolButton(this);
    m_reset->setIcon(themedIcon(QStringLiteral("reload")));
    m_reset->setAccessibleName(tr("Back to the recipe's %1").arg(key()));
    QSizePolicy keeps = m_reset->sizePolicy();
    keeps.setRetainSizeWhenHidden(true);
    m_reset->setSizePolicy(keeps);
    connect(m_reset, &QToolButton::clicked, this, [this] {
        reset();
        Q_EMIT changed();
    });
    m_help = muted({}, this);
    m_problem = new FieldProblem(this);
    grid->addWidget(name, 0, 0);
    grid->addWidget(m_editor, 0, 1);
    grid->addWidget(unit, 0, 2);
    grid->addWidget(m_reset, 0, 3);
    grid->addWidget(m_problem, 1, 1, 1, 4);
    grid->addWidget(m_help, 2, 0, 1, 5);
    grid->setColumnMinimumWidth(0, fontMetrics().averageCharWidth() * 24);
    grid->setColumnMinimumWidth(2, fontMetrics().averageCharWidth() * 8);
    grid->setColumnStretch(1, 1);
    grid->setColumnStretch(4, 1);
}

QString OptionRow::key() const {
    return QString::fromStdString(m_option.key);
}

void OptionRow::makeEditor() {
    const auto said = [this] {
        showReset();
        Q_EMIT changed();
    };
    switch (m_option.type) {
        case OptionType::Integer: {
            auto* box = new QSpinBox(this);
            box->setRange(static_cast<int>(m_option.least), static_cast<int>(m_option.greatest));
            box->setKeyboardTracking(false);
            m_read = [box] { return QString::number(box->value()); };
            m_write = [box](const QString& value) { box->setValue(static_cast<int>(value.toDouble())); };
            connect(box, &QSpinBox::valueChanged, this, said);
            m_editor = box;
            break;
        }
        case OptionType::Boolean: {
            auto* box = new QCheckBox(tr("on"), this);
            m_read = [box] { return box->isChecked() ? QStringLiteral("true") : QStringLiteral("false"); };
            m_write = [box](const QString& value) { box->setChecked(value == QLatin1String("true")); };
            connect(box, &QCheckBox::toggled, this, said);
            m_editor = box;
            break;
        }
        case OptionType::Choice: {
            auto* box = new QComboBox(this);
            for (const auto& choice : m_option.choices) box->addItem(QString::fromStdString(choice));
            m_read = [box] { return box->currentText(); };
            m_write = [box](const QString& value) { box->setCurrentIndex(box->findText(value)); };
            connect(box, &QComboBox::currentIndexChanged, this, said);
            m_editor = box;
            break;
        }
        // Numbers from 1e-12 to 1e6 are written, not stepped through.
        case OptionType::Real:
        case OptionType::Text:
        case OptionType::List:
        case OptionType::Tile: {
            auto* line = new QLineEdit(this);
            if (m_option.type == OptionType::List) line->setPlaceholderText(tr("none"));
            m_read = [line] { return line->text().trimmed(); };
            m_write = [line](const QString& value) { line->setText(value); };
            connect(line, &QLineEdit::textEdited, this, said);
            m_editor = line;
            break;
        }
    }
}

QString OptionRow::value() const {
    return m_read();
}

void OptionRow::setValue(const QString& value) {
    const QSignalBlocker quiet(m_editor);
    m_write(value);
    showReset();
}

void OptionRow::setRecipeValue(const QString& value, const QString& published) {
    const bool untouched = !m_hasRecipe || !differs();
    m_hasRecipe = true;
    m_recipeValue = value;
    QString help = asSentence(QString::fromStdString(m_option.help));
    if (m_option.type == OptionType::Real || m_option.type == OptionType::Integer)
        help += tr(" From %1 to %2.").arg(m_option.least, 0, 'g', 7).arg(m_option.greatest, 0, 'g', 7);
    if (published != QString::fromStdString(m_option.defaultValue) && m_option.key != "recipe")
        help += tr(" Published: %1.").arg(shown(published));
    m_help->setText(help);
    m_reset->setToolTip(tr("Back to %1").arg(shown(value)));
    if (untouched) setValue(value);
    showReset();
}

bool OptionRow::differs() const {
    const auto now = value();
    if (now == m_recipeValue) return false;
    // "2e-3" and "0.002" are one number.
    bool first = false, second = false;
    const double a = now.toDouble(&first), b = m_recipeValue.toDouble(&second);
    return !(first && second && a == b);
}

void OptionRow::reset() {
    setProblem({});
    setValue(m_recipeValue);
}

void OptionRow::showReset() {
    m_reset->setVisible(differs());
}

void OptionRow::setProblem(const QString& sentence) {
    m_problem->show(m_editor, sentence);
}

bool OptionRow::matches(const QString& words) const {
    const auto all = key() + QLatin1Char(' ') + key().replace(QLatin1Char('_'), QLatin1Char(' ')) +
                     QLatin1Char(' ') + QString::fromStdString(m_option.help);
    for (const auto& word : words.split(QLatin1Char(' '), Qt::SkipEmptyParts))
        if (!all.contains(word, Qt::CaseInsensitive)) return false;
    return true;
}

OptionEditors::OptionEditors(QWidget* parent) : QWidget(parent) {
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(kGap + kGap / 2);
    m_search = new QLineEdit(this);
    m_search->setPlaceholderText(tr("Search the options, for example “learning rate”"));
    m_search->setAccessibleName(tr("Search the options"));
    m_search->setClearButtonEnabled(true);
    m_search->addAction(themedIcon(QStringLiteral("search")), QLineEdit::LeadingPosition);
    connect(m_search, &QLineEdit::textChanged, this, [this] { filter(); });
    column->addWidget(m_search);
    m_nothing = muted(tr("No option has these words."), this);
    column->addWidget(m_nothing);
    makeRows();
}

void OptionEditors::makeRows() {
    auto* column = static_cast<QVBoxLayout*>(layout());
    m_groups.resize(groupNames().size());
    for (const auto& option : optionDescriptions()) {
        auto* row = new OptionRow(option, this);
        m_rows[row->key()] = row;
        m_groups[groupOf(option.key)].rows.push_back(row);
        connect(row, &OptionRow::changed, this, [this, row] {
            if (m_filling) return;
            if (row->key() == QLatin1String("recipe")) applyRecipe();
            Q_EMIT changed();
        });
    }
    for (std::size_t i = 0; i < m_groups.size(); ++i) {
        auto& group = m_groups[i];
        group.box = new QWidget(this);
        auto* inside = new QVBoxLayout(group.box);
        inside->setContentsMargins(0, kGap, 0, 0);
        inside->setSpacing(column->spacing());
        inside->addWidget(subheading(tr(groupNames()[i].title), group.box));
        for (auto* row : group.rows) inside->addWidget(row);
        column->addWidget(group.box);
    }
    column->addStretch();
}

void OptionEditors::setMethod(const std::string& method) {
    if (method == m_method) return;
    m_method = method;
    applyRecipe();
    filter();
}

void OptionEditors::applyRecipe() {
    m_filling = true;
    const auto* recipe = row(QStringLiteral("recipe"));
    const bool paper = recipe && recipe->value() == QLatin1String("paper");
    for (const auto& option : optionDescriptions()) {
        if (!option.belongsTo(m_method)) continue;
        const auto json = option.toJson(m_method);
        const auto desk = QString::fromStdString(json["default"].get<std::string>());
        const auto published = QString::fromStdString(json["paper"].get<std::string>());
        const bool own = option.key == "recipe";
        m_rows[QString::fromStdString(option.key)]->setRecipeValue(paper && !own ? published : desk,
                                                                   published);
    }
    m_filling = false;
}

Json OptionEditors::set() const {
    Json set = Json::object();
    for (const auto& option : optionDescriptions()) {
        const auto* row = this->row(QString::fromStdString(option.key));
        if (row && row->differs()) set[option.key] = row->value().toStdString();
    }
    return set;
}

void OptionEditors::setValues(const Json& set) {
    m_filling = true;
    for (auto* row : m_rows) row->reset();
    const auto take = [&](const std::string& key) {
        auto* row = this->row(QString::fromStdString(key));
        if (!row || !set.is_object() || !set.contains(key)) return;
        const auto& value = set[key];
        row->setValue(QString::fromStdString(value.is_string() ? value.get<std::string>() : value.dump()));
    };
    take("recipe");
    applyRecipe();
    m_filling = true;
    if (set.is_object())
        for (const auto& [key, value] : set.items()) take(key);
    m_filling = false;
    Q_EMIT changed();
}

OptionRow* OptionEditors::row(const QString& key) const {
    const auto found = m_rows.find(key);
    if (found == m_rows.end()) return nullptr;
    for (const auto& option : optionDescriptions())
        if (option.key == key.toStdString()) return option.belongsTo(m_method) ? *found : nullptr;
    return nullptr;
}

QStringList OptionEditors::keys() const {
    QStringList list;
    for (const auto& option : optionDescriptions())
        if (option.belongsTo(m_method)) list << QString::fromStdString(option.key);
    return list;
}

int OptionEditors::changedCount() const {
    return static_cast<int>(set().size());
}

void OptionEditors::clearProblems() {
    for (auto* row : m_rows) row->setProblem({});
}

void OptionEditors::filter() {
    const auto words = m_search->text();
    bool any = false;
    for (const auto& group : m_groups) {
        bool some = false;
        for (auto* each : group.rows) {
            const bool visible = row(each->key()) && each->matches(words);
            each->setVisible(visible);
            some = some || visible;
        }
        group.box->setVisible(some);
        any = any || some;
    }
    m_nothing->setVisible(!any);
}

}  // namespace tessera::ui
