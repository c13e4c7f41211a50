#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <vector>

#include "core/session/learning_state.h"
#include "core/session/run_directory.h"
#include "ui/inspect/mask_data.h"

namespace tessera::ui {

/// What a checkpoint says of each gate: the probability sigmoid(kappa (logit - shift)) that it is open, with
/// kappa of that step and the shift that holds the run's budget. For one thread at a time, off the window's.
class GateReader {
  public:
    /// The latest checkpoint of a run that learned by gates, or by patterns alone: then there are none.
    /// `pruned` are the numbers (of `structure`) of the matrices that have a mask, in order. Throws
    /// Error{NotFound} without one, Error{Corrupt} where it does not fit.
    GateReader(const RunDirectory& run, StructurePtr structure, const std::vector<int>& pruned);

    std::int64_t step() const { return m_state->completedSteps(); }
    bool gatesWeights(int matrix) const;
    bool gatesTiles(int matrix) const;
    /// One probability a tile, row-major.
    std::vector<float> tileGates(int matrix);
    /// Fills `values.gates` for the tile that it names.
    void readGates(TileValues& values);

  private:
    /// The gates of a matrix: they stand before the logits that choose patterns.
    std::int64_t gatesOf(int matrix) const;
    std::vector<int> groupOf(int matrix) const;
    float shiftOf(int matrix);
    float probability(float logit, float shift) const;

    StructurePtr m_structure;
    std::unique_ptr<LearningState> m_state;
    std::map<int, std::size_t> m_maskOf;  ///< by matrix
    std::map<int, float> m_shifts;        ///< by the first matrix of a group
    enum class Gated { Weights, Tiles, Nothing } m_gated = Gated::Weights;
    double m_sparsity = 0, m_kappa = 0;
    bool m_centring = true;
    std::string m_scope;
};

}  // namespace tessera::ui
