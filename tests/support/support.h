#pragma once

#include <QTemporaryDir>
#include <QTest>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "core/base/error.h"

namespace tessera::test {

/// Committed small files of the tests.
inline std::filesystem::path data(const std::string& name) {
    return std::filesystem::path(TESSERA_SOURCE_DIR) / "tests" / "data" / name;
}

/// The optional evaluation data; empty where they are absent.
inline std::filesystem::path evaluationData(const std::string& name) {
    const char* folder = std::getenv("TESSERA_TEST_DATA");
    if (!folder || !*folder) return {};
    const auto path = std::filesystem::path(folder) / name;
    return std::filesystem::exists(path) ? path : std::filesystem::path();
}

/// The code of the Error that `action` throws; Internal where it throws none.
template <typename Action>
ErrorCode codeOf(const Action& action) {
    try {
        action();
    } catch (const Error& error) {
        return error.code();
    }
    return ErrorCode::Internal;
}

/// A folder that goes away with the test.
class Scratch {
  public:
    std::filesystem::path operator/(const std::string& name) const {
        return std::filesystem::path(m_dir.path().toStdString()) / name;
    }

  private:
    QTemporaryDir m_dir;
};

}  // namespace tessera::test

/// The statement throws an Error of this code whose line (summary, place, advice) has this text.
#define EXPECT_ERROR(statement, expectedCode, part)                                            \
    do {                                                                                       \
        bool thrown = false;                                                                   \
        try {                                                                                  \
            statement;                                                                         \
        } catch (const tessera::Error& error) {                                                \
            thrown = true;                                                                     \
            QCOMPARE(QString(tessera::errorCodeName(error.code())),                            \
                     QString(tessera::errorCodeName(tessera::ErrorCode::expectedCode)));       \
            QVERIFY2(std::string(error.what()).find(part) != std::string::npos, error.what()); \
        }                                                                                      \
        QVERIFY2(thrown, "nothing was thrown by " #statement);                                 \
    } while (false)
