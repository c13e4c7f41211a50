// The way a person goes, in the window with the real engine and nothing set by hand: Enter and Enter to a
// running LEAP on the starter; the theme switched amid it; the engine killed; resumed; finished; its report
// made.
#include <signal.h>

#include <QAction>
#include <QApplication>
#include <QLabel>
#include <QPushButton>
#include <QSettings>
#include <QTest>
#include <memory>

#include "core/base/file_io.h"
#include "ui/client/client_support.h"
#include "ui/run/run_form.h"
#include "ui/shell/main_window.h"
#include "ui/theme/theme.h"
#include "ui/workspace/actions.h"
#include "ui/workspace/workspace.h"

using namespace tessera;
using namespace tessera::test;
using namespace tessera::ui;
namespace fs = std::filesystem;

namespace {

constexpr int kMinute = 60000;

QPushButton* buttonNamed(QWidget* root, const QString& text) {
    for (auto* button : root->findChildren<QPushButton*>())
        if (button->isVisible() && button->text().contains(text)) return button;
    return nullptr;
}

}  // namespace

class WholeWayTest : public QObject {
    Q_OBJECT

    Home m_home;

    static QStringList visibleTexts(QWidget* root) {
        QStringList texts;
        for (auto* label : root->findChildren<QLabel*>())
            if (label->isVisible()) texts << label->text();
        return texts;
    }
    static bool says(QWidget* root, const QString& words) {
        return !visibleTexts(root).filter(words, Qt::CaseInsensitive).isEmpty();
    }

  public:
    /// Qt ends a test function after five minutes; this one takes about that long on a busy machine.
    static void initMain() { qputenv("QTEST_FUNCTION_TIMEOUT", "1500000"); }

  private Q_SLOTS:
    void initTestCase() {
        NEEDS_ENGINE();
        QSettings::setPath(QSettings::IniFormat, QSettings::UserScope,
                           QString::fromStdString((m_home / "settings").string()));
        Theme::instance().setMode(ThemeMode::Light);
    }

    void twoClicksToAFinishedRunAndItsReport() {
        WindowOptions options;
        options.runs = m_home.runs();
        options.size = QSize(1280, 800);
        MainWindow window(options);
        window.show();
        // A bare display has no window manager to hand the keyboard over.
        window.activateWindow();
        QVERIFY(QTest::qWaitForWindowActive(&window));
        auto& workspace = window.workspace();

        // One: the button that has the keyboard. Two: the one on the page that it leads to.
        QTRY_VERIFY(QApplication::focusWidget());
        QTest::keyClick(QApplication::focusWidget(), Qt::Key_Return);
        QTRY_COMPARE(int(window.page()), int(PageId::Run));
        auto* start = qobject_cast<QPushButton*>(window.pageWidget()->firstFocus());
        QVERIFY(start);
        QTRY_VERIFY(start->hasFocus() && start->isEnabled());
        // On a fast machine the run may be over before the first checkpoint of the usual minute.
        auto* form = window.pageWidget()->findChild<RunForm*>();
        QVERIFY(form && form->apply(QStringLiteral("checkpoint_seconds"), QStringLiteral("5")));
        QTest::keyClick(start, Qt::Key_Return);
        QTRY_VERIFY_WITH_TIMEOUT(workspace.running() && workspace.running()->state() == RunState::Running &&
                                     workspace.running()->steps().size() >= 3,
                                 3 * kMinute);
        const auto run = workspace.running()->path();
        QCOMPARE(workspace.running()->method(), QStringLiteral("leap"));
        QCOMPARE(workspace.running()->model(), QStringLiteral("starter"));

        // The theme changes under it, and the run goes on.
        const auto before = workspace.running()->steps().size();
        const auto light = window.grab().toImage().pixelColor(20, 300);
        Theme::instance().setMode(ThemeMode::Dark);
        QTRY_VERIFY(window.grab().toImage().pixelColor(20, 300).lightness() < light.lightness() - 80);
        QTRY_VERIFY_WITH_TIMEOUT(workspace.running() && workspace.running()->steps().size() > before,
                                 kMinute);

        // A checkpoint first, so that going on does not mean beginning again; then the engine dies.
        QTRY_VERIFY_WITH_TIMEOUT(workspace.running() && workspace.running()->lastCheckpoint() > 0,
                                 4 * kMinute);
        const auto checkpoint = workspace.running()->lastCheckpoint();
        QElapsedTimer since;
        since.start();
        ::kill(static_cast<pid_t>(workspace.engine().processId()), SIGKILL);
        QTRY_VERIFY(workspace.current()->state() == RunState::Interrupted);
        qInfo("its death was on the page after %lld ms", static_cast<long long>(since.elapsed()));
        QTRY_VERIFY(says(&window, QStringLiteral("killed")) || says(&window, QStringLiteral("Interrupted")));
        auto* resume = buttonNamed(&window, QStringLiteral("Resume"));
        QVERIFY(resume && resume->isEnabled());
        QTest::mouseClick(resume, Qt::LeftButton);
        QTRY_VERIFY_WITH_TIMEOUT(workspace.running() && workspace.running()->state() == RunState::Running,
                                 kMinute);
        QCOMPARE(workspace.running()->path(), run);
        QTRY_VERIFY_WITH_TIMEOUT(workspace.current()->state() == RunState::Finished, 8 * kMinute);
        QVERIFY(workspace.current()->result());
        QVERIFY(workspace.current()->steps().step.front() <= 1.0);
        QVERIFY(checkpoint > 0);

        // The report is a click away, and there.
        QTest::keyClick(&window, Qt::Key_6, Qt::AltModifier);
        QTRY_COMPARE(int(window.page()), int(PageId::Benchmark));
        fs::remove(run / "report.html");
        auto* report = buttonNamed(window.pageWidget(), QStringLiteral("HTML report"));
        QVERIFY(report);
        QTRY_VERIFY(report->isEnabled());
        QTest::mouseClick(report, Qt::LeftButton);
        QTRY_VERIFY_WITH_TIMEOUT(
            fs::exists(run / "report.html") && fs::file_size(run / "report.html") > 10000, kMinute);
        QVERIFY(readFile(run / "report.html").find("<script") == std::string::npos);
    }
};

QTEST_MAIN(WholeWayTest)
#include "tst_whole_way.moc"
