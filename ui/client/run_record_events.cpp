// What each kind of event does to a run's record.
#include <QDateTime>
#include <algorithm>
#include <cmath>

#include "ui/client/run_record.h"
#include "ui/client/sentences.h"

namespace tessera::ui {

namespace {

constexpr int kMostNotes = 1000;
constexpr std::size_t kMostLayerRows = 4096;

std::int64_t wholeAt(const Json& json, const char* key, std::int64_t otherwise = 0) {
    const double value = numberAt(json, key, static_cast<double>(otherwise));
    return std::isfinite(value) && std::abs(value) < 9e15 ? static_cast<std::int64_t>(value) : otherwise;
}

bool lastIsGap(const StepSeries& rows) {
    return std::isnan(rows.loss.back()) && std::isnan(rows.density.back()) && std::isnan(rows.seconds.back());
}

}  // namespace

void RunRecord::absorb(EventPortion&& portion) {
    m_lines += portion.lines;
    m_unreadable += portion.unreadable;
    std::size_t row = 0;
    for (const auto& other : portion.others) {
        takeRows(portion.rows, row, other.row);
        row = other.row;
        take(other.event);
    }
    takeRows(portion.rows, row, portion.rows.size());
    if (portion.stepsInAll && m_unit == "step") m_unitsInAll = static_cast<std::int64_t>(*portion.stepsInAll);
    if (m_caughtUp && !m_live) heard();
    m_dirty = true;
}

void RunRecord::takeRow(const StepRow& row) {
    if (!m_steps.empty() && row.step <= m_steps.step.back()) cut(row.step - 0.5);
    m_steps.append(row);
    m_unit = QStringLiteral("step");
    m_unitDone = static_cast<std::int64_t>(row.step);
    if (std::isfinite(row.steps)) m_unitsInAll = static_cast<std::int64_t>(row.steps);
    m_clock.add(row.seconds);
    m_dirty = true;
}

void RunRecord::takeRows(const StepSeries& rows, std::size_t begin, std::size_t end) {
    while (begin < end) {
        // A run that began again without a checkpoint says nothing of it: its steps start over.
        if (!m_steps.empty() && rows.step[begin] <= m_steps.step.back()) cut(rows.step[begin] - 0.5);
        auto stop = begin + 1;
        while (stop < end && rows.step[stop] > rows.step[stop - 1]) ++stop;
        m_steps.append(rows, begin, stop);
        for (auto i = std::max(begin, stop - std::min<std::size_t>(stop, 50)); i < stop; ++i)
            m_clock.add(static_cast<double>(rows.seconds[i]));
        m_unit = QStringLiteral("step");
        m_unitDone = static_cast<std::int64_t>(rows.step[stop - 1]);
        begin = stop;
    }
}

void RunRecord::cut(double step) {
    const auto first = m_steps.firstBehind(step);
    if (first < m_steps.size()) {
        // Where several attempts went over the same steps, the last of them stays.
        if (!m_ghost.empty()) {
            m_ghost.resize(m_ghost.firstBehind(m_steps.step[first] - 0.5));
            m_ghost.appendGap();
        }
        m_ghost.append(m_steps, first, m_steps.size());
        m_steps.resize(first);
        ++m_generation;
    }
    if (!m_steps.empty() && !lastIsGap(m_steps)) m_steps.appendGap();
    auto& layers = m_layers;
    while (!layers.step.empty() && layers.step.back() > step)
        layers.step.pop_back(), layers.density.pop_back();
    std::erase_if(m_maps, [step](std::int64_t map) { return static_cast<double>(map) > step; });
    m_clock.clear();
    m_dirtyStructure = true;
}

void RunRecord::take(const Event& event) {
    const auto& json = event.json;
    const auto& type = event.type;
    m_dirty = true;
    if (type == "step") return takeUnits(json);
    m_dirtyStructure = true;
    if (type == "state") {
        takeState(json);
    } else if (type == "phase") {
        m_phase = textAt(json, "phase");
        m_unit.clear();
        m_unitDone = m_unitsInAll = 0;
        m_clock.clear();
        m_unitEnd.start();
    } else if (type == "layers") {
        takeLayers(json);
    } else if (type == "map") {
        if (const auto step = wholeAt(json, "step", -1); step >= 0) takeMap(step);
    } else if (type == "checkpoint") {
        m_lastCheckpoint = wholeAt(json, "step", m_lastCheckpoint);
        note(json, QStringLiteral("Checkpoint at step %1 (%2 MB, %3 s)")
                       .arg(m_lastCheckpoint)
                       .arg(numberAt(json, "bytes") / 1e6, 0, 'f', 1)
                       .arg(numberAt(json, "seconds"), 0, 'f', 1));
    } else if (type == "resumed") {
        const auto step = wholeAt(json, "step");
        cut(static_cast<double>(step));
        m_lastCheckpoint = m_unitDone = step;
        note(json, QStringLiteral("Resumed behind step %1").arg(step));
    } else if (type == "metric") {
        note(json, QStringLiteral("%1 of the %2 model: %3")
                       .arg(asSentence(textAt(json, "metric")).chopped(1), textAt(json, "what"))
                       .arg(numberAt(json, "value"), 0, 'g', 5));
    } else if (type == "log") {
        note(json, textAt(json, "text"));
    } else if (type == "result") {
        m_result = json;
        m_said = Said::Finished;
        m_asked.reset();
    } else if (type == "error") {
        m_error = json;
        m_asked.reset();
        note(json, errorSentence(json));
        if (m_live && m_said == Said::Nothing && m_saidBefore != Said::Nothing) {
            // Refused before anything happened, because someone else has it or it cannot be written: the run
            // is as it was, and we look on.
            m_live = false;
            m_said = m_saidBefore;
            if (m_phase.isEmpty()) m_phase = m_phaseBefore;
            if (m_follower) m_follower->skipTo(RunFollower::kNoLimit);
        } else {
            m_said = Said::Failed;
        }
    }
}

void RunRecord::takeState(const Json& json) {
    const auto state = textAt(json, "state");
    if (state == "running") {
        m_said = Said::Running;
        m_error.reset();
        if (m_asked == RunState::Running) m_asked.reset();
        if (json.contains("spec") && json["spec"].is_object()) m_spec = json["spec"];
        if (json.contains("options") && json["options"].is_object()) m_options = json["options"];
        if (const auto run = textAt(json, "run"); m_live && m_path.empty() && !run.isEmpty()) {
            m_path = run.toStdString();
            m_follower = std::make_unique<RunFollower>(m_path, 0);
        }
        note(json, QStringLiteral("Running"));
    } else if (state == "paused") {
        m_said = Said::Paused;
        if (m_asked == RunState::Pausing) m_asked.reset();
        note(json, QStringLiteral("Paused"));
    } else if (state == "stopped" || state == "finished") {
        m_said = state == "stopped" ? Said::Stopped : Said::Finished;
        m_asked.reset();
        note(json, state == "stopped" ? QStringLiteral("Stopped") : QStringLiteral("Finished"));
    }
    m_unitEnd.start();
}

void RunRecord::takeUnits(const Json& json) {
    const auto unit = textAt(json, "unit");
    if (unit.isEmpty()) return;
    const auto done = wholeAt(json, "step"), all = wholeAt(json, "steps");
    // The second model that is evaluated, or a second pass over the blocks, counts anew.
    if (unit != m_unit || done < m_unitDone) m_clock.clear(), m_unitDone = 0, m_dirtyStructure = true;
    const auto more = done - m_unitDone;
    m_unit = unit;
    m_unitDone = done;
    m_unitsInAll = all;
    // Only of what is heard as it happens can be said how long it took.
    if (m_caughtUp && m_unitEnd.isValid() && more > 0)
        m_clock.add(static_cast<double>(m_unitEnd.elapsed()) / 1000 / static_cast<double>(more));
    m_unitEnd.start();
}

void RunRecord::takeLayers(const Json& json) {
    const double step = numberAt(json, "step", -1);
    if (!json.contains("layers") || !json["layers"].is_array() || !(step >= 0)) return;
    QStringList names;
    std::vector<float> density;
    for (const auto& layer : json["layers"]) {
        names << textAt(layer, "name");
        density.push_back(static_cast<float>(numberAt(layer, "density", std::nan(""))));
    }
    if (names != m_layers.names) m_layers = {names, {}, {}};
    while (!m_layers.step.empty() && m_layers.step.back() >= step)
        m_layers.step.pop_back(), m_layers.density.pop_back();
    m_layers.step.push_back(step);
    m_layers.density.push_back(std::move(density));
    if (m_layers.step.size() > kMostLayerRows) {
        LayerSeries thinned{m_layers.names, {}, {}};
        for (std::size_t i = 0; i < m_layers.step.size(); i += 2) {
            thinned.step.push_back(m_layers.step[i]);
            thinned.density.push_back(std::move(m_layers.density[i]));
        }
        m_layers = std::move(thinned);
    }
}

void RunRecord::takeMap(std::int64_t step) {
    const auto at = std::lower_bound(m_maps.begin(), m_maps.end(), step);
    if (at == m_maps.end() || *at != step) m_maps.insert(at, step);
}

void RunRecord::note(const Json& event, const QString& text) {
    if (text.isEmpty()) return;
    const auto time = QDateTime::fromString(textAt(event, "time"), Qt::ISODate);
    m_log << (time.isValid() ? time.toLocalTime().toString("HH:mm:ss  ") : QString()) + text;
    if (m_log.size() > kMostNotes + kMostNotes / 4) m_log.remove(0, m_log.size() - kMostNotes);
}

}  // namespace tessera::ui
