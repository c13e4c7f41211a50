#pragma once

#include <QElapsedTimer>
#include <QPointer>
#include <QWidget>
#include <vector>

class QCheckBox;
class QComboBox;
class QLabel;
class QSlider;
class QVBoxLayout;

namespace tessera::ui {

class Actions;
class CurvePlot;
class LayerStrip;
class RunRecord;

/// A run's curves while it learns and afterwards: loss, sparsity with the temperature, and the density of
/// every matrix over time, on one x axis. Work a refresh grows with what is new, not with the length of the
/// run.
class RunCharts : public QWidget {
    Q_OBJECT
  public:
    explicit RunCharts(Actions& actions, QWidget* parent = nullptr);

    /// nullptr shows none. The record must outlive this or be replaced first.
    void setRecord(RunRecord* record);
    /// Takes in what the record has grown by; RunRecord::changed() is to lead here.
    void refresh();
    CurvePlot& plot() const { return *m_plot; }

  Q_SIGNALS:
    void exported(const QString& sentence, bool failed);

  private:
    void makeControls(QVBoxLayout* column);
    void rebuild();
    void setSmoothing(int position);
    void setQuantity(int index);
    void suggestSmoothing(double steps);
    QString emptyText() const;

    CurvePlot* m_plot = nullptr;
    LayerStrip* m_strip = nullptr;
    QSlider* m_smoothing = nullptr;
    QLabel* m_smoothingText = nullptr;
    QCheckBox* m_logLoss = nullptr;
    QComboBox* m_quantity = nullptr;
    QPointer<RunRecord> m_record;
    int m_generation = -1;
    std::size_t m_gaps = 0;
    std::vector<double> m_sparsity, m_ghostSparsity;  ///< 1 - density, as long as the record's steps
    int m_quantityShown = 0;
    bool m_smoothingTouched = false;
    double m_length = 0;  ///< steps of the whole run, 0 until known
    int m_loss = -1, m_total = -1, m_temperature = -1, m_lossGhost = -1, m_totalGhost = -1;
};

}  // namespace tessera::ui
