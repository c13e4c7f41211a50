#pragma once

#include <QObject>
#include <QString>
#include <memory>
#include <optional>

#include "core/base/json.h"
#include "core/session/event.h"
#include "ui/playground/divergence.h"

namespace tessera::ui {

class EngineClient;

/// What is asked of both models alike.
struct TextRequest {
    QString prompt;
    int tokens = 96;
    std::uint64_t seed = 0;
    bool greedy = false;
    double temperature = 0.8;
};

/// One model's continuation, as far as it has come.
struct TextSide {
    enum class State { Empty, Waiting, Loading, Reading, Writing, Done, Stopped, Failed };
    QString model;  ///< what the engine is given: a catalogue name, a path, a run
    State state = State::Empty;
    QList<TextToken> tokens;
    QString text;  ///< of the tokens so far
    QString problem;
    QString kernel;
    double tokensPerSecond = 0;    ///< measured by the engine, at the end
    double firstTokenSeconds = 0;  ///< reading the prompt, without loading the model
    double loadSeconds = 0;        ///< 0 where the model was still there
    int promptTokens = 0;
};

/// Generates the sides' texts one after the other, with an engine of its own: a run that is going on keeps
/// the window's. The engine keeps both models, so that only the first texts wait for reading them. GUI thread
/// only.
class Generation : public QObject {
    Q_OBJECT
  public:
    explicit Generation(QObject* parent = nullptr);
    ~Generation() override;

    void start(const TextRequest& request, const QStringList& models);
    void stop();
    bool busy() const { return m_current >= 0; }
    bool stopping() const { return m_stopping; }
    const QList<TextSide>& sides() const { return m_sides; }
    /// Forgets texts that are shown; not while busy.
    void clear();
    /// Where the first two sides part.
    std::optional<qsizetype> divergence() const;

  Q_SIGNALS:
    void changed();  ///< at most once a drain
    void busyChanged();

  private:
    void next();
    void take(const Event& event);
    void finish(TextSide::State state, const QString& problem = {});

    std::unique_ptr<EngineClient> m_engine;
    TextRequest m_request;
    QList<TextSide> m_sides;
    int m_current = -1;
    bool m_stopping = false, m_dirty = false;
};

}  // namespace tessera::ui
