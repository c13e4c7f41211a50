#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "ui/theme/theme.h"
#include "ui/widgets/qcustomplot.h"

namespace tessera::ui {

/// A legend that is a read-out, too: swatch, name and value of every curve of a panel in one line above it.
/// Drawn on a buffered layer, so that the pointer costs no replot.
class PanelLegend : public QCPLayoutElement {
    Q_OBJECT
  public:
    struct Entry {
        QString name, value;
        QColor colour;
        Qt::PenStyle dash = Qt::SolidLine;
        bool band = false;   ///< a filled swatch instead of a line
        bool plain = false;  ///< words only, in the muted colour
    };
    explicit PanelLegend(QCustomPlot* plot);

    /// Fills the entries and the text at the right end, just before drawing.
    std::function<void(std::vector<Entry>& entries, QString& right)> content;
    QCPAxisRect* above = nullptr;  ///< aligned with this one
    QSize minimumOuterSizeHint() const override;

  protected:
    void draw(QCPPainter* painter) override;
    void applyDefaultAntialiasingHint(QCPPainter*) const override {}
    QRect clipRect() const override { return outerRect(); }
};

/// Target lines and marks of a panel.
class PanelLines : public QCPLayerable {
    Q_OBJECT
  public:
    struct Target {
        QCPAxis* axis = nullptr;
        double value = 0;
        QString name;
    };
    struct Mark {
        double x = 0;
        QString name;
    };
    PanelLines(QCPAxisRect* rect, const std::vector<Mark>* marks, bool namesMarks);

    std::vector<Target> targets;

  protected:
    void draw(QCPPainter* painter) override;
    void applyDefaultAntialiasingHint(QCPPainter*) const override {}
    QRect clipRect() const override { return m_rect->rect(); }

  private:
    QCPAxisRect* m_rect;
    const std::vector<Mark>* m_marks;
    bool m_namesMarks;  ///< once is enough
};

/// The crosshair and its dots, and the sentence of an empty chart; on a buffered layer.
class PanelOverlay : public QCPLayerable {
    Q_OBJECT
  public:
    struct Dot {
        QPointF at;
        QColor colour;
    };
    explicit PanelOverlay(QCPAxisRect* rect);

    std::optional<double> x;
    std::function<std::vector<Dot>(double x)> dots;
    QString sentence;  ///< in the middle, where it is not empty

  protected:
    void draw(QCPPainter* painter) override;
    void applyDefaultAntialiasingHint(QCPPainter*) const override {}
    QRect clipRect() const override { return m_rect->rect(); }

  private:
    QCPAxisRect* m_rect;
};

}  // namespace tessera::ui
