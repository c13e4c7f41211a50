#include "ui/run/run_outcome.h"

#include <QHBoxLayout>
#include <QVBoxLayout>
#include <cmath>

#include "ui/client/run_record.h"
#include "ui/client/sentences.h"

namespace tessera::ui {

namespace {

double numberIn(const Json& document, const char* part, const char* key) {
    return document.contains(part) && document[part].is_object() ? numberAt(document[part], key, NAN) : NAN;
}

}  // namespace

RunOutcome::RunOutcome(QWidget* parent) : Card(parent) {
    setAccessibleName(tr("Result"));
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(kGap * 2, kGap * 2, kGap * 2, kGap * 2);
    column->setSpacing(kGap * 2);
    auto* figures = new QHBoxLayout;
    figures->setSpacing(kGap * 4);
    m_sparsity = new KeyFigure(tr("Sparsity reached"), this);
    m_perplexity = new KeyFigure(tr("Perplexity, dense to pruned"), this);
    m_time = new KeyFigure(tr("Time"), this);
    m_memory = new KeyFigure(tr("Most memory"), this);
    for (auto* figure : {m_sparsity, m_perplexity, m_time, m_memory}) figures->addWidget(figure);
    figures->addStretch();
    column->addLayout(figures);
}

RunWays::RunWays(QWidget* parent) : Card(parent) {
    setAccessibleName(tr("Ways on from the result"));
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(kGap * 2, kGap * 2, kGap * 2, kGap * 2);
    column->setSpacing(kGap);
    const auto add = [&](QPushButton* button, void (RunWays::*signal)()) {
        connect(button, &QPushButton::clicked, this, signal);
        column->addWidget(button);
        return button;
    };
    m_first = add(primaryButton(tr("Inspect the mask"), this), &RunWays::inspectWanted);
    add(plainButton(tr("Benchmark and report"), QStringLiteral("gauge"), this), &RunWays::benchmarkWanted);
    add(plainButton(tr("Playground"), QStringLiteral("messages"), this), &RunWays::playgroundWanted);
    add(plainButton(tr("Run again with..."), QStringLiteral("reload"), this), &RunWays::againWanted);
}

void RunOutcome::show(const RunRecord& record) {
    const Json result = record.result().value_or(Json::object());
    const double achieved = numberIn(result, "sparsity", "achieved"), target = record.targetSparsity();
    const bool exact = std::abs(achieved - target) < 5e-4;
    m_sparsity->setValue(percentText(achieved),
                         exact ? tr("as asked for") : tr("%1 asked for").arg(percentText(target)));
    const double dense = numberIn(result, "perplexity", "dense"),
                 pruned = numberIn(result, "perplexity", "pruned");
    if (std::isfinite(dense) && std::isfinite(pruned)) {
        const double change = pruned / dense - 1;
        m_perplexity->setValue(tr("%1 → %2").arg(numberText(dense), numberText(pruned)),
                               tr("%1%2 on held-out text")
                                   .arg(change >= 0 ? QStringLiteral("+") : QString(), percentText(change)));
    } else {
        m_perplexity->setValue(QStringLiteral("–"), tr("not measured"));
    }
    double seconds = 0;
    if (result.contains("seconds") && result["seconds"].is_object())
        for (const auto& [phase, value] : result["seconds"].items())
            if (value.is_number()) seconds += value.get<double>();
    const double steps = numberAt(result, "steps");
    m_time->setValue(durationText(seconds),
                     steps > 0 ? tr("%1 steps").arg(steps, 0, 'f', 0) : tr("one pass"));
    m_memory->setValue(bytesText(numberAt(result, "peak_bytes", NAN)), tr("of the engine"));
}

}  // namespace tessera::ui
