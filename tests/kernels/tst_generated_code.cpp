// Reads this program's own machine code: what the sources ask of the compiler is what the processor gets.
#include <QProcess>
#include <QRegularExpression>
#include <QTest>

#include "kernels/cpu/gemv.h"

using namespace tessera::kernels;

class TestGeneratedCode : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    /// An expand that zeroes the rest waits for its destination's old value (4.9 cycles instead of 1.1 on
    /// Zen 5): every one merges instead, into a register that was set to zero.
    void expandsHaveNoFalseDependency() {
#if !defined(__x86_64__)
        QSKIP("the expands are x86-64's");
#endif
        // The products are only in the program if something calls them.
        QVERIFY(gemvTargetName(gemvTarget()) != nullptr);
        float y = 0;
        gemvPart(BitmapPanels{}, nullptr, &y, {0, 0});
        gemvPart(BitmapPanelsQ8{}, {}, &y, {0, 0});
        QProcess objdump;
        objdump.start("objdump",
                      {"--disassemble", "--no-show-raw-insn", QCoreApplication::applicationFilePath()});
        if (!objdump.waitForStarted()) QSKIP("objdump (binutils) is not installed");
        QVERIFY(objdump.waitForFinished(120000));
        const auto lines = QString::fromLocal8Bit(objdump.readAllStandardOutput()).split('\n');
        static const QRegularExpression expand("vpexpand([bwd])\\s.*,%[xyz]mm\\d+\\{%k\\d\\}(\\{z\\})?");
        int words = 0, bytes = 0, doubleWords = 0;
        for (const auto& line : lines) {
            const auto match = expand.match(line);
            if (!match.hasMatch()) continue;
            ++(match.captured(1) == "w" ? words : match.captured(1) == "b" ? bytes : doubleWords);
            QVERIFY2(match.captured(2).isEmpty(), qPrintable(line));
        }
        // Eight rows each, unrolled; in double words, two and four for a row.
        QVERIFY2(words >= 8 && bytes >= 8 && doubleWords >= 8 * (2 + 4),
                 qPrintable(
                     QString("%1 words, %2 bytes, %3 double words").arg(words).arg(bytes).arg(doubleWords)));
    }
};

QTEST_GUILESS_MAIN(TestGeneratedCode)
#include "tst_generated_code.moc"
