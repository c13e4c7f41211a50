#include "ui/compare/compared_run.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "ui/client/sentences.h"
#include "ui/compare/json_member.h"

namespace tessera::ui {

namespace {

std::int64_t whole(const Json& object, const char* key) {
    const double value = numberAt(object, key, ComparedRun::kNone);
    return std::isfinite(value) && std::abs(value) < 1e15 ? std::int64_t(value) : 0;
}

/// "SmolLM2-135M" of a path to a GGUF or a folder, a catalogue name as it is.
QString shortModel(QString model) {
    while (model.size() > 1 && model.endsWith(QLatin1Char('/'))) model.chop(1);
    model = model.section(QLatin1Char('/'), -1);
    if (model.size() > 5 && model.endsWith(QLatin1String(".gguf"))) model.chop(5);
    return model;
}

void readMatrices(const Json& result, ComparedRun& compared) {
    const auto& matrices = memberOf(result, "matrices");
    if (!matrices.is_array()) return;
    double weights = 0, kept = 0;
    for (const auto& item : matrices) {
        const auto& name = memberOf(item, "name");
        const double all =
            numberAt(item, "rows", ComparedRun::kNone) * numberAt(item, "cols", ComparedRun::kNone);
        const double sparsity = numberAt(item, "sparsity", ComparedRun::kNone);
        if (!name.is_string() || !(all > 0) || !std::isfinite(sparsity)) continue;
        ComparedMatrix matrix;
        matrix.name = name.get<std::string>();
        splitMatrixName(matrix.name, matrix.block, matrix.projection);
        matrix.weights = all;
        matrix.density = 1 - sparsity;
        weights += all;
        kept += all * matrix.density;
        compared.matrices.push_back(std::move(matrix));
    }
    if (compared.matrices.empty()) return;
    compared.weights = weights;
    compared.kept = kept;
    compared.denseBytes = 2 * weights;
    compared.packedBytes = 2 * kept + weights / 8;
}

}  // namespace

void splitMatrixName(const std::string& name, int& block, std::string& projection) {
    block = -1;
    auto rest = name;
    if (rest.ends_with(".weight")) rest.resize(rest.size() - 7);
    projection = rest.substr(rest.rfind('.') + 1);
    const auto layers = rest.find("layers.");
    if (layers == std::string::npos) return;
    const auto begin = layers + 7;
    auto end = begin;
    while (end < rest.size() && end < begin + 6 && rest[end] >= '0' && rest[end] <= '9') ++end;
    if (end > begin) block = std::atoi(rest.substr(begin, end - begin).c_str());
}

ComparedRun comparedRun(const RunEntry& entry) {
    ComparedRun compared;
    const auto& summary = entry.summary;
    compared.id = QString::fromStdString(summary.path.string());
    compared.name = QString::fromStdString(summary.path.filename().string());
    compared.status = QString::fromStdString(summary.status);
    if (const QString head = QStringLiteral("unreadable: "); compared.status.startsWith(head)) {
        compared.problem = compared.status.mid(head.size());
        compared.status = QStringLiteral("unreadable");
    }
    compared.modified = entry.modified;
    compared.spark = entry.spark;
    compared.spec = entry.spec;
    const auto model = QString::fromStdString(summary.model);
    compared.model = shortModel(model);
    compared.method = QString::fromStdString(summary.method);
    compared.pattern = textAt(entry.spec, "pattern");
    if (compared.problem.isEmpty()) compared.target = summary.sparsity;

    const auto& result = entry.result;
    compared.reached = numberAt(memberOf(result, "sparsity"), "achieved", ComparedRun::kNone);
    compared.machine = memberOf(result, "machine");
    const auto& perplexity = memberOf(result, "perplexity");
    compared.perplexity = numberAt(perplexity, "pruned", ComparedRun::kNone);
    compared.densePerplexity = numberAt(perplexity, "dense", ComparedRun::kNone);
    const auto& prints = memberOf(entry.spec, "fingerprints");
    compared.measure.model = textAt(prints, "model").isEmpty() ? model : textAt(prints, "model");
    compared.measure.text = textAt(perplexity, "text");
    // The tail of a text of one's own has the same name whatever the text is.
    if (const auto& own = memberOf(entry.spec, "text"); own.is_array() && !own.empty())
        compared.measure.text += QLatin1Char(' ') + textAt(prints, "text");
    compared.measure.window = whole(perplexity, "window");
    compared.measure.windows = whole(perplexity, "windows");

    const auto& seconds = memberOf(result, "seconds");
    if (seconds.is_object()) {
        double sum = 0;
        for (const auto& [phase, value] : seconds.items())
            if (value.is_number() && phase != "total") sum += value.get<double>();
        const double total = numberAt(seconds, "total", ComparedRun::kNone);
        compared.seconds = std::isfinite(total) ? total : sum;
    }
    readMatrices(result, compared);
    return compared;
}

QString incomparableReason(const ComparedRun::Measure& a, const ComparedRun::Measure& b) {
    if (a.model != b.model) return QStringLiteral("another model");
    if (a.text != b.text) return QStringLiteral("another text");
    if (a.window != b.window)
        return QStringLiteral("windows of %1 instead of %2 tokens").arg(a.window).arg(b.window);
    if (a.windows != b.windows)
        return QStringLiteral("%1 instead of %2 windows of the text").arg(a.windows).arg(b.windows);
    return {};
}

Difference differenceOf(const ComparedRun& run, const ComparedRun* baseline) {
    Difference difference;
    double base = run.densePerplexity;
    if (baseline) {
        base = baseline->perplexity;
        difference.reached = run.reached - baseline->reached;
        difference.seconds = run.seconds - baseline->seconds;
        if (std::isfinite(run.perplexity) && std::isfinite(base))
            difference.incomparable = incomparableReason(run.measure, baseline->measure);
    }
    if (!difference.incomparable.isEmpty()) return difference;
    difference.perplexity = run.perplexity - base;
    if (base > 0) difference.relative = difference.perplexity / base;
    return difference;
}

std::optional<ComparedRun::Measure> commonMeasure(const std::vector<const ComparedRun*>& runs,
                                                  const ComparedRun* baseline) {
    if (baseline && std::isfinite(baseline->perplexity)) return baseline->measure;
    std::optional<ComparedRun::Measure> most;
    long best = 0;
    for (const auto* run : runs) {
        if (!std::isfinite(run->perplexity)) continue;
        const auto count = std::count_if(runs.begin(), runs.end(), [&](const ComparedRun* other) {
            return std::isfinite(other->perplexity) && other->measure == run->measure;
        });
        if (count > best) best = count, most = run->measure;
    }
    return most;
}

QStringList comparabilityNotes(const std::vector<const ComparedRun*>& runs, const ComparedRun* baseline) {
    const auto common = commonMeasure(runs, baseline);
    if (!common) return {};
    std::map<QString, QStringList> reasons;
    for (const auto* run : runs) {
        if (run == baseline || !std::isfinite(run->perplexity)) continue;
        const auto reason = incomparableReason(run->measure, *common);
        if (!reason.isEmpty()) reasons[reason] << run->name;
    }
    QStringList notes;
    for (const auto& [reason, names] : reasons) {
        const auto who = names.size() <= 3 ? names.join(QStringLiteral(", "))
                                           : QStringLiteral("%1 runs").arg(names.size());
        notes << QStringLiteral("The perplexity of %1 cannot be compared with %2: %3.")
                     .arg(who, baseline ? baseline->name : QStringLiteral("the others"), reason);
    }
    return notes;
}

}  // namespace tessera::ui
