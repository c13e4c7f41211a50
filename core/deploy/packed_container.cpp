#include "core/deploy/packed_container.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "core/base/error.h"
#include "core/formats/pruned_weights.h"
#include "core/text/tokenizer_parts.h"

namespace tessera {

namespace {

constexpr const char* kFormat = "tessera-packed";
constexpr const char *kEmbedding = "embedding", *kFinalNorm = "final_norm", *kHead = "head";
/// Longer than any name of a section.
constexpr std::size_t kNameBytes = 64;

/// Where a tokenizer's parts stand.
struct TokenizerSection {
    const char* name;
    std::string TokenizerParts::*part;
};
constexpr TokenizerSection kTokenizer[] = {{"tokenizer.json", &TokenizerParts::json},
                                           {"tokenizer.config", &TokenizerParts::config},
                                           {"tokenizer.tokens", &TokenizerParts::tokens},
                                           {"tokenizer.merges", &TokenizerParts::merges},
                                           {"tokenizer.scores", &TokenizerParts::scores}};

std::string blockName(std::int64_t block, const char* part) {
    return "blocks." + std::to_string(block) + "." + part;
}

const char* valuesName(WeightValues values) {
    return values == WeightValues::Q8 ? "q8" : "bf16";
}

Json describe(const StoredMatrix& matrix) {
    return {{"form", kernelName(matrix.form, WeightValues::Bf16)},
            {"values", valuesName(matrix.values)},
            {"rows", matrix.rows},
            {"cols", matrix.cols},
            {"kept", matrix.kept}};
}

WeightForm formNamed(const std::string& name, const std::string& where) {
    for (const auto form : {WeightForm::Dense, WeightForm::Bitmap, WeightForm::TwoOfFour, WeightForm::Hybrid})
        if (name == kernelName(form, WeightValues::Bf16)) return form;
    throw Error(ErrorCode::UnsupportedVersion, "a matrix of the form \"" + name + "\" is not known", where);
}

/// What of it `masks` keep, without flags and lists: no file is shorter.
std::uint64_t leastBytes(const ModelConfig& config, const MaskSet* masks, Packing packing) {
    double weights = 0;
    for (const auto& matrix : prunableMatrices(config)) {
        const auto found =
            masks ? masks->masks.find(matrix.name) : std::map<std::string, PackedMask>::const_iterator();
        weights += static_cast<double>(masks && found != masks->masks.end() ? found->second.kept()
                                                                            : matrix.elements());
    }
    const double head = static_cast<double>(config.vocabSize * config.hiddenSize);
    return static_cast<std::uint64_t>(weights * (packing.values == WeightValues::Q8 ? 1 : 2) +
                                      head * (packing.head == WeightValues::Q8 ? 1 : 2));
}

std::span<const std::byte> bytesOf(const std::vector<float>& values) {
    return std::as_bytes(std::span(values));
}

/// Adds matrices to a file and to its header.
class MatrixWriter {
  public:
    explicit MatrixWriter(ContainerWriter& writer) : m_writer(writer) {}
    void add(const std::string& name, const PackedMatrix& matrix) {
        const auto stored = matrix.stored();
        const auto names = stored.arrayNames();
        const auto arrays = matrix.arrays();
        for (std::size_t i = 0; i < names.size(); ++i)
            if (*names[i]) m_writer.add(name + "." + names[i], {arrays[i]});
        m_described[name] = describe(stored);
    }
    const Json& described() const { return m_described; }

  private:
    ContainerWriter& m_writer;
    Json m_described = Json::object();
};

}  // namespace

void exportPacked(const ModelFiles& files, const MaskSet* masks, Packing packing, const Tokenizer& tokenizer,
                  const Json& about, const std::filesystem::path& out,
                  const std::function<void(int, int)>& progress) {
    requireAbsent(out, "file");
    const auto& config = files.config();
    const ModelPacker packer(files, masks, packing);
    requireDisk(leastBytes(config, masks, packing), out);
    const auto parts = tokenizerParts(tokenizer);
    const int all = static_cast<int>(config.layers) + 1;

    Json header{{"format", kFormat},
                {"written_by", std::string("tessera ") + TESSERA_VERSION},
                {"about", about},
                {"config", config.toJson("bfloat16")},
                {"values", valuesName(packing.values)},
                {"head_values", valuesName(packing.head)}};
    // The longest that it can become.
    auto longest = header;
    constexpr auto kMost = std::numeric_limits<std::int64_t>::max();
    const auto matrices = PackedModel::matrixParts();
    const auto vectors = PackedModel::vectorParts();
    longest["matrices"][kHead] = describe({WeightForm::TwoOfFour, WeightValues::Bf16, kMost, kMost, kMost});
    for (std::int64_t b = 0; b < config.layers; ++b)
        for (const auto& part : matrices)
            longest["matrices"][blockName(b, part.name)] = longest["matrices"][kHead];
    const auto sections = 3 * longest["matrices"].size() +
                          vectors.size() * static_cast<std::size_t>(config.layers) + std::size(kTokenizer) +
                          2;

    ContainerWriter writer(out, longest, sections, kNameBytes);
    MatrixWriter matrixWriter(writer);
    for (const auto& section : kTokenizer)
        writer.add(section.name, {std::as_bytes(std::span(parts.*section.part))});
    {
        const auto outer = packer.outer();
        const auto& embedding = outer.embedding;
        if (embedding.size() > 0) writer.add(kEmbedding, {embedding.bytes()});
        matrixWriter.add(kHead, outer.head);
        writer.add(kFinalNorm, {bytesOf(outer.finalNorm)});
    }
    progress(1, all);
    for (std::int64_t b = 0; b < config.layers; ++b) {
        const auto block = packer.block(b);
        for (const auto& part : vectors)
            if (const auto& values = block.*part.member; !values.empty())
                writer.add(blockName(b, part.name), {bytesOf(values)});
        for (const auto& part : matrices) matrixWriter.add(blockName(b, part.name), block.*part.member);
        progress(static_cast<int>(b) + 2, all);
    }
    header["matrices"] = matrixWriter.described();
    writer.commit(std::move(header));
}

PackedContainer::PackedContainer(const std::filesystem::path& path) : m_file(path) {
    const auto& header = m_file.header();
    const auto where = m_file.where() + ", header";
    const auto corrupt = [&](const std::string& what) {
        throw Error(ErrorCode::Corrupt, what, where,
                    {{"export the run again, or copy the file again", "", ""}});
    };
    const auto text = [&](const char* key) {
        if (!header.contains(key) || !header[key].is_string()) corrupt(std::string(key) + " is missing");
        return header[key].get<std::string>();
    };
    if (const auto format = text("format"); format != kFormat)
        throw Error(ErrorCode::UnsupportedVersion, "the container holds \"" + format + "\", no packed model",
                    where);
    if (!header.contains("config") || !header["config"].is_object()) corrupt("config is missing");
    m_config = ModelConfig::fromJson(header["config"], where + ", config");
    m_values = weightValues(text("values"), where + ", values");
    m_headValues = weightValues(text("head_values"), where + ", head_values");
    if (!header.contains("matrices") || !header["matrices"].is_object()) corrupt("matrices is missing");
    if (header.contains("about") && header["about"].is_object()) m_about = header["about"];
}

PackedMatrix PackedContainer::matrix(const std::string& name, std::int64_t rows, std::int64_t cols) const {
    const auto where = m_file.where() + ", matrix " + name;
    const auto corrupt = [&](const std::string& what) {
        throw Error(ErrorCode::Corrupt, what, where,
                    {{"export the run again, or copy the file again", "", ""}});
    };
    const auto& matrices = m_file.header()["matrices"];
    const auto found = matrices.find(name);
    if (found == matrices.end() || !found->is_object()) corrupt("the header does not describe the matrix");
    const auto field = [&](const char* key, bool number) -> const Json& {
        const auto value = found->find(key);
        if (value == found->end() || (number ? !value->is_number_integer() : !value->is_string()))
            corrupt(std::string(key) + " is missing or of another type");
        return *value;
    };
    const auto number = [&](const char* key) { return field(key, true).get<std::int64_t>(); };
    StoredMatrix stored;
    stored.form = formNamed(field("form", false).get<std::string>(), where);
    stored.values = weightValues(field("values", false).get<std::string>(), where);
    stored.rows = number("rows");
    stored.cols = number("cols");
    stored.kept = number("kept");
    if (stored.rows != rows || stored.cols != cols)
        corrupt("the matrix is " + std::to_string(stored.rows) + " x " + std::to_string(stored.cols) +
                ", the configuration says " + std::to_string(rows) + " x " + std::to_string(cols));
    std::array<AlignedBytes, 3> arrays;
    const auto names = stored.arrayNames();
    for (std::size_t i = 0; i < names.size(); ++i)
        if (*names[i]) arrays[i] = AlignedBytes(m_file.mapped(), m_file.section(name + "." + names[i]));
    return {stored, std::move(arrays), where};
}

std::vector<float> PackedContainer::vector(const std::string& name, std::int64_t size) const {
    if (size == 0) return {};
    const auto stored = m_file.section(name, static_cast<std::uint64_t>(size) * sizeof(float));
    std::vector<float> values(static_cast<std::size_t>(size));
    std::memcpy(values.data(), stored.data(), stored.size());
    for (std::size_t i = 0; i < values.size(); ++i)
        if (!std::isfinite(values[i]))
            throw Error(ErrorCode::Numerical, "the number " + std::to_string(i) + " is not finite",
                        m_file.where() + ", section " + name,
                        {{"export the run again, or copy the file again", "", ""}});
    return values;
}

PackedModel PackedContainer::model() const {
    PackedModel model;
    model.config = m_config;
    model.head = matrix(kHead, m_config.vocabSize, m_config.hiddenSize);
    const bool headIsEmbedding =
        m_config.tiedHead && !model.head.sparse() && model.head.values() == WeightValues::Bf16;
    if (!headIsEmbedding)
        model.embedding =
            AlignedBytes(m_file.mapped(),
                         m_file.section(kEmbedding, static_cast<std::uint64_t>(m_config.vocabSize) *
                                                        static_cast<std::uint64_t>(m_config.hiddenSize) * 2));
    model.finalNorm = vector(kFinalNorm, m_config.hiddenSize);
    for (std::int64_t b = 0; b < m_config.layers; ++b) {
        PackedModel::Block block;
        for (const auto& part : PackedModel::vectorParts())
            block.*part.member = vector(blockName(b, part.name), model.sizeOf(part, b));
        for (const auto& part : PackedModel::matrixParts()) {
            const auto [rows, cols] = model.shapeOf(part);
            block.*part.member = matrix(blockName(b, part.name), rows, cols);
        }
        model.blocks.push_back(std::move(block));
    }
    return model;
}

std::shared_ptr<const Tokenizer> PackedContainer::tokenizer() const {
    TokenizerParts parts;
    for (const auto& section : kTokenizer) {
        const auto bytes = m_file.section(section.name);
        (parts.*section.part).assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    }
    return loadTokenizerParts(parts, m_file.where() + ", tokenizer");
}

}  // namespace tessera
