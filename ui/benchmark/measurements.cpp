#include "ui/benchmark/measurements.h"

#include <QDateTime>
#include <QLocale>
#include <memory>

#include "core/base/caught.h"
#include "ui/client/sentences.h"

namespace tessera::ui {

namespace fs = std::filesystem;

Measurements readMeasurements(const fs::path& run) {
    Measurements found;
    const auto take = [&](const char* what, auto& list, auto read) {
        for (const auto& file : measurementFiles(run, what)) {
            try {
                list.push_back(read(file));
            } catch (const std::exception& error) {
                found.problems << errorSentence(caughtError(error));
            }
        }
    };
    take("bench", found.speed, readSpeed);
    take("eval", found.quality, readQuality);
    take("tasks", found.accuracy, readTaskMeasurement);
    std::error_code none;
    found.html = fs::is_regular_file(reportPath(run, false), none);
    found.pdf = fs::is_regular_file(reportPath(run, true), none);
    return found;
}

MeasurementReader::MeasurementReader(QObject* parent) : QObject(parent) {
    m_pool.setMaxThreadCount(1);
}

MeasurementReader::~MeasurementReader() {
    m_pool.waitForDone();
}

void MeasurementReader::read(const fs::path& run) {
    m_reading = true;
    const int wish = ++m_wish;
    m_pool.start([this, run, wish] {
        auto found = std::make_shared<Measurements>(readMeasurements(run));
        // The pool is waited for before this object goes.
        QMetaObject::invokeMethod(
            this,
            [this, found, wish] {
                if (wish != m_wish) return;
                m_reading = false;
                Q_EMIT ready(*found);
            },
            Qt::QueuedConnection);
    });
}

QString localTimeText(const std::string& utc) {
    const auto time = QDateTime::fromString(QString::fromStdString(utc), Qt::ISODate);
    return time.isValid() ? QLocale().toString(time.toLocalTime(), QStringLiteral("d MMM yyyy, HH:mm"))
                          : QString();
}

}  // namespace tessera::ui
