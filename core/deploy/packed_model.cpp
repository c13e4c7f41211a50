#include "core/deploy/packed_model.h"

#include <sys/mman.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <new>
#include <type_traits>

#include "core/base/error.h"
#include "core/formats/pruned_weights.h"

namespace tessera {

namespace {

constexpr const char* kQ8Suffix = "-q8";
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
    PackedMatrix pack(const Packing& packing) const {
        return {weights.data(), masked && packing.layout == Layout::Sparse ? &mask : nullptr, mask.rows, cols,
                packing.values};
    }
};

/// Where a row of the gate or the up matrix stands among the panels of both.
std::int64_t gateUpRow(std::int64_t row, bool up) {
    return row / kernels::kPanelRows * 2 * kernels::kPanelRows + (up ? kernels::kPanelRows : 0) +
           row % kernels::kPanelRows;
}

}  // namespace

AlignedBytes::AlignedBytes(std::size_t bytes) : m_size(bytes) {
    if (bytes == 0) return;
    const auto unit = bytes >= kHugePage ? kHugePage : kLine;
    const auto whole = (bytes + unit - 1) / unit * unit;
    void* const data = std::aligned_alloc(unit, whole);
    if (!data) throw std::bad_alloc();
    m_data = std::shared_ptr<void>(data, [](void* memory) { std::free(memory); });
    if (unit == kHugePage) ::madvise(data, whole, MADV_HUGEPAGE);
}

AlignedBytes::AlignedBytes(const MappedFile& file, std::span<const std::byte> part)
    : m_data(std::make_shared<MappedFile>(file), const_cast<std::byte*>(part.data())), m_size(part.size()) {}

namespace {

/// Tiles need fewer instructions than a bitmap, which is worth some bytes more: padding at a matrix's edges.
constexpr double kWorthForTiles = 1.03;

std::uint64_t bitmapBytes(std::int64_t kept, std::int64_t rows, std::int64_t cols, WeightValues values) {
    return values == WeightValues::Q8
               ? static_cast<std::uint64_t>(kernels::panelsOf(rows) * kernels::tilesOf(cols)) *
                         sizeof(kernels::BitmapHeadQ8) +
                     static_cast<std::uint64_t>(kept)
               : static_cast<std::uint64_t>(kernels::bitmapWords(rows, cols)) * 4 +
                     static_cast<std::uint64_t>(kept) * 2;
}

void check(const std::uint16_t* weights, const PackedMask* keep, std::int64_t rows, std::int64_t cols,
           WeightValues values) {
    const auto shape = std::to_string(rows) + " x " + std::to_string(cols);
    if (rows < 1 || cols < 1 || cols > kernels::kMostTileCols)
        throw Error(ErrorCode::InvalidInput, "a matrix of " + shape + " cannot be packed for decoding");
    if (keep && (keep->rows != rows || keep->cols != cols ||
                 keep->bits.size() < static_cast<std::size_t>((rows * cols + 7) / 8)))
        throw Error(ErrorCode::InvalidInput,
                    "a mask of " + std::to_string(keep->rows) + " x " + std::to_string(keep->cols) +
                        " does not fit a matrix of " + shape,
                    "", {{"use the mask that was made for this model", "", ""}});
    if (values == WeightValues::Q8)
        for (std::int64_t i = 0; i < rows * cols; ++i)
            if ((weights[i] & 0x7f80) == 0x7f80)
                throw Error(ErrorCode::InvalidInput,
                            "the weight " + std::to_string(i) + " is not finite and has no q8 value");
}

}  // namespace

PackedMatrix::PackedMatrix(const std::uint16_t* weights, const PackedMask* keep, std::int64_t rows,
                           std::int64_t cols, WeightValues values)
    : m_values(values), m_rows(rows), m_cols(cols) {
    check(weights, keep, rows, cols, values);
    m_kept = keep ? keep->kept() : rows * cols;
    const auto bf16Bytes = static_cast<std::uint64_t>(kernels::densePanelElements(rows, cols)) * 2;
    if (keep || values == WeightValues::Q8) {
        auto plan = kernels::planTiles(keep ? keep->bits.data() : nullptr, rows, cols, values);
        const auto bitmap = bitmapBytes(m_kept, rows, cols, values);
        const bool whole = plan.twoOfFour == 0 && plan.empty == 0;
        const auto dense = values == WeightValues::Bf16 ? bf16Bytes : whole ? plan.bytes : UINT64_MAX;
        const double tilesOverBitmap = static_cast<double>(plan.bytes) / static_cast<double>(bitmap);
        if (keep && dense > bitmap && tilesOverBitmap > kWorthForTiles) {
            packBitmap(weights, *keep);
            return;
        }
        if (values == WeightValues::Q8 || (!whole && plan.bytes < dense)) {
            packTiles(weights, keep, std::move(plan));
            return;
        }
    }
    std::vector<std::uint16_t> masked;
    if (keep) {
        masked.assign(weights, weights + rows * cols);
        for (std::int64_t i = 0; i < rows * cols; ++i)
            if (!keep->keeps(i)) masked[static_cast<std::size_t>(i)] = 0;
    }
    m_bytes = bf16Bytes;
    m_first = AlignedBytes(m_bytes);
    kernels::packDense(keep ? masked.data() : weights, rows, cols, m_first.as<std::uint16_t>());
    setPanels();
}

void PackedMatrix::packBitmap(const std::uint16_t* weights, const PackedMask& keep) {
    m_form = WeightForm::Bitmap;
    m_bytes = bitmapBytes(m_kept, m_rows, m_cols, m_values);
    m_third = AlignedBytes(static_cast<std::size_t>(kernels::panelsOf(m_rows) + 1) * 8);
    auto* const starts = m_third.as<std::uint64_t>();
    const auto values = static_cast<std::size_t>(m_kept + kernels::kValuePadding);
    if (m_values == WeightValues::Q8) {
        m_first = AlignedBytes(static_cast<std::size_t>(blocks()) * sizeof(kernels::BitmapHeadQ8));
        m_second = AlignedBytes(values);
        auto* const heads = m_first.as<kernels::BitmapHeadQ8>();
        auto* const bytes = m_second.as<std::int8_t>();
        kernels::packBitmapQ8(weights, keep.bits.data(), m_rows, m_cols, heads, bytes, starts);
    } else {
        m_first = AlignedBytes(static_cast<std::size_t>(kernels::bitmapWords(m_rows, m_cols)) * 4);
        m_second = AlignedBytes(values * 2);
        auto* const flags = m_first.as<std::uint32_t>();
        auto* const halves = m_second.as<std::uint16_t>();
        kernels::packBitmap(weights, keep.bits.data(), m_rows, m_cols, flags, halves, starts);
    }
    setPanels();
}

void PackedMatrix::packTiles(const std::uint16_t* weights, const PackedMask* keep, kernels::TilePlan plan) {
    m_form = formOfTiles(plan.twoOfFour, plan.dense, plan.empty);
    m_twoOfFour = plan.twoOfFour;
    const auto* const flags = keep ? keep->bits.data() : nullptr;
    const auto columnBytes = plan.columns.size() * sizeof(std::uint16_t),
               panelBytes = plan.panels.size() * sizeof(kernels::TilePanel);
    m_bytes = plan.bytes + columnBytes + panelBytes;
    m_first = AlignedBytes(plan.bytes);
    m_second = AlignedBytes(columnBytes);
    m_third = AlignedBytes(panelBytes);
    std::copy(plan.columns.begin(), plan.columns.end(), m_second.as<std::uint16_t>());
    std::copy(plan.panels.begin(), plan.panels.end(), m_third.as<kernels::TilePanel>());
    auto* const bytes = m_first.as<std::uint8_t>();
    m_values == WeightValues::Q8 ? kernels::packTilesQ8(weights, flags, m_rows, m_cols, plan, bytes)
                                 : kernels::packTiles(weights, flags, m_rows, m_cols, plan, bytes);
    setPanels();
}

kernels::RowRange PackedMatrix::part(int part, int parts, bool pairPanels) const {
    return std::visit([&](const auto& panels) { return kernels::partRows(panels, part, parts, pairPanels); },
                      m_panels);
}

void PackedMatrix::prepare(const float* x, void* prepared) const {
    m_values == WeightValues::Q8 ? kernels::quantizeVector(x, m_cols, prepared)
                                 : kernels::roundVector(x, m_cols, static_cast<std::uint16_t*>(prepared));
}

namespace {

/// Calls `product` with the panels and with x as they want it.
template <typename Panels, typename Product>
void withInput(const Panels& panels, const void* prepared, const Product& product) {
    if constexpr (std::is_same_v<Panels, kernels::BitmapPanelsQ8> ||
                  std::is_same_v<Panels, kernels::TilePanelsQ8>)
        product(panels, kernels::inputQ8(prepared, panels.cols));
    else
        product(panels, static_cast<const std::uint16_t*>(prepared));
}

}  // namespace

void PackedMatrix::product(const void* prepared, float* y, kernels::RowRange range) const {
    const auto product = [&](const auto& panels, auto x) { kernels::gemvPart(panels, x, y, range); };
    std::visit([&](const auto& panels) { withInput(panels, prepared, product); }, m_panels);
}

std::uint64_t PackedMatrix::readOnly(int part, int parts) const {
    const auto lines = static_cast<std::int64_t>(m_first.size() / kLine), first = lines * part / parts,
               last = lines * (part + 1) / parts;
    return kernels::readLines(m_first.as<std::byte>() + first * static_cast<std::int64_t>(kLine),
                              last - first);
}

WeightValues weightValues(const std::string& text, const std::string& what) {
    if (text == "bf16") return WeightValues::Bf16;
    if (text == "q8") return WeightValues::Q8;
    throw Error(ErrorCode::InvalidInput, "weights are packed as bf16 or q8, not as \"" + text + "\"", what,
                {{"take bf16 or q8", "", ""}});
}

WeightForm formOfTiles(std::int64_t twoOfFour, std::int64_t dense, std::int64_t empty) {
    return twoOfFour == 0 && empty == 0 ? WeightForm::Dense
           : dense == 0                 ? WeightForm::TwoOfFour
                                        : WeightForm::Hybrid;
}

std::string kernelName(WeightForm form, WeightValues values) {
    const std::string name = form == WeightForm::Bitmap      ? "bitmap"
                             : form == WeightForm::TwoOfFour ? "nibble-2:4"
                             : form == WeightForm::Hybrid    ? "hybrid"
                                                             : "dense";
    return values == WeightValues::Q8 ? name + kQ8Suffix : name;
}

std::string kernelLabel(const std::vector<const PackedMatrix*>& matrices) {
    double all = 0, kept = 0, blocks = 0, twoOfFour = 0;
    for (const auto* matrix : matrices) {
        all += static_cast<double>(matrix->rows() * matrix->cols());
        kept += static_cast<double>(matrix->kept());
        blocks += static_cast<double>(matrix->blocks());
        twoOfFour += static_cast<double>(matrix->twoOfFourBlocks());
    }
    const auto& first = *matrices.front();
    if (first.form() != WeightForm::Bitmap && first.form() != WeightForm::Hybrid)
        return kernelName(first.form(), first.values());
    const auto share = first.form() == WeightForm::Bitmap ? 1 - kept / all : twoOfFour / blocks;
    auto text = kernelName(first.form(), WeightValues::Bf16) + '-' +
                std::to_string(static_cast<int>(std::lround(100 * share)));
    return first.values() == WeightValues::Q8 ? text + kQ8Suffix : text;
}

std::uint64_t PackedModel::bytesPerToken() const {
    std::uint64_t sum = 0;
    for (const auto& part : parts()) sum += part.matrix->bytes();
    return sum;
}

std::vector<PackedModel::Part> PackedModel::parts() const {
    std::vector<Part> parts;
    for (std::size_t b = 0; b < blocks.size(); ++b) {
        for (const auto& part : matrixParts())
            parts.push_back({static_cast<std::int64_t>(b), part.title, &(blocks[b].*part.member)});
    }
    parts.push_back({-1, "head", &head});
    return parts;
}

std::span<const PackedModel::MatrixPart> PackedModel::matrixParts() {
    static const MatrixPart parts[] = {{"query_key_value", "q, k, v", &Block::queryKeyValue},
                                       {"output", "o", &Block::output},
                                       {"gate_up", "gate, up", &Block::gateUp},
                                       {"down", "down", &Block::down}};
    return parts;
}

std::pair<std::int64_t, std::int64_t> PackedModel::shapeOf(const MatrixPart& part) const {
    const auto queries = config.heads * config.headDim;
    if (part.member == &Block::queryKeyValue)
        return {queries + 2 * config.kvHeads * config.headDim, config.hiddenSize};
    if (part.member == &Block::output) return {config.hiddenSize, queries};
    if (part.member == &Block::gateUp) return {2 * paddedInner(), config.hiddenSize};
    return {config.hiddenSize, config.intermediateSize};
}

std::span<const PackedModel::VectorPart> PackedModel::vectorParts() {
    using Vector = BlockVector;
    static const VectorPart parts[] = {
        {"input_norm", &Block::inputNorm, {Vector::InputNorm}, true},
        {"post_norm", &Block::postNorm, {Vector::FeedForwardNorm}, true},
        {"attention_output_norm", &Block::attentionOutputNorm, {Vector::AttentionOutputNorm}, true},
        {"feed_forward_output_norm", &Block::feedForwardOutputNorm, {Vector::FeedForwardOutputNorm}, true},
        {"query_norm", &Block::queryNorm, {Vector::QueryNorm}, true},
        {"key_norm", &Block::keyNorm, {Vector::KeyNorm}, true},
        {"query_key_value_bias",
         &Block::queryKeyValueBias,
         {Vector::QueryBias, Vector::KeyBias, Vector::ValueBias},
         false},
        {"output_bias", &Block::outputBias, {Vector::OutputBias}, false},
        {"gate_up_bias", &Block::gateUpBias, {Vector::GateBias, Vector::UpBias}, false},
        {"down_bias", &Block::downBias, {Vector::DownBias}, false}};
    return parts;
}

std::int64_t PackedModel::sizeOf(const VectorPart& part, std::int64_t block) const {
    std::int64_t size = 0;
    for (const auto parameter : part.parameters) size += blockVector(config, block, parameter).size;
    // The rows of the matrix, which is padded.
    return size > 0 && part.member == &Block::gateUpBias ? 2 * paddedInner() : size;
}

PackedModel PackedModel::load(const ModelFiles& files, const MaskSet* masks, Packing packing,
                              const Cancellation* cancellation) {
    const ModelPacker packer(files, masks, packing);
    auto model = packer.outer();
    for (std::int64_t b = 0; b < model.config.layers; ++b) {
        if (cancellation) cancellation->throwIfRequested();
        model.blocks.push_back(packer.block(b));
    }
    return model;
}

PackedModel PackedModel::unpacked(const Cancellation* cancellation) const {
    PackedModel copy;
    copy.config = config;
    copy.embedding = AlignedBytes(embedding.size());
    std::copy_n(embedding.as<std::byte>(), embedding.size(), copy.embedding.as<std::byte>());
    copy.finalNorm = finalNorm;
    copy.head = head.unpacked();
    for (const auto& block : blocks) {
        if (cancellation) cancellation->throwIfRequested();
        auto& to = copy.blocks.emplace_back();
        for (const auto& vector : vectorParts()) to.*vector.member = block.*vector.member;
        for (const auto& part : matrixParts()) to.*part.member = (block.*part.member).unpacked();
    }
    return copy;
}

void PackedModel::embeddingRow(std::int64_t token, std::uint16_t* row) const {
    if (embedding.size() == 0) return head.copyRow(token, row);
    std::copy_n(embedding.as<std::uint16_t>() + token * config.hiddenSize, config.hiddenSize, row);
}

ModelPacker::ModelPacker(const ModelFiles& files, const MaskSet* masks, Packing packing)
    : m_files(files), m_masks(masks), m_packing(packing), m_matrices(prunableMatrices(files.config())) {
    requireFittingMasks(files.tensors(), masks);
}

const PackedMask* ModelPacker::maskOf(const std::string& name) const {
    if (!m_masks) return nullptr;
    const auto found = m_masks->masks.find(name);
    return found == m_masks->masks.end() ? nullptr : &found->second;
}

std::vector<float> ModelPacker::norm(const VectorParameter& parameter) const {
    if (parameter.size == 0) return {};
    auto values = readAll(m_files.tensors(), parameter.name);
    if (const auto offset = m_files.config().normOffset; offset != 0)
        for (auto& value : values) value += static_cast<float>(offset);
    return values;
}

PackedModel ModelPacker::outer() const {
    const auto& config = m_files.config();
    const auto halves = [&](const char* name) {
        const auto values = readAll(m_files.tensors(), name);
        AlignedBytes bytes(values.size() * 2);
        quantize(DType::BF16, values, {bytes.as<std::byte>(), bytes.size()});
        return bytes;
    };
    const auto head = [&](const AlignedBytes& weights) {
        return PackedMatrix(weights.as<std::uint16_t>(), nullptr, config.vocabSize, config.hiddenSize,
                            m_packing.head);
    };
    PackedModel model;
    model.config = config;
    model.embedding = halves("model.embed_tokens.weight");
    model.head = config.tiedHead ? head(model.embedding) : head(halves("lm_head.weight"));
    if (config.tiedHead && m_packing.head == WeightValues::Bf16) model.embedding = AlignedBytes();
    model.finalNorm = norm({"model.norm.weight", config.hiddenSize});
    return model;
}

PackedModel::Block ModelPacker::block(std::int64_t index) const {
    const auto& config = m_files.config();
    const auto& source = m_files.tensors();
    const auto vector = [&](BlockVector which) { return blockVector(config, index, which); };
    const auto bias = [&](const VectorParameter& parameter) {
        return parameter.size == 0 ? std::vector<float>() : readAll(source, parameter.name);
    };
    const auto* seven = &m_matrices[static_cast<std::size_t>(index * 7)];
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
        return stacked.pack(m_packing);
    };
    PackedModel::Block block;
    for (const auto& part : PackedModel::vectorParts())
        for (const auto parameter : part.parameters) {
            const auto values = part.norm ? norm(vector(parameter)) : bias(vector(parameter));
            auto& all = block.*part.member;
            all.insert(all.end(), values.begin(), values.end());
        }
    block.queryKeyValue = stack(0, 3);
    block.output = stack(3, 1);
    const auto padded = kernels::panelsOf(config.intermediateSize) * kernels::kPanelRows;
    Stack gateUp(2 * padded, config.hiddenSize);
    for (int i = 4; i < 6; ++i) {
        const auto values = readAll(source, seven[i].name);
        for (std::int64_t row = 0; row < config.intermediateSize; ++row)
            gateUp.put(values, maskOf(seven[i].name), row, gateUpRow(row, i == 5));
    }
    block.gateUp = gateUp.pack(m_packing);
    if (const auto both = std::move(block.gateUpBias); !both.empty()) {
        block.gateUpBias.assign(static_cast<std::size_t>(2 * padded), 0.0f);
        for (std::int64_t i = 0; i < 2 * config.intermediateSize; ++i) {
            const bool up = i >= config.intermediateSize;
            const auto row = gateUpRow(i - (up ? config.intermediateSize : 0), up);
            block.gateUpBias[static_cast<std::size_t>(row)] = both[static_cast<std::size_t>(i)];
        }
    }
    block.down = stack(6, 1);
    return block;
}

}  // namespace tessera
