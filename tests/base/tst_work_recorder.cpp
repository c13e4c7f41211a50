#include <QtTest>
#include <chrono>
#include <thread>

#include "core/base/json.h"
#include "core/base/work_recorder.h"

using namespace tessera;

class WorkRecorderTest : public QObject {
    Q_OBJECT

    static void work(Work kind, const char* name) {
        const WorkSpan span(kind, name);
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }

  private Q_SLOTS:
    void secondsAddUpByKind() {
        work(Work::Loss, "before anyone listens");
        const WorkRecorder recorder;
        work(Work::Products, "first");
        work(Work::Products, "second");
        {
            const WorkSpan around(Work::Attention, "around");
            work(Work::Products, "within");
        }
        QVERIFY(recorder.seconds(Work::Products) >= 0.006);
        QVERIFY(recorder.seconds(Work::Attention) >= 0.002);
        QVERIFY(recorder.seconds(Work::Attention) < recorder.seconds(Work::Products));
        QCOMPARE(recorder.seconds(Work::Loss), 0.0);
        QVERIFY(recorder.spans().empty());
    }

    void anInnerRecorderTakesItsPlace() {
        const WorkRecorder outer(WorkRecorder::Spans::Kept);
        {
            const WorkRecorder inner(WorkRecorder::Spans::Kept);
            work(Work::Loss, "inner");
            QCOMPARE(inner.spans().size(), std::size_t(1));
        }
        work(Work::Loss, "outer");
        QCOMPARE(outer.spans().size(), std::size_t(1));
        QCOMPARE(outer.spans()[0].name, "outer");
    }

    void otherThreadsAreNotCounted() {
        const WorkRecorder recorder(WorkRecorder::Spans::Kept);
        std::thread([] { work(Work::Loss, "elsewhere"); }).join();
        QVERIFY(recorder.spans().empty());
    }

    void theTraceHoldsEverySpan() {
        const WorkRecorder recorder(WorkRecorder::Spans::Kept);
        {
            const WorkSpan around(Work::Attention, "around");
            work(Work::Products, "within");
        }
        const auto trace = Json::parse(chromeTrace(recorder.spans()));
        const auto& events = trace.at("traceEvents");
        QCOMPARE(events.size(), std::size_t(2));
        const auto &within = events[0], &around = events[1];
        QCOMPARE(within.at("name").get<std::string>(), "within");
        QCOMPARE(within.at("cat").get<std::string>(), "products");
        QCOMPARE(within.at("ph").get<std::string>(), "X");
        QCOMPARE(around.at("ts").get<double>(), 0.0);
        const auto end = [](const Json& event) {
            return event.at("ts").get<double>() + event.at("dur").get<double>();
        };
        QVERIFY(within.at("ts").get<double>() >= 0.0 && end(within) <= end(around));
        QVERIFY(within.at("dur").get<double>() >= 2000.0);
        QCOMPARE(Json::parse(chromeTrace({})).at("traceEvents").size(), std::size_t(0));
    }
};

QTEST_APPLESS_MAIN(WorkRecorderTest)
#include "tst_work_recorder.moc"
