#pragma once

#include <QStringList>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "core/formats/model_files.h"
#include "core/formats/safetensors.h"
#include "ui/inspect/gate_reader.h"
#include "ui/inspect/mask_data.h"

namespace tessera::ui {

/// Everything that the inspect page reads: a run's maps, masks and checkpoint, and the base model's weights.
/// For one thread at a time, off the window's. What one file lacks does not stop the others: problems() has a
/// sentence for each, once.
class MaskSource {
  public:
    /// A run, or with an empty `run` the dense model of that name (a catalogue name or a path).
    MaskSource(const std::filesystem::path& run, const std::string& model);

    /// nullptr when neither the model nor a map could be read.
    const StructurePtr& structure() const { return m_structure; }
    bool hasModel() const { return m_model.has_value(); }
    /// nullptr for a dense model, or where the run cannot be opened.
    const RunDirectory* run() const { return m_run ? &*m_run : nullptr; }

    /// Steps that something is recorded for, ascending; looks at the folder again.
    std::vector<std::int64_t> steps();
    /// nullptr where neither the map nor the masks of that step can be read.
    FramePtr frame(std::int64_t step);
    /// nullptr where there is no mask of that step. `changes`: also against the recorded step before.
    DetailPtr detail(int matrix, std::int64_t step, bool changes);
    ValuesPtr values(int matrix, std::int64_t tileRow, std::int64_t tileCol);
    ChangesPtr changes(std::int64_t step, const std::function<bool()>& cancelled);

    /// The step of the checkpoint that gates are read from; -1 where there is none.
    std::int64_t gateStep();
    bool gatesWeights();
    bool gatesTiles();

    /// Sentences that were not taken yet.
    QStringList takeProblems();

  private:
    void say(const QString& sentence);
    void say(const QString& what, const std::exception& error);
    void openModel(const std::string& name);
    void openGates();
    std::filesystem::path maskFile(std::int64_t step) const;
    std::optional<PackedMask> mask(int matrix, std::int64_t step);
    std::optional<std::int64_t> stepBefore(std::int64_t step) const;

    std::optional<RunDirectory> m_run;
    std::optional<ModelFiles> m_model;
    std::shared_ptr<const SafetensorsFile> m_changedWeights;
    StructurePtr m_structure;
    std::vector<std::int64_t> m_steps;
    std::map<std::int64_t, FramePtr> m_frames;
    std::unique_ptr<GateReader> m_gates;
    std::int64_t m_gatesTried = -1;
    QStringList m_problems, m_said;
};

/// One matrix of a mask file. Throws Error, also where it has another shape than `info`.
PackedMask readMask(const std::filesystem::path& file, const MatrixInfo& info);

}  // namespace tessera::ui
