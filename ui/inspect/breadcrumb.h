#pragma once

#include <QWidget>

#include "ui/inspect/navigator.h"

class QHBoxLayout;

namespace tessera::ui {

/// "Model > Block 12 > mlp.up > Tile (7, 31) > Row 900, group 5": where one is; each part leads there. GUI
/// thread only.
class Breadcrumb : public QWidget {
    Q_OBJECT
  public:
    explicit Breadcrumb(QWidget* parent = nullptr);
    void show(const Navigator& navigator);
    QString text() const;

  Q_SIGNALS:
    void pressed(tessera::ui::Level level);

  private:
    QHBoxLayout* m_row;
    QStringList m_parts;
};

}  // namespace tessera::ui
