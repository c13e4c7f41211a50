#pragma once

#include <QPointer>

#include "ui/benchmark/measurements.h"
#include "ui/workspace/page.h"

class QAction;
class QComboBox;
class QGridLayout;
class QLabel;
class QPushButton;
class QScrollArea;
class QStackedLayout;

namespace tessera::ui {

class AccuracyCard;
class Banner;
class Card;
class DecodeModel;
class EmptyState;
class ExportCard;
class KeyFigure;
class QualityCard;
class ReportCard;
class RunRecord;
class SpeedModel;
class TaskRow;
class WholeTable;

/// What the current run is worth: the verdict in words, measured speed, the report, the export, perplexity on
/// other texts, accuracy on tasks.
class BenchmarkPage : public Page {
    Q_OBJECT
  public:
    explicit BenchmarkPage(Workspace& workspace, QWidget* parent = nullptr);
    ~BenchmarkPage() override;

    QString title() const override { return tr("Benchmark and report"); }
    bool settled() const override;
    QWidget* firstFocus() override;

    void measure();

  protected:
    void showEvent(QShowEvent* event) override;
    void resizeEvent(QResizeEvent* event) override;

  private:
    QWidget* makeVerdict();
    QWidget* makeSpeed();
    void makeActions();
    void runChanged();
    void showRun();
    void showState(const RunRecord& run);
    void showVerdict();
    void showMeasurements();
    void chosen();
    void arrange();
    QStringList threadArguments() const;
    void startMeasuring();

    MeasurementReader m_reader;
    Measurements m_found;
    QPointer<RunRecord> m_run;
    QStackedLayout* m_stack;
    EmptyState* m_empty;
    QScrollArea* m_scroll;
    QLabel *m_title, *m_verdict, *m_where, *m_gpu;
    QLabel* m_sign = nullptr;
    Banner *m_banner, *m_problems;
    KeyFigure *m_speed, *m_tokens, *m_limit, *m_perplexity, *m_sparsity;
    Card* m_speedCard;
    QWidget *m_measured, *m_unmeasured;
    QComboBox *m_threads, *m_choice;
    QPushButton* m_measure;
    TaskRow* m_task;
    std::filesystem::path m_toMeasure;  ///< may be another one than the current run by the time it begins
    QStringList m_arguments;
    DecodeModel* m_decodeRows;
    SpeedModel* m_speedRows;
    WholeTable *m_decodeTable, *m_speedTable;
    ReportCard* m_report;
    ExportCard* m_export;
    QualityCard* m_quality;
    AccuracyCard* m_accuracy;
    QGridLayout* m_cards;
    QAction *m_measureAction, *m_htmlAction, *m_pdfAction, *m_exportAction, *m_accuracyAction;
    int m_columns = 0;
    bool m_finished = false;
};

}  // namespace tessera::ui
