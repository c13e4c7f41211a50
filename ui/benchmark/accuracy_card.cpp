#include "ui/benchmark/accuracy_card.h"

#include <QCheckBox>
#include <QComboBox>
#include <QFileDialog>
#include <QFileInfo>
#include <QGridLayout>
#include <QHBoxLayout>
#include <QLineEdit>
#include <QSettings>
#include <QSignalBlocker>
#include <QToolButton>
#include <algorithm>

#include "ui/benchmark/accuracy_table.h"
#include "ui/benchmark/speed_tables.h"
#include "ui/benchmark/task_row.h"
#include "ui/client/cli_call.h"
#include "ui/client/sentences.h"

namespace tessera::ui {

namespace {

const QString kFolderKey = QStringLiteral("benchmark/tasksFolder");
constexpr int kBoxesInRow = 5;

QString measurementText(const TaskMeasurement& measurement) {
    const auto count = int(measurement.tasks.size());
    auto text = localTimeText(measurement.time);
    text += text.isEmpty() ? QString() : QStringLiteral(" · ");
    text += count == 1 ? QObject::tr("1 task") : QObject::tr("%1 tasks").arg(count);
    if (measurement.limit > 0) text += QObject::tr(" · first %1 items").arg(measurement.limit);
    return text;
}

}  // namespace

AccuracyCard::AccuracyCard(QWidget* parent) : Card(parent) {
    auto* column = cardColumn(this, tr("Accuracy on zero-shot tasks"));
    column->addWidget(
        muted(tr("Multiple choice as lm-evaluation-harness scores it, dense and pruned on the same "
                 "questions. The data are files of yours: a folder with a folder for each task, as its "
                 "authors publish it."),
              this));
    auto* row = new QHBoxLayout;
    row->setSpacing(kGap / 2);
    m_folder = new QLineEdit(this);
    m_folder->setAccessibleName(tr("Folder of the tasks' data"));
    m_folder->setPlaceholderText(tr("Folder of the tasks' data"));
    m_folder->setText(QSettings().value(kFolderKey).toString());
    row->addWidget(m_folder, 1);
    auto* choose = chooserButton(tr("Choose the folder of the tasks' data"), this);
    row->addWidget(choose);
    column->addLayout(row);
    m_note = muted({}, this);
    column->addWidget(m_note);
    m_boxes = new QWidget(this);
    m_grid = new QGridLayout(m_boxes);
    m_grid->setContentsMargins(0, 0, 0, 0);
    m_grid->setHorizontalSpacing(kGap * 2);
    m_grid->setVerticalSpacing(kGap / 2);
    column->addWidget(m_boxes);
    auto* last = new QHBoxLayout;
    last->setSpacing(kGap);
    auto* label = muted(tr("Of each task"), this);
    label->setWordWrap(false);
    m_items = new QComboBox(this);
    m_items->setAccessibleName(tr("Items of each task"));
    m_items->addItem(tr("all items"), 0);
    for (const int count : {50, 200, 1000}) m_items->addItem(tr("the first %1 items").arg(count), count);
    label->setBuddy(m_items);
    m_button = plainButton(tr("Measure accuracy"), QStringLiteral("circle-check"), this);
    last->addWidget(label);
    last->addWidget(m_items);
    last->addSpacing(kGap);
    last->addWidget(m_button);
    last->addStretch();
    column->addLayout(last);
    m_task = new TaskRow(this);
    column->addWidget(m_task);
    m_choice = new QComboBox(this);
    m_choice->setAccessibleName(tr("Which measurement of accuracy"));
    m_choice->setSizeAdjustPolicy(QComboBox::AdjustToContents);
    auto* which = new QHBoxLayout;
    which->addWidget(m_choice);
    which->addStretch();
    column->addLayout(which);
    m_rows = new AccuracyModel(this);
    m_table = new WholeTable(m_rows, tr("Accuracy on each task"), this);
    column->addWidget(m_table);

    connect(choose, &QToolButton::clicked, this, [this] {
        auto* dialog = new QFileDialog(this, tr("Folder of the tasks' data"), m_folder->text());
        dialog->setFileMode(QFileDialog::Directory);
        dialog->setAttribute(Qt::WA_DeleteOnClose);
        connect(dialog, &QFileDialog::fileSelected, this, [this](const QString& folder) {
            m_folder->setText(folder);
            look();
        });
        dialog->open();
    });
    connect(m_folder, &QLineEdit::editingFinished, this, [this] {
        if (m_folder->isModified()) look();
    });
    connect(m_button, &QPushButton::clicked, this, &AccuracyCard::measure);
    connect(m_choice, &QComboBox::currentIndexChanged, this, &AccuracyCard::showChoice);
    connect(m_task, &TaskRow::busyChanged, this, &AccuracyCard::updateButton);
    connect(m_task, &TaskRow::done, this, &AccuracyCard::measured);
    tellLooked({});
    setFound({});
}

AccuracyCard::~AccuracyCard() = default;

bool AccuracyCard::busy() const {
    return m_task->busy();
}

void AccuracyCard::setRun(const CardRun& run) {
    if (run.path != m_run.path && !m_task->busy()) m_task->clear();
    m_run = run;
}

void AccuracyCard::setFound(const Measurements& found) {
    m_found = found.accuracy;
    const QSignalBlocker quiet(m_choice);
    m_choice->clear();
    for (const auto& measurement : m_found) m_choice->addItem(measurementText(measurement));
    m_choice->setVisible(!m_found.empty());
    m_table->setVisible(!m_found.empty());
    showChoice();
}

void AccuracyCard::showChoice() {
    if (const int index = m_choice->currentIndex(); index >= 0 && index < int(m_found.size()))
        m_rows->set(m_found[std::size_t(index)]);
}

void AccuracyCard::lookOnce() {
    if (!m_looked && !m_folder->text().trimmed().isEmpty()) look();
}

void AccuracyCard::look() {
    m_looked = true;
    m_folder->setModified(false);
    const auto folder = m_folder->text().trimmed();
    // A call that still looks into another folder ends with its owner.
    m_looking.reset();
    showTasks({});
    if (folder.isEmpty()) return tellLooked({});
    tellLooked(tr("Looking for tasks…"));
    m_looking =
        std::make_unique<CliCall>(QStringList{QStringLiteral("tasks"), QStringLiteral("list"), folder});
    connect(m_looking.get(), &CliCall::done, this, [this, folder](const Json& document) {
        QSettings().setValue(kFolderKey, folder);
        showTasks(document);
        m_looking.release()->deleteLater();
    });
    connect(m_looking.get(), &CliCall::failed, this, [this](const QString& sentence) {
        tellLooked(sentence);
        m_looking.release()->deleteLater();
    });
    m_looking->start();
}

void AccuracyCard::tellLooked(const QString& sentence) {
    m_note->setText(sentence);
    m_note->setVisible(!sentence.isEmpty());
    updateButton();
}

void AccuracyCard::showTasks(const Json& document) {
    for (auto* box : m_tasks) box->deleteLater();
    m_tasks.clear();
    QStringList problems;
    if (document.is_object() && document.contains("tasks"))
        for (const auto& task : document["tasks"]) {
            const auto name = textAt(task, "name");
            if (const auto problem = textAt(task, "problem"); !problem.isEmpty()) {
                problems << problem;
                continue;
            }
            auto* box = new QCheckBox(name, m_boxes);
            box->setChecked(true);
            box->setProperty("path", textAt(task, "path"));
            box->setToolTip(tr("%1 items in %2")
                                .arg(QString::number(qint64(numberAt(task, "items"))), textAt(task, "path")));
            connect(box, &QCheckBox::toggled, this, &AccuracyCard::updateButton);
            const auto index = int(m_tasks.size());
            m_grid->addWidget(box, index / kBoxesInRow, index % kBoxesInRow);
            m_tasks.push_back(box);
        }
    for (int i = 0; i < kBoxesInRow; ++i) m_grid->setColumnStretch(i, 1);
    m_boxes->setVisible(!m_tasks.empty());
    if (m_tasks.empty() && problems.isEmpty() && document.is_object())
        problems << tr(
            "No task is in this folder: it should hold folders such as piqa, arc_easy, hellaswag.");
    tellLooked(problems.join(QLatin1Char('\n')));
}

void AccuracyCard::updateButton() {
    const bool any =
        std::any_of(m_tasks.begin(), m_tasks.end(), [](const auto* box) { return box->isChecked(); });
    m_button->setEnabled(any && !m_task->busy());
    m_button->setToolTip(any ? QString() : tr("Choose a folder that holds tasks first"));
}

void AccuracyCard::measure() {
    if (m_task->busy() || m_run.path.empty()) return;
    QStringList arguments{QStringLiteral("eval"), QString::fromStdString(m_run.path.string()),
                          QStringLiteral("--dense")};
    for (const auto* box : m_tasks)
        if (box->isChecked())
            arguments << QStringLiteral("--task")
                      << box->text() + QLatin1Char('=') + box->property("path").toString();
    if (arguments.size() == 3) return;
    if (const int limit = m_items->currentData().toInt(); limit > 0)
        arguments << QStringLiteral("--limit") << QString::number(limit);
    if (!m_run.dtype.isEmpty()) arguments << QStringLiteral("--dtype") << m_run.dtype;
    m_task->run(tr("Asking %1").arg(m_run.name), arguments);
}

}  // namespace tessera::ui
