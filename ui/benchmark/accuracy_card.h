#pragma once

#include "ui/benchmark/result_cards.h"

class QCheckBox;
class QGridLayout;

namespace tessera::ui {

class AccuracyModel;
class CliCall;
class WholeTable;

/// Accuracy on zero-shot tasks, dense and pruned, from data on this machine; what was measured before stays.
class AccuracyCard : public Card {
    Q_OBJECT
  public:
    explicit AccuracyCard(QWidget* parent = nullptr);
    ~AccuracyCard() override;
    void setRun(const CardRun& run);
    void setFound(const Measurements& found);
    /// Looks for tasks in the folder of the last time, once; the first time the card is seen.
    void lookOnce();
    void measure();
    bool busy() const;

  Q_SIGNALS:
    void measured();

  private:
    void look();
    void showTasks(const Json& document);
    void tellLooked(const QString& sentence);
    void showChoice();
    void updateButton();

    CardRun m_run;
    std::vector<TaskMeasurement> m_found;
    std::unique_ptr<CliCall> m_looking;
    bool m_looked = false;
    QLineEdit* m_folder;
    QLabel* m_note;
    QWidget* m_boxes;
    QGridLayout* m_grid;
    std::vector<QCheckBox*> m_tasks;
    QComboBox *m_items, *m_choice;
    QPushButton* m_button;
    TaskRow* m_task;
    AccuracyModel* m_rows;
    WholeTable* m_table;
};

}  // namespace tessera::ui
