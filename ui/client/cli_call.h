#pragma once

#include <QObject>
#include <QProcess>
#include <QStringList>
#include <QTimer>
#include <filesystem>

#include "core/base/json.h"

namespace tessera::ui {

/// tessera-cli beside this program ($TESSERA_CLI overrides); empty where there is none.
std::filesystem::path cliProgram();
/// What to say where there is none.
QString noProgramSentence();

/// One `tessera-cli VERB ... --json`: progress lines from standard error, the document or the error's
/// sentence at the end. Killed when destroyed. Several may run at once. GUI thread only.
class CliCall : public QObject {
    Q_OBJECT
  public:
    /// `arguments` begin with the verb; --json is added.
    explicit CliCall(QStringList arguments, QObject* parent = nullptr);
    ~CliCall() override;
    void start();   ///< once; a second call while it runs does nothing
    void cancel();  ///< as Ctrl+C does; ends in failed() with an empty sentence
    bool running() const;

  Q_SIGNALS:
    /// `done` of `total` (bytes of a fetch, windows of an evaluation, rows of a bench, tensors of an export);
    /// `total` is 0 where the call does not know.
    void progress(const QString& text, double done, double total);
    void done(const tessera::Json& document);
    /// One sentence that says what went wrong and what to do; empty where it was cancelled.
    void failed(const QString& sentence);

  private:
    void readOutput();
    void readErrors(bool all);
    void errorLine(const QByteArray& line);
    void ended();
    void finish(const QString& sentence);

    QStringList m_arguments;
    QProcess m_process;
    QTimer m_patience;
    int m_interruptions = 0;
    QByteArray m_out, m_err, m_lastLine, m_error;
    bool m_cancelled = false, m_over = false, m_tooMuch = false;
};

}  // namespace tessera::ui
