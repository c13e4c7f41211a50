#include <QTemporaryDir>
#include <QTest>
#include <cstring>

#include "core/base/error.h"
#include "core/base/file_io.h"
#include "core/session/learning_state.h"

using namespace tessera;

class LearningStateTest : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void readsWhatIsAskedFor();
    void refusesWhatIsNoWholeState_data();
    void refusesWhatIsNoWholeState();
};

namespace {

std::string state(std::uint64_t masks, const std::vector<std::vector<float>>& logits) {
    LearningStateHeader header{{}, 17, masks};
    std::memcpy(header.magic, kLearningStateMagic, sizeof header.magic);
    std::string bytes(reinterpret_cast<const char*>(&header), sizeof header);
    for (const auto& list : logits) {
        const std::uint64_t count = list.size();
        bytes.append(reinterpret_cast<const char*>(&count), sizeof count);
        bytes.append(reinterpret_cast<const char*>(list.data()), list.size() * sizeof(float));
        bytes.append(2 * list.size() * sizeof(float), '\x7f');  // the moments
    }
    return bytes;
}

}  // namespace

void LearningStateTest::readsWhatIsAskedFor() {
    const QTemporaryDir folder;
    const auto file = std::filesystem::path(folder.path().toStdString()) / "state.bin";
    writeFileAtomically(file, state(3, {{1, 2, 3}, {}, {4, 5, 6, 7}}));
    const LearningState read(file);
    QCOMPARE(read.completedSteps(), std::int64_t(17));
    QCOMPARE(read.masks(), std::size_t(3));
    QCOMPARE(read.logits(0), std::int64_t(3));
    QCOMPARE(read.logits(1), std::int64_t(0));
    QCOMPARE(read.logits(2), std::int64_t(4));
    std::vector<float> values(2);
    read.read(2, 1, values);
    QCOMPARE(values, (std::vector<float>{5, 6}));
    read.read(0, 1, values);
    QCOMPARE(values, (std::vector<float>{2, 3}));
    QVERIFY_EXCEPTION_THROWN(read.read(0, 2, values), Error);
    QVERIFY_EXCEPTION_THROWN(read.read(3, 0, values), Error);
    QVERIFY_EXCEPTION_THROWN(read.read(0, -1, values), Error);
}

void LearningStateTest::refusesWhatIsNoWholeState_data() {
    QTest::addColumn<QByteArray>("bytes");
    const auto whole = QByteArray::fromStdString(state(1, {{1, 2, 3}}));
    QTest::newRow("empty") << QByteArray();
    QTest::newRow("half a header") << whole.left(10);
    QTest::newRow("no count") << whole.left(sizeof(LearningStateHeader) + 3);
    QTest::newRow("cut") << whole.left(whole.size() - 1);
    QTest::newRow("more") << whole + 'x';
    QTest::newRow("another magic") << 'X' + whole.mid(1);
    QTest::newRow("more masks than there are") << QByteArray::fromStdString(state(2, {{1, 2, 3}}));
    auto huge = whole;
    std::memset(huge.data() + sizeof(LearningStateHeader), 0xff, 8);
    QTest::newRow("an impossible count") << huge;
}

void LearningStateTest::refusesWhatIsNoWholeState() {
    QFETCH(QByteArray, bytes);
    const QTemporaryDir folder;
    const auto file = std::filesystem::path(folder.path().toStdString()) / "state.bin";
    writeFileAtomically(file, bytes.toStdString());
    try {
        const LearningState read(file);
        QFAIL("it was read");
    } catch (const Error& error) {
        QVERIFY(error.code() == ErrorCode::Corrupt);
    }
}

QTEST_GUILESS_MAIN(LearningStateTest)
#include "tst_learning_state.moc"
