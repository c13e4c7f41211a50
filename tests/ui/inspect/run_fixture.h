#pragma once

#include <QTemporaryDir>
#include <cmath>
#include <cstring>
#include <fstream>
#include <random>
#include <set>

#include "core/base/file_io.h"
#include "core/formats/mask_set.h"
#include "core/formats/model_files.h"
#include "core/session/learning_state.h"
#include "core/session/run_directory.h"
#include "core/session/tile_map.h"

/// A run of the starter with made-up masks at steps 10, 20 and 30, in tiles that divide neither its rows nor
/// its columns.
namespace tessera::fixture {

inline constexpr std::int64_t kTileRows = 48, kTileCols = 80;

inline std::filesystem::path starter() {
    return std::filesystem::path(TESSERA_SOURCE_DIR) / "resources" / "starter";
}

/// A share of `density` kept, other weights at other steps.
inline PackedMask randomMask(std::int64_t rows, std::int64_t cols, double density, unsigned seed) {
    PackedMask mask(rows, cols);
    std::mt19937 random(seed);
    std::bernoulli_distribution keep(density);
    for (std::int64_t i = 0; i < rows * cols; ++i)
        if (keep(random)) mask.keep(i);
    return mask;
}

/// Two of every four columns, other ones in every group.
inline PackedMask twoFourMask(std::int64_t rows, std::int64_t cols, unsigned seed) {
    static constexpr int kPairs[6][2] = {{0, 1}, {0, 2}, {0, 3}, {1, 2}, {1, 3}, {2, 3}};
    PackedMask mask(rows, cols);
    std::mt19937 random(seed);
    for (std::int64_t r = 0; r < rows; ++r)
        for (std::int64_t c = 0; c + 4 <= cols; c += 4)
            for (const int at : kPairs[seed == 0 ? 0 : random() % 6]) mask.keep(r * cols + c + at);
    return mask;
}

inline const MaskSet& masksAt(std::int64_t step) {
    static std::map<std::int64_t, MaskSet> known;
    auto& set = known[step];
    if (!set.masks.empty()) return set;
    unsigned seed = static_cast<unsigned>(step) * 1000;
    for (const auto& matrix : prunableMatrices(ModelFiles::open(starter()).config())) {
        const double density = 0.2 + 0.1 * matrix.block + 0.001 * static_cast<double>(step);
        set.masks[matrix.name] = randomMask(matrix.rows, matrix.cols, density, ++seed);
    }
    return set;
}

inline TileMap mapOf(const MaskSet& masks) {
    TileMap map;
    for (const auto& matrix : prunableMatrices(ModelFiles::open(starter()).config()))
        if (const auto found = masks.masks.find(matrix.name); found != masks.masks.end())
            map.matrices.push_back(tilesOf(matrix.name, found->second, kTileRows, kTileCols));
    return map;
}

inline void writeStep(const RunDirectory& run, std::int64_t step) {
    const auto masks = masksAt(step);
    writeMasks(run.snapshotPath(step), masks);
    writeTileMap(run.mapPath(step), mapOf(masks));
}

inline void appendLine(const std::filesystem::path& file, const std::string& line) {
    std::ofstream(file, std::ios::app) << line << '\n';
}

/// What the engine says after a step that was recorded; kappa is twice the step.
inline void appendStep(const RunDirectory& run, std::int64_t step) {
    const auto number = std::to_string(step);
    appendLine(run.eventsPath(), R"({"type":"step","time":"2026-01-01T00:00:00Z","unit":"step","step":)" +
                                     number + R"(,"steps":30,"loss":1.0,"kappa":)" +
                                     std::to_string(2 * step) + "}");
    appendLine(run.eventsPath(), R"({"type":"map","time":"2026-01-01T00:00:00Z","step":)" + number +
                                     R"(,"file":"maps/step-)" + number + ".bin\"}");
}

inline ExperimentSpec spec(const std::string& method = "leap", const std::string& pattern = "unstructured") {
    return ExperimentSpec::fromJson({{"model", starter().string()},
                                     {"method", method},
                                     {"pattern", pattern},
                                     {"sparsity", method == "leap" ? 0.6 : 0.3},
                                     {"steps", 30}});
}

/// A finished run at `path`; written once a program and copied from then on.
inline void makeRun(const std::filesystem::path& path) {
    static const QTemporaryDir folder;
    const auto original = std::filesystem::path(folder.path().toStdString()) / "run";
    if (!std::filesystem::exists(original)) {
        const auto run = RunDirectory::create(original, spec(), Json::object());
        const Json state{
            {"type", "state"},         {"time", "2026-01-01T00:00:00Z"},
            {"state", "running"},      {"run", original.string()},
            {"spec", spec().toJson()}, {"options", {{"centring", "true"}, {"target_scope", "global"}}}};
        appendLine(run.eventsPath(), state.dump());
        for (const std::int64_t step : {10, 20, 30}) {
            writeStep(run, step);
            appendStep(run, step);
        }
        writeMasks(run.masksPath(), masksAt(30));
    }
    std::filesystem::copy(original, path, std::filesystem::copy_options::recursive);
    std::filesystem::remove(path / "lock");
}

/// Logits of every weight: normal, deterministic.
inline std::vector<float> logitsOf(const PrunableMatrix& matrix) {
    std::vector<float> logits(static_cast<std::size_t>(matrix.elements()));
    std::mt19937 random(static_cast<unsigned>(std::hash<std::string>{}(matrix.name)));
    std::normal_distribution<float> normal(0.0f, 0.02f);
    for (auto& logit : logits) logit = normal(random);
    return logits;
}

inline void writeCheckpoint(const std::filesystem::path& run, std::int64_t step) {
    const auto folder = run / "checkpoints" / ("step-" + std::to_string(step));
    std::filesystem::create_directories(folder);
    const auto matrices = prunableMatrices(ModelFiles::open(starter()).config());
    std::ofstream out(folder / "state.bin", std::ios::binary);
    LearningStateHeader header{{}, static_cast<std::uint64_t>(step), matrices.size()};
    std::memcpy(header.magic, kLearningStateMagic, sizeof header.magic);
    out.write(reinterpret_cast<const char*>(&header), sizeof header);
    for (const auto& matrix : matrices) {
        const auto logits = logitsOf(matrix);
        const std::uint64_t count = logits.size();
        const std::vector<float> moments(2 * logits.size());
        out.write(reinterpret_cast<const char*>(&count), sizeof count);
        out.write(reinterpret_cast<const char*>(logits.data()), static_cast<std::streamsize>(count * 4));
        out.write(reinterpret_cast<const char*>(moments.data()), static_cast<std::streamsize>(count * 8));
    }
}

}  // namespace tessera::fixture
