#pragma once

#include <QObject>
#include <QThreadPool>
#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <set>
#include <vector>

#include "ui/inspect/mask_source.h"

namespace tessera::ui {

/// What is known of a source besides its numbers.
struct SourceFacts {
    StructurePtr structure;  ///< nullptr when nothing can be shown
    std::vector<std::int64_t> steps;
    bool isRun = false, hasModel = false, gatesTiles = false, gatesWeights = false;
    std::int64_t gateStep = -1;
    std::string pattern;  ///< the run's: "unstructured", "2:4", "tiles"
};

/// Reads a MaskSource on one worker thread and hands the results to the window's. Of frames, details and
/// changes only the latest asked for matters: earlier ones that have not begun are skipped. Tiles are all
/// read, in order. GUI thread only.
class MaskLoader : public QObject {
    Q_OBJECT
  public:
    explicit MaskLoader(QObject* parent = nullptr);
    ~MaskLoader() override;  ///< waits for the read under way

    /// A run, or with an empty `run` a dense model; answers of the one before are dropped.
    void open(const std::filesystem::path& run, const std::string& model);
    void refresh();  ///< looks for new snapshots and checkpoints
    void readFrame(std::int64_t step);
    void readDetail(int matrix, std::int64_t step, bool changes);
    void readValues(int matrix, std::int64_t tileRow, std::int64_t tileCol);
    void readChanges(std::int64_t step);
    /// What was read may be asked for again: its files are others now.
    void forget();
    bool busy() const { return m_pending > 0; }

  Q_SIGNALS:
    void opened(const tessera::ui::SourceFacts& facts);
    void refreshed(const tessera::ui::SourceFacts& facts);
    void frameRead(std::int64_t step, tessera::ui::FramePtr frame);  ///< nullptr where it cannot be read
    void detailRead(int matrix, std::int64_t step, tessera::ui::DetailPtr detail);
    void valuesRead(tessera::ui::ValuesPtr values);
    void changesRead(tessera::ui::ChangesPtr changes);
    void problem(const QString& sentence);
    void idle();

  private:
    struct Shared;
    using Work = std::function<std::function<void()>(MaskSource&)>;
    /// `kind`: with a later request of the same kind this one is skipped; none where it is negative.
    void run(int kind, Work work);
    void answer(std::uint64_t generation, const std::function<void()>& deliver, const QStringList& problems);

    std::shared_ptr<Shared> m_shared;
    QThreadPool m_pool;
    std::uint64_t m_generation = 0;
    int m_pending = 0;
    std::set<std::tuple<int, std::int64_t, std::int64_t>> m_valuesAsked;
    std::tuple<int, std::int64_t, bool> m_detailAsked{-1, -1, false};
    std::int64_t m_changesAsked = -1;
};

}  // namespace tessera::ui
