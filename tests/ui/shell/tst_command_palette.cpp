#include <QAction>
#include <QLineEdit>
#include <QListWidget>
#include <QPointer>
#include <QTest>

#include "ui/shell/command_palette.h"
#include "ui/theme/theme.h"
#include "ui/workspace/actions.h"

using namespace tessera::ui;

class TestCommandPalette : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void initTestCase() { Theme::instance(); }

    void lettersAreFoundInTheirOrder() {
        QVERIFY(fuzzyScore("stop", "Stop the run") > 0);
        QVERIFY(fuzzyScore("str", "Stop the run") > 0);
        QVERIFY(fuzzyScore("STR", "Stop the run") > 0);
        QCOMPARE(fuzzyScore("rts", "Stop the run"), -1);
        QCOMPARE(fuzzyScore("stopp", "Stop the run"), -1);
        QCOMPARE(fuzzyScore("", "Stop the run"), 0);
        // Every letter in order is enough, whatever heads of words lie in between.
        QVERIFY(fuzzyScore("ao", "a bo a") > 0);
    }

    void betterFitsComeFirst() {
        QVERIFY(fuzzyScore("run", "Run all") > fuzzyScore("run", "Resume unknown"));
        QVERIFY(fuzzyScore("gi", "Go to Inspect") > fuzzyScore("gi", "Drag it"));
        QVERIFY(fuzzyScore("dark", "Use the dark theme") > fuzzyScore("dark", "Drop all ranks"));
    }

    void chosenActionRunsOnceThePaletteIsGone() {
        Actions actions;
        QAction* light = actions.add("a.light", "View", "Use the light theme", QKeySequence("Ctrl+1"), "sun");
        QAction* dark = actions.add("a.dark", "View", "Use the dark theme", QKeySequence("Ctrl+2"), "moon");
        QAction* off = actions.add("a.off", "View", "Use the darkest theme", QKeySequence("Ctrl+3"));
        off->setEnabled(false);
        QWidget window;
        window.resize(900, 700);
        window.show();
        QVERIFY(QTest::qWaitForWindowExposed(&window));
        QAction* ran = nullptr;
        QPointer<CommandPalette> palette(new CommandPalette(
            actions, [&ran](QAction* action) { ran = action; }, &window));
        palette->open(QSize(600, 400));
        auto* list = palette->findChild<QListWidget*>();
        auto* input = palette->findChild<QLineEdit*>();
        QCOMPARE(list->count(), 2);
        QTest::keyClicks(input, "dark");
        QCOMPARE(list->count(), 1);
        QCOMPARE(list->item(0)->text(), dark->text());
        input->clear();
        QTest::keyClick(input, Qt::Key_Down);
        QCOMPARE(list->currentRow(), 1);
        QTest::keyClick(input, Qt::Key_Up);
        QTest::keyClick(input, Qt::Key_Return);
        QTRY_VERIFY(!palette);
        QTRY_COMPARE(ran, light);
    }

    void nothingFoundIsSaid() {
        Actions actions;
        actions.add("a.light", "View", "Use the light theme", QKeySequence("Ctrl+1"));
        QWidget window;
        bool ran = false;
        CommandPalette palette(
            actions, [&ran](QAction*) { ran = true; }, &window);
        auto* input = palette.findChild<QLineEdit*>();
        QTest::keyClicks(input, "zzz");
        auto* list = palette.findChild<QListWidget*>();
        QCOMPARE(list->count(), 1);
        QVERIFY(!(list->item(0)->flags() & Qt::ItemIsEnabled));
        QTest::keyClick(input, Qt::Key_Return);
        QTest::qWait(10);
        QVERIFY(!ran);
    }
};

QTEST_MAIN(TestCommandPalette)
#include "tst_command_palette.moc"
