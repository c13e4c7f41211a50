#pragma once

#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>

#include "core/base/json.h"
#include "core/formats/mask_set.h"
#include "core/session/run_directory.h"
#include "core/session/tile_map.h"

namespace tessera::test {

enum class SampleEnd { Finished, Stopped, Interrupted };

/// A small run as an engine leaves it: spec, events with losses and densities, two maps, and a result where
/// it is finished.
inline void writeSampleRun(const std::filesystem::path& folder, SampleEnd end, int steps = 40) {
    ExperimentSpec spec;
    spec.model = "starter";
    spec.method = "leap";
    spec.pattern = "unstructured";
    spec.sparsity = 0.7;
    spec.steps = steps;
    RunDirectory run = RunDirectory::create(folder, spec, {{"model", "none"}});
    const std::string names[] = {
        "model.layers.0.self_attn.q_proj.weight", "model.layers.0.mlp.up_proj.weight",
        "model.layers.1.self_attn.q_proj.weight", "model.layers.1.mlp.up_proj.weight"};
    std::ofstream events(run.eventsPath(), std::ios::app);
    const auto say = [&events](const std::string& type, Json fields) {
        fields["type"] = type;
        fields["time"] = "2026-01-31T12:00:00Z";
        events << fields.dump() << '\n';
    };
    say("state", {{"state", "running"},
                  {"run", folder.string()},
                  {"spec", spec.toJson()},
                  {"options", Json::object()}});
    say("phase", {{"phase", "learn"}});
    for (int step = 1; step <= steps; ++step) {
        say("step", {{"unit", "step"},
                     {"step", step},
                     {"steps", steps},
                     {"loss", 4 + std::exp(-step / 9.0)},
                     {"ce", 4.0},
                     {"kl", 0.1},
                     {"density", 0.5 - 0.2 * step / steps},
                     {"kappa", 100.0},
                     {"tau", 2.0 - step * 0.04},
                     {"lr", 2e-3},
                     {"seconds", 0.5},
                     {"tokens", step * 2048}});
        if (step % 10 != 0) continue;
        Json layers = Json::array();
        for (const auto& name : names)
            layers.push_back({{"name", name}, {"density", 0.5 - 0.2 * step / steps}});
        say("layers", {{"step", step}, {"layers", layers}});
        TileMap map;
        for (const auto& name : names) {
            MatrixTiles tiles;
            tiles.name = name;
            tiles.rows = tiles.cols = 256;
            tiles.tileRows = tiles.tileCols = 128;
            tiles.density = {0.3F, 0.4F, 0.5F, 0.2F};
            tiles.kind.assign(4, TileKind::Unstructured);
            map.matrices.push_back(tiles);
        }
        std::filesystem::create_directories(run.mapPath(step).parent_path());
        writeTileMap(run.mapPath(step), map);
        say("map", {{"step", step}, {"file", "maps/step-" + std::to_string(step) + ".bin"}});
    }
    if (end == SampleEnd::Stopped) say("state", {{"state", "stopped"}});
    if (end != SampleEnd::Finished) return;
    Json matrices = Json::array();
    for (const auto& name : names)
        matrices.push_back({{"name", name}, {"rows", 256}, {"cols", 256}, {"sparsity", 0.7}});
    const Json result = {{"type", "result"},
                         {"run", folder.string()},
                         {"model", "starter"},
                         {"method", "leap"},
                         {"sparsity", {{"target", 0.7}, {"achieved", 0.7}}},
                         {"perplexity", {{"dense", 65.4}, {"pruned", 77.7}, {"window", 256}}},
                         {"seconds", {{"learn", 20.0}}},
                         {"peak_bytes", 431255552},
                         {"tokens_trained", steps * 2048},
                         {"steps", steps},
                         {"matrices", matrices}};
    run.writeResult(result);
    say("state", {{"state", "finished"}});
    events << result.dump() << '\n';
}

}  // namespace tessera::test
