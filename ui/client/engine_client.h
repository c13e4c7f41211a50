#pragma once

#include <QByteArray>
#include <QElapsedTimer>
#include <QObject>
#include <QProcess>
#include <QTimer>

#include "core/base/json.h"
#include "core/session/event.h"
#include "ui/client/cli_call.h"

namespace tessera::ui {

/// `tessera-cli serve` as a child, started on the first command. What it says is taken from its output as it
/// comes and handed on, event by event and in order, by one 33 ms timer with at most 4 ms of work a tick;
/// nothing is dropped but lines that are no events. The child's death is reported within a second, whatever
/// killed it, after the last event it sent. GUI thread only.
class EngineClient : public QObject {
    Q_OBJECT
  public:
    explicit EngineClient(QObject* parent = nullptr);
    /// Closes the child's input: an engine that is running something stops with a checkpoint by itself. Does
    /// not wait for that, and does not kill it.
    ~EngineClient() override;

    /// One command of the server's protocol, e.g. {"command":"pause"}. Starts the child where needed.
    void send(const Json& command);
    bool alive() const;
    qint64 processId() const { return m_process ? m_process->processId() : 0; }
    bool busy() const { return m_busy; }  ///< between a start or generate and its idle

  Q_SIGNALS:
    void event(const tessera::Event& event);
    void drained();  ///< after the events of one tick
    void busyChanged();
    /// The child ended by itself. `sentence` says how ("The engine was killed (signal 9).").
    void gone(const QString& sentence);
    /// There is no program to start.
    void unavailable(const QString& sentence);

  private:
    bool startProcess();
    void read();
    void drain();
    void handOn(const Event& event);
    void setBusy(bool busy);

    QProcess* m_process = nullptr;
    QTimer m_timer;
    QByteArray m_bytes, m_errors;  ///< not handed on yet; the end of what it said on standard error
    qsizetype m_at = 0;            ///< how much of m_bytes is done
    bool m_skipping = false, m_busy = false;
    QString m_end;  ///< said once everything before it is handed on
};

}  // namespace tessera::ui
