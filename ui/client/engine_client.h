#pragma once

#include <QObject>
#include <QProcess>
#include <QTimer>
#include <deque>
#include <filesystem>
#include <functional>
#include <memory>

#include "core/base/json.h"
#include "core/session/event.h"

namespace tessera::ui {

/// tessera-cli beside this program ($TESSERA_CLI overrides); empty where there is none.
std::filesystem::path cliProgram();

/// `tessera-cli serve` as a child, started on the first command. Events are taken from its output into a queue and
/// handed on by one 33 ms timer, at most 4 ms of work a tick; states and errors are never dropped. The child's death
/// is reported within a second, whatever killed it. GUI thread only.
class EngineClient : public QObject {
    Q_OBJECT
  public:
    explicit EngineClient(QObject* parent = nullptr);
    ~EngineClient() override;  ///< asks a running engine to stop with a checkpoint, and does not wait for it

    /// One command of the server's protocol, e.g. {"command":"pause"}. Starts the child where needed.
    void send(const Json& command);
    bool alive() const;
    bool busy() const { return m_busy; }  ///< between a start and its idle

  Q_SIGNALS:
    void event(const tessera::Event& event);
    void drained();  ///< after the events of one tick
    void busyChanged();
    /// The child ended by itself. `sentence` says how ("The engine was killed (signal 9).").
    void gone(const QString& sentence);
    /// There is no program to start.
    void unavailable(const QString& sentence);

  private:
    std::unique_ptr<QProcess> m_process;
    QTimer m_timer;
    std::deque<Event> m_queue;
    QByteArray m_partial;
    bool m_busy = false;
};

/// One `tessera-cli VERB ... --json`: progress lines from standard error, the document or the error's sentence at
/// the end. Killed when destroyed. Several may run at once.
class CliCall : public QObject {
    Q_OBJECT
  public:
    CliCall(const QStringList& arguments, QObject* parent = nullptr);
    ~CliCall() override;
    void start();
    void cancel();  ///< as Ctrl+C does; ends in failed() with an empty sentence
    bool running() const;

  Q_SIGNALS:
    void progress(const QString& line);
    void done(const tessera::Json& document);
    void failed(const QString& sentence);

  private:
    QStringList m_arguments;
    QProcess m_process;
    QByteArray m_out, m_lastError;
    bool m_cancelled = false;
};

}  // namespace tessera::ui
