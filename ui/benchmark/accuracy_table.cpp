#include "ui/benchmark/accuracy_table.h"

#include <QApplication>
#include <QBrush>
#include <QStringList>
#include <cmath>

#include "ui/theme/theme.h"
#include "ui/widgets/basics.h"

namespace tessera::ui {

namespace {

constexpr qsizetype kMostNumbers = 60;  ///< in a tool tip

QString shareText(double share) {
    return std::isfinite(share) ? percentText(share) : QStringLiteral("–");
}

QString numbersText(const std::vector<std::int64_t>& numbers) {
    QStringList words;
    for (const auto number : numbers) {
        if (words.size() == kMostNumbers) {
            words << QStringLiteral("…");
            break;
        }
        words << QString::number(number);
    }
    return words.isEmpty() ? QObject::tr("none") : words.join(QStringLiteral(", "));
}

}  // namespace

void AccuracyModel::set(const TaskMeasurement& measurement) {
    beginResetModel();
    m_rows = measurement.tasks;
    if (m_rows.size() > 1) m_rows.push_back(measurement.mean());
    endResetModel();
}

int AccuracyModel::rowCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : int(m_rows.size());
}

int AccuracyModel::columnCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : kColumns;
}

QVariant AccuracyModel::headerData(int section, Qt::Orientation orientation, int role) const {
    if (orientation != Qt::Horizontal) return {};
    const QString names[] = {tr("Task"),       tr("Items"),         tr("Dense"),   tr("Pruned"),
                             tr("Difference"), tr("95 % interval"), tr("Flipped"), tr("Normalised")};
    const QString tips[] = {
        tr("As lm-evaluation-harness names it."),
        tr("Questions that were asked."),
        tr("The dense model's accuracy: the likeliest choice is the right one."),
        tr("The pruned model's accuracy."),
        tr("Pruned less dense, in points of a hundred."),
        tr("Of the difference, over resamples of the questions, both models' answers to one "
           "drawn together."),
        tr("Questions that only the pruned and that only the dense model has right; their "
           "numbers are in the cells' tips."),
        tr("Dense and pruned accuracy with each choice's likelihood taken by its length, of "
           "the tasks for which that is reported, too.")};
    if (role == Qt::DisplayRole) return names[section];
    if (role == Qt::ToolTipRole) return tips[section];
    if (role == Qt::TextAlignmentRole)
        return int((section == Task ? Qt::AlignLeft : Qt::AlignRight) | Qt::AlignVCenter);
    return {};
}

QString AccuracyModel::text(const TaskAccuracy& row, int column) const {
    switch (column) {
        case Task:
            return row.name.empty() ? tr("Mean") : QString::fromStdString(row.name);
        case Items:
            return row.items > 0 ? QString::number(row.items) : QString();
        case Dense:
            return shareText(row.dense);
        case Pruned:
            return shareText(row.pruned);
        case Difference:
            return std::isfinite(row.difference) ? tr("%1 points").arg(pointsText(row.difference))
                                                 : QStringLiteral("–");
        case Interval:
            return std::isfinite(row.low) && std::isfinite(row.high)
                       ? tr("%1 to %2").arg(pointsText(row.low), pointsText(row.high))
                       : QStringLiteral("–");
        case Flipped:
            return row.name.empty() || !std::isfinite(row.difference)
                       ? QString()
                       : tr("%1 won, %2 lost").arg(row.won.size()).arg(row.lost.size());
        case Normalised:
            if (!std::isfinite(row.prunedNormalised)) return {};
            return std::isfinite(row.denseNormalised) ? tr("%1 → %2").arg(percentText(row.denseNormalised),
                                                                          percentText(row.prunedNormalised))
                                                      : percentText(row.prunedNormalised);
        default:
            return {};
    }
}

QVariant AccuracyModel::data(const QModelIndex& index, int role) const {
    const auto& row = m_rows[std::size_t(index.row())];
    const int column = index.column();
    switch (role) {
        case Qt::DisplayRole:
            return text(row, column);
        case Qt::ToolTipRole:
            if (column == Flipped && !row.name.empty() && std::isfinite(row.difference))
                return tr("Won: %1\nLost: %2").arg(numbersText(row.won), numbersText(row.lost));
            return text(row, column);
        case Qt::TextAlignmentRole:
            return int((column == Task ? Qt::AlignLeft : Qt::AlignRight) | Qt::AlignVCenter);
        case Qt::ForegroundRole:
            if ((column == Difference || column == Interval) && row.high < 0)
                return QBrush(Theme::instance().tokens().warning);
            return {};
        case Qt::FontRole:
            if (column == Difference || row.name.empty()) {
                auto strong = QApplication::font();
                strong.setWeight(QFont::DemiBold);
                return strong;
            }
            return {};
        default:
            return {};
    }
}

}  // namespace tessera::ui
