#pragma once

#include <QDeadlineTimer>
#include <QFile>
#include <QProcess>
#include <QTest>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "core/base/json.h"

namespace tessera::test {

/// The built tessera-cli as a child of the test: resources from the source folder, a data folder of its own,
/// and more environment or another program where they are given.
class Child {
  public:
    Child(const QStringList& arguments, const std::filesystem::path& home,
          const std::map<QString, QString>& variables = {},
          const std::filesystem::path& program = TESSERA_BINARY_DIR "/bin/tessera-cli") {
        auto environment = QProcessEnvironment::systemEnvironment();
        environment.insert("TESSERA_RESOURCES", TESSERA_SOURCE_DIR "/resources");
        environment.insert("TESSERA_DATA_HOME", QString::fromStdString(home.string()));
        environment.insert("OMP_NUM_THREADS", "2");
        for (const auto& [name, value] : variables) environment.insert(name, value);
        m_process.setProcessEnvironment(environment);
        m_process.start(QString::fromStdString(program.string()), arguments);
        m_process.waitForStarted();
    }
    ~Child() {
        m_process.kill();
        m_process.waitForFinished();
    }

    QProcess& process() { return m_process; }
    /// SIGKILL, and the end of it.
    void kill() {
        m_process.kill();
        m_process.waitForFinished();
    }
    /// Waits for the end; the exit status, -1 where a signal ended it or it is still there after `ms`.
    int wait(int ms = 300000) {
        if (m_process.state() != QProcess::NotRunning && !m_process.waitForFinished(ms)) return -1;
        return m_process.exitStatus() == QProcess::NormalExit ? m_process.exitCode() : -1;
    }
    std::string errors() { return m_process.readAllStandardError().toStdString(); }
    void send(const Json& command) {
        m_process.write((command.dump() + "\n").c_str());
        m_process.waitForBytesWritten();
    }
    /// The next event on standard output; null at the end of it or after `ms`.
    Json next(int ms = 300000) {
        const QDeadlineTimer deadline(ms);
        while (!m_process.canReadLine()) {
            if (m_process.state() == QProcess::NotRunning && !m_process.canReadLine()) return nullptr;
            if (deadline.hasExpired()) return nullptr;
            m_process.waitForReadyRead(20);
        }
        return Json::parse(m_process.readLine().toStdString());
    }
    /// Reads on to the first event of this type (and, where given, this state); null where none comes.
    Json await(const std::string& type, const std::string& state = {}, int ms = 300000) {
        for (;;) {
            const auto event = next(ms);
            if (event.is_null()) return event;
            if (event.value("type", "") == type && (state.empty() || event.value("state", "") == state))
                return event;
        }
    }

  private:
    QProcess m_process;
};

inline QByteArray bytesOf(const std::filesystem::path& path) {
    QFile file(QString::fromStdString(path.string()));
    return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
}

/// Every whole line of a run's events.jsonl.
inline std::vector<Json> eventsOf(const std::filesystem::path& run) {
    std::vector<Json> events;
    for (const auto& line : bytesOf(run / "events.jsonl").split('\n')) {
        const auto event = Json::parse(line.toStdString(), nullptr, false);
        if (event.is_object()) events.push_back(event);
    }
    return events;
}

}  // namespace tessera::test
