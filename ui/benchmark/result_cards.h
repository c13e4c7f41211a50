#pragma once

#include <filesystem>

#include "ui/benchmark/measurements.h"
#include "ui/widgets/basics.h"

class QComboBox;
class QLineEdit;
class QToolButton;

namespace tessera::ui {

class PathRow;
class TaskRow;

/// What a card works on.
struct CardRun {
    std::filesystem::path path;
    QString name, dtype;
    std::int64_t window = 0, windows = 0;  ///< of the run's own perplexity; 0: not measured
};

/// A card's column with its title; and a button that opens a file dialog.
QVBoxLayout* cardColumn(Card* card, const QString& title);
QToolButton* chooserButton(const QString& name, QWidget* parent);

/// The report as a page and on paper, made with a click each.
class ReportCard : public Card {
    Q_OBJECT
  public:
    explicit ReportCard(QWidget* parent = nullptr);
    void setRun(const CardRun& run, bool finished);
    void setFound(const Measurements& found);
    void make(bool pdf);
    bool busy() const;
    const TaskRow& task() const { return *m_task; }

  Q_SIGNALS:
    void made();

  private:
    CardRun m_run;
    bool m_pdf = false;
    QLabel* m_text;
    QPushButton *m_htmlButton, *m_pdfButton;
    TaskRow* m_task;
    PathRow *m_html, *m_paper;
};

/// The pruned model for other programs.
class ExportCard : public Card {
    Q_OBJECT
  public:
    explicit ExportCard(QWidget* parent = nullptr);
    void setRun(const CardRun& run);
    void make();
    bool busy() const;
    /// A path in `folder` that nothing has yet: "leap70-hf", "leap70-hf-2", ...
    static std::filesystem::path freshPath(const std::filesystem::path& folder, const std::string& run,
                                           const std::string& format, const std::string& suffix);

  private:
    void showHelp();
    CardRun m_run;
    QComboBox* m_format;
    QLabel* m_help;
    QLineEdit* m_folder;
    QPushButton* m_button;
    TaskRow* m_task;
    PathRow* m_made;
};

/// Perplexity on a text of one's own, dense and pruned, and what was measured before.
class QualityCard : public Card {
    Q_OBJECT
  public:
    explicit QualityCard(QWidget* parent = nullptr);
    void setRun(const CardRun& run);
    void setFound(const Measurements& found);
    void measure();
    bool busy() const;

  Q_SIGNALS:
    void measured();

  private:
    CardRun m_run;
    QLabel* m_text;
    QLineEdit* m_file;
    QPushButton* m_button;
    TaskRow* m_task;
    QWidget* m_list = nullptr;
    QVBoxLayout* m_column;
};

}  // namespace tessera::ui
