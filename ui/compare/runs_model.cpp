#include "ui/compare/runs_model.h"

#include <QDateTime>
#include <QLocale>
#include <cmath>

#include "ui/client/sentences.h"
#include "ui/widgets/basics.h"

namespace tessera::ui {

namespace {

QString wholePercent(double fraction) {
    const double percent = fraction * 100;
    return percentText(fraction, std::abs(percent - std::round(percent)) < 1e-6 ? 0 : 1);
}

bool isNumber(int column) {
    return column >= RunsModel::Target && column <= RunsModel::Time;
}

}  // namespace

RunsModel::RunsModel(RunSelection& selection, QObject* parent)
    : QAbstractTableModel(parent), m_selection(selection) {
    connect(&selection, &RunSelection::checkedChanged, this, &RunsModel::refresh);
    connect(&selection, &RunSelection::baselineChanged, this, &RunsModel::refresh);
}

void RunsModel::refresh() {
    if (!m_runs.empty()) Q_EMIT dataChanged(index(0, 0), index(rowCount() - 1, kColumns - 1));
}

void RunsModel::setRuns(RunList runs) {
    const bool same = std::equal(runs.begin(), runs.end(), m_runs.begin(), m_runs.end(),
                                 [](const auto& a, const auto& b) { return a->id == b->id; });
    if (same) {
        m_runs = std::move(runs);
        refresh();
        return;
    }
    Q_EMIT layoutAboutToBeChanged();
    const auto before = persistentIndexList();
    QStringList ids;
    for (const auto& index : before) ids << facts(index.row()).id;
    m_runs = std::move(runs);
    QModelIndexList after;
    for (qsizetype i = 0; i < before.size(); ++i) {
        const auto found =
            std::find_if(m_runs.begin(), m_runs.end(), [&](const auto& run) { return run->id == ids[i]; });
        after << (found == m_runs.end() ? QModelIndex()
                                        : index(int(found - m_runs.begin()), before[i].column()));
    }
    changePersistentIndexList(before, after);
    Q_EMIT layoutChanged();
}

const ComparedRun* RunsModel::find(const QString& id) const {
    for (const auto& run : m_runs)
        if (run->id == id) return run.get();
    return nullptr;
}

int RunsModel::rowCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : int(m_runs.size());
}

int RunsModel::columnCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : kColumns;
}

Qt::ItemFlags RunsModel::flags(const QModelIndex& index) const {
    auto flags = QAbstractTableModel::flags(index);
    if (index.column() == Name && facts(index.row()).problem.isEmpty()) flags |= Qt::ItemIsUserCheckable;
    return flags;
}

QVariant RunsModel::headerData(int section, Qt::Orientation orientation, int role) const {
    if (orientation != Qt::Horizontal || section < 0 || section >= kColumns) return {};
    static const char* const kNames[] = {"Run",        "Model",      "Method", "Pattern", "Target", "Reached",
                                         "Perplexity", "Difference", "Time",   "Status",  "Loss"};
    static const char* const kTips[] = {
        "The run's folder. Space draws it below, B pins it as the baseline.",
        "The model that was pruned.",
        "How it was pruned.",
        "Which weights may go: any (unstructured), two of four (2:4), or tiles of both kinds.",
        "The share of prunable weights that was asked to be zero.",
        "The share of prunable weights that is zero.",
        "Perplexity of the pruned model on held-out text. Lower is better.",
        "Of the perplexity, to the baseline.",
        "All phases of the run together.",
        "What became of the run.",
        "The loss over the steps."};
    if (role == Qt::DisplayRole) return QString::fromLatin1(kNames[section]);
    if (role == Qt::ToolTipRole) return QString::fromLatin1(kTips[section]);
    if (role == Qt::TextAlignmentRole)
        return int((isNumber(section) ? Qt::AlignRight : Qt::AlignLeft) | Qt::AlignVCenter);
    return {};
}

QString RunsModel::display(const ComparedRun& run, int column) const {
    const auto known = [](const QString& text) { return text.isEmpty() ? QStringLiteral("–") : text; };
    switch (column) {
        case Name:
            return run.name;
        case Model:
            return known(run.model);
        case Method:
            return known(methodTitle(run.method));
        case Pattern:
            return known(run.pattern);
        case Target:
            return std::isfinite(run.target) ? wholePercent(run.target) : QStringLiteral("–");
        case Reached:
            return percentText(run.reached);
        case Perplexity:
            return numberText(run.perplexity);
        case Change: {
            if (run.id == m_selection.baseline()) return QStringLiteral("baseline");
            const auto difference = differenceOf(run, baseline());
            if (!difference.incomparable.isEmpty()) return QStringLiteral("not comparable");
            if (!std::isfinite(difference.perplexity)) return QStringLiteral("–");
            return signedText(difference.perplexity, numberText(std::abs(difference.perplexity), 3));
        }
        case Time:
            return durationText(run.seconds);
        case Status:
            return run.status.left(1).toUpper() + run.status.mid(1);
        default:
            return {};
    }
}

QString RunsModel::second(const ComparedRun& run, int column) const {
    const auto* base = baseline();
    const auto difference = differenceOf(run, base);
    const bool pinned = base && base->id != run.id;
    switch (column) {
        case Name:
            return QLocale().toString(QDateTime::fromSecsSinceEpoch(qint64(run.modified)),
                                      QStringLiteral("d MMM yyyy, HH:mm"));
        case Reached:
            return pinned && std::isfinite(difference.reached)
                       ? QStringLiteral("%1 points").arg(pointsText(difference.reached))
                       : QString();
        case Perplexity:
            return !base && std::isfinite(run.densePerplexity)
                       ? QStringLiteral("dense %1").arg(numberText(run.densePerplexity))
                       : QString();
        case Change:
            if (base && base->id == run.id) return {};
            if (!difference.incomparable.isEmpty()) return difference.incomparable;
            return signedText(difference.relative, percentText(std::abs(difference.relative)));
        case Time:
            return pinned ? signedText(difference.seconds, durationText(std::abs(difference.seconds)))
                          : QString();
        default:
            return {};
    }
}

QVariant RunsModel::sortKey(const ComparedRun& run, int column) const {
    switch (column) {
        case Target:
            return run.target;
        case Reached:
            return run.reached;
        case Perplexity:
            return run.perplexity;
        case Change: {
            const auto* base = baseline();
            return base && base->id == run.id ? 0.0 : differenceOf(run, base).perplexity;
        }
        case Time:
            return run.seconds;
        case Loss:
            return run.spark.empty() ? ComparedRun::kNone : double(run.spark.back());
        default:
            return display(run, column);
    }
}

QString RunsModel::toolTip(const ComparedRun& run, int column) const {
    switch (column) {
        case Name:
            return run.id;
        case Status:
            return run.problem;
        case Perplexity:
            if (!std::isfinite(run.perplexity)) return {};
            return QStringLiteral("On %1: %2 windows of %3 tokens.")
                .arg(run.measure.text.isEmpty() ? QStringLiteral("a text without a name") : run.measure.text)
                .arg(run.measure.windows)
                .arg(run.measure.window);
        case Change:
            return differenceOf(run, baseline()).incomparable;
        case Loss:
            return run.spark.empty()
                       ? QStringLiteral("No learning curve")
                       : QStringLiteral("Loss %1 at the end").arg(numberText(double(run.spark.back())));
        default:
            return display(run, column);
    }
}

QVariant RunsModel::data(const QModelIndex& index, int role) const {
    if (!index.isValid()) return {};
    const auto& run = facts(index.row());
    const int column = index.column();
    switch (role) {
        case Qt::DisplayRole:
            return display(run, column);
        case SecondRole:
            return second(run, column);
        case SortRole:
            return sortKey(run, column);
        case IdRole:
            return run.id;
        case SlotRole:
            return m_selection.slot(run.id);
        case BaselineRole:
            return run.id == m_selection.baseline();
        case Qt::ToolTipRole:
            return toolTip(run, column);
        case Qt::AccessibleTextRole: {
            const auto more = second(run, column);
            const auto text = column == Loss ? toolTip(run, column) : display(run, column);
            return more.isEmpty() ? text : text + QStringLiteral(", ") + more;
        }
        case Qt::TextAlignmentRole:
            return int((isNumber(column) ? Qt::AlignRight : Qt::AlignLeft) | Qt::AlignVCenter);
        case Qt::CheckStateRole:
            if (column != Name || !run.problem.isEmpty()) return {};
            return int(m_selection.isChecked(run.id) ? Qt::Checked : Qt::Unchecked);
        default:
            return {};
    }
}

bool RunsModel::setData(const QModelIndex& index, const QVariant& value, int role) {
    if (role != Qt::CheckStateRole || index.column() != Name) return false;
    const auto& run = facts(index.row());
    return run.problem.isEmpty() && m_selection.setChecked(run.id, value.toInt() == Qt::Checked);
}

QString RunsModel::toText(const std::vector<int>& rows) const {
    QString text = QStringLiteral(
        "run\tmodel\tmethod\tpattern\ttarget sparsity\treached sparsity\tperplexity\tdense perplexity\t"
        "difference\trelative difference\tbaseline\tseconds\tstatus\n");
    const auto number = [](double value) {
        return std::isfinite(value) ? QString::number(value, 'g', 10) : QString();
    };
    const auto* base = baseline();
    for (const int row : rows) {
        const auto& run = facts(row);
        const auto difference = differenceOf(run, base);
        QStringList cells{run.name,
                          run.model,
                          run.method,
                          run.pattern,
                          number(run.target),
                          number(run.reached),
                          number(run.perplexity),
                          number(run.densePerplexity),
                          number(difference.perplexity),
                          number(difference.relative),
                          base ? base->name : QStringLiteral("dense"),
                          number(run.seconds),
                          run.status};
        // A name with a tab in it would shift the columns behind it.
        for (auto& cell : cells) cell.replace(QLatin1Char('\t'), QLatin1Char(' ')).remove(QLatin1Char('\n'));
        text += cells.join(QLatin1Char('\t')) + QLatin1Char('\n');
    }
    return text;
}

void RunsFilter::setWords(const QString& text) {
    m_words = text.simplified().split(QLatin1Char(' '), Qt::SkipEmptyParts);
    invalidateFilter();
}

bool RunsFilter::filterAcceptsRow(int row, const QModelIndex& parent) const {
    if (m_words.isEmpty()) return true;
    QString all;
    for (const int column : {RunsModel::Name, RunsModel::Model, RunsModel::Method, RunsModel::Pattern,
                             RunsModel::Target, RunsModel::Status})
        all += sourceModel()->index(row, column, parent).data().toString() + QLatin1Char('\n');
    return std::all_of(m_words.begin(), m_words.end(),
                       [&](const QString& word) { return all.contains(word, Qt::CaseInsensitive); });
}

bool RunsFilter::lessThan(const QModelIndex& left, const QModelIndex& right) const {
    const auto a = left.data(RunsModel::SortRole), b = right.data(RunsModel::SortRole);
    if (a.typeId() != QMetaType::Double || b.typeId() != QMetaType::Double)
        return QString::localeAwareCompare(a.toString(), b.toString()) < 0;
    const double x = a.toDouble(), y = b.toDouble();
    if (std::isnan(x) || std::isnan(y)) {
        if (std::isnan(x) && std::isnan(y)) return false;
        return sortOrder() == Qt::AscendingOrder ? std::isnan(y) : std::isnan(x);
    }
    return x < y;
}

}  // namespace tessera::ui
