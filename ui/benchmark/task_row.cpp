#include "ui/benchmark/task_row.h"

#include <QApplication>
#include <QClipboard>
#include <QDesktopServices>
#include <QFileInfo>
#include <QHBoxLayout>
#include <QLabel>
#include <QProgressBar>
#include <QToolButton>
#include <QUrl>

#include "ui/client/cli_call.h"
#include "ui/client/sentences.h"
#include "ui/theme/icons.h"
#include "ui/widgets/basics.h"

namespace tessera::ui {

TaskRow::TaskRow(QWidget* parent) : QWidget(parent) {
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(kGap);
    m_line = new QWidget(this);
    auto* row = new QHBoxLayout(m_line);
    row->setContentsMargins(0, 0, 0, 0);
    row->setSpacing(kGap);
    auto* words = new QVBoxLayout;
    words->setSpacing(kGap / 2);
    m_text = muted({}, m_line);
    m_bar = new QProgressBar(m_line);
    m_bar->setTextVisible(false);
    m_bar->setFixedHeight(kGap - 2);
    m_bar->setAccessibleName(tr("Progress"));
    words->addWidget(m_text);
    words->addWidget(m_bar);
    row->addLayout(words, 1);
    m_cancel = plainButton(tr("Cancel"), {}, m_line);
    connect(m_cancel, &QPushButton::clicked, this, &TaskRow::cancel);
    row->addWidget(m_cancel, 0, Qt::AlignVCenter);
    column->addWidget(m_line);
    m_failure = new Banner(this);
    column->addWidget(m_failure);
    clear();
}

TaskRow::~TaskRow() = default;

void TaskRow::clear() {
    m_line->setVisible(busy());
    m_failure->clear();
    setVisible(busy());
}

void TaskRow::run(const QString& what, const QStringList& arguments) {
    if (m_call) return;
    m_waiting = false;
    m_what = what;
    m_failure->clear();
    m_text->setText(what);
    m_bar->setRange(0, 0);
    m_bar->show();
    m_cancel->setEnabled(true);
    m_call = std::make_unique<CliCall>(arguments);
    connect(m_call.get(), &CliCall::progress, this, [this](const QString& text, double done, double total) {
        m_text->setText(text.isEmpty() ? m_what : tr("%1: %2").arg(m_what, text));
        m_bar->setRange(0, total > 0 ? 1000 : 0);
        if (total > 0) m_bar->setValue(int(1000 * done / total));
    });
    connect(m_call.get(), &CliCall::done, this, [this](const Json& document) {
        const Json kept = document;
        ended({});
        Q_EMIT done(kept);
    });
    connect(m_call.get(), &CliCall::failed, this, &TaskRow::ended);
    m_line->show();
    show();
    m_call->start();
    Q_EMIT busyChanged();
}

void TaskRow::wait(const QString& sentence) {
    if (m_call) return;
    m_waiting = true;
    m_failure->clear();
    m_text->setText(sentence);
    m_bar->hide();
    m_cancel->setEnabled(true);
    m_line->show();
    show();
    Q_EMIT busyChanged();
}

void TaskRow::cancel() {
    if (m_call) {
        m_text->setText(tr("Cancelling"));
        m_cancel->setEnabled(false);
        m_call->cancel();
    } else if (m_waiting) {
        m_waiting = false;
        clear();
        Q_EMIT busyChanged();
    }
}

void TaskRow::ended(const QString& sentence) {
    // It is the call that says so: it goes when it has done saying it.
    m_call.release()->deleteLater();
    m_line->hide();
    if (sentence.isEmpty())
        clear();
    else
        tell(sentence);
    Q_EMIT busyChanged();
}

void TaskRow::tell(const QString& sentence) {
    m_failure->tell(Banner::Kind::Failure, sentence);
    show();
}

PathRow::PathRow(const QString& what, bool opens, QWidget* parent) : QWidget(parent) {
    auto* row = new QHBoxLayout(this);
    row->setContentsMargins(0, 0, 0, 0);
    row->setSpacing(2);
    m_label = new QLabel(this);
    m_label->setTextFormat(Qt::PlainText);
    m_label->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
    row->addWidget(m_label, 1);
    const auto add = [&](const QString& icon, const QString& name, auto&& act) {
        auto* button = new QToolButton(this);
        button->setIcon(themedIcon(icon));
        button->setToolTip(name);
        button->setAccessibleName(tr("%1: %2").arg(what, name));
        connect(button, &QToolButton::clicked, this, act);
        row->addWidget(button);
    };
    if (opens)
        add(QStringLiteral("external-link"), tr("Open"),
            [this] { QDesktopServices::openUrl(QUrl::fromLocalFile(m_path)); });
    add(QStringLiteral("folder-open"), tr("Show in its folder"),
        [this] { QDesktopServices::openUrl(QUrl::fromLocalFile(QFileInfo(m_path).absolutePath())); });
    add(QStringLiteral("copy"), tr("Copy the path"), [this] { QApplication::clipboard()->setText(m_path); });
    hide();
}

void PathRow::setPath(const QString& path) {
    m_path = path;
    m_label->setToolTip(path);
    setVisible(!path.isEmpty());
    showPath();
}

void PathRow::showPath() {
    m_label->setText(fontMetrics().elidedText(pathText(m_path), Qt::ElideMiddle, m_label->width()));
}

void PathRow::resizeEvent(QResizeEvent* event) {
    QWidget::resizeEvent(event);
    QMetaObject::invokeMethod(this, &PathRow::showPath, Qt::QueuedConnection);
}

}  // namespace tessera::ui
