#include "ui/client/engine_client.h"

#include <cstring>

#include "ui/client/event_lines.h"
#include "ui/client/sentences.h"

namespace tessera::ui {

namespace {

constexpr int kTickMs = 33, kBudgetMs = 4;
constexpr qsizetype kLongestLine = EventLines::kLongestLine;
constexpr qsizetype kErrorsKept = 4096;

QString endSentence(const QProcess& process, const QByteArray& errors) {
    if (process.exitStatus() == QProcess::CrashExit)
        return QStringLiteral("The engine was killed (signal %1).").arg(process.exitCode());
    const auto said = QString::fromUtf8(errors).trimmed().section('\n', -1).trimmed();
    if (process.exitCode() != 0 && !said.isEmpty())
        return QStringLiteral("The engine ended with status %1: %2")
            .arg(process.exitCode())
            .arg(asSentence(said.startsWith("tessera-cli: ") ? said.mid(13) : said));
    return QStringLiteral("The engine ended (status %1).").arg(process.exitCode());
}

}  // namespace

EngineClient::EngineClient(QObject* parent) : QObject(parent) {
    m_timer.setInterval(kTickMs);
    m_timer.setTimerType(Qt::PreciseTimer);
    connect(&m_timer, &QTimer::timeout, this, &EngineClient::drain);
}

EngineClient::~EngineClient() {
    if (!m_process) return;
    m_process->disconnect(this);
    if (!alive()) {
        delete m_process;
        return;
    }
    // A QProcess kills its child when it is destroyed: this one lives until the child has ended by itself, or
    // is left to the system where the program ends before. The end of its input is what tells it to stop.
    auto* process = m_process;
    process->closeReadChannel(QProcess::StandardOutput);
    process->closeReadChannel(QProcess::StandardError);
    process->waitForBytesWritten(50);
    process->closeWriteChannel();
    connect(process, &QProcess::finished, process, &QObject::deleteLater);
}

bool EngineClient::alive() const {
    return m_process && m_process->state() != QProcess::NotRunning;
}

bool EngineClient::startProcess() {
    const auto program = cliProgram();
    if (program.empty()) {
        Q_EMIT unavailable(noProgramSentence());
        return false;
    }
    if (m_process) m_process->deleteLater();
    m_process = new QProcess;
    m_bytes.clear();
    m_errors.clear();
    m_at = 0;
    m_skipping = false;
    auto* process = m_process;
    connect(process, &QProcess::readyReadStandardOutput, this, &EngineClient::read);
    connect(process, &QProcess::readyReadStandardError, this,
            [this, process] { m_errors = (m_errors + process->readAllStandardError()).right(kErrorsKept); });
    connect(process, &QProcess::finished, this, [this, process] {
        read();
        m_errors = (m_errors + process->readAllStandardError()).right(kErrorsKept);
        m_end = endSentence(*process, m_errors);
        drain();
    });
    connect(process, &QProcess::errorOccurred, this, [this, process](QProcess::ProcessError error) {
        if (error != QProcess::FailedToStart) return;
        setBusy(false);
        Q_EMIT unavailable(QStringLiteral("The engine cannot be started: %1.").arg(process->errorString()));
    });
    process->start(QString::fromStdString(program.string()), {QStringLiteral("serve")});
    m_timer.start();
    return true;
}

void EngineClient::send(const Json& command) {
    if (!alive() && !startProcess()) return;
    const auto name = textAt(command, "command");
    if (name == "start" || name == "generate") setBusy(true);
    m_process->write(QByteArray::fromStdString(dumpLine(command) + "\n"));
}

void EngineClient::setBusy(bool busy) {
    if (std::exchange(m_busy, busy) != busy) Q_EMIT busyChanged();
}

void EngineClient::read() {
    auto bytes = m_process->readAllStandardOutput();
    if (m_skipping) {
        const auto end = bytes.indexOf('\n');
        if (end < 0) return;
        bytes.remove(0, end + 1);
        m_skipping = false;
    }
    m_bytes += bytes;
    // What has no line end for so long is nothing that an engine says.
    const auto lastLine = m_bytes.size() - (m_bytes.lastIndexOf('\n') + 1);
    if (lastLine > kLongestLine) {
        m_bytes.chop(lastLine);
        m_skipping = true;
    }
}

void EngineClient::drain() {
    QElapsedTimer timer;
    timer.start();
    bool any = false, more = false;
    for (;;) {
        const auto end = m_bytes.indexOf('\n', m_at);
        if (end < 0) break;
        const std::string_view line(m_bytes.constData() + m_at, static_cast<std::size_t>(end - m_at));
        const auto event = readEventLine(line);
        m_at = end + 1;
        if (event) {
            any = true;
            handOn(*event);
        }
        more = timer.elapsed() >= kBudgetMs;
        if (more) break;
    }
    // Moved up seldom: each time costs what is waiting.
    if (m_at == m_bytes.size() || m_at > (qsizetype(1) << 20)) {
        m_bytes.remove(0, m_at);
        m_at = 0;
    }
    if (any) Q_EMIT drained();
    if (!more && !m_end.isEmpty()) {
        m_timer.stop();
        setBusy(false);
        Q_EMIT gone(std::exchange(m_end, QString()));
    }
}

void EngineClient::handOn(const Event& event) {
    const auto state = event.type == "state" ? textAt(event.json, "state") : QString();
    // The first idle, with the version, only says that it is there.
    const bool idle = state == "idle" && !event.json.contains("version");
    // A start that was refused has no idle behind it; one that came while something runs changes nothing.
    const auto refused = event.type == "error" ? textAt(event.json, "command") : QString();
    const bool ended =
        idle || ((refused == "start" || refused == "generate") && textAt(event.json, "code") != "locked");
    if (ended) setBusy(false);
    Q_EMIT this->event(event);
}

}  // namespace tessera::ui
