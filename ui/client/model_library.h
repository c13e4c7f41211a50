#pragma once

#include <QObject>
#include <QString>
#include <QStringList>
#include <QThreadPool>
#include <cstdint>
#include <filesystem>
#include <vector>

namespace tessera::ui {

/// A model that a card shows: of the catalogue, or a folder or file that the person opened.
struct ModelEntry {
    QString name;  ///< what --model takes
    QString title, licence, source;
    QString repo;                 ///< on the Hugging Face hub, where it comes from there
    std::int64_t parameters = 0;  ///< 0 where it is not known
    std::uint64_t bytes = 0, downloadBytes = 0;
    bool installed = false, fromCatalogue = false;
    bool gated = false;        ///< its source wants terms accepted before it gives it
    bool approximate = false;  ///< the sizes are reckoned, the source tells the true ones
    bool reading = false;      ///< an opened one whose header is not read yet
    QString problem;           ///< why an opened one cannot be used, a sentence

    bool operator==(const ModelEntry&) const = default;
};

/// The catalogue, and the models opened by hand (remembered between starts in the program's settings). The
/// catalogue is there at once; the headers of opened models are read on a worker thread. GUI thread only.
class ModelLibrary : public QObject {
    Q_OBJECT
  public:
    explicit ModelLibrary(QObject* parent = nullptr);
    ~ModelLibrary() override;

    const std::vector<ModelEntry>& models() const { return m_models; }
    const ModelEntry* find(const QString& name) const;
    const QString& problem() const { return m_problem; }  ///< of the catalogue, e.g. that it is missing
    /// Looks again what is installed and whether the opened models are still there.
    void refresh();
    /// A Hugging Face folder, a file in one, or a .gguf file; reads its header off the thread, then
    /// changed(). Returns the name under which find() has it.
    QString add(const std::filesystem::path& path);
    void remove(const QString& name);  ///< of those opened by hand; the files stay

  Q_SIGNALS:
    void changed();

  private:
    QStringList opened() const;
    void setOpened(const QStringList& paths);
    void readCatalogue();
    void readOpened(const QString& path);

    std::vector<ModelEntry> m_models;  ///< the catalogue first
    QString m_problem;
    QThreadPool m_pool;
};

}  // namespace tessera::ui
