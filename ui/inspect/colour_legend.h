#pragma once

#include <QWidget>

#include "ui/inspect/heatmap_view.h"

namespace tessera::ui {

/// What the colours of a map mean, and that ink is kept and paper pruned. Takes a second line where one is
/// too short. GUI thread only.
class ColourLegend : public QWidget {
    Q_OBJECT
  public:
    explicit ColourLegend(QWidget* parent = nullptr);
    void show(const HeatmapView& view);
    QString text() const;  ///< all of it, for a screen reader
    bool hasHeightForWidth() const override { return true; }
    int heightForWidth(int width) const override;
    QSize sizeHint() const override;
    QSize minimumSizeHint() const override;

  protected:
    void paintEvent(QPaintEvent* event) override;

  private:
    /// A swatch, or a bar of all colours between two numbers, and what it means.
    struct Item {
        QColor swatch;
        bool bar = false, strong = false;
        QString low, text;
    };
    double itemWidth(const Item& item) const;
    std::vector<QPointF> places(double width) const;
    double lineHeight() const;

    std::vector<Item> m_items;
    Palette m_palette = Palette::Viridis;
};

}  // namespace tessera::ui
