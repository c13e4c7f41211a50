#include "ui/home/recent_runs.h"

#include <QDateTime>
#include <algorithm>
#include <cmath>

#include "ui/client/sentences.h"
#include "ui/widgets/basics.h"

namespace tessera::ui {

namespace {

const QString kUnreadable = QStringLiteral("unreadable");

QString words(const std::string& text) {
    return QString::fromStdString(text);
}

bool unreadable(const RunEntry& entry) {
    return words(entry.summary.status).startsWith(kUnreadable);
}

/// "starter" of a path to a model, too.
QString modelText(const RunEntry& entry) {
    const auto model = std::filesystem::path(entry.summary.model);
    return words(model.has_filename() ? model.filename().string() : model.parent_path().filename().string());
}

}  // namespace

QString ageText(double seconds, double now) {
    const double age = now - seconds;
    if (age < 45) return QObject::tr("just now");
    if (age < 3600) return QObject::tr("%1 min ago").arg(std::max(1, static_cast<int>(age / 60)));
    if (age < 86400) return QObject::tr("%1 h ago").arg(static_cast<int>(age / 3600));
    const auto days = static_cast<int>(age / 86400);
    if (days == 1) return QObject::tr("yesterday");
    if (days < 14) return QObject::tr("%1 days ago").arg(days);
    return QDateTime::fromSecsSinceEpoch(static_cast<qint64>(seconds)).toString(QStringLiteral("d MMM yyyy"));
}

RecentRuns::RecentRuns(RunLibrary& library, QObject* parent)
    : QAbstractTableModel(parent), m_library(library) {
    connect(&library, &RunLibrary::changed, this, &RecentRuns::take);
    take();
}

void RecentRuns::take() {
    const auto& all = m_library.runs();
    std::vector<RunEntry> runs(all.begin(), all.begin() + static_cast<long>(std::min(all.size(), kMost)));
    const bool sameRows = runs.size() == m_runs.size() &&
                          std::equal(runs.begin(), runs.end(), m_runs.begin(),
                                     [](auto& a, auto& b) { return a.summary.path == b.summary.path; });
    // Rows that stay keep the selection and the keyboard.
    if (sameRows) {
        m_runs = std::move(runs);
        if (!m_runs.empty()) Q_EMIT dataChanged(index(0, 0), index(rowCount() - 1, kColumns - 1));
        return;
    }
    beginResetModel();
    m_runs = std::move(runs);
    endResetModel();
}

int RecentRuns::rowCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : static_cast<int>(m_runs.size());
}

int RecentRuns::columnCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : kColumns;
}

int RecentRuns::rowOf(const std::filesystem::path& run) const {
    for (std::size_t i = 0; i < m_runs.size(); ++i)
        if (m_runs[i].summary.path == run) return static_cast<int>(i);
    return -1;
}

bool RecentRuns::resumable(int row) const {
    const auto& status = entry(row).summary.status;
    return status == "interrupted" || status == "stopped" || status == "failed";
}

bool RecentRuns::readable(int row) const {
    return !unreadable(entry(row));
}

QString RecentRuns::stateText(const RunEntry& entry) const {
    if (unreadable(entry)) return tr("Unreadable");
    auto text = words(entry.summary.status);
    if (!text.isEmpty()) text[0] = text[0].toUpper();
    return text;
}

RecentRuns::Tone RecentRuns::tone(const RunEntry& entry) const {
    const auto& status = entry.summary.status;
    if (status == "finished") return Tone::Good;
    if (status == "running") return Tone::Busy;
    if (status == "interrupted" || status == "paused") return Tone::Warning;
    if (status == "failed" || unreadable(entry)) return Tone::Bad;
    return Tone::Quiet;
}

QVariant RecentRuns::data(const QModelIndex& index, int role) const {
    if (!index.isValid() || index.row() >= rowCount()) return {};
    const auto& run = entry(index.row());
    const auto& summary = run.summary;
    const auto name = words(summary.path.filename().string());
    const bool broken = unreadable(run);
    if (role == Qt::ToolTipRole) {
        return broken ? asSentence(words(summary.status)) : pathText(words(summary.path.string()));
    }
    switch (index.column()) {
        case Run:
            if (role == Qt::DisplayRole)
                return broken ? name
                              : modelText(run) + QStringLiteral("  ·  ") + methodTitle(words(summary.method));
            if (role == NoteRole)
                return broken ? asSentence(words(summary.status).section(QStringLiteral(": "), 1)) : name;
            break;
        case State:
            if (role == Qt::DisplayRole) return stateText(run);
            if (role == ToneRole) return static_cast<int>(tone(run));
            break;
        case Loss:
            if (role == SparkRole)
                return QVariant::fromValue(QList<float>(run.spark.begin(), run.spark.end()));
            if (role == Qt::AccessibleTextRole)
                return run.spark.size() < 2
                           ? tr("no loss")
                           : tr("loss from %1 to %2")
                                 .arg(numberText(run.spark.front(), 3), numberText(run.spark.back(), 3));
            break;
        case Sparsity:
            if (role == Qt::DisplayRole) return broken ? QString() : percentText(summary.sparsity, 0);
            break;
        case Perplexity:
            if (role != Qt::DisplayRole || broken) break;
            if (summary.perplexity && summary.densePerplexity)
                return numberText(*summary.densePerplexity) + QStringLiteral(" → ") +
                       numberText(*summary.perplexity);
            return summary.perplexity ? numberText(*summary.perplexity) : QStringLiteral("–");
        case Age:
            if (role == Qt::DisplayRole)
                return ageText(run.modified, static_cast<double>(QDateTime::currentMSecsSinceEpoch()) / 1000);
            break;
        default:
            break;
    }
    if (role == Qt::TextAlignmentRole && (index.column() == Sparsity || index.column() == Perplexity))
        return QVariant(Qt::AlignRight | Qt::AlignVCenter);
    return {};
}

QVariant RecentRuns::headerData(int section, Qt::Orientation orientation, int role) const {
    if (orientation != Qt::Horizontal) return {};
    if (role == Qt::TextAlignmentRole)
        return QVariant((section == Sparsity || section == Perplexity ? Qt::AlignRight : Qt::AlignLeft) |
                        Qt::AlignVCenter);
    if (role != Qt::DisplayRole) return {};
    switch (section) {
        case Run:
            return tr("Run");
        case State:
            return tr("State");
        case Loss:
            return tr("Loss");
        case Sparsity:
            return tr("Sparsity");
        case Perplexity:
            return tr("Perplexity");
        case Age:
            return tr("Changed");
        default:
            return QString();
    }
}

}  // namespace tessera::ui
