// Where two texts part, token by token.
#include <QTest>

#include "ui/playground/divergence.h"

using namespace tessera::ui;

namespace {

QList<TextToken> tokens(std::initializer_list<int> ids) {
    QList<TextToken> list;
    for (const int id : ids) list << TextToken{id, QString(id % 3, QLatin1Char('x'))};
    return list;
}

}  // namespace

class DivergenceTest : public QObject {
    Q_OBJECT
  private Q_SLOTS:
    void theFirstDifference() {
        QCOMPARE(firstDivergence(tokens({1, 2, 3}), tokens({1, 5, 3}), false).value(), 1);
        QCOMPARE(firstDivergence(tokens({4}), tokens({1}), true).value(), 0);
        QCOMPARE(firstDivergence(tokens({1, 2, 3}), tokens({1, 2, 4}), true).value(), 2);
    }
    void agreement() {
        QVERIFY(!firstDivergence(tokens({1, 2, 3}), tokens({1, 2, 3}), false));
        QVERIFY(!firstDivergence({}, {}, false));
    }
    void oneIsTheBeginningOfTheOther() {
        QVERIFY(!firstDivergence(tokens({1, 2, 3}), tokens({1, 2}), true));
        QCOMPARE(firstDivergence(tokens({1, 2, 3}), tokens({1, 2}), false).value(), 2);
    }
    /// Equal characters of unequal tokens are unequal tokens.
    void tokensCountNotCharacters() {
        const QList<TextToken> one{{1, "ab"}}, other{{2, "a"}, {3, "b"}};
        QCOMPARE(firstDivergence(one, other, false).value(), 0);
    }
    void offsets() {
        const auto list = tokens({1, 3, 5, 4});  // "x", "", "xx", "x"
        QCOMPARE(textOffset(list, 0), 0);
        QCOMPARE(textOffset(list, 1), 1);
        QCOMPARE(textOffset(list, 2), 1);
        QCOMPARE(textOffset(list, 3), 3);
        QCOMPARE(textOffset(list, 99), 4);
    }
};

QTEST_APPLESS_MAIN(DivergenceTest)
#include "tst_divergence.moc"
