#include "ui/inspect/gate_reader.h"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "core/base/error.h"
#include "core/base/mapped_file.h"

namespace tessera::ui {

namespace {

/// The line around the last (or first) place of `needle` in a log, parsed; null where there is none.
Json lineWith(std::string_view log, std::string_view needle, bool last) {
    auto at = last ? log.rfind(needle) : log.find(needle);
    while (at != std::string_view::npos) {
        const auto before = log.rfind('\n', at);
        const auto begin = before == std::string_view::npos ? 0 : before + 1;
        const auto end = log.find('\n', at);
        const auto line = log.substr(begin, end == std::string_view::npos ? end : end - begin);
        auto json = Json::parse(line.begin(), line.end(), nullptr, false);
        if (json.is_object()) return json;
        if (last && begin == 0) break;
        at = last ? log.rfind(needle, begin - 1) : log.find(needle, at + 1);
    }
    return {};
}

std::int64_t tileSize(const Structure& structure, const MatrixInfo& info, std::int64_t tile) {
    const auto columns = (info.cols + structure.tileCols - 1) / structure.tileCols;
    const auto top = tile / columns * structure.tileRows, left = tile % columns * structure.tileCols;
    return std::min(structure.tileRows, info.rows - top) * std::min(structure.tileCols, info.cols - left);
}

}  // namespace

GateReader::GateReader(const RunDirectory& run, StructurePtr structure, const std::vector<int>& pruned)
    : m_structure(std::move(structure)), m_sparsity(run.spec().sparsity) {
    const auto checkpoint = run.latestCheckpoint();
    if (!checkpoint) throw Error(ErrorCode::NotFound, "the run has no checkpoint", run.path().string());
    m_state = std::make_unique<LearningState>(checkpoint->folder / "state.bin");
    const auto corrupt = [&] {
        return Error(ErrorCode::Corrupt, "the checkpoint's gates do not fit the matrices of this run",
                     checkpoint->folder.string());
    };
    const auto method = run.spec().method;
    m_gated = method.starts_with("patch") ? Gated::Tiles : method == "leap" ? Gated::Weights : Gated::Nothing;
    if (m_state->masks() != pruned.size()) throw corrupt();
    for (std::size_t i = 0; i < pruned.size(); ++i) {
        const int matrix = pruned[i];
        const auto elements = m_structure->matrices[static_cast<std::size_t>(matrix)].elements();
        // PATCH-Joint has the six patterns' logits of every four weights behind its tiles'.
        const auto patterns = method == "patch-joint" ? elements / 4 * 6 : 0;
        if (m_gated != Gated::Nothing && m_state->logits(i) != gatesOf(matrix) + patterns) throw corrupt();
        m_maskOf[matrix] = i;
    }

    const MappedFile events(run.eventsPath());
    const std::string_view log(reinterpret_cast<const char*>(events.bytes().data()), events.bytes().size());
    const auto state = lineWith(log, "\"options\":{", false);
    const auto option = [&](const char* key, const char* fallback) {
        if (!state.is_object() || !state.contains("options") || !state["options"].is_object())
            return std::string(fallback);
        return state["options"].value(key, std::string(fallback));
    };
    m_centring = option("centring", "true") == "true";
    m_scope = option("target_scope", "global");
    const auto step = lineWith(log, "\"unit\":\"step\",\"step\":" + std::to_string(this->step()) + ",", true);
    if (!step.is_object() || !step.contains("kappa") || !step["kappa"].is_number())
        throw Error(ErrorCode::NotFound, "the log does not say how sharp the gates were at the checkpoint",
                    run.eventsPath().string());
    m_kappa = step["kappa"].get<double>();
}

bool GateReader::gatesWeights(int matrix) const {
    return m_gated == Gated::Weights && m_maskOf.contains(matrix);
}

bool GateReader::gatesTiles(int matrix) const {
    return m_gated == Gated::Tiles && m_maskOf.contains(matrix);
}

std::int64_t GateReader::gatesOf(int matrix) const {
    switch (m_gated) {
        case Gated::Weights:
            return m_structure->matrices[static_cast<std::size_t>(matrix)].elements();
        case Gated::Tiles:
            return m_structure->gridRows(matrix) * m_structure->gridCols(matrix);
        default:
            return 0;
    }
}

std::vector<int> GateReader::groupOf(int matrix) const {
    std::vector<int> group;
    const auto block = m_structure->matrices[static_cast<std::size_t>(matrix)].block;
    for (const auto& [other, mask] : m_maskOf)
        if (m_scope == "global" || other == matrix ||
            (m_scope == "block" && m_structure->matrices[static_cast<std::size_t>(other)].block == block))
            group.push_back(other);
    return group;
}

/// The logit that splits the group's weights at the budget, as the learner centres by it.
float GateReader::shiftOf(int matrix) {
    if (!m_centring) return 0;
    const auto group = groupOf(matrix);
    if (const auto known = m_shifts.find(group.front()); known != m_shifts.end()) return known->second;

    constexpr std::int64_t kReadWhole = 8 << 20, kSample = 1 << 20, kRun = 256;
    std::int64_t logits = 0;
    double weights = 0, zerosPossible = 0;
    for (const int member : group) {
        logits += gatesOf(member);
        const auto elements =
            static_cast<double>(m_structure->matrices[static_cast<std::size_t>(member)].elements());
        weights += elements;
        // Behind a shut tile lies a 2:4 mask: half of it is zero.
        zerosPossible += gatesWeights(member) ? elements : elements / 2;
    }
    std::vector<std::pair<float, double>> sample;
    double total = 0;
    std::vector<float> piece;
    for (const int member : group) {
        const auto mask = m_maskOf.at(member);
        const auto& info = m_structure->matrices[static_cast<std::size_t>(member)];
        const auto count = gatesOf(member);
        // Pieces of neighbours far apart touch few pages of a large file.
        const auto stride = logits <= kReadWhole ? kRun : kRun * logits / kSample;
        for (std::int64_t first = 0; first < count; first += stride) {
            piece.resize(static_cast<std::size_t>(std::min(kRun, count - first)));
            m_state->read(mask, first, piece);
            for (std::size_t i = 0; i < piece.size(); ++i) {
                const double zeros = gatesWeights(member)
                                         ? 1
                                         : static_cast<double>(tileSize(
                                               *m_structure, info, first + static_cast<std::int64_t>(i))) /
                                               2;
                sample.emplace_back(piece[i], zeros);
                total += zeros;
            }
        }
    }
    std::sort(sample.begin(), sample.end());
    const double share = std::min(1.0, m_sparsity * weights / std::max(1.0, zerosPossible));
    float shift = sample.empty() ? 0.0f : sample.back().first;
    double below = 0;
    for (std::size_t i = 0; i + 1 < sample.size(); ++i) {
        below += sample[i].second;
        if (below >= share * total) {
            shift = 0.5f * (sample[i].first + sample[i + 1].first);
            break;
        }
    }
    m_shifts[group.front()] = shift;
    return shift;
}

float GateReader::probability(float logit, float shift) const {
    return static_cast<float>(1.0 / (1.0 + std::exp(-m_kappa * (static_cast<double>(logit) - shift))));
}

std::vector<float> GateReader::tileGates(int matrix) {
    if (!gatesTiles(matrix)) return {};
    const auto mask = m_maskOf.at(matrix);
    std::vector<float> gates(static_cast<std::size_t>(gatesOf(matrix)));
    m_state->read(mask, 0, gates);
    const float shift = shiftOf(matrix);
    for (auto& gate : gates) gate = probability(gate, shift);
    return gates;
}

void GateReader::readGates(TileValues& values) {
    if (!gatesWeights(values.matrix)) return;
    const auto mask = m_maskOf.at(values.matrix);
    const auto cols = m_structure->matrices[static_cast<std::size_t>(values.matrix)].cols;
    const float shift = shiftOf(values.matrix);
    values.gates.resize(static_cast<std::size_t>(values.rows * values.cols));
    for (std::int64_t row = 0; row < values.rows; ++row)
        m_state->read(
            mask, (values.top + row) * cols + values.left,
            std::span(values.gates)
                .subspan(static_cast<std::size_t>(row * values.cols), static_cast<std::size_t>(values.cols)));
    for (auto& gate : values.gates) gate = probability(gate, shift);
}

}  // namespace tessera::ui
