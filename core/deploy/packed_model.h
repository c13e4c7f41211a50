#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "core/base/cancellation.h"
#include "core/base/mapped_file.h"
#include "core/formats/mask_set.h"
#include "core/formats/model_files.h"
#include "kernels/cpu/gemv.h"

namespace tessera {

/// Memory aligned to cache lines: its own, in huge pages where the system gives them, or a part of a file
/// that stays mapped as long.
class AlignedBytes {
  public:
    explicit AlignedBytes(std::size_t bytes = 0);
    /// `part` lies in `file` and is aligned there. For reading only.
    AlignedBytes(const MappedFile& file, std::span<const std::byte> part);
    AlignedBytes(AlignedBytes&&) = default;
    AlignedBytes& operator=(AlignedBytes&&) = default;
    template <typename T>
    T* as() {
        return static_cast<T*>(m_data.get());
    }
    template <typename T>
    const T* as() const {
        return static_cast<const T*>(m_data.get());
    }
    std::size_t size() const { return m_size; }
    std::span<const std::byte> bytes() const { return {as<std::byte>(), m_size}; }

  private:
    std::shared_ptr<void> m_data;
    std::size_t m_size = 0;
};

using kernels::WeightValues;
/// "bf16" or "q8"; anything else throws Error{InvalidInput} that names the option `what`.
WeightValues weightValues(const std::string& text, const std::string& what);

/// Where a matrix's zeros are left out: nowhere; wherever they are; in groups of four that keep two; in tiles
/// that are dense or 2:4 (or empty).
enum class WeightForm { Dense, Bitmap, TwoOfFour, Hybrid };
/// "dense", "bitmap", "nibble-2:4", "hybrid", with "-q8" behind it for such values.
std::string kernelName(WeightForm form, WeightValues values);

/// What a matrix of so many blocks of tiles is called; `empty` ones are left out.
WeightForm formOfTiles(std::int64_t twoOfFour, std::int64_t dense, std::int64_t empty);

/// A packed matrix taken apart, to be stored and put together again.
struct StoredMatrix {
    WeightForm form = WeightForm::Dense;
    WeightValues values = WeightValues::Bf16;
    std::int64_t rows = 0, cols = 0, kept = 0;

    /// What the arrays are called; empty names behind the last one. They are those of gemv.h: "weights"
    /// (dense bf16); "flags", "weights", "starts" (bitmap); "tiles", "columns", "panels" (everything else).
    std::array<const char*, 3> arrayNames() const;
    bool inTiles() const;
};

/// One weight matrix ready for decoding.
class PackedMatrix {
  public:
    PackedMatrix() = default;
    /// `weights` [rows, cols] bf16; `keep` null: dense. The mask decides the form: the tiles of 2:4 and dense
    /// where they read about as few bytes as a bitmap, the bitmap elsewhere, dense where that is less. Throws
    /// Error{InvalidInput} on a mask of another shape, a matrix without rows or columns or with more columns
    /// than the kernels count, and on weights that are not finite with q8.
    PackedMatrix(const std::uint16_t* weights, const PackedMask* keep, std::int64_t rows, std::int64_t cols,
                 WeightValues values = WeightValues::Bf16);

    /// From arrays that were stored, which are used in place. Throws Error{Corrupt} with `where` in front of
    /// the array's name where their sizes or what they index contradict `stored`.
    PackedMatrix(const StoredMatrix& stored, std::array<AlignedBytes, 3> arrays, const std::string& where);
    StoredMatrix stored() const { return {m_form, m_values, m_rows, m_cols, m_kept}; }
    /// In the order of StoredMatrix::arrayNames.
    std::array<std::span<const std::byte>, 3> arrays() const;
    /// The same weights with their zeros, as dense bf16.
    PackedMatrix unpacked() const;
    /// Copies a row [cols] of a matrix that is dense bf16.
    void copyRow(std::int64_t row, std::uint16_t* weights) const;

    WeightForm form() const { return m_form; }
    WeightValues values() const { return m_values; }
    bool sparse() const { return m_form != WeightForm::Dense; }
    std::int64_t rows() const { return m_rows; }
    std::int64_t cols() const { return m_cols; }
    /// Weights that the mask keeps.
    std::int64_t kept() const { return m_kept; }
    /// Of 8 x 64 weights, in a matrix of tiles: those that are 2:4, and all.
    std::int64_t twoOfFourBlocks() const { return m_twoOfFour; }
    std::int64_t blocks() const { return kernels::panelsOf(m_rows) * kernels::tilesOf(m_cols); }
    /// What one product reads.
    std::uint64_t bytes() const { return m_bytes; }
    kernels::RowRange part(int part, int parts, bool pairPanels = false) const;
    /// Makes of x [cols] what the product reads: `prepared` has kernels::inputBytes(cols).
    void prepare(const float* x, void* prepared) const;
    void product(const void* prepared, float* y, kernels::RowRange range) const;
    /// Reads part `part` of `parts` of the packed weights and nothing else; returns kernels::readLines' sum.
    std::uint64_t readOnly(int part, int parts) const;

  private:
    void packBitmap(const std::uint16_t* weights, const PackedMask& keep);
    void packTiles(const std::uint16_t* weights, const PackedMask* keep, kernels::TilePlan plan);
    /// Lets the panels point into the three arrays.
    void setPanels();

    WeightForm m_form = WeightForm::Dense;
    WeightValues m_values = WeightValues::Bf16;
    std::int64_t m_rows = 0, m_cols = 0, m_kept = 0, m_twoOfFour = 0;
    std::uint64_t m_bytes = 0;
    AlignedBytes m_first, m_second, m_third;
    std::variant<kernels::DensePanels, kernels::BitmapPanels, kernels::BitmapPanelsQ8, kernels::TilePanels,
                 kernels::TilePanelsQ8>
        m_panels;  ///< into the three
};

/// "bitmap-50", "nibble-2:4-q8", "hybrid-90": the kernel of one matrix, or of several of the same form and
/// values, with the percentage of pruned weights (bitmap) or of 2:4 blocks (hybrid).
std::string kernelLabel(const std::vector<const PackedMatrix*>& matrices);

/// How the matrices under masks are stored: without their zeros, or dense with them.
enum class Layout { Dense, Sparse };

struct Packing {
    Layout layout = Layout::Dense;
    WeightValues values = WeightValues::Bf16;  ///< of the blocks' matrices
    WeightValues head = WeightValues::Bf16;    ///< of the head
    Packing(Layout layout, WeightValues values = WeightValues::Bf16, WeightValues head = WeightValues::Bf16)
        : layout(layout), values(values), head(head) {}
};

/// A decoder packed for one token at a time: bf16 or q8 weights, f32 norms and biases. Norms are as they are
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
    AlignedBytes embedding;  ///< [vocabulary, hidden] bf16, row-major; empty where the head has the same
    std::vector<float> finalNorm;
    PackedMatrix head;
    std::vector<Block> blocks;

    /// Bytes of weights that one token reads.
    std::uint64_t bytesPerToken() const;
    struct Part {
        std::int64_t block;  ///< -1: the head
        std::string name;    ///< "q, k, v", "o", "gate, up", "down", "head"
        const PackedMatrix* matrix;
    };
    /// All matrices in the order in which a token reads them.
    std::vector<Part> parts() const;
    /// Rows of the gate matrix rounded up to whole panels.
    std::int64_t paddedInner() const {
        return kernels::panelsOf(config.intermediateSize) * kernels::kPanelRows;
    }

    /// A block's matrices in the order of reading: what a stored one is called, what people are told, and the
    /// shape that the configuration asks for.
    struct MatrixPart {
        const char *name, *title;
        PackedMatrix Block::*member;
    };
    static std::span<const MatrixPart> matrixParts();
    std::pair<std::int64_t, std::int64_t> shapeOf(const MatrixPart& part) const;
    /// A block's vectors, and what parameters each is of, one behind the other.
    struct VectorPart {
        const char* name;
        std::vector<float> Block::*member;
        std::vector<BlockVector> parameters;
        bool norm;
    };
    static std::span<const VectorPart> vectorParts();
    /// 0: the model has it not.
    std::int64_t sizeOf(const VectorPart& part, std::int64_t block) const;

    /// Weights are rounded to bf16, and from there to q8 where that is asked for; `masks` null: nothing is
    /// pruned. Matrices without a mask are stored dense. `cancellation` is looked at between blocks:
    /// Error{Cancelled}.
    static PackedModel load(const ModelFiles& files, const MaskSet* masks, Packing packing,
                            const Cancellation* cancellation = nullptr);
    /// A copy with the same weights and their zeros in dense bf16 matrices.
    PackedModel unpacked(const Cancellation* cancellation = nullptr) const;
    /// `row` [hidden] bf16.
    void embeddingRow(std::int64_t token, std::uint16_t* row) const;
};

/// Packs a model part by part, for those who do not want to hold all of it.
class ModelPacker {
  public:
    /// As PackedModel::load; `files` and `masks` must outlive it.
    ModelPacker(const ModelFiles& files, const MaskSet* masks, Packing packing);
    /// Everything but the blocks.
    PackedModel outer() const;
    PackedModel::Block block(std::int64_t index) const;

  private:
    const PackedMask* maskOf(const std::string& name) const;
    std::vector<float> norm(const VectorParameter& parameter) const;

    const ModelFiles& m_files;
    const MaskSet* m_masks;
    Packing m_packing;
    std::vector<PrunableMatrix> m_matrices;
};

}  // namespace tessera
