#include "ui/run/run_form.h"

#include <QFileDialog>
#include <QFileInfo>
#include <QHBoxLayout>
#include <QVBoxLayout>
#include <cmath>

#include "core/base/error.h"
#include "ui/client/model_library.h"
#include "ui/client/sentences.h"
#include "ui/run/option_editors.h"
#include "ui/theme/icons.h"
#include "ui/widgets/basics.h"

namespace tessera::ui {

namespace {

constexpr double kUsual = 0.5, kStarterSparsity = 0.7, kPatchSparsity = 0.4;

QString methodNote(const std::string& name) {
    if (name == "leap") return RunForm::tr("Learns one gate for every weight, end to end.");
    if (name == "patch-tile")
        return RunForm::tr("Learns for every tile whether it stays dense or becomes 2:4.");
    if (name == "patch-joint")
        return RunForm::tr("Learns which tiles stay dense, and which two of four the others keep.");
    if (name == "maskllm") return RunForm::tr("Learns for every group of weights which N of M it keeps.");
    if (name == "proxsparse")
        return RunForm::tr("Trains the weights towards two of every four; keeps the mask, not the training.");
    if (name == "wanda")
        return RunForm::tr("One pass: keeps weights that are large on inputs that are large.");
    if (name == "sparsegpt")
        return RunForm::tr("One pass: removes column by column and makes good in those that follow.");
    if (name == "thanos")
        return RunForm::tr("One pass: removes a block of columns at once and makes good in all that follow.");
    if (name == "admm")
        return RunForm::tr("One pass: prunes and restores in turns until mask and weights fit each other.");
    if (name == "magnitude") return RunForm::tr("At once: keeps the largest weights. The plainest baseline.");
    return {};
}

/// The share of zeros of N:M; NaN where it is none.
double sparsityOf(const QString& pattern) {
    const auto parts = pattern.split(QLatin1Char(':'));
    bool first = false, second = false;
    const double n = parts.value(0).toInt(&first), m = parts.value(1).toInt(&second);
    return parts.size() == 2 && first && second && n > 0 && m >= n ? 1 - n / m : NAN;
}

}  // namespace

RunForm::RunForm(ModelLibrary& models, QWidget* parent) : QWidget(parent), m_models(models) {
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(kGap * 2, kGap * 2, kGap * 2, kGap * 2);
    column->setSpacing(kGap * 2);
    auto* usual = new QWidget(this);
    auto* fields = new QVBoxLayout(usual);
    fields->setContentsMargins(0, 0, 0, 0);
    fields->setSpacing(kGap * 2);
    m_grid = new QGridLayout;
    m_grid->setHorizontalSpacing(kGap * 2);
    m_grid->setVerticalSpacing(4);
    m_grid->setColumnStretch(1, 1);
    fields->addLayout(m_grid);
    m_filling = true;
    makeModel();
    makeMethod();
    makeSparsity();
    makeBudget();
    makeText();
    makeRest();
    m_advanced = new QToolButton(this);
    m_advanced->setToolButtonStyle(Qt::ToolButtonTextBesideIcon);
    m_advanced->setCheckable(true);
    m_advanced->setAccessibleName(tr("Advanced options"));
    connect(m_advanced, &QToolButton::toggled, this, &RunForm::setAdvanced);
    fields->addWidget(m_advanced, 0, Qt::AlignLeft);
    column->addWidget(usual);
    m_options = new OptionEditors(this);
    m_options->hide();
    connect(m_options, &OptionEditors::changed, this, &RunForm::said);
    column->addWidget(m_options);
    column->addStretch();
    setAdvanced(false);
    fillModels();
    connect(&m_models, &ModelLibrary::changed, this, &RunForm::fillModels);
    methodChanged();
    m_filling = false;
    said();
}

void RunForm::fillModels() {
    const auto before = m_model->currentData().toString();
    {
        const QSignalBlocker quiet(m_model);
        m_model->clear();
        for (const auto& model : m_models.models()) {
            if (!model.installed || !model.problem.isEmpty()) continue;
            m_model->addItem(model.title.isEmpty() ? model.name : model.title, model.name);
        }
    }
    if (before.isEmpty())
        said();
    else
        setModel(before);
}

void RunForm::setModel(const QString& name) {
    if (name.isEmpty()) return;
    int at = m_model->findData(name);
    if (at < 0) {
        m_model->addItem(QFileInfo(name).fileName(), name);
        at = m_model->count() - 1;
    }
    m_model->setCurrentIndex(at);
}

const MethodDescription& RunForm::method() const {
    return methodNamed(m_method->currentData().toString().toStdString());
}

QString RunForm::methodTitle() const {
    return m_method->currentText();
}

void RunForm::methodChanged() {
    const auto& now = method();
    m_methodNote->setText(methodNote(now.name));
    {
        const QSignalBlocker quiet(m_pattern);
        m_pattern->clear();
        for (const auto& pattern : now.patterns) {
            const auto names = pattern == "N:M" ? QStringList{QStringLiteral("2:4"), QStringLiteral("4:8"),
                                                              QStringLiteral("1:4")}
                                                : QStringList{QString::fromStdString(pattern)};
            for (const auto& each : names)
                if (m_pattern->findText(each) < 0) m_pattern->addItem(each);
        }
    }
    setRowVisible(QStringLiteral("pattern"), now.patterns.size() > 1);
    setRowVisible(QStringLiteral("steps"), now.learns);
    m_options->setMethod(now.name);
    const double most = std::min(99.9, now.mostSparsity * 100);
    const bool filling = std::exchange(m_filling, true);
    m_sparsity->setMaximum(most);
    m_slider->setMaximum(static_cast<int>(most));
    m_filling = filling;
    m_sparsityNote->setText(
        now.mostSparsity < 1 ? tr("Of the prunable weights; %1 reaches at most %2, where every tile is 2:4.")
                                   .arg(QString::fromStdString(now.title), percentText(now.mostSparsity, 0))
                             : tr("Of the prunable weights: those in the linear layers of the blocks."));
    suggestSparsity();
    patternChanged();
}

void RunForm::suggestSparsity() {
    if (m_sparsityTouched) return;
    const bool filling = std::exchange(m_filling, true);
    const bool starter = m_model->currentData().toString() == QLatin1String("starter");
    m_sparsity->setValue(100 * (method().patterns.front() == "tiles" ? kPatchSparsity
                                : starter                            ? kStarterSparsity
                                                                     : kUsual));
    m_filling = filling;
}

void RunForm::patternChanged() {
    const double fixed = sparsityOf(m_pattern->currentText());
    m_slider->setEnabled(std::isnan(fixed));
    m_sparsity->setEnabled(std::isnan(fixed));
    if (std::isnan(fixed)) return;
    const bool filling = std::exchange(m_filling, true);
    m_sparsity->setValue(100 * fixed);
    m_filling = filling;
}

void RunForm::setBudget(Budget budget) {
    m_budget = budget;
    m_budgets[static_cast<int>(budget)]->setChecked(true);
    m_steps->setVisible(budget == Budget::Steps);
    m_minutes->setVisible(budget == Budget::Minutes);
    switch (budget) {
        case Budget::Quick:
            m_budgetNote->setText(m_quickSteps ? tr("As many steps as suit the model: %1.").arg(*m_quickSteps)
                                               : tr("As many steps as suit the model."));
            break;
        case Budget::Steps:
            m_budgetNote->setText(tr("Optimiser steps."));
            break;
        case Budget::Minutes:
            m_budgetNote->setText(tr("Learning time, turned into steps once, from a measured one."));
            break;
    }
}

void RunForm::setQuickSteps(std::optional<std::int64_t> steps) {
    m_quickSteps = steps;
    setBudget(m_budget);
}

void RunForm::chooseText() {
    auto* dialog = new QFileDialog(this, tr("Text to learn and calibrate on"));
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->setFileMode(QFileDialog::ExistingFiles);
    dialog->setNameFilters({tr("Text (*.txt *.md *.jsonl *.json)"), tr("All files (*)")});
    connect(dialog, &QFileDialog::filesSelected, this, [this](const QStringList& files) {
        m_texts = files;
        showText();
        said();
    });
    dialog->open();
}

void RunForm::showText() {
    m_defaultText->setVisible(!m_texts.isEmpty());
    QStringList names;
    for (const auto& file : m_texts) names << pathText(file);
    const auto given = names.join(QStringLiteral(", "));
    double own = 0;
    try {
        const auto now = m_options ? std::optional(ExperimentSpec::fromJson(spec())) : std::nullopt;
        if (now && now->writesText()) own = now->set.real("own_samples");
    } catch (const std::exception&) {
        // What is wrong is said at its field.
    }
    QString note =
        m_texts.isEmpty() ? tr("The installed default text; a part of it is held out to measure on.") : given;
    if (own >= 1)
        note =
            m_texts.isEmpty()
                ? tr("Written by the model itself; it is measured on a part of the installed default text.")
                : tr("Written by the model itself; it is measured on the end of %1.").arg(given);
    else if (own > 0)
        note += tr(" The model writes %1 % of what it learns from.").arg(own * 100, 0, 'g', 3);
    m_textNote->setText(note);
}

void RunForm::setAdvanced(bool open) {
    m_advanced->setChecked(open);
    m_advanced->setIcon(themedIcon(open ? QStringLiteral("chevron-down") : QStringLiteral("chevron-right")));
    m_options->setVisible(open);
}

void RunForm::setRowVisible(const QString& name, bool visible) {
    const auto& field = m_fields[name];
    for (auto* part : field.parts) part->setVisible(visible);
    if (!visible) field.problem->show(field.editor, {});
}

double RunForm::sparsity() const {
    const double fixed = sparsityOf(m_pattern->currentText());
    // Tenths of a percent, without the remainder of a division by 100.
    return std::isnan(fixed) ? std::round(m_sparsity->value() * 10) / 1000 : fixed;
}

Json RunForm::spec() const {
    const auto& now = method();
    Json json{{"model", m_model->currentData().toString().toStdString()},
              {"method", now.name},
              {"pattern", m_pattern->currentText().trimmed().toStdString()},
              {"sparsity", sparsity()}};
    if (!m_texts.isEmpty()) {
        json["text"] = Json::array();
        for (const auto& file : m_texts) json["text"].push_back(file.toStdString());
    }
    if (now.learns && m_budget == Budget::Steps) json["steps"] = m_steps->value();
    if (now.learns && m_budget == Budget::Minutes) json["minutes"] = m_minutes->value();
    bool whole = false;
    const auto seed = m_seed->text().trimmed().toLongLong(&whole);
    json["seed"] = whole ? Json(seed) : Json(m_seed->text().toStdString());
    json["threads"] = m_threads->value();
    json["dtype"] = m_dtype->currentText().toStdString();
    json["set"] = m_options->set();
    return json;
}

void RunForm::setSpec(const Json& spec) {
    if (!spec.is_object()) return;
    m_filling = true;
    setModel(textAt(spec, "model"));
    if (const int at = m_method->findData(textAt(spec, "method")); at >= 0) m_method->setCurrentIndex(at);
    if (const auto pattern = textAt(spec, "pattern"); !pattern.isEmpty()) m_pattern->setCurrentText(pattern);
    if (const double value = numberAt(spec, "sparsity", NAN); std::isfinite(value)) {
        m_sparsity->setValue(value * 100);
        m_sparsityTouched = true;
    }
    m_texts.clear();
    if (spec.contains("text") && spec["text"].is_array())
        for (const auto& file : spec["text"])
            if (file.is_string()) m_texts << QString::fromStdString(file.get<std::string>());
    showText();
    const double steps = numberAt(spec, "steps", NAN), minutes = numberAt(spec, "minutes", NAN);
    if (std::isfinite(steps)) m_steps->setValue(static_cast<int>(std::clamp(steps, 1.0, 1e7)));
    if (std::isfinite(minutes)) m_minutes->setValue(minutes);
    setBudget(std::isfinite(steps)     ? Budget::Steps
              : std::isfinite(minutes) ? Budget::Minutes
                                       : Budget::Quick);
    m_seed->setText(QString::number(static_cast<qint64>(numberAt(spec, "seed", 0))));
    m_threads->setValue(static_cast<int>(numberAt(spec, "threads", 0)));
    if (const int at = m_dtype->findText(textAt(spec, "dtype")); at >= 0) m_dtype->setCurrentIndex(at);
    m_options->setValues(spec.contains("set") ? spec["set"] : Json::object());
    m_filling = false;
    said();
}

bool RunForm::apply(const QString& option, const QString& value) {
    if (auto* row = m_options->row(option)) {
        row->setValue(value);
        setAdvanced(true);
        said();
        return true;
    }
    static const QStringList known{
        QStringLiteral("model"),    QStringLiteral("method"),  QStringLiteral("pattern"),
        QStringLiteral("sparsity"), QStringLiteral("steps"),   QStringLiteral("minutes"),
        QStringLiteral("seed"),     QStringLiteral("threads"), QStringLiteral("dtype")};
    if (!known.contains(option)) return false;
    auto json = spec();
    bool number = false;
    const double real = value.toDouble(&number);
    json[option.toStdString()] = number ? Json(real) : Json(value.toStdString());
    if (option == QLatin1String("minutes")) json.erase("steps");
    if (option == QLatin1String("steps")) json.erase("minutes");
    setSpec(json);
    return true;
}

std::optional<ExperimentSpec> RunForm::check() {
    for (const auto& field : m_fields) field.problem->show(field.editor, {});
    m_minutes->setProperty("invalid", false);
    m_options->clearProblems();
    m_wrong = nullptr;
    try {
        return ExperimentSpec::fromJson(spec());
    } catch (const Error& error) {
        auto sentence = asSentence(QString::fromStdString(error.summary()));
        for (const auto& remedy : error.remedies())
            sentence += QLatin1Char(' ') + asSentence(QString::fromStdString(remedy.text));
        if (!showProblem(QString::fromStdString(error.where()), sentence))
            showProblem(QStringLiteral("method"), sentence);
        return std::nullopt;
    }
}

bool RunForm::showProblem(const QString& where, const QString& sentence) {
    if (auto* row = m_options->row(where)) {
        setAdvanced(true);
        row->setProblem(sentence);
        m_wrong = row->editor();
        return true;
    }
    const auto name = where == QLatin1String("minutes") ? QStringLiteral("steps") : where;
    const auto found = m_fields.find(name);
    if (found == m_fields.end()) return false;
    auto* editor = where == QLatin1String("minutes") ? static_cast<QWidget*>(m_minutes) : found->editor;
    found->problem->show(editor, sentence);
    m_wrong = editor;
    return true;
}

void RunForm::said() {
    if (m_filling || !m_options) return;
    showText();
    const int changed = m_options->changedCount();
    m_advanced->setText(changed == 0   ? tr("  Advanced")
                        : changed == 1 ? tr("  Advanced: 1 option changed")
                                       : tr("  Advanced: %1 options changed").arg(changed));
    check();
    Q_EMIT this->changed();
}

}  // namespace tessera::ui
