#pragma once

#include <QString>
#include <limits>

#include "core/session/measurement.h"

namespace tessera::ui {

/// What a measured ratio says. A gain or a loss is one that its whole 95 % interval agrees with.
enum class Gain { Gain, None, Loss, Unknown };
Gain gainOf(double speedup, double low, double high);
/// "slower", "no gain", "uncertain" where only the interval reaches below 1, or nothing where it is faster:
/// no value that may lie below 1 stands without a word.
QString gainWord(double speedup, double low, double high);

/// The numbers that the first sentence of the page is made of; NaN where they are not known.
struct VerdictFacts {
    static constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
    QString method;  ///< as people write it: "LEAP"
    double sparsity = kNone, densePerplexity = kNone, prunedPerplexity = kNone;
    const SpeedMeasurement* speed = nullptr;  ///< none yet
};

/// One to three sentences: the speed first, then the matrices, then the price.
QString verdictText(const VerdictFacts& facts);
/// The number of threads that generates most: what one would use. nullptr where nothing was measured end to
/// end.
const DecodeSpeed* fastest(const SpeedMeasurement& speed);
/// Of all that was measured end to end; of the matrices where nothing was.
Gain verdictGain(const SpeedMeasurement& speed);

/// "+18.8 %": how much a perplexity rose, with its sign.
QString changeText(double dense, double pruned);

}  // namespace tessera::ui
