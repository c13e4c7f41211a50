#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/base/cancellation.h"
#include "core/formats/mask_set.h"
#include "core/formats/model_files.h"
#include "kernels/cpu/gemv.h"

namespace tessera {

/// Memory aligned to cache lines, in huge pages where the system gives them.
class AlignedBytes {
  public:
    explicit AlignedBytes(std::size_t bytes = 0);
    template <typename T>
    T* as() const {
        return static_cast<T*>(m_data.get());
    }
    std::size_t size() const { return m_size; }

  private:
    struct Free {
        void operator()(void* data) const;
    };
    std::unique_ptr<void, Free> m_data;
    std::size_t m_size = 0;
};

/// One weight matrix ready for decoding, dense or as a bitmap.
class PackedMatrix {
  public:
    PackedMatrix() = default;
    /// `weights` [rows, cols] bf16; `keep` null: dense.
    PackedMatrix(const std::uint16_t* weights, const PackedMask* keep, std::int64_t rows, std::int64_t cols);

    bool sparse() const { return m_sparse; }
    std::int64_t rows() const { return m_dense.rows; }
    std::int64_t cols() const { return m_dense.cols; }
    /// What one product reads.
    std::uint64_t bytes() const { return m_bytes; }
    kernels::RowRange part(int part, int parts, bool pairPanels = false) const;
    void product(const std::uint16_t* x, float* y, kernels::RowRange range) const;
    const kernels::DensePanels& dense() const { return m_dense; }
    const kernels::BitmapPanels& bitmap() const { return m_bitmap; }

  private:
    bool m_sparse = false;
    std::uint64_t m_bytes = 0;
    AlignedBytes m_first, m_second, m_third;
    kernels::DensePanels m_dense;  ///< rows and cols always
    kernels::BitmapPanels m_bitmap;
};

/// How a matrix under a mask is stored: as a bitmap without its zeros, or dense with them.
enum class Layout { Dense, Bitmap };

/// A decoder packed for one token at a time: bf16 weights, f32 norms and biases. Norms are as they are
/// multiplied with, the configuration's offset added; a vector is empty where the model has it not.
struct PackedModel {
    struct Block {
        std::vector<float> inputNorm, postNorm;                         ///< [hidden]
        std::vector<float> attentionOutputNorm, feedForwardOutputNorm;  ///< [hidden]
        std::vector<float> queryNorm, keyNorm;                          ///< of a head or of all
        PackedMatrix queryKeyValue;                                     ///< rows of q, k, v
        PackedMatrix output;
        PackedMatrix gateUp;  ///< panels of eight gate rows and the same eight up rows in turn
        PackedMatrix down;
        std::vector<float> queryKeyValueBias, outputBias, gateUpBias, downBias;  ///< in their matrix' order
    };
    ModelConfig config;
    AlignedBytes embedding;  ///< [vocabulary, hidden] bf16, row-major
    std::vector<float> finalNorm;
    PackedMatrix head;
    std::vector<Block> blocks;
    Layout layout = Layout::Dense;

    /// Bytes of weights that one token reads.
    std::uint64_t bytesPerToken() const;
    /// Rows of the gate matrix rounded up to whole panels.
    std::int64_t paddedInner() const {
        return kernels::panelsOf(config.intermediateSize) * kernels::kPanelRows;
    }

    /// Weights are rounded to bf16; `masks` null: nothing is pruned. Matrices without a mask are stored
    /// dense. `cancellation` is looked at between blocks: Error{Cancelled}.
    static PackedModel load(const ModelFiles& files, const MaskSet* masks, Layout layout,
                            const Cancellation* cancellation = nullptr);
};

}  // namespace tessera
