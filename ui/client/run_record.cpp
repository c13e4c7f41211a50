#include "ui/client/run_record.h"

#include <algorithm>
#include <cmath>

#include "ui/client/sentences.h"

namespace tessera::ui {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kMostReserved = 50'000'000;

QString inWords(const fs::path& path) {
    return pathText(QString::fromStdString(path.string()));
}

}  // namespace

QString runStateText(RunState state) {
    switch (state) {
        case RunState::None:
            return {};
        case RunState::Starting:
            return QStringLiteral("Starting");
        case RunState::Running:
            return QStringLiteral("Running");
        case RunState::Pausing:
            return QStringLiteral("Pausing");
        case RunState::Paused:
            return QStringLiteral("Paused");
        case RunState::Stopping:
            return QStringLiteral("Stopping");
        case RunState::Stopped:
            return QStringLiteral("Stopped");
        case RunState::Failed:
            return QStringLiteral("Failed");
        case RunState::Interrupted:
            return QStringLiteral("Interrupted");
        case RunState::Finished:
            return QStringLiteral("Finished");
    }
    return {};
}

RunRecord::RunRecord(QObject* parent) : QObject(parent) {}
RunRecord::~RunRecord() = default;

void RunRecord::forget() {
    m_said = m_saidBefore = Said::Nothing;
    m_steps = {};
    m_ghost = {};
    m_layers = {};
    m_maps.clear();
    m_phase.clear();
    m_unit.clear();
    m_unitDone = m_unitsInAll = 0;
    m_lastCheckpoint = -1;
    m_clock.clear();
    m_result.reset();
    m_error.reset();
    m_log.clear();
    m_lines = m_unreadable = 0;
    m_caughtUp = false;
    ++m_generation;
    m_dirtyStructure = true;
}

void RunRecord::follow(const fs::path& run) {
    std::error_code none;
    auto path = fs::absolute(run, none).lexically_normal();
    if (!path.has_filename()) path = path.parent_path();
    m_follower.reset();
    forget();
    m_path = path;
    m_live = m_held = m_gone = m_history = m_doneLater = false;
    m_isRun = true;
    m_later.clear();
    m_asked.reset();
    m_spec = m_options = nullptr;
    m_benchmark.reset();
    m_factsProblem.clear();
    m_goneProblem.clear();
    m_engineEnd.clear();
    m_follower = std::make_unique<RunFollower>(m_path);
    updateState();
}

bool RunRecord::catchUp(int budgetMs) {
    bool more = !m_caughtUp;
    if (m_follower) {
        QElapsedTimer timer;
        timer.start();
        while (auto news = m_follower->take()) {
            absorb(std::move(*news));
            more = timer.elapsed() >= budgetMs;
            if (more) break;
        }
    }
    flush();
    return more || !m_caughtUp;
}

void RunRecord::absorb(RunNews&& news) {
    if (news.restarted) forget();
    if (news.gone) {
        m_gone = !news.gone->empty();
        m_goneProblem = QString::fromStdString(*news.gone);
        m_dirtyStructure = true;
    }
    if (news.facts) absorb(*news.facts);
    if (news.expectedRows > m_steps.step.capacity() && news.expectedRows < kMostReserved)
        m_steps.reserve(news.expectedRows + news.expectedRows / 16);
    if (news.events.lines > 0) absorb(std::move(news.events));
    if (news.held && !m_live) {
        m_held = *news.held;
        m_dirtyStructure = true;
    }
    if (news.reachedEnd) {
        m_caughtUp = m_dirtyStructure = true;
        if (!m_live) {
            m_heard.start();
            m_quietBefore = news.quietSeconds;
        }
        if (std::exchange(m_history, false)) {
            // What was read now was said before the engine was asked to go on.
            if (m_said != Said::Nothing) m_saidBefore = std::exchange(m_said, Said::Nothing);
            for (const auto& event : std::exchange(m_later, {})) apply(event);
            if (std::exchange(m_doneLater, false)) engineDone(m_engineEnd);
        }
    }
    updateState();
}

void RunRecord::absorb(const RunFacts& facts) {
    m_isRun = facts.isRun;
    m_factsProblem = asSentence(QString::fromStdString(facts.problem));
    if (facts.isRun) {
        m_spec = facts.spec;
        m_options = facts.options;
        m_benchmark = facts.benchmark;
        m_lastCheckpoint = std::max(m_lastCheckpoint, facts.lastCheckpoint);
        if (facts.result && !m_live) m_result = facts.result;
    }
    m_dirtyStructure = true;
}

void RunRecord::begin(const Json& spec) {
    m_follower.reset();
    forget();
    m_path.clear();
    m_spec = spec;
    m_live = m_caughtUp = true;
    m_held = m_gone = m_history = m_doneLater = false;
    m_later.clear();
    m_log.clear();
    heard();
    updateState();
}

void RunRecord::goOn() {
    m_engineEnd.clear();
    if (std::exchange(m_doneLater, false)) {
        // Again, before the history was read: it is the same history.
        m_dirtyStructure = true;
        return updateState();
    }
    if (m_live || !m_follower) return;
    m_follower->readUpTo(m_follower->size());
    m_live = m_history = true;
    m_held = false;
    m_caughtUp = false;
    m_saidBefore = m_said;
    m_phaseBefore = m_phase;
    m_said = Said::Nothing;
    m_asked.reset();
    m_error.reset();
    m_phase.clear();
    m_unit.clear();
    heard();
    m_dirtyStructure = true;
    updateState();
}

void RunRecord::apply(const Event& event) {
    heard();
    if (m_history) {
        m_later.push_back(event);
        return;
    }
    if (const auto row = stepRow(event.json)) {
        takeRow(*row);
    } else {
        take(event);
    }
    updateState();
}

void RunRecord::asked(RunState state) {
    const bool going = m_state == RunState::Running || m_state == RunState::Paused ||
                       m_state == RunState::Pausing || m_state == RunState::Starting;
    if (!m_live || !going) return;
    m_asked = state;
    m_dirtyStructure = true;
    updateState();
}

void RunRecord::engineDone(const QString& how) {
    if (!m_live) return;
    m_engineEnd = how;
    m_asked.reset();
    m_dirtyStructure = true;
    m_doneLater = m_history;
    if (!m_history) {
        m_live = m_held = false;
        if (m_follower) {
            m_follower->skipTo(m_follower->size());
            m_follower->reload();
        }
    }
    updateState();
}

void RunRecord::flush() {
    if (!m_dirty && !m_dirtyStructure) return;
    const bool structure = std::exchange(m_dirtyStructure, false);
    m_dirty = false;
    Q_EMIT changed(structure);
}

void RunRecord::heard() {
    m_heard.start();
    m_quietBefore = 0;
}

void RunRecord::updateState() {
    const auto before = m_state;
    const bool ended = m_said == Said::Stopped || m_said == Said::Failed;
    const auto end = m_said == Said::Stopped ? RunState::Stopped : RunState::Failed;
    if (m_live && m_doneLater) {
        m_state = RunState::Interrupted;
    } else if (m_live && m_history) {
        m_state = m_asked.value_or(RunState::Starting);
    } else if (m_live) {
        if (m_said == Said::Finished)
            m_state = RunState::Finished;
        else if (ended)
            m_state = end;
        else if (m_asked)
            m_state = *m_asked;
        else
            m_state = m_said == Said::Nothing  ? RunState::Starting
                      : m_said == Said::Paused ? RunState::Paused
                                               : RunState::Running;
    } else if (m_said == Said::Finished || m_result) {
        m_state = RunState::Finished;
    } else if (!m_isRun || (!m_caughtUp && !m_held)) {
        m_state = RunState::None;
    } else if (m_held) {
        m_state = m_said == Said::Paused ? RunState::Paused : RunState::Running;
    } else {
        m_state = ended ? end : RunState::Interrupted;
    }
    if (m_state != before) {
        m_dirtyStructure = true;
        if (m_state == RunState::Finished) m_phase.clear(), m_unit.clear();
    }
    const auto problem = currentProblem();
    if (problem != m_problem) {
        m_problem = problem;
        m_dirtyStructure = true;
    }
}

QString RunRecord::currentProblem() const {
    if (!m_goneProblem.isEmpty()) return m_goneProblem;
    if (!m_factsProblem.isEmpty()) return m_factsProblem;
    if (!m_caughtUp || m_unreadable == 0) return {};
    if (m_unreadable == m_lines)
        return QStringLiteral("Nothing in %1 can be read: it is damaged, or no log of events.")
            .arg(inWords(m_path / "events.jsonl"));
    // A line is torn each time that an engine is killed; more than a few are no accident.
    if (m_unreadable > 4 && m_unreadable * 20 > m_lines)
        return QStringLiteral("%1 of %2 lines of %3 cannot be read and are left out.")
            .arg(m_unreadable)
            .arg(m_lines)
            .arg(inWords(m_path / "events.jsonl"));
    return {};
}

QString RunRecord::name() const {
    if (!m_path.empty()) return QString::fromStdString(m_path.filename().string());
    if (!m_spec.is_object()) return {};
    const auto base = QString::fromStdString(fs::path(model().toStdString()).stem().string());
    return QStringLiteral("%1-%2-%3").arg(base, method()).arg(targetSparsity() * 100, 0, 'g', 4);
}

bool RunRecord::resumable() const {
    return !m_path.empty() && m_isRun && !m_gone && !live() && !m_held &&
           (m_state == RunState::Stopped || m_state == RunState::Interrupted || m_state == RunState::Failed);
}

bool RunRecord::ownedElsewhere() const {
    return !m_live && m_held;
}

double RunRecord::targetSparsity() const {
    return numberAt(m_spec, "sparsity");
}
QString RunRecord::model() const {
    return textAt(m_spec, "model");
}
QString RunRecord::method() const {
    return textAt(m_spec, "method");
}

std::optional<RunRecord::Eta> RunRecord::eta() const {
    if (m_unit.isEmpty() || m_unitsInAll <= 0) return std::nullopt;
    return m_clock.remaining(m_unitsInAll - m_unitDone);
}

double RunRecord::silence() const {
    return m_heard.isValid() ? static_cast<double>(m_heard.elapsed()) / 1000 + m_quietBefore : 0;
}

bool RunRecord::stalled() const {
    const bool working = m_state == RunState::Running || m_state == RunState::Pausing ||
                         m_state == RunState::Stopping || m_state == RunState::Starting;
    return working && silence() > std::max(10.0, 5 * m_clock.median());
}

void RunRecord::reloadMeasurements() {
    if (m_follower) m_follower->reload();
}

}  // namespace tessera::ui
