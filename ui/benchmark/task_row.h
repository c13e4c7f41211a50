#pragma once

#include <QWidget>
#include <functional>
#include <memory>

#include "core/base/json.h"

class QLabel;
class QProgressBar;
class QPushButton;

namespace tessera::ui {

class Banner;
class CliCall;

/// One call of the command line with its progress, a Cancel button, and what went wrong. Hidden until there
/// is something to say. One call at a time.
class TaskRow : public QWidget {
    Q_OBJECT
  public:
    explicit TaskRow(QWidget* parent = nullptr);
    ~TaskRow() override;

    /// `what`: what is going on, for people ("Measuring leap70").
    void run(const QString& what, const QStringList& arguments);
    /// Says why it does not begin yet; Cancel ends it.
    void wait(const QString& sentence);
    void cancel();
    void clear();
    bool waiting() const { return m_waiting; }
    bool running() const { return m_call != nullptr; }
    bool busy() const { return m_waiting || m_call; }
    void tell(const QString& sentence);  ///< a failure

  Q_SIGNALS:
    void done(const tessera::Json& document);
    void busyChanged();

  private:
    void ended(const QString& sentence);

    std::unique_ptr<CliCall> m_call;
    bool m_waiting = false;
    QString m_what;
    QWidget* m_line;
    QLabel* m_text;
    QProgressBar* m_bar;
    QPushButton* m_cancel;
    Banner* m_failure;
};

/// A file or folder that was made: its path, and buttons that open it, show it in its folder and copy the
/// path. Hidden until it has one.
class PathRow : public QWidget {
    Q_OBJECT
  public:
    /// `opens`: whether another program shows it (a report); a folder of weights is only shown.
    PathRow(const QString& what, bool opens, QWidget* parent = nullptr);
    void setPath(const QString& path);
    const QString& path() const { return m_path; }

  protected:
    void resizeEvent(QResizeEvent* event) override;

  private:
    void showPath();
    QString m_path;
    QLabel* m_label;
};

}  // namespace tessera::ui
