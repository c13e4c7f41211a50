#pragma once

#include <QComboBox>
#include <QDoubleSpinBox>
#include <QGridLayout>
#include <QHash>
#include <QPushButton>
#include <QSlider>
#include <QSpinBox>
#include <QToolButton>
#include <QWidget>
#include <optional>

#include "core/session/experiment_spec.h"
#include "ui/run/field_problem.h"

namespace tessera::ui {

class ModelLibrary;
class OptionEditors;

/// The form of a new run. It starts with what works: LEAP on the chosen model with a quick budget. What it
/// makes is checked by the engine's own parser, and what that refuses is said at the field.
class RunForm : public QWidget {
    Q_OBJECT
  public:
    explicit RunForm(ModelLibrary& models, QWidget* parent = nullptr);

    /// cli.md's SPEC.json of what is entered, right or wrong.
    Json spec() const;
    /// Fills every field; what is missing takes its default.
    void setSpec(const Json& spec);
    void setModel(const QString& name);
    /// The parsed specification; nullopt where a field is wrong, which then says so.
    std::optional<ExperimentSpec> check();
    /// Changes one thing by its name in the specification or in "set"; false where there is no such field.
    bool apply(const QString& option, const QString& value);
    /// Says a sentence at the field that `where` names; false where it names none.
    bool showProblem(const QString& where, const QString& sentence);
    /// The field that something is wrong with, for the keyboard; nullptr where all is right.
    QWidget* wrongField() const { return m_wrong; }
    /// How many steps a quick run takes, once it is known.
    void setQuickSteps(std::optional<std::int64_t> steps);
    OptionEditors& options() const { return *m_options; }
    QString methodTitle() const;

  Q_SIGNALS:
    void changed();

  private:
    enum class Budget { Quick, Steps, Minutes };
    struct Field {
        QWidget* label = nullptr;
        QWidget* editor = nullptr;
        FieldProblem* problem = nullptr;
        std::vector<QWidget*> parts;  ///< all widgets of the row
    };

    Field& addField(const QString& name, const QString& title, QWidget* editor, QWidget* row = nullptr,
                    QWidget* note = nullptr);
    void makeModel();
    void makeMethod();
    void makeSparsity();
    void makeBudget();
    void makeText();
    void makeRest();
    void fillModels();
    void methodChanged();
    void patternChanged();
    void suggestSparsity();
    void setBudget(Budget budget);
    void chooseText();
    void showText();
    void setAdvanced(bool open);
    void said();
    void setRowVisible(const QString& name, bool visible);
    const MethodDescription& method() const;
    double sparsity() const;

    ModelLibrary& m_models;
    QGridLayout* m_grid = nullptr;
    QHash<QString, Field> m_fields;
    int m_rows = 0;
    QComboBox *m_model = nullptr, *m_method = nullptr, *m_pattern = nullptr, *m_dtype = nullptr;
    QLabel *m_methodNote = nullptr, *m_sparsityNote = nullptr, *m_budgetNote = nullptr, *m_textNote = nullptr;
    QSlider* m_slider = nullptr;
    QDoubleSpinBox *m_sparsity = nullptr, *m_minutes = nullptr;
    QSpinBox *m_steps = nullptr, *m_threads = nullptr;
    QLineEdit* m_seed = nullptr;
    QPushButton* m_budgets[3] = {};
    QPushButton* m_defaultText = nullptr;
    QToolButton* m_advanced = nullptr;
    OptionEditors* m_options = nullptr;
    QStringList m_texts;
    Budget m_budget = Budget::Quick;
    std::optional<std::int64_t> m_quickSteps;
    bool m_sparsityTouched = false, m_filling = false;
    QWidget* m_wrong = nullptr;
};

}  // namespace tessera::ui
