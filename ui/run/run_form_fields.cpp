#include <QHBoxLayout>
#include <QLineEdit>
#include <QThread>
#include <cmath>

#include "ui/run/run_form.h"
#include "ui/theme/icons.h"
#include "ui/widgets/basics.h"

// The fields of the form, from the top to the bottom.
namespace tessera::ui {

RunForm::Field& RunForm::addField(const QString& name, const QString& title, QWidget* editor, QWidget* row,
                                  QWidget* note) {
    Field field;
    auto* label = new QLabel(title, this);
    label->setBuddy(editor);
    editor->setAccessibleName(title);
    editor->setObjectName(QStringLiteral("field.") + name);
    field.label = label;
    field.editor = editor;
    field.problem = new FieldProblem(this);
    field.parts = {label, row ? row : editor};
    const int at = m_rows;
    m_grid->addWidget(label, at, 0);
    m_grid->addWidget(field.parts.back(), at, 1);
    m_grid->addWidget(field.problem, at + 1, 1);
    if (note) {
        m_grid->addWidget(note, at + 2, 1);
        field.parts.push_back(note);
    }
    m_grid->setRowMinimumHeight(at + 3, kGap);
    m_rows += 4;
    return m_fields[name] = field;
}

void RunForm::makeModel() {
    m_model = new QComboBox(this);
    m_model->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
    connect(m_model, &QComboBox::currentIndexChanged, this, [this] {
        suggestSparsity();
        said();
    });
    addField(QStringLiteral("model"), tr("Model"), m_model);
}

void RunForm::makeMethod() {
    m_method = new QComboBox(this);
    // The methods that learn come first: they are what this is for.
    for (const bool learns : {true, false})
        for (auto each = methodDescriptions().rbegin(); each != methodDescriptions().rend(); ++each)
            if (each->learns == learns)
                m_method->addItem(QString::fromStdString(each->title), QString::fromStdString(each->name));
    m_methodNote = muted({}, this);
    connect(m_method, &QComboBox::currentIndexChanged, this, [this] {
        methodChanged();
        said();
    });
    addField(QStringLiteral("method"), tr("Method"), m_method, nullptr, m_methodNote);

    m_pattern = new QComboBox(this);
    m_pattern->setEditable(true);
    m_pattern->setInsertPolicy(QComboBox::NoInsert);
    connect(m_pattern, &QComboBox::currentTextChanged, this, [this] {
        patternChanged();
        said();
    });
    addField(QStringLiteral("pattern"), tr("Pattern"), m_pattern, nullptr,
             muted(tr("Unstructured, or N:M: N of every M weights are kept, for example 2:4."), this));
}

void RunForm::makeSparsity() {
    auto* row = new QWidget(this);
    auto* line = new QHBoxLayout(row);
    line->setContentsMargins(0, 0, 0, 0);
    line->setSpacing(kGap + kGap / 2);
    m_slider = new QSlider(Qt::Horizontal, row);
    m_slider->setRange(0, 99);
    m_slider->setPageStep(10);
    m_slider->setAccessibleName(tr("Sparsity in percent"));
    m_sparsity = new QDoubleSpinBox(row);
    m_sparsity->setDecimals(1);
    m_sparsity->setRange(0, 99.9);
    m_sparsity->setSingleStep(1);
    m_sparsity->setSuffix(QStringLiteral(" %"));
    m_sparsity->setAlignment(Qt::AlignRight);
    m_sparsity->setMinimumWidth(fontMetrics().averageCharWidth() * 14);
    line->addWidget(m_slider, 1);
    line->addWidget(m_sparsity);
    connect(m_slider, &QSlider::valueChanged, this, [this](int value) { m_sparsity->setValue(value); });
    connect(m_sparsity, &QDoubleSpinBox::valueChanged, this, [this](double value) {
        const QSignalBlocker quiet(m_slider);
        m_slider->setValue(static_cast<int>(std::lround(value)));
        if (!m_filling) m_sparsityTouched = true;
        said();
    });
    m_sparsityNote = muted({}, this);
    addField(QStringLiteral("sparsity"), tr("Sparsity"), m_sparsity, row, m_sparsityNote);
}

void RunForm::makeBudget() {
    auto* row = new QWidget(this);
    auto* line = new QHBoxLayout(row);
    line->setContentsMargins(0, 0, 0, 0);
    line->setSpacing(kGap);
    const QString texts[] = {tr("Quick"), tr("Steps"), tr("Minutes")};
    for (int i = 0; i < 3; ++i) {
        m_budgets[i] = plainButton(texts[i], {}, row);
        m_budgets[i]->setCheckable(true);
        m_budgets[i]->setAutoExclusive(true);
        m_budgets[i]->setAccessibleName(tr("Budget: %1").arg(texts[i]));
        connect(m_budgets[i], &QPushButton::clicked, this, [this, i] {
            setBudget(static_cast<Budget>(i));
            said();
        });
        line->addWidget(m_budgets[i]);
    }
    m_steps = new QSpinBox(row);
    m_steps->setRange(1, 10'000'000);
    m_steps->setValue(400);
    m_steps->setSuffix(tr(" steps"));
    m_steps->setGroupSeparatorShown(true);
    m_minutes = new QDoubleSpinBox(row);
    m_minutes->setRange(0.1, 1e6);
    m_minutes->setDecimals(1);
    m_minutes->setValue(10);
    m_minutes->setSuffix(tr(" min"));
    m_minutes->setAccessibleName(tr("Minutes"));
    m_minutes->setObjectName(QStringLiteral("field.minutes"));
    for (QAbstractSpinBox* box :
         {static_cast<QAbstractSpinBox*>(m_steps), static_cast<QAbstractSpinBox*>(m_minutes)}) {
        box->setAlignment(Qt::AlignRight);
        line->addWidget(box, 1);
    }
    connect(m_steps, &QSpinBox::valueChanged, this, &RunForm::said);
    connect(m_minutes, &QDoubleSpinBox::valueChanged, this, &RunForm::said);
    line->addStretch(1);
    m_budgetNote = muted({}, this);
    addField(QStringLiteral("steps"), tr("Budget"), m_steps, row, m_budgetNote);
    m_steps->setAccessibleName(tr("Steps"));
    setBudget(Budget::Quick);
}

void RunForm::makeText() {
    auto* row = new QWidget(this);
    auto* line = new QHBoxLayout(row);
    line->setContentsMargins(0, 0, 0, 0);
    line->setSpacing(kGap);
    auto* choose = plainButton(tr("Choose files..."), QStringLiteral("file-text"), row);
    connect(choose, &QPushButton::clicked, this, &RunForm::chooseText);
    m_defaultText = plainButton(tr("Use the default text"), {}, row);
    connect(m_defaultText, &QPushButton::clicked, this, [this] {
        m_texts.clear();
        showText();
        said();
    });
    line->addWidget(choose);
    line->addWidget(m_defaultText);
    line->addStretch();
    m_textNote = muted({}, this);
    addField(QStringLiteral("text"), tr("Text"), choose, row, m_textNote);
    choose->setAccessibleName(tr("Choose text files"));
    showText();
}

void RunForm::makeRest() {
    auto* row = new QWidget(this);
    auto* line = new QHBoxLayout(row);
    line->setContentsMargins(0, 0, 0, 0);
    line->setSpacing(kGap);
    m_seed = new QLineEdit(QStringLiteral("0"), row);
    m_seed->setMaximumWidth(fontMetrics().averageCharWidth() * 20);
    auto* dice = new QToolButton(row);
    dice->setIcon(themedIcon(QStringLiteral("dice")));
    dice->setToolTip(tr("Another seed"));
    dice->setAccessibleName(tr("Another seed"));
    connect(m_seed, &QLineEdit::textEdited, this, &RunForm::said);
    connect(dice, &QToolButton::clicked, this, [this] {
        m_seed->setText(QString::number((m_seed->text().toLongLong() * 1103515245 + 12345) & 0x7fff));
        said();
    });
    line->addWidget(m_seed);
    line->addWidget(dice);
    line->addStretch();
    addField(QStringLiteral("seed"), tr("Seed"), m_seed, row);

    m_threads = new QSpinBox(this);
    m_threads->setRange(0, 4096);
    m_threads->setSpecialValueText(tr("All %1 cores").arg(QThread::idealThreadCount()));
    m_threads->setMaximumWidth(fontMetrics().averageCharWidth() * 20);
    connect(m_threads, &QSpinBox::valueChanged, this, &RunForm::said);
    addField(QStringLiteral("threads"), tr("Threads"), m_threads);

    m_dtype = new QComboBox(this);
    m_dtype->addItems({QStringLiteral("bf16"), QStringLiteral("f32")});
    m_dtype->setMaximumWidth(fontMetrics().averageCharWidth() * 20);
    connect(m_dtype, &QComboBox::currentIndexChanged, this, &RunForm::said);
    addField(QStringLiteral("dtype"), tr("Computes in"), m_dtype);
}

}  // namespace tessera::ui
