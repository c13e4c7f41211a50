#pragma once

#include <functional>
#include <vector>

#include "ui/widgets/qcustomplot.h"
#include "ui/widgets/series_index.h"

namespace tessera::ui {

/// The points of one curve, its own or someone else's, and their index.
class CurveData {
  public:
    void append(std::span<const double> x, std::span<const double> y);
    void setSource(std::function<CurvePoints()> source);
    void clear();
    /// Takes new points of the source in; whether there were any.
    bool refresh();
    void setLength(double length);

    /// What is indexed: never more, whatever the source has grown to since.
    CurvePoints points() const;
    const SeriesIndex& index() const { return m_index; }
    /// Index of the value nearest to x; size() where there is none.
    std::size_t nearest(double x) const;

  private:
    std::vector<double> m_x, m_y;
    std::function<CurvePoints()> m_source;
    SeriesIndex m_index;
};

enum class CurveKind;

/// Draws one curve, exact to the device's pixel columns: where points are dense, every column from its least
/// to its greatest value; elsewhere every point. Work grows with the width, not with the number of points.
class CurvePlottable : public QCPAbstractPlottable {
    Q_OBJECT
  public:
    struct Look {
        QColor line, band;
        Qt::PenStyle dash = Qt::SolidLine;
    };

    CurvePlottable(QCPAxis* keyAxis, QCPAxis* valueAxis, CurveKind kind);

    CurveData& data() { return m_data; }
    const CurveData& data() const { return m_data; }
    void setKind(CurveKind kind) { m_kind = kind; }
    CurveKind kind() const { return m_kind; }
    void setLook(const Look& look) { m_look = look; }
    const Look& look() const { return m_look; }
    /// Extent of what is drawn between two x.
    Extent shownExtent(double low, double high) const;

    double selectTest(const QPointF&, bool, QVariant* = nullptr) const override { return -1; }
    QCPRange getKeyRange(bool& found, QCP::SignDomain domain = QCP::sdBoth) const override;
    QCPRange getValueRange(bool& found, QCP::SignDomain domain = QCP::sdBoth,
                           const QCPRange& keys = QCPRange()) const override;

  protected:
    void draw(QCPPainter* painter) override;
    void drawLegendIcon(QCPPainter*, const QRectF&) const override {}

  private:
    /// Fills every column from its least to its greatest value, at least `least` pixels tall.
    void drawBand(QCPPainter* painter, bool mean, const QColor& colour, double least);
    bool isRough(bool mean) const;
    void drawLine(QCPPainter* painter, bool mean, const QPen& pen);
    void drawPoints(QCPPainter* painter, std::size_t begin, std::size_t end, bool mean, const QPen& pen);
    void stroke(QCPPainter* painter, const QPen& pen);
    double pixelOf(double value) const;  ///< NaN where a logarithmic axis has no place for it
    bool hasMean() const;

    CurveData m_data;
    CurveKind m_kind;
    Look m_look;
    double m_left = 0, m_columnWidth = 1;  // of the pixel columns, in logical pixels
    double m_ratio = 1;                    // device pixels a logical one
    std::vector<std::pair<double, double>> m_spans;
    std::vector<Column> m_columns;  // kept between draws for their memory
    std::vector<QVector<QPointF>> m_strokes;
};

}  // namespace tessera::ui
