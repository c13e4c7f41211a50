#include <QAction>
#include <QApplication>
#include <QComboBox>
#include <QLabel>
#include <QMenuBar>
#include <QMimeData>
#include <QSettings>
#include <QSignalSpy>
#include <QSlider>
#include <QStatusBar>
#include <QTest>
#include <QToolButton>
#include <QWheelEvent>
#include <cmath>
#include <memory>

#include "core/session/run_directory.h"
#include "ui/client/client_support.h"
#include "ui/client/libraries.h"
#include "ui/client/run_record.h"
#include "ui/shell/main_window.h"
#include "ui/shell/popup.h"
#include "ui/shell/run_strip.h"
#include "ui/shell/sample_run.h"
#include "ui/theme/theme.h"
#include "ui/widgets/basics.h"
#include "ui/workspace/actions.h"
#include "ui/workspace/workspace.h"

using namespace tessera;
using namespace tessera::ui;

namespace {

QList<QLabel*> labelsOf(QWidget* widget) {
    QList<QLabel*> found;
    for (auto* label : widget->findChildren<QLabel*>())
        if (label->isVisible() && !label->text().isEmpty()) found << label;
    return found;
}

bool says(QWidget* widget, const QString& text) {
    const auto labels = labelsOf(widget);
    return std::any_of(labels.begin(), labels.end(),
                       [&](QLabel* label) { return label->text().contains(text); });
}

QString settingsPath() {
    return QSettings(QSettings::IniFormat, QSettings::UserScope, QStringLiteral("tessera"),
                     QStringLiteral("window"))
        .fileName();
}

}  // namespace

class TestMainWindow : public QObject {
    Q_OBJECT

    std::unique_ptr<test::Home> m_home;
    QByteArray m_cli;  ///< tests may point elsewhere

    std::unique_ptr<MainWindow> make(WindowOptions options = {}) {
        options.runs = m_home->runs();
        if (!options.size) options.size = QSize(1280, 800);
        auto window = std::make_unique<MainWindow>(options);
        window->show();
        // There may be no window manager to do so.
        window->activateWindow();
        if (!QTest::qWaitForWindowActive(window.get())) qWarning("the window did not become active");
        return window;
    }
    static Banner* bannerOf(MainWindow& window) {
        // The shell's own is the one outside the pages.
        for (auto* banner : window.findChildren<Banner*>()) {
            bool inPage = false;
            for (QWidget* up = banner; up; up = up->parentWidget())
                inPage |= qobject_cast<Page*>(up) != nullptr;
            if (!inPage) return banner;
        }
        return nullptr;
    }

  private Q_SLOTS:
    void initTestCase() {
        m_home = std::make_unique<test::Home>();
        m_cli = qgetenv("TESSERA_CLI");
    }

    void init() {
        m_home = std::make_unique<test::Home>();
        QSettings::setPath(QSettings::IniFormat, QSettings::UserScope,
                           QString::fromStdString((*m_home / "settings").string()));
        qputenv("TESSERA_CLI", m_cli);
        Theme::instance().setMode(ThemeMode::Light);
    }

    void everyActionHasATextAndItsOwnShortcut() {
        auto window = make();
        window->makeAllPages();
        const Actions& actions = window->workspace().actions();
        QHash<QString, QString> taken;
        QVERIFY(actions.all().size() > 15);
        for (const QAction* action : actions.all()) {
            const QString id = action->objectName();
            QVERIFY2(!action->text().isEmpty(), qPrintable(id));
            QVERIFY2(action->text().at(0).isUpper(), qPrintable(id));
            QVERIFY2(!action->text().contains(QLatin1Char('&')), qPrintable(id));
            QVERIFY2(!actions.group(action).isEmpty(), qPrintable(id));
            QVERIFY2(!action->shortcut().isEmpty(), qPrintable(id + " has no shortcut"));
            const QString keys = action->shortcut().toString();
            QVERIFY2(!taken.contains(keys),
                     qPrintable(QStringLiteral("%1 and %2 both have %3").arg(id, taken[keys], keys)));
            taken[keys] = id;
        }
    }

    void everyPageIsReachedByKeyboard() {
        auto window = make();
        QVERIFY(window->page() == PageId::Home);
        for (int i = kPages - 1; i >= 0; --i) {
            QTest::keyClick(window.get(), Qt::Key(Qt::Key_1 + i), Qt::AltModifier);
            QCOMPARE(int(window->page()), i);
            Page* page = window->pageWidget();
            QVERIFY(page->isVisible());
            QVERIFY(window->windowTitle().contains(page->title()));
            QWidget* first = page->firstFocus();
            QVERIFY2(first, qPrintable(page->title()));
            if (!(first->focusPolicy() & Qt::TabFocus)) continue;
            QTRY_VERIFY2(first->hasFocus() || first->isAncestorOf(QApplication::focusWidget()),
                         qPrintable(page->title()));
            // Once around with Tab comes by it again.
            bool around = false;
            for (int tabs = 0; tabs < 300 && !around; ++tabs) {
                QTest::keyClick(QApplication::focusWidget(), Qt::Key_Tab);
                around =
                    QApplication::focusWidget() == first || first->isAncestorOf(QApplication::focusWidget());
            }
            QVERIFY2(around, qPrintable(page->title()));
        }
    }

    void themeSwitchRecolours() {
        auto window = make();
        const auto corner = [&window] {
            return window->grab().toImage().pixelColor(3, window->height() / 2);
        };
        QTest::keyClick(window.get(), Qt::Key_D, Qt::ControlModifier | Qt::ShiftModifier);
        QVERIFY(Theme::instance().tokens().dark);
        QTRY_COMPARE(corner(), Theme::instance().tokens().surface);
        QTest::keyClick(window.get(), Qt::Key_L, Qt::ControlModifier | Qt::ShiftModifier);
        QVERIFY(!Theme::instance().tokens().dark);
        QTRY_COMPARE(corner(), Theme::instance().tokens().surface);
    }

    // Pages that were hidden at the switch are restyled later: they must look as if made in the new theme.
    void pagesHiddenAtASwitchLookAsIfMadeInTheNewTheme() {
        test::writeSampleRun(m_home->runs() / "finished-run", test::SampleEnd::Finished);
        const auto pictures = [this](bool switched) {
            WindowOptions options;
            options.theme = switched ? ThemeMode::Light : ThemeMode::Dark;
            options.open = m_home->runs() / "finished-run";
            options.safeMode = true;
            auto window = make(options);
            const auto look = [&window](PageId page) {
                window->showPage(page);
                [&window] { QTRY_VERIFY_WITH_TIMEOUT(window->pageWidget()->settled(), 60000); }();
                QTest::qWait(250);
                if (QWidget* focus = QApplication::focusWidget()) focus->clearFocus();
                return window->grab().toImage();
            };
            for (int i = 0; i < kPages; ++i) look(PageId(i));
            look(PageId::Home);
            QTest::keyClick(window.get(), Qt::Key_D, Qt::ControlModifier | Qt::ShiftModifier);
            std::vector<QImage> all;
            for (int i = 0; i < kPages; ++i) all.push_back(look(PageId(i)));
            return all;
        };
        const auto fresh = pictures(false), switched = pictures(true);
        for (int i = 0; i < kPages; ++i) {
            QCOMPARE(switched[std::size_t(i)].size(), fresh[std::size_t(i)].size());
            // In the mean of small squares: times, free memory and ticks may differ by thin strokes, a field
            // that stayed light differs by nearly all.
            const QSize coarse = fresh[std::size_t(i)].size() / 10;
            const QImage a =
                fresh[std::size_t(i)].scaled(coarse, Qt::IgnoreAspectRatio, Qt::SmoothTransformation);
            const QImage b =
                switched[std::size_t(i)].scaled(coarse, Qt::IgnoreAspectRatio, Qt::SmoothTransformation);
            int worst = 0;
            for (int y = 0; y < coarse.height(); ++y)
                for (int x = 0; x < coarse.width(); ++x)
                    worst = std::max(worst, std::abs(qGray(a.pixel(x, y)) - qGray(b.pixel(x, y))));
            QVERIFY2(worst < 80, qPrintable(QStringLiteral("%1: %2").arg(pageName(PageId(i))).arg(worst)));
        }
    }

    /// Scrolling over a choice or a slider changes neither, unless it has the keyboard.
    void theWheelThatScrollsChangesNothing() {
        auto window = make();
        window->showPage(PageId::Run);
        QTRY_VERIFY_WITH_TIMEOUT(window->pageWidget()->settled(), 60000);
        // Whether it was taken; what is not goes on to what scrolls.
        const auto turn = [](QWidget* over) {
            const QPointF middle(over->width() / 2.0, over->height() / 2.0);
            QWheelEvent event(middle, over->mapToGlobal(middle), QPoint(), QPoint(0, -120), Qt::NoButton,
                              Qt::NoModifier, Qt::NoScrollPhase, false);
            QApplication::sendEvent(over, &event);
            return event.isAccepted();
        };
        auto* method = window->pageWidget()->findChild<QComboBox*>(QStringLiteral("field.method"));
        auto* slider = window->pageWidget()->findChild<QSlider*>();
        QVERIFY(method && slider);
        // Nor does the wheel bring the keyboard.
        QVERIFY(method->focusPolicy() == Qt::StrongFocus && slider->focusPolicy() == Qt::StrongFocus);
        if (QWidget* focus = QApplication::focusWidget()) focus->clearFocus();
        const int index = method->currentIndex(), value = slider->value();
        QVERIFY(!turn(method) && !turn(slider));
        QCOMPARE(method->currentIndex(), index);
        QCOMPARE(slider->value(), value);
        slider->setFocus();
        QTRY_VERIFY(slider->hasFocus());
        QVERIFY(turn(slider) && slider->value() != value);
        method->setFocus();
        QTRY_VERIFY(method->hasFocus());
        QVERIFY(turn(method) && method->currentIndex() != index);
    }

    void statesOfRunsAreSaidInTheStatusBar_data() {
        QTest::addColumn<int>("end");
        QTest::addColumn<QString>("text");
        QTest::newRow("finished") << int(test::SampleEnd::Finished) << "Finished";
        QTest::newRow("stopped") << int(test::SampleEnd::Stopped) << "Stopped";
        QTest::newRow("interrupted") << int(test::SampleEnd::Interrupted) << "Interrupted";
    }
    void statesOfRunsAreSaidInTheStatusBar() {
        QFETCH(int, end);
        QFETCH(QString, text);
        const auto run = m_home->runs() / "sample-run";
        test::writeSampleRun(run, test::SampleEnd(end));
        auto window = make();
        auto* strip = window->findChild<RunStrip*>();
        QVERIFY(says(strip, "No run open"));
        window->workspace().open(run);
        QTRY_VERIFY(says(strip, text));
        for (int i = 0; i < kPages; ++i) {
            window->showPage(PageId(i));
            QVERIFY(strip->isVisible());
        }
        int buttons = 0;
        for (auto* button : strip->findChildren<QToolButton*>())
            if (button->isVisible() && button->defaultAction()) {
                ++buttons;
                QCOMPARE(button->defaultAction()->objectName(), QStringLiteral("run.resume"));
            }
        QCOMPARE(buttons, test::SampleEnd(end) == test::SampleEnd::Finished ? 0 : 1);
        QVERIFY(window->windowTitle().contains(QLatin1String("sample-run")));
    }

    void whatIsNoRunIsSaidCalmly() {
        const auto folder = m_home->runs() / "nothing-of-a-run";
        std::filesystem::create_directories(folder);
        auto window = make();
        for (const auto& path : {folder, m_home->runs() / "not-there"}) {
            window->workspace().open(path);
            QTRY_VERIFY(says(window->findChild<RunStrip*>(), "Unreadable"));
            for (int i = 0; i < kPages; ++i) window->showPage(PageId(i));
        }
        QVERIFY(!QApplication::activeModalWidget());
    }

    void closingTheWindowStopsTheEngineWithACheckpoint() {
        if (!test::Home::hasEngine()) QSKIP("there is no tessera-cli among the built programs");
        std::filesystem::path run;
        {
            auto window = make();
            window->workspace().start(test::smallSpec(100000));
            QTRY_VERIFY_WITH_TIMEOUT(window->workspace().current(), 120000);
            auto* record = window->workspace().current();
            QTRY_VERIFY_WITH_TIMEOUT(record->steps().size() > 3, 120000);
            auto* strip = window->findChild<RunStrip*>();
            QVERIFY(says(strip, "Running"));
            QVERIFY(says(strip, "Learn: step"));
            QVERIFY(says(strip, "ago"));
            run = record->path();
            window->close();
            QVERIFY(!QApplication::activeModalWidget());
        }
        QTRY_VERIFY_WITH_TIMEOUT(!RunLock::isHeld(run), 120000);
        QCOMPARE(RunDirectory::open(run).status(), std::string("stopped"));
        QVERIFY(RunDirectory::open(run).latestCheckpoint());
        auto window = make();
        Banner* banner = bannerOf(*window);
        QTRY_VERIFY2(
            banner->accessibleDescription().contains(QLatin1String("was stopped; it can go on from step")),
            qPrintable(banner->accessibleDescription()));
        QVERIFY(window->workspace().actions().action("run.resume")->isEnabled());
    }

    void theStripLeavesOutWhatDoesNotFit() {
        const auto run =
            m_home->runs() / "a-run-with-a-name-that-is-longer-than-any-status-bar-would-like-it-to-be";
        test::writeSampleRun(run, test::SampleEnd::Stopped);
        WindowOptions options;
        options.size = QSize(420, 400);
        options.open = run;
        auto window = make(options);
        auto* strip = window->findChild<RunStrip*>();
        QTRY_VERIFY(says(strip, "Stopped"));
        for (auto* child : strip->findChildren<QWidget*>(QString(), Qt::FindDirectChildrenOnly))
            if (child->isVisible())
                QVERIFY2(strip->rect().contains(child->geometry()), child->metaObject()->className());
    }

    void remainingTimeIsARange() {
        QCOMPARE(etaText(14 * 60, 16.2 * 60), QStringLiteral("about 14 to 16 min left"));
        QCOMPARE(etaText(20.2, 20.4), QStringLiteral("about 20 s left"));
        QCOMPARE(etaText(0, 0.2), QStringLiteral("about 0 to 1 s left"));
        QCOMPARE(etaText(3600, 7200), QStringLiteral("about 1.0 to 2.0 h left"));
        QCOMPARE(etaText(NAN, 5), QString());
    }

    void sentencesComeAcrossTheTop() {
        auto window = make();
        Workspace& workspace = window->workspace();
        Banner* banner = bannerOf(*window);
        QVERIFY(banner);
        workspace.tell(QStringLiteral("The disk is nearly full."), false, QStringLiteral("help.shortcuts"));
        QVERIFY(banner->isVisible());
        QCOMPARE(banner->accessibleDescription(), QStringLiteral("The disk is nearly full."));
        QList<QPushButton*> buttons;
        for (auto* button : banner->findChildren<QPushButton*>())
            if (!button->isHidden()) buttons << button;
        QCOMPARE(buttons.size(), 2);
        QTest::mouseClick(buttons.last(), Qt::LeftButton);
        QVERIFY(!banner->isVisible());
        // What went wrong is still to be read on the next page; a remark is not.
        workspace.tell(QStringLiteral("It broke."), true);
        window->showPage(PageId::Compare);
        QVERIFY(banner->isVisible());
        workspace.tell(QStringLiteral("A remark."));
        window->showPage(PageId::Home);
        QVERIFY(!banner->isVisible());
    }

    void anOfferThatIsOverTakesItsSentenceAlong() {
        auto window = make();
        Banner* banner = bannerOf(*window);
        QAction* action = window->workspace().actions().action(QStringLiteral("help.about"));
        window->workspace().tell(QStringLiteral("There is more to know."), true, action->objectName());
        QVERIFY(banner->isVisible());
        // Done in another way, or no longer possible.
        action->setEnabled(false);
        QVERIFY(!banner->isVisible());
        action->setEnabled(true);
        // Of another sentence it says nothing.
        window->workspace().tell(QStringLiteral("It broke."), true);
        action->setEnabled(false);
        QVERIFY(banner->isVisible());
        action->setEnabled(true);
    }

    void whatThePageSaysIsNotSaidAboveIt() {
        const auto run = m_home->runs() / "left";
        test::writeSampleRun(run, test::SampleEnd::Interrupted);
        auto window = make();
        Workspace& workspace = window->workspace();
        workspace.open(run);
        window->showPage(PageId::Run);
        QTRY_VERIFY(workspace.current()->resumable());
        QTRY_VERIFY(says(window->pageWidget(), QStringLiteral("ended before the run did")));
        Banner* banner = bannerOf(*window);
        workspace.tell(QStringLiteral("It was interrupted."), true, QStringLiteral("run.resume"));
        QVERIFY(!banner->isVisible());
        window->showPage(PageId::Inspect);
        QVERIFY(banner->isVisible());
        window->showPage(PageId::Run);
        QVERIFY(!banner->isVisible());
        // The form for another run says nothing of it.
        workspace.setDrafting(true);
        QVERIFY(banner->isVisible());
        workspace.setDrafting(false);
        QVERIFY(!banner->isVisible());
    }

    void withoutTheEngineASentenceSaysSo() {
        qputenv("TESSERA_CLI", "/nowhere/tessera-cli");
        auto window = make();
        Banner* banner = bannerOf(*window);
        QTRY_VERIFY(banner->isVisible());
        QVERIFY2(banner->accessibleDescription().contains(QLatin1String("tessera-cli")),
                 qPrintable(banner->accessibleDescription()));
        QVERIFY(!QApplication::activeModalWidget());
    }

    void aRunLeftUnfinishedIsOfferedAtTheNextStart() {
        const auto run = m_home->runs() / "left";
        test::writeSampleRun(run, test::SampleEnd::Stopped);
        {
            auto window = make();
            window->workspace().open(run);
            window->showPage(PageId::Inspect);
            window->close();
        }
        auto window = make();
        QVERIFY(window->page() == PageId::Inspect);
        Banner* banner = bannerOf(*window);
        QTRY_VERIFY(banner->accessibleDescription().contains(QLatin1String("left")));
        QVERIFY(banner->isVisible());
    }

    void settingsAreRememberedButNotInSafeMode() {
        {
            auto window = make();
            QTest::keyClick(window.get(), Qt::Key_D, Qt::ControlModifier | Qt::ShiftModifier);
            window->showPage(PageId::Compare);
            window->close();
        }
        Theme::instance().setMode(ThemeMode::Light);
        {
            WindowOptions safe;
            safe.safeMode = true;
            auto window = make(safe);
            QVERIFY(window->page() == PageId::Home);
            QVERIFY(Theme::instance().mode() == ThemeMode::System);
            window->close();
        }
        auto window = make();
        QVERIFY(window->page() == PageId::Compare);
        QVERIFY(Theme::instance().mode() == ThemeMode::Dark);
    }

    void spoiltSettingsGiveTheUsualWindow_data() {
        QTest::addColumn<QByteArray>("content");
        QTest::newRow("noise") << QByteArray("\x00\xff[[[=\n\n%%%geometry=@ByteArray(\\x", 30);
        QTest::newRow("another version") << QByteArray("[General]\nversion=999\npage=compare\ntheme=dark\n");
        QTest::newRow("nonsense values") << QByteArray(
            "[General]\nversion=1\npage=attic\ntheme=plaid\ngeometry=@ByteArray(abc)\nlast-run=/dev/null\n");
        QTest::newRow("wrong types") << QByteArray(
            "[General]\nversion=1\npage=@Variant(\\0\\0\\0)\ngeometry=1,2,3\n");
        QTest::newRow("long") << QByteArray("[General]\nversion=1\ngeometry=@ByteArray(") +
                                     QByteArray(100000, 'x') + ")\n";
    }
    void spoiltSettingsGiveTheUsualWindow() {
        QFETCH(QByteArray, content);
        QDir().mkpath(QFileInfo(settingsPath()).path());
        QFile file(settingsPath());
        QVERIFY(file.open(QIODevice::WriteOnly));
        file.write(content);
        file.close();
        auto window = make();
        QVERIFY(window->page() == PageId::Home);
        QVERIFY(Theme::instance().mode() == ThemeMode::System);
        QVERIFY(window->width() >= 320 && window->height() >= 320);
        window->close();
        // And they are whole again.
        QCOMPARE(int(WindowSettings::load().page), int(PageId::Home));
        QVERIFY(!WindowSettings::load().geometry.isEmpty());
    }

    void paletteAndShortcutSheetOpenAndClose() {
        auto window = make();
        QTest::keyClick(window.get(), Qt::Key_K, Qt::ControlModifier);
        QTRY_VERIFY(window->findChild<Popup*>());
        auto* popup = window->findChild<Popup*>();
        QVERIFY(popup->isVisible());
        QVERIFY(popup->rect().contains(popup->panel()->geometry()));
        QWidget* before = window->pageWidget()->firstFocus();
        QVERIFY(popup->isAncestorOf(QApplication::focusWidget()));
        for (int i = 0; i < 5; ++i) {
            QTest::keyClick(QApplication::focusWidget(), Qt::Key_Tab);
            QVERIFY(popup->isAncestorOf(QApplication::focusWidget()));
        }
        QTest::keyClick(popup->focusProxy(), Qt::Key_Escape);
        QTRY_VERIFY(!window->findChild<Popup*>());
        QVERIFY(before->hasFocus() || before->isAncestorOf(QApplication::focusWidget()));
        QTest::keyClick(window.get(), Qt::Key_F1);
        QTRY_VERIFY(window->findChild<Popup*>());
        popup = window->findChild<Popup*>();
        // It names every action that has keys.
        for (const QAction* action : window->workspace().actions().all()) {
            bool named = false;
            for (const auto* label : popup->findChildren<QLabel*>()) named |= label->text() == action->text();
            QVERIFY2(named, qPrintable(action->text()));
        }
        QTest::keyClick(QApplication::focusWidget(), Qt::Key_Escape);
        QTRY_VERIFY(!window->findChild<Popup*>());
        // A press beside the panel closes it, one on the panel does not.
        QTest::keyClick(window.get(), Qt::Key_F1, Qt::ShiftModifier);
        QTRY_VERIFY(window->findChild<Popup*>());
        popup = window->findChild<Popup*>();
        QTest::mouseClick(popup, Qt::LeftButton, Qt::NoModifier, popup->panel()->geometry().center());
        QVERIFY(popup->isVisible());
        QTest::mouseClick(popup, Qt::LeftButton, Qt::NoModifier, QPoint(3, 3));
        QTRY_VERIFY(!window->findChild<Popup*>());
    }

    void menusHoldTheActionsOfThisPageOnly() {
        auto window = make();
        window->makeAllPages();
        for (int i = 0; i < kPages; ++i) {
            window->showPage(PageId(i));
            QSet<QAction*> shown;
            for (QAction* title : window->menuBar()->actions()) {
                if (!title->isVisible() || !title->menu()) continue;
                Q_EMIT title->menu()->aboutToShow();
                int entries = 0;
                for (QAction* entry : title->menu()->actions()) {
                    entries += entry->isSeparator() ? 0 : 1;
                    shown.insert(entry);
                }
                QVERIFY2(entries > 0, qPrintable(title->text()));
            }
            for (const char* id : {"file.open", "run.pause", "view.page.home", "help.shortcuts"})
                QVERIFY(shown.contains(window->workspace().actions().action(QLatin1String(id))));
        }
    }

    void droppedRunsOpenAndOtherFilesBecomeModels() {
        const auto run = m_home->runs() / "dropped";
        test::writeSampleRun(run, test::SampleEnd::Finished);
        auto window = make();
        const auto drop = [&](const std::filesystem::path& path) {
            QMimeData mime;
            mime.setUrls({QUrl::fromLocalFile(QString::fromStdString(path.string()))});
            QDragEnterEvent enter(QPoint(5, 5), Qt::CopyAction, &mime, Qt::LeftButton, Qt::NoModifier);
            QApplication::sendEvent(window.get(), &enter);
            QVERIFY(enter.isAccepted());
            QDropEvent event(QPointF(5, 5), Qt::CopyAction, &mime, Qt::LeftButton, Qt::NoModifier);
            QApplication::sendEvent(window.get(), &event);
        };
        drop(run);
        QVERIFY(window->page() == PageId::Run);
        QTRY_VERIFY(says(window->findChild<RunStrip*>(), "Finished"));
        drop(*m_home / "no-model.gguf");
        QVERIFY(window->page() == PageId::Home);
        QVERIFY(window->workspace().chosenModel().endsWith(QLatin1String("no-model.gguf")));
    }
};

QTEST_MAIN(TestMainWindow)
#include "tst_main_window.moc"
