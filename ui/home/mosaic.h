#pragma once

#include <QString>
#include <QWidget>

namespace tessera::ui {

/// A small picture of a model: tiles in the theme's colours, laid by its name alone, the same at every start.
/// With `faint` it is only outlined: a model that is not on this machine yet.
class Mosaic : public QWidget {
    Q_OBJECT
  public:
    explicit Mosaic(QWidget* parent = nullptr);
    void depict(const QString& name, bool faint);

  protected:
    void paintEvent(QPaintEvent*) override;

  private:
    QString m_name;
    bool m_faint = false;
};

}  // namespace tessera::ui
