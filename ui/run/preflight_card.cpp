#include "ui/run/preflight_card.h"

#include <QDir>
#include <QGridLayout>
#include <QVBoxLayout>
#include <cmath>

#include "ui/client/cli_call.h"
#include "ui/client/sentences.h"

namespace tessera::ui {

namespace {

constexpr int kSettleMs = 450;  ///< after the last change of the form: a slider is let go of first

double numberIn(const Json& document, const char* part, const char* key) {
    return document.contains(part) && document[part].is_object() ? numberAt(document[part], key, NAN) : NAN;
}
QString textIn(const Json& document, const char* part, const char* key) {
    return document.contains(part) && document[part].is_object() ? textAt(document[part], key) : QString();
}

}  // namespace

PreflightCard::PreflightCard(QWidget* parent) : Card(parent) {
    setAccessibleName(tr("What the run needs"));
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(kGap * 2, kGap * 2, kGap * 2, kGap * 2);
    column->setSpacing(kGap * 2);
    column->addWidget(subheading(tr("Before you start"), this));
    auto* grid = new QGridLayout;
    grid->setHorizontalSpacing(kGap + kGap / 2);
    grid->setVerticalSpacing(2);
    grid->setColumnStretch(1, 1);
    column->addLayout(grid);
    m_memory = addNeed(grid, tr("Memory"));
    m_disk = addNeed(grid, tr("Disk"));
    m_time = addNeed(grid, tr("Time"));
    m_levers = new QVBoxLayout;
    m_levers->setSpacing(kGap);
    column->addLayout(m_levers);
    m_status = muted({}, this);
    column->addWidget(m_status);
    column->addStretch();
    m_soon.setSingleShot(true);
    m_soon.setInterval(kSettleMs);
    connect(&m_soon, &QTimer::timeout, this, [this] { ask(false); });
}

PreflightCard::~PreflightCard() = default;

PreflightCard::Need PreflightCard::addNeed(QGridLayout* grid, const QString& title) {
    Need need;
    need.good = picture(QStringLiteral("circle-check"), 1.2, &ThemeTokens::good, this);
    need.bad = picture(QStringLiteral("alert-triangle"), 1.2, &ThemeTokens::warning, this);
    need.title = muted(title, this);
    need.value = body({}, this);
    need.assumption = muted({}, this);
    const int row = grid->rowCount();
    grid->addWidget(need.good, row, 0, Qt::AlignTop);
    grid->addWidget(need.bad, row, 0, Qt::AlignTop);
    grid->addWidget(need.title, row, 1);
    grid->addWidget(need.value, row + 1, 1);
    grid->addWidget(need.assumption, row + 2, 1);
    grid->setRowMinimumHeight(row + 3, kGap + kGap / 2);
    grid->setColumnMinimumWidth(0, fontMetrics().height() + 4);
    QFont strong = need.value->font();
    strong.setWeight(QFont::DemiBold);
    need.value->setFont(strong);
    setNeed(need, false, true, QStringLiteral("–"), {});
    return need;
}

void PreflightCard::setNeed(Need& need, bool known, bool fits, const QString& value,
                            const QString& assumption) {
    need.good->setVisible(known && fits);
    need.bad->setVisible(known && !fits);
    need.value->setText(value);
    need.value->setAccessibleName(need.title->text());
    need.value->setAccessibleDescription(value);
    need.assumption->setText(assumption);
    need.assumption->setVisible(!assumption.isEmpty());
}

void PreflightCard::check(const Json& spec) {
    if (spec == m_spec) return;
    m_spec = spec;
    m_settled = false;
    // Not measured for what is in the form now.
    delete std::exchange(m_call, nullptr);
    m_status->setText(tr("Estimating…"));
    m_soon.start();
}

void PreflightCard::rest(const QString& sentence) {
    m_spec = nullptr;
    m_soon.stop();
    delete std::exchange(m_call, nullptr);
    clearLevers();
    for (auto* need : {&m_memory, &m_disk, &m_time}) setNeed(*need, false, true, QStringLiteral("–"), {});
    m_status->setText(sentence);
    m_status->setVisible(!sentence.isEmpty());
    m_settled = true;
    Q_EMIT stepsKnown(std::nullopt);
}

void PreflightCard::ask(bool measure) {
    m_file =
        std::make_unique<QTemporaryFile>(QDir::tempPath() + QStringLiteral("/tessera-preflight-XXXXXX.json"));
    const auto text = dumpLine(m_spec);
    if (!m_file->open() || m_file->write(text.data(), static_cast<qint64>(text.size())) < 0 ||
        !m_file->flush())
        return rest(tr("Nothing can be checked: the folder for temporary files cannot be written."));
    QStringList arguments{QStringLiteral("preflight"), m_file->fileName()};
    if (!measure) arguments << QStringLiteral("--estimate");
    m_status->setVisible(true);
    m_status->setText(measure ? tr("Measuring one step…") : tr("Estimating…"));
    delete std::exchange(m_call, nullptr);
    m_call = new CliCall(arguments, this);
    connect(m_call, &CliCall::done, this, [this, measure](const Json& document) {
        m_call->deleteLater();
        m_call = nullptr;
        show(document);
        const bool fits = numberIn(document, "memory", "needed") <= numberIn(document, "memory", "free");
        const bool learns = std::isfinite(numberIn(document, "seconds", "steps"));
        m_settled = true;
        if (!measure && learns && fits)
            ask(true);
        else
            m_status->hide();
    });
    connect(m_call, &CliCall::failed, this, [this](const QString& sentence) {
        m_call->deleteLater();
        m_call = nullptr;
        if (!sentence.isEmpty()) rest(sentence);
    });
    m_call->start();
}

void PreflightCard::show(const Json& document) {
    const auto size = [&](Need& need, const char* part) {
        const double needed = numberIn(document, part, "needed"), free = numberIn(document, part, "free");
        const bool fits = !(needed > free);
        setNeed(need, std::isfinite(needed), fits,
                fits ? tr("%1 of %2 free").arg(bytesText(needed), bytesText(free))
                     : tr("%1, but only %2 are free").arg(bytesText(needed), bytesText(free)),
                asSentence(textIn(document, part, "assumption")));
    };
    size(m_memory, "memory");
    size(m_disk, "disk");
    const double total = numberIn(document, "seconds", "total"), step = numberIn(document, "seconds", "step"),
                 steps = numberIn(document, "seconds", "steps");
    QString value = tr("About %1").arg(durationText(total));
    if (std::isfinite(steps) && std::isfinite(step))
        value += tr(": %1 steps of %2").arg(steps, 0, 'f', 0).arg(durationText(step));
    setNeed(m_time, std::isfinite(total), true, value, asSentence(textIn(document, "seconds", "assumption")));
    clearLevers();
    if (document.contains("levers") && document["levers"].is_array())
        for (const auto& lever : document["levers"]) {
            const auto option = textAt(lever, "option"), text = asSentence(textAt(lever, "text"));
            if (option.isEmpty() || text.isEmpty()) continue;
            auto* button = plainButton(text.chopped(1), QStringLiteral("adjustments"), this);
            connect(button, &QPushButton::clicked, this,
                    [this, option, value = textAt(lever, "value")] { Q_EMIT leverPulled(option, value); });
            m_levers->addWidget(button);
        }
    Q_EMIT stepsKnown(std::isfinite(steps) ? std::optional(static_cast<std::int64_t>(steps)) : std::nullopt);
}

void PreflightCard::clearLevers() {
    while (auto* item = m_levers->takeAt(0)) {
        // A lever may be the very button whose press brings the next check.
        if (auto* widget = item->widget()) {
            widget->hide();
            widget->deleteLater();
        }
        delete item;
    }
}

}  // namespace tessera::ui
