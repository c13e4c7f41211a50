#pragma once

#include <QAbstractTableModel>
#include <vector>

#include "ui/client/run_library.h"

namespace tessera::ui {

/// The newest runs as the rows of a table.
class RecentRuns : public QAbstractTableModel {
    Q_OBJECT
  public:
    enum Column { Run, State, Loss, Sparsity, Perplexity, Age, Act, kColumns };
    enum Role {
        SparkRole = Qt::UserRole,  ///< QList<float>: the loss
        ToneRole,                  ///< a Tone: how the state is to be seen
        NoteRole,                  ///< a second, quieter line
    };
    enum class Tone { Quiet, Good, Busy, Warning, Bad };
    static constexpr std::size_t kMost = 40;

    explicit RecentRuns(RunLibrary& library, QObject* parent = nullptr);

    int rowCount(const QModelIndex& parent = {}) const override;
    int columnCount(const QModelIndex& parent = {}) const override;
    QVariant data(const QModelIndex& index, int role) const override;
    QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

    const RunEntry& entry(int row) const { return m_runs[static_cast<std::size_t>(row)]; }
    bool resumable(int row) const;
    bool readable(int row) const;
    int rowOf(const std::filesystem::path& run) const;  ///< -1 where it is not shown

  private:
    void take();
    QString stateText(const RunEntry& entry) const;
    Tone tone(const RunEntry& entry) const;

    RunLibrary& m_library;
    std::vector<RunEntry> m_runs;
};

/// "just now", "12 min ago", "3 h ago", "yesterday", "5 days ago", else the date; `seconds` since 1970.
QString ageText(double seconds, double now);

}  // namespace tessera::ui
