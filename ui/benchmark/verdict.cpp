#include "ui/benchmark/verdict.h"

#include <QStringList>
#include <cmath>

#include "ui/widgets/basics.h"

namespace tessera::ui {

namespace {

QString threadsText(int threads) {
    return threads == 1 ? QStringLiteral("1 thread") : QStringLiteral("%1 threads").arg(threads);
}

bool hasInterval(double low, double high) {
    return std::isfinite(low) && std::isfinite(high);
}

QString oneThreadCount(const DecodeSpeed& decode) {
    const auto interval =
        hasInterval(decode.low, decode.high)
            ? QStringLiteral("95 % interval %1 to %2, ").arg(ratioText(decode.low), ratioText(decode.high))
            : QString();
    const auto where = QStringLiteral(" (%1%2)").arg(interval, threadsText(decode.threads));
    const auto rates = std::isfinite(decode.sparseTokens) && std::isfinite(decode.denseTokens)
                           ? QStringLiteral(": %1 against %2 tokens a second")
                                 .arg(numberText(decode.sparseTokens, 3), numberText(decode.denseTokens, 3))
                           : QString();
    switch (gainOf(decode.speedup, decode.low, decode.high)) {
        case Gain::Gain:
            return QStringLiteral("Decoding is %1 as fast as dense%2%3.")
                .arg(ratioText(decode.speedup), where, rates);
        case Gain::Loss:
            return QStringLiteral("Decoding is slower than dense, %1 as fast%2%3.")
                .arg(ratioText(decode.speedup), where, rates);
        case Gain::None:
            return QStringLiteral("Decoding gains nothing that can be told from chance: %1%2%3.")
                .arg(ratioText(decode.speedup), where, rates);
        default:
            return {};
    }
}

QString manyThreadCounts(const std::vector<DecodeSpeed>& decodes) {
    QStringList faster, level, slower;
    for (const auto& decode : decodes) {
        const auto text =
            QStringLiteral("%1 on %2").arg(ratioText(decode.speedup), threadsText(decode.threads));
        switch (gainOf(decode.speedup, decode.low, decode.high)) {
            case Gain::Gain:
                faster << text;
                break;
            case Gain::Loss:
                slower << text;
                break;
            case Gain::None:
                level << text;
                break;
            default:
                break;
        }
    }
    QStringList parts;
    if (!faster.isEmpty()) parts << QStringLiteral("faster (%1)").arg(faster.join(QStringLiteral(", ")));
    if (!level.isEmpty())
        parts << QStringLiteral("without a gain (%1)").arg(level.join(QStringLiteral(", ")));
    if (!slower.isEmpty()) parts << QStringLiteral("slower (%1)").arg(slower.join(QStringLiteral(", ")));
    return parts.isEmpty()
               ? QString()
               : QStringLiteral("Decoding, held against dense, is %1.").arg(parts.join(QStringLiteral(", ")));
}

QString matricesText(const std::vector<SpeedRow>& rows) {
    int faster = 0, level = 0, slower = 0;
    const SpeedRow* worst = nullptr;
    for (const auto& row : rows) {
        const auto gain = gainOf(row.speedup, row.low, row.high);
        faster += gain == Gain::Gain;
        level += gain == Gain::None;
        slower += gain == Gain::Loss;
        if (gain == Gain::Loss && (!worst || row.speedup < worst->speedup)) worst = &row;
    }
    const int all = faster + level + slower;
    if (all == 0) return {};
    const auto shapes = [](int count) {
        return count == 1 ? QStringLiteral("1 matrix shape") : QStringLiteral("%1 matrix shapes").arg(count);
    };
    const auto worstText = worst ? QStringLiteral(", at worst %1 at %2 × %3")
                                       .arg(ratioText(worst->speedup))
                                       .arg(worst->rows)
                                       .arg(worst->cols)
                                 : QString();
    if (faster == all)
        return all == 1 ? QStringLiteral("Its one matrix shape is faster.")
                        : QStringLiteral("All %1 matrix shapes are faster.").arg(all);
    if (slower == all)
        return all == 1 ? QStringLiteral("Its one matrix shape is slower%1.").arg(worstText)
                        : QStringLiteral("All %1 matrix shapes are slower%2.").arg(all).arg(worstText);
    if (level == all)
        return all == 1 ? QStringLiteral("Its one matrix shape shows no gain.")
                        : QStringLiteral("None of the %1 matrix shapes shows a gain.").arg(all);
    QStringList parts;
    parts << (faster == 0 ? QStringLiteral("Of %1 none is faster").arg(shapes(all))
                          : QStringLiteral("Of %1 %2 %3 faster")
                                .arg(shapes(all))
                                .arg(faster)
                                .arg(faster == 1 ? QStringLiteral("is") : QStringLiteral("are")));
    if (level > 0)
        parts << QStringLiteral("%1 %2 no gain")
                     .arg(level)
                     .arg(level == 1 ? QStringLiteral("shows") : QStringLiteral("show"));
    if (slower > 0)
        parts << QStringLiteral("%1 %2 slower%3")
                     .arg(slower)
                     .arg(slower == 1 ? QStringLiteral("is") : QStringLiteral("are"))
                     .arg(worstText);
    return parts.join(QStringLiteral(", ")) + QLatin1Char('.');
}

QString matrices(const SpeedMeasurement& speed) {
    // At one number of threads: else every shape would count several times.
    const auto* decode = fastest(speed);
    const int threads = decode ? decode->threads : speed.sparse.empty() ? 0 : speed.sparse.back().threads;
    std::vector<SpeedRow> rows;
    for (const auto& row : speed.sparse)
        if (row.threads == threads || (decode && speed.decode.size() == 1)) rows.push_back(row);
    const auto where =
        speed.decode.size() > 1 ? QStringLiteral("On %1: ").arg(threadsText(threads)) : QString();
    const auto said = matricesText(rows);
    return where.isEmpty() || said.isEmpty() ? said : where + said.left(1).toLower() + said.mid(1);
}

QString price(const VerdictFacts& facts) {
    const bool both = std::isfinite(facts.densePerplexity) && std::isfinite(facts.prunedPerplexity);
    QString text;
    if (std::isfinite(facts.sparsity))
        text = QStringLiteral("%1 removes %2 of the prunable weights")
                   .arg(facts.method.isEmpty() ? QStringLiteral("The run") : facts.method,
                        percentText(facts.sparsity));
    if (both) {
        const bool rises = facts.prunedPerplexity > facts.densePerplexity;
        const auto change =
            facts.prunedPerplexity == facts.densePerplexity
                ? QStringLiteral("perplexity stays at %1").arg(numberText(facts.densePerplexity))
                : QStringLiteral("perplexity %1 from %2 to %3 (%4)")
                      .arg(rises ? QStringLiteral("rises") : QStringLiteral("falls"),
                           numberText(facts.densePerplexity), numberText(facts.prunedPerplexity),
                           changeText(facts.densePerplexity, facts.prunedPerplexity));
        text =
            text.isEmpty() ? change.left(1).toUpper() + change.mid(1) : text + QStringLiteral("; ") + change;
    }
    return text.isEmpty() ? text : text + QLatin1Char('.');
}

}  // namespace

Gain gainOf(double speedup, double low, double high) {
    if (!std::isfinite(speedup)) return Gain::Unknown;
    if (!hasInterval(low, high)) low = high = speedup;
    return low > 1 ? Gain::Gain : high < 1 ? Gain::Loss : Gain::None;
}

QString gainWord(double speedup, double low, double high) {
    switch (gainOf(speedup, low, high)) {
        case Gain::Loss:
            return QStringLiteral("slower");
        case Gain::None:
            return speedup > 1 ? QStringLiteral("uncertain") : QStringLiteral("no gain");
        default:
            return {};
    }
}

const DecodeSpeed* fastest(const SpeedMeasurement& speed) {
    const DecodeSpeed* found = nullptr;
    const auto rate = [](const DecodeSpeed& decode) {
        return std::isfinite(decode.sparseTokens) ? decode.sparseTokens : 0;
    };
    for (const auto& decode : speed.decode)
        if (!found || rate(decode) > rate(*found)) found = &decode;
    return found;
}

Gain verdictGain(const SpeedMeasurement& speed) {
    bool gain = false, loss = false, none = false;
    const auto take = [&](double ratio, double low, double high) {
        const auto each = gainOf(ratio, low, high);
        gain |= each == Gain::Gain;
        loss |= each == Gain::Loss;
        none |= each == Gain::None;
    };
    for (const auto& decode : speed.decode) take(decode.speedup, decode.low, decode.high);
    if (speed.decode.empty())
        for (const auto& row : speed.sparse) take(row.speedup, row.low, row.high);
    if (loss) return Gain::Loss;
    if (none) return Gain::None;
    return gain ? Gain::Gain : Gain::Unknown;
}

QString verdictText(const VerdictFacts& facts) {
    QStringList sentences;
    if (facts.speed) {
        const auto& decode = facts.speed->decode;
        if (decode.size() == 1)
            sentences << oneThreadCount(decode.front());
        else if (!decode.empty())
            sentences << manyThreadCounts(decode);
        sentences << matrices(*facts.speed);
    }
    sentences << price(facts);
    if (!facts.speed) sentences << QStringLiteral("Its speed is not measured yet.");
    sentences.removeAll(QString());
    return sentences.join(QLatin1Char(' '));
}

QString changeText(double dense, double pruned) {
    const double change = pruned / dense - 1;
    if (!std::isfinite(change)) return QStringLiteral("–");
    return (change > 0   ? QStringLiteral("+")
            : change < 0 ? QStringLiteral("−")
                         : QStringLiteral("±")) +
           percentText(std::abs(change));
}

}  // namespace tessera::ui
