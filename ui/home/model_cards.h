#pragma once

#include <QWidget>
#include <vector>

#include "ui/home/fit_check.h"
#include "ui/home/model_fetch.h"

namespace tessera::ui {

class ModelCard;
class ModelLibrary;
struct ModelEntry;

/// The models as cards in as many columns as fit, all of one size. One of them is chosen. Of the models that
/// the catalogue could get only the first few have a card, until all are asked for.
class ModelCards : public QWidget {
    Q_OBJECT
  public:
    explicit ModelCards(ModelLibrary& models, QWidget* parent = nullptr);

    /// Null where there is no model at all. Good until the library changes.
    const ModelEntry* chosen() const;
    /// Chooses a card; one that is not there yet is chosen when it comes.
    void choose(const QString& name);
    ModelCard* card(const QString& name) const;
    ModelCard* chosenCard() const { return card(m_chosen); }
    void showAll(bool all);
    bool showsAll() const { return m_all; }
    /// How many models have no card now, or would have none if not all were shown.
    int spare() const;
    /// Begins to get a model of the catalogue; the card shows how far it is.
    void get(const QString& name);
    const ModelFetch& fetch() const { return m_fetch; }
    bool settled() const;
    /// Whether models are asked about: not before the page is looked at.
    void beginChecks();

    QSize sizeHint() const override;
    QSize minimumSizeHint() const override;

  Q_SIGNALS:
    void chosenChanged();  ///< another one, or something of it
    void entered();        ///< Enter or a double click on the chosen one

  protected:
    void resizeEvent(QResizeEvent* event) override;

  private:
    std::vector<const ModelEntry*> few() const;
    std::vector<const ModelEntry*> shown() const;
    void rebuild();
    void refresh();
    void arrange();
    int columnsIn(int width) const;
    int heightIn(int width) const;
    ModelCard* makeCard();

    ModelLibrary& m_models;
    FitCheck m_fits;
    ModelFetch m_fetch;
    std::vector<ModelCard*> m_cards;
    std::vector<QString> m_shown;  ///< the model of each card
    QString m_chosen, m_wanted;
    bool m_checking = false, m_all = false;
};

}  // namespace tessera::ui
