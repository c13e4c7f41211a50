#pragma once

#include <QStringList>
#include <vector>

#include "ui/widgets/qcustomplot.h"

namespace tessera::ui {

/// Density of every matrix at every recorded step: rows in model order from the top, steps along the chart's
/// x axis, ink for what is kept. Where there are more matrices than pixel rows, a row shows the mean of its
/// matrices. The colour range is that of the data, in whole steps of 5 %, so that differences are seen;
/// rangeText() says it.
class LayerStrip : public QCPAbstractPlottable {
    Q_OBJECT
  public:
    LayerStrip(QCPAxis* keyAxis, QCPAxis* valueAxis);

    /// Takes what came behind the rows known; fewer rows or other names begin anew.
    void update(const QStringList& names, const std::vector<double>& steps,
                const std::vector<std::vector<float>>& density);
    void clear();
    bool empty() const { return m_steps.empty(); }
    QString rangeText() const;
    /// "block 3 mlp.down: 71.2 % zero" at a step and a row of the axis; empty where there is nothing.
    QString readOut(double step, double row) const;

    double selectTest(const QPointF&, bool, QVariant* = nullptr) const override { return -1; }
    QCPRange getKeyRange(bool& found, QCP::SignDomain domain = QCP::sdBoth) const override;
    QCPRange getValueRange(bool& found, QCP::SignDomain domain = QCP::sdBoth,
                           const QCPRange& keys = QCPRange()) const override;

  protected:
    void draw(QCPPainter* painter) override;
    void drawLegendIcon(QCPPainter*, const QRectF&) const override {}

  private:
    /// The record nearest to a step; records() where the step lies beyond them.
    std::size_t nearest(double step) const;
    void labelBlocks();

    QStringList m_names;
    std::vector<double> m_steps;
    std::vector<std::vector<float>> m_density;
    float m_least = 1, m_greatest = 0;
};

/// "model.layers.3.mlp.down_proj.weight" -> "block 3 mlp.down".
QString shortMatrixName(const QString& name);

}  // namespace tessera::ui
