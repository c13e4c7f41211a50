#pragma once

#include <QObject>
#include <QString>
#include <QStringList>
#include <QTimer>
#include <cstdint>
#include <map>
#include <memory>

#include "core/base/json.h"

namespace tessera::ui {

class CliCall;

/// Whether a model can be pruned with LEAP in this machine's free memory. The engine is asked once a model,
/// one model after the other, in processes of their own; free memory is read again every few seconds.
class FitCheck : public QObject {
    Q_OBJECT
  public:
    /// The method whose need is shown: the one that the Run page proposes.
    static constexpr const char* kMethod = "leap";

    explicit FitCheck(QObject* parent = nullptr);
    ~FitCheck() override;

    enum class Verdict { Unknown, Checking, Fits, Tight, TooLarge, Failed };
    struct Fit {
        Verdict verdict = Verdict::Unknown;
        QString sentence;
    };
    Fit of(const QString& model) const;
    /// Asks about a model unless it was asked about already.
    void want(const QString& model);
    void forget(const QString& model);
    bool settled() const { return !m_call && m_waiting.isEmpty(); }

  Q_SIGNALS:
    void changed();

  private:
    struct Known {
        std::uint64_t bytes = 0;
        QString problem;
    };
    void next();
    void answered(const QString& model, const Known& known);

    std::map<QString, Known> m_known;
    QStringList m_waiting;
    QString m_asked;
    std::unique_ptr<CliCall> m_call;
    QTimer m_memoryTimer;
    std::uint64_t m_available = 0;
};

}  // namespace tessera::ui
