// The first page as people use it: models chosen, opened, dropped and fetched, runs opened and gone on with.
#include <QApplication>
#include <QClipboard>
#include <QDropEvent>
#include <QMenu>
#include <QMimeData>
#include <QProgressBar>
#include <QPushButton>
#include <QSettings>
#include <QSignalSpy>
#include <QTest>
#include <QUrl>

#include "support/gguf_writer.h"
#include "ui/client/client_support.h"
#include "ui/client/libraries.h"
#include "ui/home/home_page.h"
#include "ui/home/model_card.h"
#include "ui/home/model_cards.h"
#include "ui/home/recent_runs_table.h"
#include "ui/theme/theme.h"
#include "ui/widgets/basics.h"
#include "ui/workspace/workspace.h"

using namespace tessera;
using namespace tessera::test;
using namespace tessera::ui;
namespace fs = std::filesystem;

namespace {

constexpr int kLong = 120000;

QString words(const fs::path& path) {
    return QString::fromStdString(path.string());
}

/// A workspace with the page in front of it.
struct Shown {
    explicit Shown(const fs::path& runs) : workspace(runs), page(workspace) {
        page.resize(1180, 720);
        page.show();
        // A bare display has no window manager to hand the keyboard over.
        page.activateWindow();
        (void)QTest::qWaitForWindowActive(&page);
        page.firstFocus()->setFocus();
    }
    ModelCards* cards() const { return page.findChild<ModelCards*>(); }
    ModelCard* card(const QString& name) const { return cards()->card(name); }
    QPushButton* primary() const { return page.findChild<QPushButton*>("primary"); }
    RecentRunsTable* table() const { return page.findChild<RecentRunsTable*>(); }
    QPushButton* button(const QString& accessibleName) const {
        for (auto* button : page.findChildren<QPushButton*>())
            if (button->accessibleName() == accessibleName && button->isVisible()) return button;
        return nullptr;
    }
    QString notice() const { return page.findChild<Banner*>()->accessibleDescription(); }
    /// Drops files as the desktop does.
    void drop(const QStringList& paths) {
        QMimeData data;
        QList<QUrl> urls;
        for (const auto& path : paths) urls << QUrl::fromLocalFile(path);
        data.setUrls(urls);
        QDragEnterEvent enter(QPoint(50, 50), Qt::CopyAction, &data, Qt::LeftButton, Qt::NoModifier);
        QCoreApplication::sendEvent(&page, &enter);
        QVERIFY(enter.isAccepted());
        QDropEvent event(QPointF(50, 50), Qt::CopyAction, &data, Qt::LeftButton, Qt::NoModifier);
        QCoreApplication::sendEvent(&page, &event);
        QVERIFY(event.isAccepted());
    }

    Workspace workspace;
    HomePage page;
};

std::string smallGguf() {
    GgufWriter gguf;
    gguf.text("general.architecture", "llama");
    gguf.u32("llama.block_count", 1);
    gguf.u32("llama.embedding_length", 32);
    gguf.u32("llama.feed_forward_length", 64);
    gguf.u32("llama.attention.head_count", 4);
    gguf.u32("llama.attention.head_count_kv", 2);
    gguf.u32("llama.context_length", 64);
    gguf.f32("llama.attention.layer_norm_rms_epsilon", 1e-5f);
    std::vector<std::string> tokens;
    for (int i = 0; i < 16; ++i) tokens.push_back("t" + std::to_string(i));
    gguf.text("tokenizer.ggml.model", "gpt2");
    gguf.texts("tokenizer.ggml.tokens", tokens);
    const auto add = [&](const std::string& name, std::int64_t rows, std::int64_t cols) {
        gguf.tensor(name, cols ? std::vector<std::int64_t>{rows, cols} : std::vector<std::int64_t>{rows}, 0,
                    std::string(static_cast<std::size_t>(rows * (cols ? cols : 1) * 4), '\0'));
    };
    add("token_embd.weight", 16, 32);
    add("output_norm.weight", 32, 0);
    add("blk.0.attn_norm.weight", 32, 0);
    add("blk.0.ffn_norm.weight", 32, 0);
    add("blk.0.attn_q.weight", 32, 32);
    add("blk.0.attn_k.weight", 16, 32);
    add("blk.0.attn_v.weight", 16, 32);
    add("blk.0.attn_output.weight", 32, 32);
    add("blk.0.ffn_gate.weight", 64, 32);
    add("blk.0.ffn_up.weight", 64, 32);
    add("blk.0.ffn_down.weight", 32, 64);
    return gguf.bytes();
}

}  // namespace

class HomePageTest : public QObject {
    Q_OBJECT

    Home m_home;

    /// A program in the engine's place.
    void useProgram(const QByteArray& script) {
        const auto path = m_home / "engine.sh";
        std::ofstream(path, std::ios::binary) << "#!/bin/sh\n" << script.toStdString();
        fs::permissions(path, fs::perms::owner_all);
        qputenv("TESSERA_CLI", path.c_str());
    }

  private Q_SLOTS:
    void initTestCase() {
        QCoreApplication::setOrganizationName("TesseraTest");
        QSettings::setDefaultFormat(QSettings::IniFormat);
        QSettings::setPath(QSettings::IniFormat, QSettings::UserScope, words(m_home / "settings"));
        Theme::instance().setMode(ThemeMode::Light);
        m_engine = qgetenv("TESSERA_CLI");
    }
    void init() {
        QSettings().clear();
        qputenv("TESSERA_CLI", m_engine);
        qputenv("TESSERA_RESOURCES", TESSERA_SOURCE_DIR "/resources");
        fs::remove_all(m_home.runs());
        fs::remove_all(m_home / "data");
        fs::create_directories(m_home.runs());
    }

    void cardsAreThoseOfTheCatalogue() {
        Shown shown(m_home.runs());
        if (auto* more = shown.page.findChild<QPushButton*>("moreModels"); more->isVisible()) more->click();
        const auto& models = shown.workspace.models().models();
        QVERIFY(models.size() >= 2);
        for (const auto& model : models) {
            auto* card = shown.card(model.name);
            QVERIFY(card);
            QCOMPARE(card->accessibleName(), model.title);
            QVERIFY(card->accessibleDescription().contains(model.licence));
            QVERIFY(card->accessibleDescription().contains(countText(double(model.parameters))));
            // One size for all.
            QCOMPARE(card->size(), shown.card("starter")->size());
        }
        QVERIFY(shown.card("starter")->isChecked());
        QVERIFY(!shown.card("smollm2-135m")->isChecked());
        QVERIFY(shown.button("Get SmolLM2 135M Instruct (Q4_1)"));
        QVERIFY(shown.card("smollm2-135m")->fitText().contains("Not on this machine"));
    }

    void enterGoesToARunOfTheStarter() {
        Shown shown(m_home.runs());
        QCOMPARE(shown.page.firstFocus(), static_cast<QWidget*>(shown.primary()));
        QCOMPARE(shown.primary()->text(), QString("Prune the starter model"));
        QSignalSpy wanted(&shown.workspace, &Workspace::pageWanted);
        QTest::keyClick(shown.primary(), Qt::Key_Return);
        QCOMPARE(wanted.size(), 1);
        QCOMPARE(int(wanted[0][0].value<PageId>()), int(PageId::Run));
        QCOMPARE(shown.workspace.chosenModel(), QString("starter"));
        QVERIFY(shown.workspace.drafting());
    }

    void arrowsChooseAndEnterGoesOn() {
        Shown shown(m_home.runs());
        auto* starter = shown.card("starter");
        starter->setFocus();
        QTest::keyClick(starter, Qt::Key_Right);
        QVERIFY(shown.card("smollm2-135m")->isChecked() && !starter->isChecked());
        QCOMPARE(shown.primary()->text(), QString("Get SmolLM2 135M Instruct"));
        QTest::keyClick(shown.card("smollm2-135m"), Qt::Key_Left);
        QVERIFY(starter->isChecked());
        QSignalSpy wanted(&shown.workspace, &Workspace::pageWanted);
        QTest::keyClick(starter, Qt::Key_Return);
        QCOMPARE(wanted.size(), 1);
    }

    void whetherItFitsIsAsked() {
        NEEDS_ENGINE();
        Shown shown(m_home.runs());
        QTRY_VERIFY_WITH_TIMEOUT(shown.card("starter")->fitText().contains("LEAP needs"), kLong);
        QTRY_VERIFY_WITH_TIMEOUT(shown.page.settled(), kLong);
    }

    void memoryDecidesTheSentence_data() {
        QTest::addColumn<QByteArray>("answer");
        QTest::addColumn<QString>("says");
        QTest::newRow("little") << QByteArray(R"({"methods":{"leap":{"bytes":1048576}}})")
                                << "Fits: LEAP needs 1.00 MiB of ";
        QTest::newRow("too much") << QByteArray(R"({"methods":{"leap":{"bytes":1125899906842624}}})")
                                  << "Too large here: LEAP needs 1.00 PiB, ";
        QTest::newRow("nothing said") << QByteArray("{}") << "does not say";
        QTest::newRow("no document") << QByteArray("what?") << "cannot be read";
    }
    void memoryDecidesTheSentence() {
        QFETCH(QByteArray, answer);
        QFETCH(QString, says);
        useProgram("echo '" + answer + "'\n");
        Shown shown(m_home.runs());
        QTRY_VERIFY2(shown.card("starter")->fitText().contains(says),
                     qPrintable(shown.card("starter")->fitText()));
    }

    void aDroppedFolderIsAModel() {
        Shown shown(m_home.runs());
        const QString path = TESSERA_SOURCE_DIR "/tests/data/tiny_llama";
        shown.drop({path});
        QTRY_VERIFY(shown.card(path) && shown.card(path)->model().installed);
        QVERIFY(shown.card(path)->isChecked());
        QCOMPARE(shown.primary()->text(), QString("Prune tiny_llama"));
        shown.primary()->click();
        QCOMPARE(shown.workspace.chosenModel(), path);
        // Remembered.
        Shown again(m_home.runs());
        QTRY_VERIFY(again.card(path) && again.card(path)->model().installed);
    }

    void aDroppedGgufIsAModel() {
        const auto path = m_home / "small.gguf";
        std::ofstream(path, std::ios::binary) << smallGguf();
        Shown shown(m_home.runs());
        shown.drop({words(path)});
        QTRY_VERIFY(shown.card(words(path)) && !shown.card(words(path))->model().reading);
        QVERIFY2(shown.card(words(path))->model().problem.isEmpty(),
                 qPrintable(shown.card(words(path))->model().problem));
        QTRY_VERIFY(shown.primary()->isEnabled());
        QCOMPARE(shown.primary()->text(), QString("Prune small.gguf"));
    }

    void whatIsNoModelSaysSoOnItsCard_data() {
        QTest::addColumn<QString>("kind");
        QTest::newRow("a folder of something else") << "folder";
        QTest::newRow("a broken configuration") << "broken";
        QTest::newRow("a text named .gguf") << "text";
        QTest::newRow("half a GGUF") << "half";
    }
    void whatIsNoModelSaysSoOnItsCard() {
        QFETCH(QString, kind);
        const auto folder = m_home / "bad";
        fs::remove_all(folder);
        fs::create_directories(folder);
        auto path = folder;
        if (kind == "broken") std::ofstream(folder / "config.json") << "{\"hidden_size\": \"wide\"";
        if (kind == "text") std::ofstream(path = folder / "poem.gguf") << "not at all";
        if (kind == "half")
            std::ofstream(path = folder / "half.gguf", std::ios::binary) << smallGguf().substr(0, 700);
        Shown shown(m_home.runs());
        shown.drop({words(path)});
        QTRY_VERIFY(shown.card(words(path)) && !shown.card(words(path))->model().problem.isEmpty());
        auto* card = shown.card(words(path));
        QCOMPARE(card->fitText(), card->model().problem);
        QVERIFY(card->fitText().endsWith('.'));
        QVERIFY(card->isChecked());
        QVERIFY(!shown.primary()->isEnabled());
        auto* remove = shown.button("Remove " + card->model().title + " from the list");
        QVERIFY(remove);
        remove->click();
        QVERIFY(!shown.card(words(path)));
        QVERIFY(shown.card("starter")->isChecked());
        QVERIFY(shown.primary()->isEnabled());
        QVERIFY(fs::exists(path));
    }

    void aDroppedRunIsOpened() {
        MadeRun run(m_home.runs() / "one");
        Shown shown(m_home.runs());
        QSignalSpy wanted(&shown.workspace, &Workspace::pageWanted);
        shown.drop({words(run.path())});
        QCOMPARE(wanted.size(), 1);
        QVERIFY(shown.workspace.current() && shown.workspace.current()->path() == run.path());
    }

    void aFetchShowsHowFarItIs() {
        const auto file = m_home / "data" / "models" / "smollm2-135m" / "SmolLM2-135M-Instruct.Q4_1.gguf";
        useProgram(
            "[ \"$1\" = models ] || { echo '{}'; exit; }\n"
            "echo '{\"type\":\"progress\",\"text\":\"x\",\"done\":23218000,\"total\":92871040}' >&2\n"
            "while [ ! -e '" +
            words(m_home / "go").toUtf8() +
            "' ]; do sleep 0.05; done\n"
            "mkdir -p '" +
            words(file.parent_path()).toUtf8() + "'; : > '" + words(file).toUtf8() +
            "'\n"
            "echo '{\"name\":\"smollm2-135m\"}'\n");
        fs::remove(m_home / "go");
        Shown shown(m_home.runs());
        shown.button("Get SmolLM2 135M Instruct (Q4_1)")->click();
        auto* card = shown.card("smollm2-135m");
        QTRY_COMPARE(card->fitText(), QString("22.1 MiB of 88.6 MiB"));
        auto* bar = card->findChild<QProgressBar*>();
        QVERIFY(bar->isVisible());
        QCOMPARE(bar->value(), 250);
        QCOMPARE(shown.primary()->text(), QString("Getting SmolLM2 135M Instruct…"));
        QVERIFY(!shown.primary()->isEnabled());
        std::ofstream(m_home / "go") << "";
        QTRY_COMPARE(shown.primary()->text(), QString("Prune SmolLM2 135M Instruct"));
        QVERIFY(!bar->isVisible() && card->isChecked());
    }

    void aFetchIsCancelledAndFails() {
        useProgram(
            "[ \"$1\" = models ] || { echo '{}'; exit; }\n"
            "trap 'exit 130' INT\n"
            "echo '{\"type\":\"progress\",\"text\":\"x\",\"done\":1,\"total\":92871040}' >&2\n"
            "while true; do sleep 0.05; done\n");
        Shown shown(m_home.runs());
        shown.button("Get SmolLM2 135M Instruct (Q4_1)")->click();
        QTRY_VERIFY(shown.button("Cancel the download of SmolLM2 135M Instruct (Q4_1)"));
        QTRY_VERIFY(shown.card("smollm2-135m")->fitText().contains("MiB"));
        shown.button("Cancel the download of SmolLM2 135M Instruct (Q4_1)")->click();
        QTRY_VERIFY_WITH_TIMEOUT(shown.button("Get SmolLM2 135M Instruct (Q4_1)"), 20000);
        QVERIFY(shown.card("smollm2-135m")->fitText().contains("Not on this machine"));
        useProgram("echo 'tessera-cli: no connection (pypi.org)' >&2; exit 1\n");
        shown.button("Get SmolLM2 135M Instruct (Q4_1)")->click();
        QTRY_COMPARE(shown.card("smollm2-135m")->fitText(), QString("No connection (pypi.org)."));
        QVERIFY(shown.button("Get SmolLM2 135M Instruct (Q4_1)"));
    }

    void runsShowTheirState() {
        MadeRun finished(m_home.runs() / "finished"), interrupted(m_home.runs() / "interrupted"),
            stopped(m_home.runs() / "stopped"), failed(m_home.runs() / "failed");
        for (const auto* run : {&finished, &interrupted, &stopped, &failed}) {
            run->add(stateEvent("running"));
            for (int step = 1; step <= 5; ++step) run->add(stepEvent(step, 1000, 5.0 - step * 0.5));
        }
        finished.file(
            "result.json",
            R"({"type":"result","perplexity":{"dense":20.5,"pruned":31.25},"sparsity":{"achieved":0.6}})");
        stopped.add(stateEvent("stopped"));
        failed.add({{"type", "error"}, {"code", "io"}, {"summary", "the disk is full"}});
        fs::create_directories(m_home.runs() / "newer");
        std::ofstream(m_home.runs() / "newer" / "spec.json") << "{\"format\": 99}";
        Shown shown(m_home.runs());
        auto* table = shown.table();
        auto* model = static_cast<RecentRuns*>(table->model());
        QTRY_COMPARE(model->rowCount(), 5);
        const auto text = [&](const fs::path& run, int column, int role = Qt::DisplayRole) {
            return model->index(model->rowOf(run), column).data(role).toString();
        };
        QCOMPARE(text(finished.path(), RecentRuns::State), QString("Finished"));
        QCOMPARE(text(interrupted.path(), RecentRuns::State), QString("Interrupted"));
        QCOMPARE(text(stopped.path(), RecentRuns::State), QString("Stopped"));
        QCOMPARE(text(failed.path(), RecentRuns::State), QString("Failed"));
        QCOMPARE(text(m_home.runs() / "newer", RecentRuns::State), QString("Unreadable"));
        QVERIFY(
            text(m_home.runs() / "newer", RecentRuns::Run, RecentRuns::NoteRole).contains("newer version"));
        QCOMPARE(text(finished.path(), RecentRuns::Run), QString("starter  ·  LEAP"));
        QCOMPARE(text(finished.path(), RecentRuns::Sparsity), QString("60 %"));
        QCOMPARE(text(finished.path(), RecentRuns::Perplexity), QString("20.50 → 31.25"));
        QCOMPARE(text(stopped.path(), RecentRuns::Perplexity), QString("–"));
        QCOMPARE(text(finished.path(), RecentRuns::Age), QString("just now"));
        QCOMPARE(text(finished.path(), RecentRuns::Loss, Qt::AccessibleTextRole),
                 QString("loss from 4.50 to 2.50"));
        const auto resume = [&](const fs::path& run) {
            return table->resumeButton(model->rowOf(run)) != nullptr;
        };
        QVERIFY(!resume(finished.path()) && !resume(m_home.runs() / "newer"));
        QVERIFY(resume(interrupted.path()) && resume(stopped.path()) && resume(failed.path()));
        QCOMPARE(table->resumeButton(model->rowOf(stopped.path()))->accessibleName(),
                 QString("Resume stopped"));
    }

    void arunningOneIsNotResumed() {
        MadeRun run(m_home.runs() / "one");
        run.add(stateEvent("running"));
        const RunLock lock(run.path());
        Shown shown(m_home.runs());
        QTRY_COMPARE(shown.table()->model()->rowCount(), 1);
        QCOMPARE(shown.table()->model()->index(0, RecentRuns::State).data().toString(), QString("Running"));
        QVERIFY(!shown.table()->resumeButton(0));
    }

    void enterOpensARun() {
        MadeRun run(m_home.runs() / "one");
        run.add(stateEvent("stopped"));
        Shown shown(m_home.runs());
        QTRY_COMPARE(shown.table()->model()->rowCount(), 1);
        QSignalSpy wanted(&shown.workspace, &Workspace::pageWanted);
        shown.table()->setFocus();
        QTest::keyClick(shown.table(), Qt::Key_Down);
        shown.table()->setCurrentIndex(shown.table()->model()->index(0, 0));
        QTest::keyClick(shown.table(), Qt::Key_Return);
        QCOMPARE(wanted.size(), 1);
        QCOMPARE(int(wanted[0][0].value<PageId>()), int(PageId::Run));
        QVERIFY(shown.workspace.current()->path() == run.path());
    }

    void theMenuOfARun() {
        MadeRun run(m_home.runs() / "one");
        run.file("result.json", R"({"type":"result"})");
        Shown shown(m_home.runs());
        QTRY_COMPARE(shown.table()->model()->rowCount(), 1);
        std::unique_ptr<QMenu> menu(shown.table()->makeMenu(0));
        const auto choose = [&](const QString& text) {
            for (auto* action : menu->actions())
                if (action->text() == text) return action->trigger(), true;
            return false;
        };
        QVERIFY(!choose("Resume"));
        QSignalSpy wanted(&shown.workspace, &Workspace::pageWanted);
        QVERIFY(choose("Inspect"));
        QCOMPARE(int(wanted.takeFirst()[0].value<PageId>()), int(PageId::Inspect));
        QVERIFY(choose("Benchmark and report"));
        QCOMPARE(int(wanted.takeFirst()[0].value<PageId>()), int(PageId::Benchmark));
        QVERIFY(choose("Copy path"));
        QCOMPARE(QApplication::clipboard()->text(), words(run.path()));
    }

    void aRunIsResumedWithTheEngine() {
        NEEDS_ENGINE();
        MadeRun run(m_home.runs() / "one");
        run.add(stateEvent("running"));
        Shown shown(m_home.runs());
        QTRY_VERIFY(shown.table()->model()->rowCount() == 1 && shown.table()->resumeButton(0));
        QSignalSpy wanted(&shown.workspace, &Workspace::pageWanted);
        shown.table()->resumeButton(0)->click();
        QCOMPARE(wanted.size(), 1);
        QTRY_VERIFY_WITH_TIMEOUT(shown.workspace.running() && shown.workspace.running()->path() == run.path(),
                                 kLong);
        shown.workspace.stop();
        QTRY_VERIFY_WITH_TIMEOUT(!shown.workspace.running(), kLong);
    }

    void emptyAndUnreadable() {
        Shown shown(m_home.runs());
        const auto says = [](const Shown& shown, const QString& words) {
            for (auto* label : shown.page.findChildren<QLabel*>())
                if (label->isVisible() && label->text().contains(words)) return true;
            return false;
        };
        QTRY_VERIFY(says(shown, "No runs yet"));
        const auto file = m_home / "noFolder";
        std::ofstream(file) << "x";
        Shown blocked(file);
        QTRY_VERIFY(says(blocked, "The runs cannot be read"));
    }

    void aLongCatalogueShowsAFewUntilAskedForAll() {
        const auto folder = m_home / "long";
        fs::create_directories(folder);
        auto models = tessera::Json::array();
        for (int i = 0; i < 9; ++i)
            models.push_back({{"name", "far-" + std::to_string(i)},
                              {"title", "Far " + std::to_string(i)},
                              {"parameters", 1000},
                              {"bytes", 2000},
                              {"licence", "MIT"},
                              {"source",
                               {{"kind", "pypi"},
                                {"package", "p"},
                                {"version", "1"},
                                {"member", "m.gguf"},
                                {"archive_bytes", 1000},
                                {"archive_sha256", "00"},
                                {"file_sha256", "00"}}}});
        std::ofstream(folder / "models.json") << models.dump();
        qputenv("TESSERA_RESOURCES", folder.c_str());
        Shown shown(m_home.runs());
        auto* more = shown.page.findChild<QPushButton*>("moreModels");
        QVERIFY(shown.notice().isEmpty());
        QCOMPARE(more->text(), QString("All 9 models"));
        QVERIFY(more->isVisible());
        QVERIFY(shown.card("far-2"));
        QVERIFY(!shown.card("far-3"));
        // One's own come first and take the place of what could be got.
        const QString path = TESSERA_SOURCE_DIR "/tests/data/tiny_llama";
        shown.drop({path});
        QTRY_VERIFY(shown.card(path) && shown.card(path)->isChecked());
        more->click();
        QCOMPARE(more->text(), QString("Fewer models"));
        QVERIFY(shown.card("far-8"));
        shown.card("far-8")->setChecked(true);
        more->click();
        // What is chosen never goes out of sight.
        QVERIFY(shown.card("far-8") && shown.card("far-8")->isChecked());
        QVERIFY(!shown.card("far-7"));
        QCOMPARE(shown.primary()->text(), QString("Get Far 8"));
    }

    void anUnreadableCatalogueIsSaid() {
        const auto folder = m_home / "resources";
        fs::create_directories(folder);
        std::ofstream(folder / "models.json") << "[{\"name\": 5}";
        qputenv("TESSERA_RESOURCES", folder.c_str());
        Shown shown(m_home.runs());
        QVERIFY(shown.page.findChild<Banner*>()->isVisible());
        QVERIFY2(shown.notice().contains("models.json"), qPrintable(shown.notice()));
        QVERIFY(!shown.primary()->isEnabled());
        // A model of one's own works all the same.
        const QString path = TESSERA_SOURCE_DIR "/tests/data/tiny_llama";
        shown.drop({path});
        QTRY_COMPARE(shown.primary()->text(), QString("Prune tiny_llama"));
        QTRY_VERIFY(shown.primary()->isEnabled());
    }

    void withoutAnEngineTheCardSaysSo() {
        qputenv("TESSERA_CLI", "/no/such/program");
        Shown shown(m_home.runs());
        QTRY_VERIFY2(shown.card("starter")->fitText().contains("engine is missing"),
                     qPrintable(shown.card("starter")->fitText()));
    }

    void ages() {
        const double now = 1.8e9;
        QCOMPARE(ageText(now - 5, now), QString("just now"));
        QCOMPARE(ageText(now - 50, now), QString("1 min ago"));
        QCOMPARE(ageText(now - 7199, now), QString("1 h ago"));
        QCOMPARE(ageText(now - 90000, now), QString("yesterday"));
        QCOMPARE(ageText(now - 3 * 86400, now), QString("3 days ago"));
        QVERIFY(ageText(now - 90 * 86400.0, now).contains("20"));
    }

  private:
    QByteArray m_engine;
};

QTEST_MAIN(HomePageTest)
#include "tst_home_page.moc"
