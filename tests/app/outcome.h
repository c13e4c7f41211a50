#pragma once

#include <sys/stat.h>

#include <QProcess>
#include <QRegularExpression>
#include <QTest>
#include <csignal>
#include <filesystem>
#include <map>

#include "core/base/file_io.h"
#include "core/base/json.h"

namespace tessera::test {

namespace fs = std::filesystem;

/// How a child ended and what it said.
struct Outcome {
    int status = -1;  ///< -1: ended by a signal, or not at all
    QStringList errors;
    QByteArray output;
};

inline QStringList linesOf(const QByteArray& bytes) {
    return QString::fromUtf8(bytes).split('\n', Qt::SkipEmptyParts);
}

inline Outcome outcomeOf(QProcess& process) {
    process.waitForFinished(60000);
    const bool ended =
        process.state() == QProcess::NotRunning && process.exitStatus() == QProcess::NormalExit;
    return {ended ? process.exitCode() : -1, linesOf(process.readAllStandardError()),
            process.readAllStandardOutput()};
}

/// Rows of the two ways in which a person or a system ends a program, and the status that each leaves.
inline void addEndings() {
    QTest::addColumn<int>("number");
    QTest::addColumn<int>("status");
    QTest::newRow("killed") << SIGKILL << -1;
    QTest::newRow("interrupted") << SIGINT << 130;
}

/// Everything below the folder: small files by content, large ones by size and time.
inline std::map<std::string, QByteArray> treeOf(const fs::path& folder) {
    std::map<std::string, QByteArray> tree;
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
        struct stat info {};
        ::lstat(entry.path().c_str(), &info);
        QByteArray mark = QByteArray::number(static_cast<qulonglong>(info.st_mode));
        if (S_ISREG(info.st_mode))
            mark += info.st_size < (1 << 20)
                        ? QByteArray::fromStdString(readFile(entry.path()))
                        : QByteArray::number(static_cast<qlonglong>(info.st_size)) + " " +
                              QByteArray::number(static_cast<qlonglong>(info.st_mtime));
        tree[entry.path().string()] = mark;
    }
    return tree;
}

/// One sentence: what (where). What to do. All of `parts` are in it.
inline void checkSentence(const Outcome& outcome, int status, const QStringList& parts) {
    const auto said = outcome.errors.join('\n').toUtf8();
    QVERIFY2(outcome.status == status,
             QByteArray("status " + QByteArray::number(outcome.status) + ": " + said).constData());
    QVERIFY2(outcome.errors.size() == 1, said.constData());
    static const QRegularExpression sentence(R"(^tessera-cli: \S.* \(.+\)\. What to do: .+$)");
    QVERIFY2(sentence.match(outcome.errors[0]).hasMatch(), said.constData());
    for (const auto& part : parts)
        QVERIFY2(outcome.errors[0].contains(part), (said + "\nlacks " + part.toUtf8()).constData());
    for (const auto& line : linesOf(outcome.output))
        QVERIFY2(Json::accept(line.toStdString()), line.toUtf8().constData());
}

}  // namespace tessera::test
