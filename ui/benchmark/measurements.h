#pragma once

#include <QObject>
#include <QStringList>
#include <QThreadPool>
#include <filesystem>
#include <vector>

#include "core/session/measurement.h"

namespace tessera::ui {

/// What lies beside a run's result: later measurements, newest first, and its reports.
struct Measurements {
    std::vector<SpeedMeasurement> speed;
    std::vector<QualityMeasurement> quality;
    std::vector<TaskMeasurement> accuracy;
    QStringList problems;  ///< a sentence for each file that cannot be read
    bool html = false, pdf = false;
};
Measurements readMeasurements(const std::filesystem::path& run);

inline std::filesystem::path reportPath(const std::filesystem::path& run, bool pdf) {
    return run / (pdf ? "report.pdf" : "report.html");
}

/// Reads them on a thread of its own; the newest wish counts. GUI thread only.
class MeasurementReader : public QObject {
    Q_OBJECT
  public:
    explicit MeasurementReader(QObject* parent = nullptr);
    ~MeasurementReader() override;
    void read(const std::filesystem::path& run);
    bool reading() const { return m_reading; }

  Q_SIGNALS:
    /// `run` is the one that was asked for last.
    void ready(const tessera::ui::Measurements& found);

  private:
    QThreadPool m_pool;
    int m_wish = 0;
    bool m_reading = false;
};

/// "2026-01-31T12:00:00Z" as "31 Jan 2026, 13:00" of the local time; empty for what is no time.
QString localTimeText(const std::string& utc);

}  // namespace tessera::ui
