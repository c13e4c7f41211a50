#pragma once

#include <QProcess>

namespace tessera::test {

/// A python3 that has numpy: the one on PATH, or the system's, for which the package is; empty where neither.
inline QString numpyPython() {
    for (const auto* program : {"python3", "/usr/bin/python3"}) {
        QProcess python;
        python.start(program, {"-c", "import numpy"});
        if (python.waitForStarted() && python.waitForFinished() && python.exitCode() == 0) return program;
    }
    return {};
}

/// Runs a script with these arguments; what it said where it failed, empty where all is well.
inline QByteArray runPython(const QString& program, const QString& script, const QStringList& arguments) {
    QProcess python;
    python.start(program, QStringList{"-c", script} + arguments);
    if (!python.waitForFinished(60000)) return "the script did not end";
    const auto said = python.readAllStandardError();
    return python.exitCode() == 0 ? QByteArray() : said + "(failed)";
}

}  // namespace tessera::test
