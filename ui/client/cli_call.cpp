#include "ui/client/cli_call.h"

#include <QCoreApplication>
#include <QFileInfo>
#include <csignal>

#include "ui/client/sentences.h"

namespace tessera::ui {

namespace {

constexpr int kMostOutput = 256 << 20;
constexpr int kMostErrorLine = 1 << 20;
/// A second interrupt after this time, SIGKILL after twice as much: what is under way may be long.
constexpr int kPatienceMs = 3000;

constexpr const char* kPrefix = "tessera-cli: ";

}  // namespace

std::filesystem::path cliProgram() {
    auto path = qEnvironmentVariable("TESSERA_CLI");
    if (path.isEmpty()) path = QCoreApplication::applicationDirPath() + "/tessera-cli";
    const QFileInfo file(path);
    return file.isFile() && file.isExecutable() ? std::filesystem::path(path.toStdString())
                                                : std::filesystem::path();
}

QString noProgramSentence() {
    const auto given = qEnvironmentVariable("TESSERA_CLI");
    return given.isEmpty()
               ? QStringLiteral(
                     "The engine is missing: there is no tessera-cli beside this program "
                     "(%1). Install it again, or build both programs.")
                     .arg(pathText(QCoreApplication::applicationDirPath()))
               : QStringLiteral("The engine is missing: $TESSERA_CLI names %1, which is no program.")
                     .arg(pathText(given));
}

CliCall::CliCall(QStringList arguments, QObject* parent)
    : QObject(parent), m_arguments(std::move(arguments)) {
    m_arguments << QStringLiteral("--json");
    m_process.setStandardInputFile(QProcess::nullDevice());
    m_patience.setInterval(kPatienceMs);
    connect(&m_process, &QProcess::readyReadStandardOutput, this, &CliCall::readOutput);
    connect(&m_process, &QProcess::readyReadStandardError, this, [this] { readErrors(false); });
    connect(&m_process, &QProcess::finished, this, &CliCall::ended);
    connect(&m_process, &QProcess::errorOccurred, this, [this](QProcess::ProcessError error) {
        if (error == QProcess::FailedToStart)
            finish(QStringLiteral("The engine cannot be started: %1.").arg(m_process.errorString()));
    });
    connect(&m_patience, &QTimer::timeout, this, [this] {
        if (++m_interruptions > 2)
            m_process.kill();
        else
            ::kill(static_cast<pid_t>(m_process.processId()), SIGINT);
    });
}

CliCall::~CliCall() {
    m_process.disconnect(this);
    m_process.kill();
    m_process.waitForFinished(2000);
}

void CliCall::start() {
    if (running()) return;
    m_over = m_cancelled = m_tooMuch = false;
    m_out.clear();
    m_err.clear();
    m_error.clear();
    m_lastLine.clear();
    const auto program = cliProgram();
    if (program.empty()) {
        // Later, as every other end: callers connect and start in any order.
        QMetaObject::invokeMethod(
            this, [this] { finish(noProgramSentence()); }, Qt::QueuedConnection);
        return;
    }
    m_process.start(QString::fromStdString(program.string()), m_arguments);
}

bool CliCall::running() const {
    return m_process.state() != QProcess::NotRunning;
}

void CliCall::cancel() {
    if (m_cancelled || !running()) return;
    m_cancelled = true;
    m_interruptions = 1;
    if (m_process.processId() > 0) ::kill(static_cast<pid_t>(m_process.processId()), SIGINT);
    m_patience.start();
}

void CliCall::readOutput() {
    const auto bytes = m_process.readAllStandardOutput();
    if (m_tooMuch) return;
    m_tooMuch = m_out.size() + bytes.size() > kMostOutput;
    if (m_tooMuch)
        m_out.clear();
    else
        m_out += bytes;
}

void CliCall::readErrors(bool all) {
    m_err += m_process.readAllStandardError();
    qsizetype begin = 0;
    for (qsizetype end; (end = m_err.indexOf('\n', begin)) >= 0; begin = end + 1)
        errorLine(m_err.mid(begin, end - begin));
    m_err.remove(0, begin);
    if (all || m_err.size() > kMostErrorLine) {
        errorLine(m_err);
        m_err.clear();
    }
}

void CliCall::errorLine(const QByteArray& line) {
    if (line.trimmed().isEmpty()) return;
    if (line.startsWith('{')) {
        try {
            const auto json =
                parseJson({line.constData(), static_cast<std::size_t>(line.size())}, "progress");
            if (textAt(json, "type") == "progress") {
                Q_EMIT progress(textAt(json, "text"), numberAt(json, "done"), numberAt(json, "total"));
                return;
            }
        } catch (const Error&) {
            // Not ours; it may still be the last thing said.
        }
    }
    m_lastLine = line;
    if (line.startsWith(kPrefix)) m_error = line.mid(static_cast<qsizetype>(qstrlen(kPrefix)));
}

void CliCall::ended() {
    readOutput();
    readErrors(true);
    const bool crashed = m_process.exitStatus() != QProcess::NormalExit;
    if (m_cancelled) return finish({});
    if (crashed)
        return finish(QStringLiteral("The engine was ended by signal %1 while it was at work.")
                          .arg(m_process.exitCode()));
    if (m_process.exitCode() != 0) {
        const auto said = m_error.isEmpty() ? m_lastLine : m_error;
        return finish(said.isEmpty() ? QStringLiteral("The engine ended with status %1 and said nothing.")
                                           .arg(m_process.exitCode())
                                     : asSentence(QString::fromUtf8(said)));
    }
    if (m_tooMuch) return finish(QStringLiteral("The engine's answer is too long."));
    try {
        const auto document =
            parseJson({m_out.constData(), static_cast<std::size_t>(m_out.size())}, "answer");
        m_out.clear();
        m_over = true;
        Q_EMIT done(document);
    } catch (const Error&) {
        finish(QStringLiteral("The engine's answer cannot be read."));
    }
}

void CliCall::finish(const QString& sentence) {
    if (std::exchange(m_over, true)) return;
    m_patience.stop();
    Q_EMIT failed(sentence);
}

}  // namespace tessera::ui
