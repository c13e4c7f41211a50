#pragma once

#include <QLabel>
#include <QString>

namespace tessera::ui {

/// The line below a field that says what is wrong with it, in the theme's colour for that; hidden while
/// nothing is.
class FieldProblem : public QLabel {
    Q_OBJECT
  public:
    explicit FieldProblem(QWidget* parent = nullptr);
    /// Outlines `field` and says the sentence; an empty one takes both away.
    void show(QWidget* field, const QString& sentence);
};

}  // namespace tessera::ui
