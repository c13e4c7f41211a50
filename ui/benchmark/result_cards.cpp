#include "ui/benchmark/result_cards.h"

#include <QComboBox>
#include <QDir>
#include <QFileDialog>
#include <QFileInfo>
#include <QHBoxLayout>
#include <QLineEdit>
#include <QSettings>
#include <QStandardPaths>
#include <QToolButton>
#include <cmath>

#include "core/formats/export_format.h"
#include "ui/benchmark/task_row.h"
#include "ui/benchmark/verdict.h"
#include "ui/client/sentences.h"
#include "ui/theme/icons.h"

namespace tessera::ui {

namespace fs = std::filesystem;

namespace {

const QString kFolderKey = QStringLiteral("benchmark/exportFolder");
constexpr int kShown = 4;  ///< measurements of quality

QString text(const fs::path& path) {
    return QString::fromStdString(path.string());
}

}  // namespace

QVBoxLayout* cardColumn(Card* card, const QString& title) {
    auto* column = new QVBoxLayout(card);
    column->setContentsMargins(kGap * 2, kGap * 2, kGap * 2, kGap * 2);
    column->setSpacing(kGap);
    column->addWidget(subheading(title, card));
    return column;
}

QToolButton* chooserButton(const QString& name, QWidget* parent) {
    auto* button = new QToolButton(parent);
    button->setIcon(themedIcon(QStringLiteral("folder-open")));
    button->setToolTip(name);
    button->setAccessibleName(name);
    return button;
}

ReportCard::ReportCard(QWidget* parent) : Card(parent) {
    auto* column = cardColumn(this, tr("Report"));
    m_text = muted({}, this);
    column->addWidget(m_text);
    auto* row = new QHBoxLayout;
    row->setSpacing(kGap);
    m_htmlButton = plainButton(tr("Make HTML report"), QStringLiteral("file-report"), this);
    m_pdfButton = plainButton(tr("Make PDF"), QStringLiteral("file-text"), this);
    row->addWidget(m_htmlButton);
    row->addWidget(m_pdfButton);
    row->addStretch();
    column->addLayout(row);
    m_task = new TaskRow(this);
    column->addWidget(m_task);
    m_html = new PathRow(tr("HTML report"), true, this);
    m_paper = new PathRow(tr("PDF report"), true, this);
    column->addWidget(m_html);
    column->addWidget(m_paper);
    column->addStretch();
    connect(m_htmlButton, &QPushButton::clicked, this, [this] { make(false); });
    connect(m_pdfButton, &QPushButton::clicked, this, [this] { make(true); });
    connect(m_task, &TaskRow::busyChanged, this, [this] {
        m_htmlButton->setEnabled(!m_task->busy());
        m_pdfButton->setEnabled(!m_task->busy());
    });
    connect(m_task, &TaskRow::done, this, [this](const Json& document) {
        const auto path = textAt(document, "path");
        if (QFileInfo(path).absolutePath() == QDir(text(m_run.path)).absolutePath())
            (m_pdf ? m_paper : m_html)->setPath(path);
        Q_EMIT made();
    });
}

bool ReportCard::busy() const {
    return m_task->busy();
}

void ReportCard::setRun(const CardRun& run, bool finished) {
    if (run.path != m_run.path) {
        m_html->setPath({});
        m_paper->setPath({});
        if (!m_task->busy()) m_task->clear();
    }
    m_run = run;
    m_text->setText(
        finished ? tr("One page with the verdict, curves, maps and tables; it needs nothing beside it.")
                 : tr("One page of what the run has written so far."));
}

void ReportCard::setFound(const Measurements& found) {
    m_html->setPath(found.html ? text(reportPath(m_run.path, false)) : QString());
    m_paper->setPath(found.pdf ? text(reportPath(m_run.path, true)) : QString());
}

void ReportCard::make(bool pdf) {
    if (m_task->busy() || m_run.path.empty()) return;
    m_pdf = pdf;
    m_task->run(pdf ? tr("Drawing the PDF") : tr("Writing the report"),
                {QStringLiteral("report"), text(m_run.path), QStringLiteral("--out"),
                 text(reportPath(m_run.path, pdf))});
}

ExportCard::ExportCard(QWidget* parent) : Card(parent) {
    auto* column = cardColumn(this, tr("Export model"));
    m_help = muted({}, this);
    column->addWidget(m_help);
    m_format = new QComboBox(this);
    m_format->setAccessibleName(tr("Format"));
    for (const auto& format : kExportFormats)
        m_format->addItem(QString::fromUtf8(format.title), QString::fromLatin1(format.name));
    column->addWidget(m_format);
    auto* row = new QHBoxLayout;
    row->setSpacing(kGap / 2);
    m_folder = new QLineEdit(this);
    m_folder->setAccessibleName(tr("Folder to export to"));
    m_folder->setText(
        QSettings()
            .value(kFolderKey, QStandardPaths::writableLocation(QStandardPaths::DocumentsLocation))
            .toString());
    row->addWidget(m_folder, 1);
    auto* choose = chooserButton(tr("Choose a folder"), this);
    row->addWidget(choose);
    column->addLayout(row);
    auto* last = new QHBoxLayout;
    m_button = plainButton(tr("Export"), QStringLiteral("file-export"), this);
    last->addWidget(m_button);
    last->addStretch();
    column->addLayout(last);
    m_task = new TaskRow(this);
    column->addWidget(m_task);
    m_made = new PathRow(tr("Exported model"), false, this);
    column->addWidget(m_made);
    column->addStretch();
    connect(m_format, &QComboBox::currentIndexChanged, this, &ExportCard::showHelp);
    connect(m_button, &QPushButton::clicked, this, &ExportCard::make);
    connect(choose, &QToolButton::clicked, this, [this] {
        auto* dialog = new QFileDialog(this, tr("Folder to export to"), m_folder->text());
        dialog->setFileMode(QFileDialog::Directory);
        dialog->setAttribute(Qt::WA_DeleteOnClose);
        connect(dialog, &QFileDialog::fileSelected, m_folder, &QLineEdit::setText);
        dialog->open();
    });
    connect(m_task, &TaskRow::busyChanged, this, [this] { m_button->setEnabled(!m_task->busy()); });
    connect(m_task, &TaskRow::done, this, [this](const Json& document) {
        m_made->setPath(textAt(document, "path"));
        QSettings().setValue(kFolderKey, m_folder->text());
    });
    showHelp();
}

bool ExportCard::busy() const {
    return m_task->busy();
}

void ExportCard::showHelp() {
    const auto help = QString::fromUtf8(kExportFormats[std::size_t(m_format->currentIndex())].help);
    m_help->setText(help.left(1).toUpper() + help.mid(1) + QLatin1Char('.'));
}

void ExportCard::setRun(const CardRun& run) {
    if (run.path != m_run.path) {
        m_made->setPath({});
        if (!m_task->busy()) m_task->clear();
    }
    m_run = run;
}

fs::path ExportCard::freshPath(const fs::path& folder, const std::string& run, const std::string& format,
                               const std::string& suffix) {
    std::error_code none;
    auto path = folder / (run + "-" + format + suffix);
    for (int i = 2; fs::exists(path, none); ++i)
        path = folder / (run + "-" + format + "-" + std::to_string(i) + suffix);
    return path;
}

void ExportCard::make() {
    if (m_task->busy() || m_run.path.empty()) return;
    const auto folder = m_folder->text().trimmed();
    if (!QFileInfo(folder).isDir()) {
        m_task->tell(folder.isEmpty()
                         ? tr("Choose a folder to export to.")
                         : tr("There is no folder %1. Choose one that is there.").arg(pathText(folder)));
        return;
    }
    const auto& format = kExportFormats[std::size_t(m_format->currentIndex())];
    const auto path =
        freshPath(folder.toStdString(), m_run.path.filename().string(), format.name, format.suffix);
    m_made->setPath({});
    m_task->run(tr("Exporting %1").arg(m_run.name),
                {QStringLiteral("export"), text(m_run.path), QStringLiteral("--format"),
                 QString::fromLatin1(format.name), QStringLiteral("--out"), text(path)});
}

QualityCard::QualityCard(QWidget* parent) : Card(parent) {
    m_column = cardColumn(this, tr("Perplexity on a text"));
    m_text = muted({}, this);
    m_column->addWidget(m_text);
    auto* row = new QHBoxLayout;
    row->setSpacing(kGap / 2);
    m_file = new QLineEdit(this);
    m_file->setPlaceholderText(tr("The default text's held-out part"));
    m_file->setAccessibleName(tr("Text file"));
    m_file->setClearButtonEnabled(true);
    row->addWidget(m_file, 1);
    auto* choose = chooserButton(tr("Choose a text file"), this);
    row->addWidget(choose);
    m_column->addLayout(row);
    auto* last = new QHBoxLayout;
    m_button = plainButton(tr("Measure perplexity"), QStringLiteral("chart-line"), this);
    last->addWidget(m_button);
    last->addStretch();
    m_column->addLayout(last);
    m_task = new TaskRow(this);
    m_column->addWidget(m_task);
    m_column->addStretch();
    connect(m_button, &QPushButton::clicked, this, &QualityCard::measure);
    connect(choose, &QToolButton::clicked, this, [this] {
        auto* dialog =
            new QFileDialog(this, tr("Text to measure on"), QFileInfo(m_file->text()).absolutePath());
        dialog->setFileMode(QFileDialog::ExistingFile);
        dialog->setNameFilters({tr("Texts (*.txt *.md *.jsonl *.json)"), tr("All files (*)")});
        dialog->setAttribute(Qt::WA_DeleteOnClose);
        connect(dialog, &QFileDialog::fileSelected, m_file, &QLineEdit::setText);
        dialog->open();
    });
    connect(m_task, &TaskRow::busyChanged, this, [this] { m_button->setEnabled(!m_task->busy()); });
    connect(m_task, &TaskRow::done, this, &QualityCard::measured);
}

bool QualityCard::busy() const {
    return m_task->busy();
}

void QualityCard::setRun(const CardRun& run) {
    if (run.path != m_run.path) {
        setFound({});
        if (!m_task->busy()) m_task->clear();
    }
    m_run = run;
    m_text->setText(
        run.window > 0
            ? tr("Dense and pruned, in windows of %1 tokens as in the run. The result is kept beside it.")
                  .arg(run.window)
            : tr("Dense and pruned. The result is kept beside the run."));
}

void QualityCard::setFound(const Measurements& found) {
    if (m_list) {
        m_column->removeWidget(m_list);
        m_list->hide();
        m_list->deleteLater();
        m_list = nullptr;
    }
    if (found.quality.empty()) return;
    m_list = new QWidget(this);
    auto* rows = new QVBoxLayout(m_list);
    rows->setContentsMargins(0, kGap / 2, 0, 0);
    rows->setSpacing(2);
    for (std::size_t i = 0; i < found.quality.size() && i < kShown; ++i) {
        const auto& each = found.quality[i];
        auto* value =
            body(std::isfinite(each.dense) ? tr("%1, dense %2 (%3)")
                                                 .arg(numberText(each.pruned), numberText(each.dense),
                                                      changeText(each.dense, each.pruned))
                                           : numberText(each.pruned),
                 m_list);
        const auto file = QString::fromStdString(each.text);
        auto* note =
            muted(tr("%1, %2 windows of %3, %4")
                      .arg(file.contains(QLatin1Char('/')) ? file.section(QLatin1Char('/'), -1) : file)
                      .arg(each.windows)
                      .arg(each.window)
                      .arg(localTimeText(each.time)),
                  m_list);
        note->setToolTip(file);
        if (i > 0) rows->addSpacing(kGap / 2);
        rows->addWidget(value);
        rows->addWidget(note);
    }
    // Before the stretch at the end.
    m_column->insertWidget(m_column->count() - 1, m_list);
}

void QualityCard::measure() {
    if (m_task->busy() || m_run.path.empty()) return;
    QStringList arguments{QStringLiteral("eval"), text(m_run.path), QStringLiteral("--dense")};
    if (const auto file = m_file->text().trimmed(); !file.isEmpty()) {
        if (!QFileInfo(file).isFile()) {
            m_task->tell(tr("There is no file %1. Choose one that is there.").arg(pathText(file)));
            return;
        }
        arguments << QStringLiteral("--text") << file;
    } else if (m_run.windows > 0) {
        // As much of the default text as the run itself read.
        arguments << QStringLiteral("--windows") << QString::number(m_run.windows);
    }
    if (m_run.window > 0) arguments << QStringLiteral("--window") << QString::number(m_run.window);
    if (!m_run.dtype.isEmpty()) arguments << QStringLiteral("--dtype") << m_run.dtype;
    m_task->run(tr("Reading the text with %1").arg(m_run.name), arguments);
}

}  // namespace tessera::ui
