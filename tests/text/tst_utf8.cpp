// Characters out of the bytes of single tokens.
#include <QTest>
#include <random>

#include "core/text/utf8.h"

using namespace tessera;

namespace {

std::vector<std::string> cut(const std::string& text, std::size_t size) {
    std::vector<std::string> pieces;
    for (std::size_t i = 0; i < text.size(); i += size) pieces.push_back(text.substr(i, size));
    return pieces;
}

}  // namespace

class Utf8Test : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    /// However it is cut, each piece is whole and nothing is lost.
    void piecesAreWholeCharacters() {
        const std::string text =
            "Stra\xC3\x9F"
            "e, \xE2\x82\xAC 3, \xF0\x9F\x99\x82 and \xED\x9F\xBF\xF4\x8F\xBF\xBF.";
        for (const std::size_t size : {1, 2, 3, 5}) {
            Utf8Stream stream;
            std::string joined;
            for (const auto& piece : cut(text, size)) {
                const auto whole = stream.take(piece);
                QCOMPARE(firstInvalidUtf8(whole), std::string::npos);
                joined += whole;
            }
            QVERIFY(stream.rest().empty());
            QCOMPARE(joined, text);
        }
    }

    void aCharacterComesWithItsLastByte() {
        Utf8Stream stream;
        QCOMPARE(stream.take("a\xF0\x9F"), std::string("a"));
        QCOMPARE(stream.take("\x99"), std::string());
        QCOMPARE(stream.take("\x82z"), std::string("\xF0\x9F\x99\x82z"));
    }

    void whatCannotBecomeACharacterIsNotKept_data() {
        QTest::addColumn<QByteArray>("bytes");
        QTest::newRow("a lone follower") << QByteArray("\x82");
        QTest::newRow("never a lead") << QByteArray("\xFF");
        QTest::newRow("an overlong lead") << QByteArray("\xC0");
        QTest::newRow("an overlong form") << QByteArray("\xE0\x80");
        QTest::newRow("a surrogate") << QByteArray("\xED\xA0");
        QTest::newRow("beyond Unicode") << QByteArray("\xF4\x90");
        QTest::newRow("a lead and a letter") << QByteArray(
            "\xE2"
            "a");
    }
    void whatCannotBecomeACharacterIsNotKept() {
        QFETCH(QByteArray, bytes);
        Utf8Stream stream;
        QCOMPARE(stream.take(bytes.toStdString()), bytes.toStdString());
        QVERIFY(stream.rest().empty());
    }

    void theRestIsGivenOnce() {
        Utf8Stream stream;
        QCOMPARE(stream.take("\xE2\x82"), std::string());
        QCOMPARE(stream.rest(), std::string("\xE2\x82"));
        QVERIFY(stream.rest().empty());
        QCOMPARE(stream.take("b"), std::string("b"));
    }

    void anyBytesComeOutAsTheyWentIn() {
        std::mt19937 random(1);
        for (int round = 0; round < 200; ++round) {
            std::string bytes, joined;
            for (int i = 0; i < 64; ++i)
                bytes += static_cast<char>(random() % 3 ? 0x80 + random() % 128 : 'a');
            Utf8Stream stream;
            for (const auto& piece : cut(bytes, 1 + random() % 4)) joined += stream.take(piece);
            QCOMPARE(joined + stream.rest(), bytes);
        }
    }
};

QTEST_APPLESS_MAIN(Utf8Test)
#include "tst_utf8.moc"
