#pragma once

#include <QFileSystemWatcher>
#include <QObject>
#include <QTimer>
#include <filesystem>
#include <vector>

#include "core/base/json.h"
#include "core/session/model_catalogue.h"
#include "core/session/run_directory.h"

namespace tessera::ui {

/// What a card or a table row shows of a run, read off the GUI thread.
struct RunEntry {
    RunSummary summary;
    std::vector<float> spark;  ///< the loss, thinned to at most 64 points, min and max kept
    Json result;               ///< result.json, or null
    Json spec;                 ///< spec.json, or null
    double modified = 0;       ///< seconds since 1970
};

/// The runs below one folder, newest first; read on a worker thread, again when the folder changes.
class RunLibrary : public QObject {
    Q_OBJECT
  public:
    explicit RunLibrary(std::filesystem::path folder, QObject* parent = nullptr);
    ~RunLibrary() override;

    const std::filesystem::path& folder() const { return m_folder; }
    const std::vector<RunEntry>& runs() const { return m_runs; }
    bool loaded() const { return m_loaded; }
    void refresh();
    const QString& problem() const { return m_problem; }  ///< e.g. that the folder cannot be read

  Q_SIGNALS:
    void changed();

  private:
    std::filesystem::path m_folder;
    std::vector<RunEntry> m_runs;
    bool m_loaded = false, m_loading = false, m_again = false;
    QString m_problem;
    QFileSystemWatcher m_watcher;
    QTimer m_settle;
};

/// A model that a card shows: of the catalogue, or a folder or file that the person opened.
struct ModelEntry {
    QString name;   ///< what --model takes
    QString title, licence, source;
    std::int64_t parameters = 0;  ///< 0 where it is not known
    std::uint64_t bytes = 0, downloadBytes = 0;
    bool installed = false, fromCatalogue = false;
    QString problem;  ///< why an opened one cannot be used
};

/// The catalogue, and the models opened by hand (remembered between starts).
class ModelLibrary : public QObject {
    Q_OBJECT
  public:
    explicit ModelLibrary(QObject* parent = nullptr);

    const std::vector<ModelEntry>& models() const { return m_models; }
    const ModelEntry* find(const QString& name) const;
    void refresh();
    /// A Hugging Face folder or a .gguf file; reads its header off the thread, then changed().
    void add(const std::filesystem::path& path);
    void remove(const QString& name);  ///< of those opened by hand; the files stay

  Q_SIGNALS:
    void changed();

  private:
    std::vector<ModelEntry> m_models;
    QString m_problem;
};

}  // namespace tessera::ui
