#include "ui/compare/run_columns.h"

#include <QHeaderView>
#include <algorithm>

#include "ui/compare/runs_table.h"
#include "ui/widgets/basics.h"

namespace tessera::ui {

void makePlain(QTableView& table, const QString& name) {
    table.setAccessibleName(name);
    table.setEditTriggers(QAbstractItemView::NoEditTriggers);
    table.setSelectionMode(QAbstractItemView::SingleSelection);
    table.setShowGrid(false);
    table.setWordWrap(false);
    table.setTabKeyNavigation(false);
    table.setHorizontalScrollMode(QAbstractItemView::ScrollPerPixel);
    table.horizontalHeader()->setHighlightSections(false);
    table.verticalHeader()->setHighlightSections(false);
    table.setCornerButtonEnabled(false);
    // The names of rows without the line that the names of columns have below them.
    table.verticalHeader()->setStyleSheet(QStringLiteral("QHeaderView::section { border: none; }"));
}

QTableView* plainTable(const QString& name, QWidget* parent) {
    auto* table = new QTableView(parent);
    makePlain(*table, name);
    return table;
}

class RunColumns::Model : public QAbstractTableModel {
  public:
    Model(RunsModel& runs, RunSelection& selection, QObject* parent)
        : QAbstractTableModel(parent), m_known(runs), m_selection(selection) {}

    void set(const QStringList& rows, const QStringList& runs, std::vector<std::vector<Cell>> cells) {
        beginResetModel();
        m_rows = rows;
        m_runs = runs;
        m_cells = std::move(cells);
        endResetModel();
    }
    int rowCount(const QModelIndex& parent) const override {
        return parent.isValid() ? 0 : int(m_rows.size());
    }
    int columnCount(const QModelIndex& parent) const override {
        return parent.isValid() ? 0 : int(m_runs.size());
    }
    QVariant data(const QModelIndex& index, int role) const override {
        const auto& cell = m_cells[std::size_t(index.row())][std::size_t(index.column())];
        if (role == Qt::DisplayRole) return cell.text;
        if (role == Qt::ToolTipRole) return cell.toolTip;
        return {};
    }
    QVariant headerData(int section, Qt::Orientation orientation, int role) const override {
        if (orientation == Qt::Vertical)
            return role == Qt::DisplayRole ? QVariant(m_rows[section]) : QVariant();
        const auto* run = m_known.find(m_runs[section]);
        if (role == Qt::DisplayRole) return run ? run->name : QString();
        if (role == Qt::ToolTipRole) return m_runs[section];
        if (role == Qt::TextAlignmentRole) return int(Qt::AlignLeft | Qt::AlignVCenter);
        if (role == Qt::DecorationRole) return runSignIcon(m_selection.slot(m_runs[section]));
        return {};
    }

  private:
    RunsModel& m_known;
    RunSelection& m_selection;
    QStringList m_rows, m_runs;
    std::vector<std::vector<Cell>> m_cells;
};

RunColumns::RunColumns(RunsModel& model, RunSelection& selection, const QString& name, QWidget* parent)
    : QTableView(parent) {
    makePlain(*this, name);
    m_rows = new Model(model, selection, this);
    setModel(m_rows);
    auto* header = horizontalHeader();
    header->setDefaultAlignment(Qt::AlignLeft | Qt::AlignVCenter);
    header->setStretchLastSection(true);
    const int side = fontMetrics().height();
    header->setIconSize({side * 3 / 2, side});
    verticalHeader()->setDefaultSectionSize(side + kGap + 4);
    verticalHeader()->setSectionResizeMode(QHeaderView::Fixed);
    connect(&Theme::instance(), &Theme::changed, header, qOverload<>(&QWidget::update));
}

void RunColumns::fill(const QStringList& rows, const QStringList& runs,
                      std::vector<std::vector<Cell>> cells) {
    m_rows->set(rows, runs, std::move(cells));
    const int character = fontMetrics().averageCharWidth();
    for (int i = 0; i < runs.size(); ++i) {
        const int least = std::max(horizontalHeader()->sectionSizeHint(i), character * 14);
        resizeColumnToContents(i);
        setColumnWidth(i, std::clamp(columnWidth(i) + 2 * kGap, least, character * 40));
    }
}

}  // namespace tessera::ui
