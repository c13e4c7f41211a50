#include "ui/compare/tasks_view.h"

#include <QLabel>
#include <QVBoxLayout>
#include <algorithm>
#include <cmath>

#include "ui/widgets/basics.h"

namespace tessera::ui {

namespace {

const TaskAccuracy* taskNamed(const TaskMeasurement& measured, const std::string& name) {
    const auto found = std::find_if(measured.tasks.begin(), measured.tasks.end(),
                                    [&](const TaskAccuracy& task) { return task.name == name; });
    return found == measured.tasks.end() ? nullptr : &*found;
}

bool sameQuestions(const TaskMeasurement& a, const TaskMeasurement& b) {
    return a.tasks.size() == b.tasks.size() &&
           std::all_of(a.tasks.begin(), a.tasks.end(), [&b](const TaskAccuracy& task) {
               const auto* other = taskNamed(b, task.name);
               return other && other->items == task.items;
           });
}

}  // namespace

RunColumns::Cell taskCell(const TaskAccuracy& task, bool pinned, const TaskAccuracy* base) {
    RunColumns::Cell cell{percentText(task.pruned), QObject::tr("%1 items.").arg(task.items)};
    if (pinned) {
        if (base && base->items == task.items) {
            cell.text += QStringLiteral("  (%1)").arg(pointsText(task.pruned - base->pruned));
            cell.toolTip += QObject::tr(" The baseline has %1.").arg(percentText(base->pruned));
        } else {
            cell.toolTip += base ? QObject::tr(" The baseline was asked other items.")
                                 : QObject::tr(" The baseline was not asked this task.");
        }
        return cell;
    }
    if (!std::isfinite(task.dense)) return cell;
    cell.text =
        QStringLiteral("%1 → %2  (%3)")
            .arg(percentText(task.dense), percentText(task.pruned), pointsText(task.pruned - task.dense));
    if (std::isfinite(task.low) && std::isfinite(task.high))
        cell.toolTip += QObject::tr(" Difference to the dense model, 95 %: %1 to %2 points; %3 won, %4 lost.")
                            .arg(pointsText(task.low), pointsText(task.high))
                            .arg(task.won.size())
                            .arg(task.lost.size());
    return cell;
}

RunColumns::Cell meanCell(const TaskMeasurement& own, bool pinned, const TaskMeasurement* base) {
    // A mean over other questions is another figure: no items in common with ours.
    const TaskAccuracy baseMean = base && sameQuestions(own, *base) ? base->mean() : TaskAccuracy{};
    RunColumns::Cell cell = taskCell(own.mean(), pinned, base ? &baseMean : nullptr);
    cell.toolTip.prepend(QObject::tr("Over %1 tasks. ").arg(own.tasks.size()));
    return cell;
}

TasksView::TasksView(RunsModel& model, RunSelection& selection, QWidget* parent)
    : QWidget(parent), m_model(model), m_selection(selection) {
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(0, kGap, 0, 0);
    column->setSpacing(kGap);
    m_note = muted({}, this);
    m_table = new RunColumns(m_model, m_selection, tr("Accuracy on tasks"), this);
    column->addWidget(m_note);
    column->addWidget(m_table, 1);
    connect(&m_selection, &RunSelection::checkedChanged, this, &TasksView::rebuild);
    connect(&m_selection, &RunSelection::baselineChanged, this, &TasksView::rebuild);
    rebuild();
}

void TasksView::setMeasurements(std::map<QString, TaskMeasurement> measured) {
    m_measured = std::move(measured);
    rebuild();
}

void TasksView::rebuild() {
    QStringList runs, without, tasks;
    for (const auto& id : m_selection.checked()) {
        const auto* run = m_model.find(id);
        if (!run) continue;
        const auto found = m_measured.find(id);
        if (found == m_measured.end()) {
            without << run->name;
            continue;
        }
        runs << id;
        for (const auto& task : found->second.tasks)
            if (const auto name = QString::fromStdString(task.name); !tasks.contains(name)) tasks << name;
    }
    const auto pinned = m_selection.baseline();
    const auto base = m_measured.find(pinned);
    std::vector<std::vector<RunColumns::Cell>> cells;
    for (const auto& task : tasks) {
        cells.emplace_back();
        const auto name = task.toStdString();
        for (const auto& id : runs) {
            const auto* own = taskNamed(m_measured[id], name);
            cells.back().push_back(
                own ? taskCell(*own, !pinned.isEmpty(),
                               base == m_measured.end() ? nullptr : taskNamed(base->second, name))
                    : RunColumns::Cell{QStringLiteral("–"), tr("This run was not asked this task.")});
        }
    }
    if (tasks.size() > 1) {
        tasks << tr("Mean");
        cells.emplace_back();
        for (const auto& id : runs)
            cells.back().push_back(meanCell(m_measured[id], !pinned.isEmpty(),
                                            base == m_measured.end() ? nullptr : &base->second));
    }
    QStringList notes;
    if (runs.isEmpty())
        notes << tr("None of the checked runs was asked a task yet: the Benchmark page does it.");
    else if (pinned.isEmpty())
        notes << tr("Dense and pruned accuracy; the difference in points.");
    else
        notes << tr("Accuracy; the difference in points to the pinned run.");
    if (!runs.isEmpty() && !without.isEmpty())
        notes << tr("Not asked: %1.").arg(without.join(QStringLiteral(", ")));
    m_note->setText(notes.join(QLatin1Char(' ')));
    m_table->setVisible(!runs.isEmpty());
    m_table->fill(tasks, runs, std::move(cells));
}

}  // namespace tessera::ui
