#include "ui/playground/generation.h"

#include "ui/client/engine_client.h"
#include "ui/client/sentences.h"

namespace tessera::ui {

using State = TextSide::State;

Generation::Generation(QObject* parent) : QObject(parent), m_engine(std::make_unique<EngineClient>()) {
    connect(m_engine.get(), &EngineClient::event, this, &Generation::take);
    connect(m_engine.get(), &EngineClient::drained, this, [this] {
        if (std::exchange(m_dirty, false)) Q_EMIT changed();
    });
    const auto ended = [this](const QString& sentence) {
        if (!busy()) return;
        m_stopping = true;  // nothing more is asked of it
        finish(State::Failed, sentence);
    };
    connect(m_engine.get(), &EngineClient::gone, this, ended);
    connect(m_engine.get(), &EngineClient::unavailable, this, ended);
}

Generation::~Generation() = default;

void Generation::start(const TextRequest& request, const QStringList& models) {
    if (busy() || models.isEmpty()) return;
    m_request = request;
    m_sides.clear();
    for (const auto& model : models) {
        TextSide side;
        side.model = model;
        side.state = State::Waiting;
        m_sides << side;
    }
    m_stopping = false;
    next();
    Q_EMIT busyChanged();
    Q_EMIT changed();
}

void Generation::stop() {
    if (!busy() || m_stopping) return;
    m_stopping = true;
    m_engine->send({{"command", "stop"}});
    Q_EMIT busyChanged();
}

void Generation::clear() {
    if (busy() || m_sides.isEmpty()) return;
    m_sides.clear();
    Q_EMIT changed();
}

std::optional<qsizetype> Generation::divergence() const {
    if (m_sides.size() < 2) return {};
    const auto over = [](const TextSide& side) { return side.state == State::Done; };
    return firstDivergence(m_sides[0].tokens, m_sides[1].tokens, !over(m_sides[0]) || !over(m_sides[1]));
}

void Generation::next() {
    ++m_current;
    if (m_current >= m_sides.size()) {
        m_current = -1;
        return;
    }
    auto& side = m_sides[m_current];
    side.state = State::Loading;
    m_engine->send({{"command", "generate"},
                    {"model", side.model.toStdString()},
                    {"prompt", m_request.prompt.toStdString()},
                    {"tokens", m_request.tokens},
                    {"seed", m_request.seed},
                    {"greedy", m_request.greedy},
                    {"temperature", m_request.temperature}});
}

void Generation::take(const Event& event) {
    if (!busy()) return;
    auto& side = m_sides[m_current];
    const auto& json = event.json;
    m_dirty = true;
    if (event.type == "phase") {
        const auto phase = textAt(json, "phase");
        side.state = phase == QStringLiteral("load")     ? State::Loading
                     : phase == QStringLiteral("prompt") ? State::Reading
                                                         : State::Writing;
    } else if (event.type == "token") {
        const TextToken token{static_cast<int>(numberAt(json, "id", -1)), textAt(json, "text")};
        side.text += token.text;
        side.tokens << token;
        side.state = State::Writing;
    } else if (event.type == "generated") {
        side.kernel = textAt(json, "kernel");
        side.tokensPerSecond = numberAt(json, "tokens_per_second");
        side.firstTokenSeconds = numberAt(json, "prompt_seconds");
        side.loadSeconds = numberAt(json, "load_seconds");
        side.promptTokens = static_cast<int>(numberAt(json, "prompt_tokens"));
        side.state = State::Done;
    } else if (event.type == "error") {
        side.state = State::Failed;
        side.problem = errorSentence(json);
        // An answer to the command itself: no idle follows.
        if (json.contains("command") && textAt(json, "command") == QStringLiteral("generate"))
            finish(State::Failed, side.problem);
    } else if (event.type == "state") {
        const auto state = textAt(json, "state");
        if (state == QStringLiteral("stopped")) side.state = State::Stopped;
        // The first idle, with the version, greets.
        if (state == QStringLiteral("idle") && !json.contains("version")) finish(side.state, side.problem);
    }
}

void Generation::finish(State state, const QString& problem) {
    auto& side = m_sides[m_current];
    side.state = state;
    side.problem = problem;
    if (m_stopping) {
        for (int i = m_current + 1; i < m_sides.size(); ++i) m_sides[i].state = State::Stopped;
        m_current = -1;
        m_stopping = false;
    } else {
        next();
    }
    if (!busy()) Q_EMIT busyChanged();
    m_dirty = false;
    Q_EMIT changed();
}

}  // namespace tessera::ui
