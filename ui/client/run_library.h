#pragma once

#include <QFileSystemWatcher>
#include <QObject>
#include <QThreadPool>
#include <QTimer>
#include <filesystem>
#include <memory>
#include <vector>

#include "ui/client/run_scan.h"

namespace tessera::ui {

/// The runs below one folder, newest first; read on a worker thread, again when the folder changes, and every
/// few seconds, because who works on a run shows in no folder. GUI thread only.
class RunLibrary : public QObject {
    Q_OBJECT
  public:
    explicit RunLibrary(std::filesystem::path folder, QObject* parent = nullptr);
    ~RunLibrary() override;

    const std::filesystem::path& folder() const { return m_folder; }
    const std::vector<RunEntry>& runs() const { return m_runs; }
    const RunEntry* find(const std::filesystem::path& run) const;
    bool loaded() const { return m_loaded; }
    void refresh();
    const QString& problem() const { return m_problem; }  ///< e.g. that the folder cannot be read

  Q_SIGNALS:
    void changed();  ///< only where something differs, and once when loaded

  private:
    void take(RunScan::Result result);
    void watch();

    std::filesystem::path m_folder;
    std::vector<RunEntry> m_runs;
    bool m_loaded = false, m_loading = false, m_again = false;
    QString m_problem;
    QFileSystemWatcher m_watcher;
    QTimer m_settle, m_poll;
    std::shared_ptr<RunScan> m_scan;  ///< the worker's
    QThreadPool m_pool;
};

}  // namespace tessera::ui
