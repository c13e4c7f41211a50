#include "ui/inspect/mask_source.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/formats/npz.h"
#include "core/session/model_catalogue.h"

namespace fs = std::filesystem;

namespace tessera::ui {

namespace {

QString sentenceOf(const std::exception& error) {
    if (const auto* ours = dynamic_cast<const Error*>(&error)) return QString::fromStdString(ours->summary());
    return QString::fromLocal8Bit(error.what());
}

/// Steps of the files folder/step-N<extension>.
std::vector<std::int64_t> stepsIn(const fs::path& folder, const std::string& extension) {
    std::vector<std::int64_t> steps;
    std::error_code none;
    for (const auto& entry : fs::directory_iterator(folder, none)) {
        const auto stem = entry.path().stem().string();
        if (entry.path().extension() != extension || !stem.starts_with("step-")) continue;
        bool number = false;
        const auto step = QString::fromStdString(stem.substr(5)).toLongLong(&number);
        if (number && step >= 0) steps.push_back(step);
    }
    return steps;
}

PackedMask everything(const MatrixInfo& info) {
    PackedMask mask(info.rows, info.cols);
    std::fill(mask.bits.begin(), mask.bits.end(), std::uint8_t(0xff));
    if (const auto rest = info.elements() % 8; rest != 0)
        mask.bits.back() = static_cast<std::uint8_t>(0xff << (8 - rest));
    return mask;
}

}  // namespace

PackedMask readMask(const fs::path& file, const MatrixInfo& info) {
    const NpzReader reader(file);
    const auto shape = reader.read(info.name + ".__shape__");
    auto bits = reader.read(info.name);
    std::int64_t sizes[2] = {0, 0};
    if (shape.type == "i8" && shape.elements() == 2)
        for (int i = 0; i < 2; ++i)
            for (int b = 7; b >= 0; --b)
                sizes[i] = static_cast<std::int64_t>(static_cast<std::uint64_t>(sizes[i]) << 8 |
                                                     shape.data[static_cast<std::size_t>(8 * i + b)]);
    const auto bytes = static_cast<std::size_t>((info.elements() + 7) / 8);
    if (sizes[0] != info.rows || sizes[1] != info.cols || bits.type != "u1" || bits.data.size() != bytes)
        throw Error(ErrorCode::Corrupt,
                    "the mask of " + info.name + " is " + std::to_string(sizes[0]) + " x " +
                        std::to_string(sizes[1]) + ", the matrix is " + std::to_string(info.rows) + " x " +
                        std::to_string(info.cols),
                    file.string());
    PackedMask mask;
    mask.rows = info.rows;
    mask.cols = info.cols;
    mask.bits = std::move(bits.data);
    return mask;
}

MaskSource::MaskSource(const fs::path& run, const std::string& model) {
    auto name = model;
    if (!run.empty()) {
        try {
            m_run = RunDirectory::open(run);
            name = m_run->spec().model;
        } catch (const std::exception& error) {
            say(QStringLiteral("This run cannot be opened"), error);
            return;
        }
    }
    if (!name.empty()) openModel(name);
    if (!m_run) return;
    Structure structure = m_structure ? *m_structure : Structure{};
    // Every map has the run's tile; the first that can be read tells it.
    for (const auto step : stepsIn(m_run->path() / "maps", ".bin")) try {
            const auto map = readTileMap(m_run->mapPath(step));
            if (map.matrices.empty()) continue;
            if (!m_structure) structure = structureOf(map);
            structure.tileRows = map.matrices.front().tileRows;
            structure.tileCols = map.matrices.front().tileCols;
            break;
        } catch (const std::exception&) {  // frame() will say so
        }
    if (!structure.matrices.empty()) m_structure = std::make_shared<const Structure>(std::move(structure));
    const auto changed = m_run->path() / "weights.safetensors";
    if (fs::exists(changed)) try {
            m_changedWeights = SafetensorsFile::open(changed);
        } catch (const std::exception& error) {
            say(QStringLiteral("The weights that the run changed cannot be read"), error);
        }
}

void MaskSource::openModel(const std::string& name) {
    try {
        m_model = ModelFiles::open(resolveModel(name).path);
        m_structure = std::make_shared<const Structure>(structureOf(m_model->config()));
    } catch (const std::exception& error) {
        say(m_run ? QStringLiteral("The weights are not shown, because the model %1 cannot be read")
                        .arg(QString::fromStdString(name))
                  : QStringLiteral("The model %1 cannot be read").arg(QString::fromStdString(name)),
            error);
    }
}

void MaskSource::say(const QString& sentence) {
    if (m_said.contains(sentence)) return;
    m_said << sentence;
    m_problems << sentence;
}

void MaskSource::say(const QString& what, const std::exception& error) {
    say(what + QStringLiteral(": ") + sentenceOf(error) + QLatin1Char('.'));
}

QStringList MaskSource::takeProblems() {
    return std::exchange(m_problems, {});
}

std::vector<std::int64_t> MaskSource::steps() {
    if (!m_run || !m_structure) return m_steps;
    std::error_code none;
    if (!fs::is_directory(m_run->path(), none)) {
        say(QStringLiteral("The run's folder is gone; what was read of it stays."));
        return m_steps;
    }
    m_steps.clear();
    m_steps = stepsIn(m_run->path() / "maps", ".bin");
    for (const auto step : stepsIn(m_run->path() / "snapshots", ".npz")) m_steps.push_back(step);
    if (m_steps.empty() && fs::exists(m_run->masksPath())) m_steps.push_back(0);
    std::sort(m_steps.begin(), m_steps.end());
    m_steps.erase(std::unique(m_steps.begin(), m_steps.end()), m_steps.end());
    return m_steps;
}

fs::path MaskSource::maskFile(std::int64_t step) const {
    auto snapshot = m_run->snapshotPath(step);
    if (fs::exists(snapshot)) return snapshot;
    // One-shot methods record one map and write the mask itself; the last map of a learned run shows it, too.
    if (!m_steps.empty() && step == m_steps.back() && fs::exists(m_run->masksPath()))
        return m_run->masksPath();
    return {};
}

std::optional<std::int64_t> MaskSource::stepBefore(std::int64_t step) const {
    const auto at = std::lower_bound(m_steps.begin(), m_steps.end(), step);
    return at == m_steps.begin() ? std::nullopt : std::optional(*(at - 1));
}

FramePtr MaskSource::frame(std::int64_t step) {
    if (!m_structure) return nullptr;
    if (!m_run || m_steps.empty()) return std::make_shared<const MapFrame>(denseFrame(*m_structure));
    if (const auto known = m_frames.find(step); known != m_frames.end()) return known->second;
    TileMap map;
    try {
        if (fs::exists(m_run->mapPath(step))) map = readTileMap(m_run->mapPath(step));
    } catch (const std::exception& error) {
        say(QStringLiteral("The map of step %1 cannot be read").arg(step), error);
    }
    if (map.matrices.empty()) {
        const auto file = maskFile(step);
        if (file.empty()) return nullptr;
        try {
            const NpzReader reader(file);
            for (const auto& info : m_structure->matrices) {
                if (std::find(reader.names().begin(), reader.names().end(), info.name) ==
                    reader.names().end())
                    continue;
                map.matrices.push_back(
                    tilesOf(info.name, readMask(file, info), m_structure->tileRows, m_structure->tileCols));
            }
        } catch (const std::exception& error) {
            say(QStringLiteral("The masks of step %1 cannot be read").arg(step), error);
        }
        if (map.matrices.empty()) return nullptr;
    }
    QStringList misfits;
    auto frame = std::make_shared<const MapFrame>(frameOf(*m_structure, std::move(map), step, &misfits));
    if (!misfits.isEmpty())
        say(QStringLiteral(
                "The map of step %1 has %2 matrices of other shapes than the model, %3 for one; they are "
                "shown unpruned.")
                .arg(step)
                .arg(misfits.size())
                .arg(misfits.front()));
    m_frames[step] = frame;
    return frame;
}

std::optional<PackedMask> MaskSource::mask(int matrix, std::int64_t step) {
    const auto& info = m_structure->matrices[static_cast<std::size_t>(matrix)];
    if (!m_run || m_steps.empty()) return everything(info);  // nothing is pruned yet
    if (const auto known = frame(step); known && !known->summary[static_cast<std::size_t>(matrix)].pruned)
        return everything(info);
    const auto file = maskFile(step);
    if (file.empty()) {
        say(QStringLiteral("No masks were kept for step %1: tiles are shown, single weights are not.")
                .arg(step));
        return std::nullopt;
    }
    try {
        return readMask(file, info);
    } catch (const std::exception& error) {
        say(QStringLiteral("The masks of step %1 cannot be read").arg(step), error);
        return std::nullopt;
    }
}

DetailPtr MaskSource::detail(int matrix, std::int64_t step, bool changes) {
    if (!m_structure || matrix < 0) return nullptr;
    auto kept = mask(matrix, step);
    if (!kept) return nullptr;
    auto detail = std::make_shared<MatrixDetail>();
    detail->matrix = matrix;
    detail->step = step;
    detail->mask = std::move(*kept);
    detail->pyramid = DensityPyramid(detail->mask);
    if (changes)
        if (const auto before = stepBefore(step))
            if (const auto older = mask(matrix, *before)) {
                detail->hasChanges = true;
                detail->previousStep = *before;
                detail->changed = difference(detail->mask, *older);
                detail->changes = DensityPyramid(detail->changed);
            }
    openGates();
    if (m_gates) try {
            detail->tileGates = m_gates->tileGates(matrix);
        } catch (const std::exception& error) {
            say(QStringLiteral("The checkpoint cannot be read"), error);
        }
    return detail;
}

ValuesPtr MaskSource::values(int matrix, std::int64_t tileRow, std::int64_t tileCol) {
    if (!m_structure || matrix < 0) return nullptr;
    const auto& info = m_structure->matrices[static_cast<std::size_t>(matrix)];
    auto values = std::make_shared<TileValues>();
    values->matrix = matrix;
    values->tileRow = tileRow;
    values->tileCol = tileCol;
    values->top = tileRow * m_structure->tileRows;
    values->left = tileCol * m_structure->tileCols;
    values->rows = std::min(m_structure->tileRows, info.rows - values->top);
    values->cols = std::min(m_structure->tileCols, info.cols - values->left);
    if (values->rows <= 0 || values->cols <= 0) return nullptr;
    try {
        const TensorSource* source = m_model ? &m_model->tensors() : nullptr;
        if (m_changedWeights && m_changedWeights->find(info.name)) source = m_changedWeights.get();
        if (source) {
            const auto& tensor = source->at(info.name);
            if (tensor.shape != std::vector<std::int64_t>{info.rows, info.cols})
                throw Error(ErrorCode::Corrupt,
                            "the tensor " + info.name + " has another shape than its mask");
            // Quantised types are read in whole blocks, which may begin before the tile and end behind it.
            const auto block = dtypeBlock(tensor.dtype);
            values->weights.resize(static_cast<std::size_t>(values->rows * values->cols));
            std::vector<float> row;
            for (std::int64_t r = 0; r < values->rows; ++r) {
                const auto begin = (values->top + r) * info.cols + values->left, end = begin + values->cols;
                const auto first = begin / block * block, last = (end + block - 1) / block * block;
                row.resize(static_cast<std::size_t>(last - first));
                source->readF32(tensor, first, row);
                std::copy_n(row.begin() + (begin - first), values->cols,
                            values->weights.begin() + r * values->cols);
            }
        }
    } catch (const std::exception& error) {
        values->weights.clear();
        say(QStringLiteral("The weights of %1 cannot be read").arg(info.label), error);
    }
    openGates();
    if (m_gates) try {
            m_gates->readGates(*values);
        } catch (const std::exception& error) {
            values->gates.clear();
            say(QStringLiteral("The checkpoint cannot be read"), error);
        }
    return values;
}

ChangesPtr MaskSource::changes(std::int64_t step, const std::function<bool()>& cancelled) {
    const auto before = stepBefore(step);
    if (!m_run || !m_structure || !before) return nullptr;
    auto changes = std::make_shared<ModelChanges>();
    changes->step = step;
    changes->previousStep = *before;
    for (std::size_t i = 0; i < m_structure->matrices.size(); ++i) {
        if (cancelled()) return nullptr;
        const auto now = mask(static_cast<int>(i), step), then = mask(static_cast<int>(i), *before);
        if (!now || !then) return nullptr;
        changes->changed.push_back(difference(*now, *then).kept());
    }
    return changes;
}

void MaskSource::openGates() {
    if (!m_run || !m_structure) return;
    try {
        const auto latest = m_run->latestCheckpoint();
        if (!latest) {
            m_gates.reset();
            m_gatesTried = -1;
            return;
        }
        if (latest->step == m_gatesTried || m_steps.empty()) return;
        m_gates.reset();
        m_gatesTried = latest->step;
        const auto known = frame(m_steps.back());
        if (!known) return;
        std::vector<int> pruned;
        for (std::size_t i = 0; i < known->summary.size(); ++i)
            if (known->summary[i].pruned) pruned.push_back(static_cast<int>(i));
        m_gates = std::make_unique<GateReader>(*m_run, m_structure, pruned);
    } catch (const std::exception& error) {
        say(QStringLiteral("Gate probabilities are not shown"), error);
    }
}

std::int64_t MaskSource::gateStep() {
    openGates();
    return m_gates ? m_gates->step() : -1;
}

bool MaskSource::gatesWeights() {
    openGates();
    if (m_gates)
        for (std::size_t i = 0; i < m_structure->matrices.size(); ++i)
            if (m_gates->gatesWeights(static_cast<int>(i))) return true;
    return false;
}

bool MaskSource::gatesTiles() {
    openGates();
    if (m_gates)
        for (std::size_t i = 0; i < m_structure->matrices.size(); ++i)
            if (m_gates->gatesTiles(static_cast<int>(i))) return true;
    return false;
}

}  // namespace tessera::ui
