// Accuracy on tasks: the table of a kept measurement, and the card with real data, a real run and the real
// engine.
#include <QCheckBox>
#include <QComboBox>
#include <QLineEdit>
#include <QPushButton>
#include <QSettings>
#include <QSignalSpy>
#include <QTest>
#include <fstream>

#include "ui/benchmark/accuracy_card.h"
#include "ui/benchmark/accuracy_table.h"
#include "ui/benchmark/speed_tables.h"
#include "ui/benchmark/task_row.h"
#include "ui/client/client_support.h"
#include "ui/shell/layout_check.h"
#include "ui/theme/theme.h"

using namespace tessera;
using namespace tessera::ui;
using namespace tessera::test;
namespace fs = std::filesystem;

namespace {

const char* const kTasks = TESSERA_SOURCE_DIR "/tests/data/tasks";

TaskMeasurement twoTasks() {
    TaskMeasurement found;
    found.time = "2026-01-31T12:00:00Z";
    TaskAccuracy piqa;
    piqa.name = "piqa";
    piqa.items = 200;
    piqa.dense = 0.65;
    piqa.pruned = 0.59;
    piqa.denseNormalised = 0.66;
    piqa.prunedNormalised = 0.60;
    piqa.difference = -0.06;
    piqa.low = -0.1;
    piqa.high = -0.02;
    piqa.won = {3, 9};
    piqa.lost = {1, 2, 4};
    TaskAccuracy boolq;
    boolq.name = "boolq";
    boolq.items = 200;
    boolq.pruned = 0.5;
    found.tasks = {piqa, boolq};
    found.pruned = 0.545;
    return found;
}

}  // namespace

class AccuracyCardTest : public QObject {
    Q_OBJECT

    Home m_home;

    static QLineEdit* folderOf(const AccuracyCard& card) {
        for (auto* line : card.findChildren<QLineEdit*>())
            if (line->accessibleName() == QLatin1String("Folder of the tasks' data")) return line;
        return nullptr;
    }
    static QPushButton* button(const AccuracyCard& card) {
        for (auto* each : card.findChildren<QPushButton*>())
            if (each->text() == QLatin1String("Measure accuracy")) return each;
        return nullptr;
    }
    static QStringList boxes(const AccuracyCard& card) {
        QStringList names;
        for (const auto* box : card.findChildren<QCheckBox*>())
            if (box->isVisibleTo(&card)) names << box->text();
        return names;
    }
    static void type(QLineEdit* line, const QString& text) {
        line->setFocus();
        line->selectAll();
        QTest::keyClicks(line, text);
        QTest::keyClick(line, Qt::Key_Return);
    }

  private Q_SLOTS:
    void initTestCase() {
        test::useOwnSettings(m_home / "settings", "accuracy-card");
        Theme::instance();
    }
    void init() { QSettings().clear(); }

    void theTableHoldsPrunedAgainstDense() {
        AccuracyModel model;
        model.set(twoTasks());
        const auto text = [&](int row, int column) { return model.index(row, column).data().toString(); };
        QCOMPARE(model.rowCount(), 3);
        QCOMPARE(text(0, AccuracyModel::Dense), QString("65.0 %"));
        QCOMPARE(text(0, AccuracyModel::Pruned), QString("59.0 %"));
        QCOMPARE(text(0, AccuracyModel::Difference), QString("−6.0 points"));
        QCOMPARE(text(0, AccuracyModel::Interval), QString("−10.0 to −2.0"));
        QCOMPARE(text(0, AccuracyModel::Flipped), QString("2 won, 3 lost"));
        QCOMPARE(text(0, AccuracyModel::Normalised), QString("66.0 % → 60.0 %"));
        QVERIFY(model.index(0, AccuracyModel::Flipped).data(Qt::ToolTipRole).toString().contains("1, 2, 4"));
        // What chance does not explain stands out; what is not known is no number.
        QVERIFY(model.index(0, AccuracyModel::Difference).data(Qt::ForegroundRole).isValid());
        QVERIFY(!model.index(1, AccuracyModel::Difference).data(Qt::ForegroundRole).isValid());
        QCOMPARE(text(1, AccuracyModel::Dense), QString("–"));
        QCOMPARE(text(1, AccuracyModel::Flipped), QString());
        QCOMPARE(text(2, AccuracyModel::Task), QString("Mean"));
        QCOMPARE(text(2, AccuracyModel::Pruned), QString("54.5 %"));
    }

    void keptMeasurementsCanBeChosen() {
        AccuracyCard card;
        auto older = twoTasks();
        older.tasks.resize(1);
        older.limit = 50;
        Measurements found;
        found.accuracy = {twoTasks(), older};
        card.setFound(found);
        card.show();
        auto* table = card.findChild<WholeTable*>();
        QVERIFY(table->isVisible());
        QCOMPARE(table->model()->rowCount(), 3);
        for (auto* choice : card.findChildren<QComboBox*>())
            if (choice->accessibleName() == QLatin1String("Which measurement of accuracy")) {
                QVERIFY(choice->itemText(1).contains("first 50 items"));
                choice->setCurrentIndex(1);
            }
        QCOMPARE(table->model()->rowCount(), 1);
        card.setFound({});
        QVERIFY(!table->isVisible());
    }

    void aFolderWithoutTasksIsASentence() {
        NEEDS_ENGINE();
        AccuracyCard card;
        card.show();
        QVERIFY(!button(card)->isEnabled());
        fs::create_directories(m_home / "empty");
        type(folderOf(card), QString::fromStdString((m_home / "empty").string()));
        const auto says = [&](const QString& part) {
            for (const auto* label : card.findChildren<QLabel*>())
                if (label->isVisible() && label->text().contains(part)) return true;
            return false;
        };
        QTRY_VERIFY_WITH_TIMEOUT(says("No task is in this folder"), 30000);
        type(folderOf(card), "/nowhere at all");
        QTRY_VERIFY_WITH_TIMEOUT(says("/nowhere at all"), 30000);
        QVERIFY(!button(card)->isEnabled());
    }

    void tasksAreFoundAndMeasured() {
        NEEDS_ENGINE();
        const auto folder = m_home.runs() / "real";
        std::ofstream(m_home / "spec.json") << smallSpec(1, folder.string()).dump();
        QProcess engine;
        engine.start(QString::fromStdString(cliProgram().string()),
                     {"run", QString::fromStdString((m_home / "spec.json").string()), "--json"});
        QVERIFY(engine.waitForFinished(120000));
        QVERIFY2(engine.exitCode() == 0, engine.readAllStandardError().constData());

        AccuracyCard card;
        card.resize(900, 500);
        card.setRun({folder, "real", "f32", 64, 2});
        card.show();
        type(folderOf(card), kTasks);
        QTRY_COMPARE_WITH_TIMEOUT(boxes(card).size(), 10, 30000);
        QVERIFY(button(card)->isEnabled());
        for (auto* box : card.findChildren<QCheckBox*>())
            box->setChecked(box->text() == QLatin1String("piqa") || box->text() == QLatin1String("arc_easy"));
        const auto wrong = overlaps(&card) + clippings(&card) + nameless(&card);
        QVERIFY2(wrong.isEmpty(), qPrintable(wrong.join('\n')));
        QSignalSpy measured(&card, &AccuracyCard::measured);
        button(card)->click();
        QVERIFY(card.busy());
        QTRY_COMPARE_WITH_TIMEOUT(measured.count(), 1, 120000);
        QVERIFY(!card.busy());
        card.setFound(readMeasurements(folder));
        const auto* model = card.findChild<WholeTable*>()->model();
        QCOMPARE(model->rowCount(), 3);
        const auto kept = readTaskMeasurement(measurementFiles(folder, "tasks").at(0));
        QCOMPARE(kept.tasks.size(), std::size_t(2));
        for (const auto& task : kept.tasks) {
            QVERIFY(task.items > 0);
            QVERIFY(std::abs(task.pruned - task.dense - task.difference) < 1e-9);
            QVERIFY(task.low <= task.difference && task.difference <= task.high);
        }
        // The folder is remembered by the next card.
        AccuracyCard next;
        next.show();
        next.lookOnce();
        QTRY_COMPARE_WITH_TIMEOUT(boxes(next).size(), 10, 30000);
    }
};

QTEST_MAIN(AccuracyCardTest)
#include "tst_accuracy_card.moc"
