#pragma once

#include <QAbstractTableModel>
#include <QSortFilterProxyModel>
#include <memory>
#include <vector>

#include "ui/compare/compared_run.h"
#include "ui/compare/run_selection.h"

namespace tessera::ui {

using RunList = std::vector<std::shared_ptr<const ComparedRun>>;

/// The runs of the library as a table. A cell has its text, what it is sorted by, and, where there is one,
/// the difference to the baseline as a second line.
class RunsModel : public QAbstractTableModel {
    Q_OBJECT
  public:
    enum Column {
        Name,
        Model,
        Method,
        Pattern,
        Target,
        Reached,
        Perplexity,
        Change,
        Time,
        Status,
        Loss,
        kColumns
    };
    enum Role { SortRole = Qt::UserRole, SecondRole, IdRole, SlotRole, BaselineRole };

    RunsModel(RunSelection& selection, QObject* parent = nullptr);

    /// Runs that were there before keep their rows' identity (selection, current row).
    void setRuns(RunList runs);
    const RunList& runs() const { return m_runs; }
    const ComparedRun* find(const QString& id) const;
    const ComparedRun* baseline() const { return find(m_selection.baseline()); }
    const ComparedRun& facts(int row) const { return *m_runs[std::size_t(row)]; }

    int rowCount(const QModelIndex& parent = {}) const override;
    int columnCount(const QModelIndex& parent = {}) const override;
    QVariant data(const QModelIndex& index, int role) const override;
    bool setData(const QModelIndex& index, const QVariant& value, int role) override;
    QVariant headerData(int section, Qt::Orientation orientation, int role) const override;
    Qt::ItemFlags flags(const QModelIndex& index) const override;

    /// A table for other programs: a head line, tabs between, numbers plain and whole.
    QString toText(const std::vector<int>& rows) const;

  private:
    QString display(const ComparedRun& run, int column) const;
    QString second(const ComparedRun& run, int column) const;
    QVariant sortKey(const ComparedRun& run, int column) const;
    QString toolTip(const ComparedRun& run, int column) const;
    void refresh();

    RunSelection& m_selection;
    RunList m_runs;
};

/// Sorts numbers as numbers, what is not known last in either order; finds runs that have every word of the
/// filter in their name, model, method, pattern or status.
class RunsFilter : public QSortFilterProxyModel {
    Q_OBJECT
  public:
    using QSortFilterProxyModel::QSortFilterProxyModel;
    void setWords(const QString& text);

  protected:
    bool filterAcceptsRow(int row, const QModelIndex& parent) const override;
    bool lessThan(const QModelIndex& left, const QModelIndex& right) const override;

  private:
    QStringList m_words;
};

}  // namespace tessera::ui
