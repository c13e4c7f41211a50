#include "core/engine/run_context.h"

#include <chrono>
#include <thread>

#include "core/base/error.h"
#include "core/base/file_io.h"
#include "core/engine/learn_settings.h"
#include "core/session/tile_map.h"

namespace tessera {

void RunContext::emit(const std::string& type, Json fields) const {
    sink.emit(makeEvent(type, std::move(fields)));
}

RunContext::PhaseTimer::PhaseTimer(RunContext& context, std::string name)
    : m_context(context), m_name(std::move(name)) {
    m_context.emit("phase", {{"phase", m_name}});
}

RunContext::PhaseTimer::~PhaseTimer() {
    m_context.seconds[m_name] += m_watch.seconds();
}

std::int64_t RunContext::window(const std::string& option) const {
    return windowLength(spec, files->config(), option);
}

std::int64_t RunContext::passes() const {
    const auto ofOne = spec.set.integer("accumulate");
    const auto plan = directory->path() / "plan.json";
    if (!std::filesystem::exists(plan)) return ofOne * processes;
    // Runs of one process did not say so at first.
    return readJsonFile(plan).value("passes", ofOne);
}

void RunContext::dismissOthers() {
    if (ranks) ranks->say(Word::Done, control);
    ranks.reset();
}

void RunContext::waitWhilePaused() {
    control.interrupt.throwIfRequested();
    if (!control.pause.load() || control.stop.load()) return;
    emit("state", {{"state", "paused"}});
    while (control.pause.load() && !control.stop.load() && !control.interrupt.requested()) {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        if (ranks) ranks->keepWaiting(control);
    }
    control.interrupt.throwIfRequested();
    emit("state", {{"state", "running"}});
}

void RunContext::stopPoint() {
    if (ranks) ranks->keepWaiting(control);
    waitWhilePaused();
    if (control.stop.load()) throw stopped("stopped on request");
}

Error RunContext::stopped(const std::string& summary) const {
    const auto path = directory->path().string();
    return {ErrorCode::Cancelled, summary, path, {{"go on with 'tessera-cli resume " + path + "'", "", ""}}};
}

void writeMap(RunContext& context, std::int64_t step, const MaskSet& masks) {
    const auto tile = context.spec.set.tile("tile");
    TileMap map;
    for (const auto& matrix : prunableMatrices(context.files->config())) {
        const auto found = masks.masks.find(matrix.name);
        if (found == masks.masks.end()) continue;
        map.matrices.push_back(tilesOf(matrix.name, found->second, tile.first, tile.second));
    }
    const auto path = context.directory->mapPath(step);
    writeTileMap(path, map);
    context.emit("map", {{"step", step}, {"file", "maps/" + path.filename().string()}});
}

}  // namespace tessera
