#pragma once

#include <QObject>
#include <QString>
#include <memory>

namespace tessera::ui {

class CliCall;

/// One download of a catalogue model: `tessera-cli models fetch NAME`.
class ModelFetch : public QObject {
    Q_OBJECT
  public:
    explicit ModelFetch(QObject* parent = nullptr);
    ~ModelFetch() override;

    void start(const QString& model);
    void cancel();
    bool running() const { return m_call != nullptr; }
    const QString& model() const { return m_model; }
    double done() const { return m_done; }                ///< bytes
    double total() const { return m_total; }              ///< bytes; 0 until it is known
    const QString& problem() const { return m_problem; }  ///< of the last one; empty where it was cancelled

  Q_SIGNALS:
    void progressed();
    void finished(bool got);

  private:
    void end(bool got, const QString& problem);

    std::unique_ptr<CliCall> m_call;
    QString m_model, m_problem;
    double m_done = 0, m_total = 0;
};

}  // namespace tessera::ui
