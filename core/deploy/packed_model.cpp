#include "core/deploy/packed_model.h"

#include <sys/mman.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <new>

#include "core/base/error.h"

namespace tessera {

namespace {

constexpr std::size_t kLine = 64, kHugePage = std::size_t(2) << 20;

std::vector<float> readAll(const TensorSource& source, const std::string& name) {
    const auto& info = source.at(name);
    std::vector<float> values(static_cast<std::size_t>(info.elements()));
    source.readF32(info, 0, values);
    for (std::size_t i = 0; i < values.size(); ++i)
        if (!std::isfinite(values[i]))
            throw Error(ErrorCode::Numerical, "the weight " + std::to_string(i) + " is not finite", name,
                        {{"fetch the model again", "", ""}});
    source.release(info);
    return values;
}

/// Rows of several matrices one below the other, with their masks.
struct Stack {
    std::int64_t cols;
    std::vector<std::uint16_t> weights;
    PackedMask mask;
    bool masked = false;

    Stack(std::int64_t rows, std::int64_t cols)
        : cols(cols), weights(static_cast<std::size_t>(rows * cols)), mask(rows, cols) {}

    /// Puts row `from` of the matrix into row `to`. Without a mask of its own the row is kept whole.
    void put(const std::vector<float>& values, const PackedMask* own, std::int64_t from, std::int64_t to) {
        for (std::int64_t c = 0; c < cols; ++c) {
            const bool kept = !own || own->keeps(from * cols + c);
            if (kept) mask.keep(to * cols + c);
            weights[static_cast<std::size_t>(to * cols + c)] =
                kept ? floatToBf16(values[static_cast<std::size_t>(from * cols + c)]) : 0;
        }
        masked = masked || own;
    }
    PackedMatrix pack(Layout layout) const {
        return {weights.data(), masked && layout == Layout::Bitmap ? &mask : nullptr, mask.rows, cols};
    }
};

/// Where a row of the gate or the up matrix stands among the panels of both.
std::int64_t gateUpRow(std::int64_t row, bool up) {
    return row / kernels::kPanelRows * 2 * kernels::kPanelRows + (up ? kernels::kPanelRows : 0) +
           row % kernels::kPanelRows;
}

}  // namespace

void AlignedBytes::Free::operator()(void* data) const {
    std::free(data);
}

AlignedBytes::AlignedBytes(std::size_t bytes) : m_size(bytes) {
    if (bytes == 0) return;
    const auto unit = bytes >= kHugePage ? kHugePage : kLine;
    const auto whole = (bytes + unit - 1) / unit * unit;
    m_data.reset(std::aligned_alloc(unit, whole));
    if (!m_data) throw std::bad_alloc();
    if (unit == kHugePage) ::madvise(m_data.get(), whole, MADV_HUGEPAGE);
}

PackedMatrix::PackedMatrix(const std::uint16_t* weights, const PackedMask* keep, std::int64_t rows,
                           std::int64_t cols)
    : m_sparse(keep != nullptr) {
    m_dense.rows = m_bitmap.rows = rows;
    m_dense.cols = m_bitmap.cols = cols;
    if (!keep) {
        m_bytes = static_cast<std::uint64_t>(kernels::densePanelElements(rows, cols)) * 2;
        m_first = AlignedBytes(m_bytes + 64);
        kernels::packDense(weights, rows, cols, m_first.as<std::uint16_t>());
        m_dense.weights = m_first.as<std::uint16_t>();
        return;
    }
    const auto words = static_cast<std::size_t>(kernels::bitmapWords(rows, cols));
    const auto values = static_cast<std::size_t>(keep->kept() + kernels::kValuePadding);
    m_first = AlignedBytes(words * 4);
    m_second = AlignedBytes(values * 2);
    m_third = AlignedBytes(static_cast<std::size_t>(kernels::panelsOf(rows) + 1) * 8);
    kernels::packBitmap(weights, keep->bits.data(), rows, cols, m_first.as<std::uint32_t>(),
                        m_second.as<std::uint16_t>(), m_third.as<std::uint64_t>());
    m_bitmap.masks = m_first.as<std::uint32_t>();
    m_bitmap.values = m_second.as<std::uint16_t>();
    m_bitmap.panelStarts = m_third.as<std::uint64_t>();
    m_bytes = words * 4 + static_cast<std::uint64_t>(keep->kept()) * 2;
}

kernels::RowRange PackedMatrix::part(int part, int parts, bool pairPanels) const {
    return m_sparse ? kernels::partRows(m_bitmap, part, parts, pairPanels)
                    : kernels::partRows(m_dense, part, parts, pairPanels);
}

void PackedMatrix::product(const std::uint16_t* x, float* y, kernels::RowRange range) const {
    m_sparse ? kernels::gemvPart(m_bitmap, x, y, range) : kernels::gemvPart(m_dense, x, y, range);
}

std::uint64_t PackedModel::bytesPerToken() const {
    std::uint64_t sum = head.bytes();
    for (const auto& block : blocks)
        sum += block.queryKeyValue.bytes() + block.output.bytes() + block.gateUp.bytes() + block.down.bytes();
    return sum;
}

PackedModel PackedModel::load(const ModelFiles& files, const MaskSet* masks, Layout layout,
                              const Cancellation* cancellation) {
    const auto& config = files.config();
    const auto& source = files.tensors();
    PackedModel model;
    model.config = config;
    model.layout = layout;
    if (masks)
        for (const auto& [name, mask] : masks->masks)
            if (source.at(name).shape != std::vector<std::int64_t>{mask.rows, mask.cols})
                throw Error(ErrorCode::InvalidInput, "the mask has another shape than its matrix", name,
                            {{"use the mask that was made for this model", "", ""}});

    {
        const auto values = readAll(source, "model.embed_tokens.weight");
        model.embedding = AlignedBytes(values.size() * 2);
        quantize(DType::BF16, values, {model.embedding.as<std::byte>(), values.size() * 2});
    }
    if (config.tiedHead) {
        model.head =
            PackedMatrix(model.embedding.as<std::uint16_t>(), nullptr, config.vocabSize, config.hiddenSize);
    } else {
        const auto values = readAll(source, "lm_head.weight");
        std::vector<std::uint16_t> halves(values.size());
        quantize(DType::BF16, values, std::as_writable_bytes(std::span(halves)));
        model.head = PackedMatrix(halves.data(), nullptr, config.vocabSize, config.hiddenSize);
    }
    const auto norm = [&](const VectorParameter& parameter) {
        if (parameter.size == 0) return std::vector<float>();
        auto values = readAll(source, parameter.name);
        if (config.normOffset != 0)
            for (auto& value : values) value += static_cast<float>(config.normOffset);
        return values;
    };
    model.finalNorm = norm({"model.norm.weight", config.hiddenSize});
    const auto matrices = prunableMatrices(config);
    const auto maskOf = [&](const std::string& name) -> const PackedMask* {
        if (!masks) return nullptr;
        const auto found = masks->masks.find(name);
        return found == masks->masks.end() ? nullptr : &found->second;
    };
    for (std::int64_t b = 0; b < config.layers; ++b) {
        if (cancellation) cancellation->throwIfRequested();
        const auto vector = [&](BlockVector which) { return blockVector(config, b, which); };
        const auto biases = [&](std::initializer_list<BlockVector> parts) {
            std::vector<float> all;
            for (const auto part : parts)
                if (const auto parameter = vector(part); parameter.size > 0) {
                    const auto values = readAll(source, parameter.name);
                    all.insert(all.end(), values.begin(), values.end());
                }
            return all;
        };
        const auto* seven = &matrices[static_cast<std::size_t>(b * 7)];
        const auto stack = [&](int first, int count) {
            std::int64_t rows = 0;
            for (int i = first; i < first + count; ++i) rows += seven[i].rows;
            Stack stacked(rows, seven[first].cols);
            std::int64_t to = 0;
            for (int i = first; i < first + count; ++i) {
                const auto values = readAll(source, seven[i].name);
                for (std::int64_t row = 0; row < seven[i].rows; ++row)
                    stacked.put(values, maskOf(seven[i].name), row, to++);
            }
            return stacked.pack(layout);
        };
        Block block;
        block.inputNorm = norm(vector(BlockVector::InputNorm));
        block.postNorm = norm(vector(BlockVector::FeedForwardNorm));
        block.attentionOutputNorm = norm(vector(BlockVector::AttentionOutputNorm));
        block.feedForwardOutputNorm = norm(vector(BlockVector::FeedForwardOutputNorm));
        block.queryNorm = norm(vector(BlockVector::QueryNorm));
        block.keyNorm = norm(vector(BlockVector::KeyNorm));
        block.queryKeyValueBias =
            biases({BlockVector::QueryBias, BlockVector::KeyBias, BlockVector::ValueBias});
        block.outputBias = biases({BlockVector::OutputBias});
        block.downBias = biases({BlockVector::DownBias});
        block.queryKeyValue = stack(0, 3);
        block.output = stack(3, 1);
        Stack gateUp(2 * model.paddedInner(), config.hiddenSize);
        for (int i = 4; i < 6; ++i) {
            const auto values = readAll(source, seven[i].name);
            for (std::int64_t row = 0; row < config.intermediateSize; ++row)
                gateUp.put(values, maskOf(seven[i].name), row, gateUpRow(row, i == 5));
        }
        block.gateUp = gateUp.pack(layout);
        if (const auto both = biases({BlockVector::GateBias, BlockVector::UpBias}); !both.empty()) {
            block.gateUpBias.resize(static_cast<std::size_t>(2 * model.paddedInner()));
            for (std::int64_t i = 0; i < 2 * config.intermediateSize; ++i) {
                const bool up = i >= config.intermediateSize;
                const auto row = gateUpRow(i - (up ? config.intermediateSize : 0), up);
                block.gateUpBias[static_cast<std::size_t>(row)] = both[static_cast<std::size_t>(i)];
            }
        }
        block.down = stack(6, 1);
        model.blocks.push_back(std::move(block));
    }
    return model;
}

}  // namespace tessera
