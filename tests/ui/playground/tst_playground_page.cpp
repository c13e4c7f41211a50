// Dense and pruned side by side, with the real engine on the starter.
#include <QAction>
#include <QApplication>
#include <QCheckBox>
#include <QLabel>
#include <QPlainTextEdit>
#include <QProcess>
#include <QPushButton>
#include <QSettings>
#include <QSpinBox>
#include <QTest>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <fstream>
#include <memory>
#include <thread>
#include <vector>

#include "ui/client/cli_call.h"
#include "ui/client/client_support.h"
#include "ui/client/sentences.h"
#include "ui/playground/playground_page.h"
#include "ui/playground/text_column.h"
#include "ui/theme/theme.h"
#include "ui/workspace/actions.h"
#include "ui/workspace/workspace.h"

using namespace tessera;
using namespace tessera::test;
using namespace tessera::ui;
namespace fs = std::filesystem;

namespace {

constexpr int kLong = 240000;
constexpr const char* kPrompt = "The user can";
using State = TextSide::State;

/// What one call of the engine says; null where it fails.
Json call(const QStringList& arguments) {
    CliCall cli(arguments);
    Json answer;
    bool over = false;
    QObject::connect(&cli, &CliCall::done, &cli, [&](const Json& document) {
        answer = document;
        over = true;
    });
    QObject::connect(&cli, &CliCall::failed, &cli, [&](const QString& sentence) {
        qWarning() << sentence;
        over = true;
    });
    cli.start();
    (void)QTest::qWaitFor([&] { return over; }, kLong);
    return answer;
}

struct Shown {
    explicit Shown(const fs::path& runs, const fs::path& run = {}) : workspace(runs) {
        if (!run.empty()) workspace.open(run);
        page = std::make_unique<PlaygroundPage>(workspace);
        page->resize(1180, 720);
        page->show();
        (void)QTest::qWaitForWindowExposed(page.get());
        prompt()->setPlainText(kPrompt);
        field("Tokens")->setValue(24);
    }
    QPlainTextEdit* prompt() const {
        for (auto* edit : page->findChildren<QPlainTextEdit*>())
            if (edit->accessibleName() == "Prompt") return edit;
        return nullptr;
    }
    QSpinBox* field(const QString& name) const {
        for (auto* box : page->findChildren<QSpinBox*>())
            if (box->accessibleName() == name) return box;
        return nullptr;
    }
    QAction* action(const char* id) const { return workspace.actions().action(QLatin1String(id)); }
    TextColumn* column(int i) const { return page->findChildren<TextColumn*>().at(i); }
    const QList<TextSide>& sides() const { return page->generation().sides(); }
    bool generate() {
        action("playground.generate")->trigger();
        return QTest::qWaitFor([this] { return page->settled(); }, kLong);
    }
    bool says(const QString& words) const {
        for (auto* label : page->findChildren<QLabel*>())
            if (label->isVisible() && label->text().contains(words)) return true;
        return false;
    }

    Workspace workspace;
    std::unique_ptr<PlaygroundPage> page;
};

/// Lets the engines that this process has started run for a twentieth of the time only: the starter writes
/// hundreds of tokens between two looks at the page. Waking takes a busy machine longer than such a moment,
/// so that nothing would ever be written there: the moments grow until something is.
class SlowEngines {
  public:
    SlowEngines()
        : m_thread([this] {
              for (int turn = 0; !m_done; ++turn) {
                  const auto engines = children();
                  for (const auto engine : engines) ::kill(engine, SIGSTOP);
                  std::this_thread::sleep_for(std::chrono::milliseconds(19));
                  for (const auto engine : engines) ::kill(engine, SIGCONT);
                  std::this_thread::sleep_for(std::chrono::milliseconds(1 + turn / 250));
              }
          }) {}
    ~SlowEngines() {
        m_done = true;
        m_thread.join();
    }

  private:
    static std::vector<pid_t> children() {
        std::vector<pid_t> found;
        std::error_code gone;  // threads end
        for (const auto& task : fs::directory_iterator("/proc/self/task", gone)) {
            std::ifstream list(task.path() / "children");
            for (pid_t child = 0; list >> child;) found.push_back(child);
        }
        return found;
    }

    std::atomic<bool> m_done = false;
    std::thread m_thread;
};

}  // namespace

class PlaygroundPageTest : public QObject {
    Q_OBJECT

    Home m_home;
    QByteArray m_engine;

    fs::path run() const { return m_home.runs() / "pruned"; }

  private Q_SLOTS:
    void initTestCase() {
        QSettings::setDefaultFormat(QSettings::IniFormat);
        QSettings::setPath(QSettings::IniFormat, QSettings::UserScope,
                           QString::fromStdString((m_home / "settings").string()));
        Theme::instance().setMode(ThemeMode::Light);
        m_engine = qgetenv("TESSERA_CLI");
    }
    void init() { qputenv("TESSERA_CLI", m_engine); }

    void withoutARunTheDenseModelWritesAlone() {
        NEEDS_ENGINE();
        Shown shown(m_home.runs());
        QVERIFY(shown.says("No pruned model yet"));
        QVERIFY(shown.generate());
        QCOMPARE(shown.sides().size(), 1);
        QCOMPARE(int(shown.sides()[0].state), int(State::Done));
        QCOMPARE(shown.sides()[0].tokens.size(), 24);
        QCOMPARE(shown.column(0)->shownText(), kPrompt + shown.sides()[0].text);
        QVERIFY(shown.sides()[0].tokensPerSecond > 0);
        QVERIFY(shown.sides()[0].kernel.contains("dense"));
    }

    void theDenseTextIsTheCommandLines() {
        NEEDS_ENGINE();
        Shown shown(m_home.runs());
        shown.field("Seed")->setValue(7);
        QVERIFY(shown.generate());
        const auto said = call({"generate", "starter", "--prompt", kPrompt, "--tokens", "24", "--seed", "7",
                                "--temperature", "0.8"});
        QVERIFY(said.is_object());
        QCOMPARE(shown.sides()[0].text, textAt(said, "text"));
        for (int i = 0; i < 24; ++i)
            QCOMPARE(shown.sides()[0].tokens[i].id, said["ids"][std::size_t(i)].get<int>());
    }

    void bothSides() {
        NEEDS_ENGINE();
        QProcess pruning;
        pruning.start(QString::fromStdString(cliProgram().string()),
                      {"run", "--model", "starter", "--method", "magnitude", "--sparsity", "0.7", "--text",
                       TESSERA_SOURCE_DIR "/LICENSE", "--set", "eval_windows=1", "--set", "eval_window=64",
                       "--out", QString::fromStdString(run().string())});
        QVERIFY(pruning.waitForFinished(kLong));
        QCOMPARE(pruning.exitCode(), 0);
        Shown shown(m_home.runs(), run());
        QTRY_VERIFY(!shown.says("is not finished") && shown.column(1)->isVisible());
        QTRY_VERIFY(shown.says("70 % pruned"));
        QVERIFY(shown.says("the two texts part is marked in both"));
        QVERIFY(shown.generate());
        QCOMPARE(shown.sides().size(), 2);
        for (const auto& side : shown.sides()) QCOMPARE(int(side.state), int(State::Done));
        QVERIFY(shown.sides()[1].kernel.contains("bitmap"));
        const auto first = shown.sides()[0].text, second = shown.sides()[1].text;
        const auto pruned =
            call({"generate", QString::fromStdString(run().string()), "--prompt", kPrompt, "--tokens", "24"});
        QCOMPARE(second, textAt(pruned, "text"));

        // The first token that differs, and it is what both columns mark.
        const auto apart = shown.page->generation().divergence();
        QVERIFY(apart.has_value());
        const auto& one = shown.sides()[0].tokens;
        const auto& other = shown.sides()[1].tokens;
        for (qsizetype i = 0; i < *apart; ++i) QCOMPARE(one[i].id, other[i].id);
        QVERIFY(one[*apart].id != other[*apart].id);
        QCOMPARE(shown.column(0)->markedText(), one[*apart].text);
        QCOMPARE(shown.column(1)->markedText(), other[*apart].text);
        QVERIFY(shown.says(*apart ? "The texts agree for" : "from the first token on"));

        // The same seed again, another seed.
        QVERIFY(shown.generate());
        QCOMPARE(shown.sides()[0].text, first);
        QCOMPARE(shown.sides()[1].text, second);
        shown.field("Seed")->setValue(8);
        QVERIFY(shown.generate());
        QVERIFY(shown.sides()[0].text != first);

        // Greedy, the seed does not matter.
        shown.page->findChild<QCheckBox*>()->setChecked(true);
        QVERIFY(!shown.field("Seed")->isEnabled());
        QVERIFY(shown.generate());
        const auto greedy = shown.sides()[0].text;
        shown.field("Seed")->setValue(9);
        QVERIFY(shown.generate());
        QCOMPARE(shown.sides()[0].text, greedy);
    }

    void stopKeepsWhatWasWritten() {
        NEEDS_ENGINE();
        Shown shown(m_home.runs());
        shown.field("Tokens")->setValue(240);
        QVERIFY(!shown.action("playground.stop")->isEnabled());
        auto slow = std::make_unique<SlowEngines>();
        shown.action("playground.generate")->trigger();
        QVERIFY(!shown.action("playground.generate")->isEnabled());
        QTRY_VERIFY_WITH_TIMEOUT(shown.sides()[0].tokens.size() >= 2, kLong);
        shown.action("playground.stop")->trigger();
        slow.reset();
        QTRY_VERIFY_WITH_TIMEOUT(shown.page->settled(), kLong);
        QCOMPARE(int(shown.sides()[0].state), int(State::Stopped));
        QVERIFY(shown.sides()[0].tokens.size() < 240);
        QVERIFY(shown.column(0)->shownText().size() > QString(kPrompt).size());
        QVERIFY(shown.says("Stopped"));
        shown.field("Tokens")->setValue(3);
        QVERIFY(shown.generate());
        QCOMPARE(shown.sides()[0].tokens.size(), 3);
    }

    /// More than the model can read: the engine's sentence, on the side that it belongs to.
    void whatGoesWrongIsSaid() {
        NEEDS_ENGINE();
        Shown shown(m_home.runs());
        shown.prompt()->setPlainText(QString("The user can ").repeated(200));
        QVERIFY(shown.generate());
        QCOMPARE(int(shown.sides()[0].state), int(State::Failed));
        QVERIFY(shown.says("reads at most"));
        QVERIFY(shown.action("playground.generate")->isEnabled());
    }

    void withoutAnEngine() {
        qputenv("TESSERA_CLI", "/no/such/program");
        Shown shown(m_home.runs());
        shown.action("playground.generate")->trigger();
        QTRY_VERIFY(shown.page->settled());
        QTRY_VERIFY(shown.says("engine is missing"));
    }

    void anUnfinishedRunIsSaid() {
        MadeRun made(m_home.runs() / "half");
        made.add(stateEvent("stopped"));
        Shown shown(m_home.runs(), made.path());
        QTRY_VERIFY(shown.says("half is not finished"));
    }

    void anEmptyPromptIsNotSent() {
        Shown shown(m_home.runs());
        QVERIFY(shown.action("playground.generate")->isEnabled());
        shown.prompt()->clear();
        QVERIFY(!shown.action("playground.generate")->isEnabled());
    }

    void everyFieldHasAName() {
        Shown shown(m_home.runs());
        for (auto* widget : shown.page->findChildren<QWidget*>()) {
            const bool control = qobject_cast<QAbstractButton*>(widget) ||
                                 qobject_cast<QAbstractSpinBox*>(widget) ||
                                 qobject_cast<QPlainTextEdit*>(widget);
            if (control && widget->focusPolicy() != Qt::NoFocus)
                QVERIFY2(!widget->accessibleName().isEmpty(), widget->metaObject()->className());
        }
    }
};

QTEST_MAIN(PlaygroundPageTest)
#include "tst_playground_page.moc"
