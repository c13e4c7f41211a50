#pragma once

#include <QRadioButton>
#include <memory>

#include "ui/client/model_library.h"
#include "ui/home/fit_check.h"

class QLabel;
class QProgressBar;
class QPushButton;

namespace tessera::ui {

class Mosaic;

/// One model as a card. It is a radio button among its neighbours: a click or an arrow key chooses it, Enter
/// or a double click goes on with it.
class ModelCard : public QRadioButton {
    Q_OBJECT
  public:
    explicit ModelCard(QWidget* parent = nullptr);

    struct Download {
        bool running = false;
        double done = 0, total = 0;  ///< bytes
        QString problem;
    };
    void present(const ModelEntry& model, const FitCheck::Fit& fit, const Download& download);
    const ModelEntry& model() const { return m_model; }
    QString fitText() const;

    QSize sizeHint() const override;
    QSize minimumSizeHint() const override { return sizeHint(); }

  Q_SIGNALS:
    void entered();
    void getPressed();
    void cancelPressed();
    void removePressed();

  protected:
    void paintEvent(QPaintEvent*) override;
    bool hitButton(const QPoint& at) const override { return rect().contains(at); }
    void keyPressEvent(QKeyEvent* event) override;
    void mouseDoubleClickEvent(QMouseEvent* event) override;
    void contextMenuEvent(QContextMenuEvent* event) override;
    bool event(QEvent* event) override;

  private:
    class ElidedText;
    void showFacts();
    void showFit(const FitCheck::Fit& fit);
    void showDownload(const Download& download);

    ModelEntry m_model;
    Mosaic* m_mosaic;
    ElidedText *m_title, *m_size, *m_licence, *m_source, *m_fit;
    QProgressBar* m_bar;
    QPushButton *m_get, *m_cancel, *m_remove;
};

}  // namespace tessera::ui
