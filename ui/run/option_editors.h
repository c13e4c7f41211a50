#pragma once

#include <QGridLayout>
#include <QHash>
#include <QLabel>
#include <QLineEdit>
#include <QToolButton>
#include <QWidget>
#include <functional>
#include <vector>

#include "core/session/options.h"
#include "ui/run/field_problem.h"

namespace tessera::ui {

/// The editor of one option, right for its type, with what it means and what holds otherwise.
class OptionRow : public QWidget {
    Q_OBJECT
  public:
    explicit OptionRow(const OptionDescription& option, QWidget* parent = nullptr);

    QString key() const;
    /// The value as the specification writes it.
    QString value() const;
    /// Shows a value without saying changed().
    void setValue(const QString& value);
    /// What holds where the option is left alone, of this method and recipe.
    void setRecipeValue(const QString& value, const QString& published);
    bool differs() const;
    void reset();
    void setProblem(const QString& sentence);  ///< below the editor; empty: none
    bool matches(const QString& words) const;  ///< key, help or title holds every word
    QWidget* editor() const { return m_editor; }

  Q_SIGNALS:
    void changed();

  private:
    void makeEditor();
    void showReset();

    const OptionDescription& m_option;
    QString m_recipeValue;
    bool m_hasRecipe = false;
    QWidget* m_editor = nullptr;
    std::function<QString()> m_read;
    std::function<void(const QString&)> m_write;
    QLabel* m_help = nullptr;
    FieldProblem* m_problem = nullptr;
    QToolButton* m_reset = nullptr;
};

/// All `--set` keys of a method in groups, to be searched; made from the engine's own description, so that
/// none is missing.
class OptionEditors : public QWidget {
    Q_OBJECT
  public:
    explicit OptionEditors(QWidget* parent = nullptr);

    void setMethod(const std::string& method);
    /// Only what differs from the recipe, for the specification's "set".
    Json set() const;
    /// Shows these values and the recipe's for all others. Values that the method does not have are left out.
    void setValues(const Json& set);
    OptionRow* row(const QString& key) const;  ///< nullptr where the method does not have it
    QStringList keys() const;                  ///< of the method
    int changedCount() const;
    void clearProblems();

  Q_SIGNALS:
    void changed();

  private:
    struct Group {
        QWidget* box = nullptr;
        std::vector<OptionRow*> rows;
    };

    void makeRows();
    void applyRecipe();
    void filter();

    std::string m_method;
    QLineEdit* m_search = nullptr;
    QLabel* m_nothing = nullptr;
    std::vector<Group> m_groups;
    QHash<QString, OptionRow*> m_rows;
    bool m_filling = false;
};

}  // namespace tessera::ui
