#pragma once

#include <QString>
#include <QStringList>
#include <limits>
#include <memory>
#include <optional>
#include <vector>

#include "core/base/json.h"
#include "core/session/measurement.h"
#include "ui/client/libraries.h"

namespace tessera::ui {

/// One pruned matrix of a run.
struct ComparedMatrix {
    std::string name, projection;  ///< "q_proj", ...
    int block = -1;                ///< of the transformer; -1 outside of the blocks
    double weights = 0;
    double density = 0;  ///< kept share
};

/// What the comparison knows of one run, taken out of its files once. NaN where it is not known.
struct ComparedRun {
    static constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

    QString id;  ///< the folder
    QString name, model, method, pattern, status;
    QString problem;  ///< why the run cannot be read, else empty
    double target = kNone, reached = kNone;
    double perplexity = kNone, densePerplexity = kNone;
    double seconds = kNone;  ///< all phases together
    double modified = 0;     ///< seconds since 1970
    std::vector<float> spark;

    /// What a perplexity depends on beside the mask. Runs in which all of these agree can be compared.
    struct Measure {
        QString model;  ///< fingerprint where there is one
        QString text;
        std::int64_t window = 0, windows = 0;
        bool operator==(const Measure&) const = default;
    } measure;

    std::vector<ComparedMatrix> matrices;
    double weights = kNone, kept = kNone;  ///< of the matrices that were pruned
    /// Bytes of those matrices as bf16 values of what is kept and one bit a weight; of the dense ones.
    double packedBytes = kNone, denseBytes = kNone;
    Json spec, machine;
};

ComparedRun comparedRun(const RunEntry& entry);

/// "layers.3", "q_proj" of "model.layers.3.self_attn.q_proj.weight".
void splitMatrixName(const std::string& name, int& block, std::string& projection);

/// What numbers are held against: the dense model of each run itself, or one pinned run.
struct Difference {
    double perplexity = ComparedRun::kNone,
           relative = ComparedRun::kNone;  ///< absolute, and as a share of the base
    double reached = ComparedRun::kNone, seconds = ComparedRun::kNone;  ///< only against a pinned run
    QString incomparable;  ///< why there is no difference of perplexities, else empty
};
/// `baseline` nullptr: the dense model, measured by the same run on the same windows.
Difference differenceOf(const ComparedRun& run, const ComparedRun* baseline);

/// Why the perplexities of two runs cannot be held against each other ("another model"); empty where they
/// can.
QString incomparableReason(const ComparedRun::Measure& a, const ComparedRun::Measure& b);

/// A sentence for every reason why some of the runs are not comparable with the baseline, or, against the
/// dense model, with the most of them. Empty where all are.
QStringList comparabilityNotes(const std::vector<const ComparedRun*>& runs, const ComparedRun* baseline);

/// The measure that the baseline has, or the most of the runs.
std::optional<ComparedRun::Measure> commonMeasure(const std::vector<const ComparedRun*>& runs,
                                                  const ComparedRun* baseline);

}  // namespace tessera::ui
