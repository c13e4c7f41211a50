#include "ui/run/field_problem.h"

#include <QStyle>

#include "ui/theme/theme.h"

namespace tessera::ui {

FieldProblem::FieldProblem(QWidget* parent) : QLabel(parent) {
    setWordWrap(true);
    setTextFormat(Qt::PlainText);
    hide();
    const auto colour = [this] {
        QPalette palette = this->palette();
        palette.setColor(QPalette::WindowText, Theme::instance().tokens().bad);
        setPalette(palette);
    };
    connect(&Theme::instance(), &Theme::changed, this, colour);
    colour();
}

void FieldProblem::show(QWidget* field, const QString& sentence) {
    setText(sentence);
    setVisible(!sentence.isEmpty());
    const bool invalid = !sentence.isEmpty();
    if (field->property("invalid").toBool() == invalid) return;
    field->setProperty("invalid", invalid);
    field->style()->unpolish(field);
    field->style()->polish(field);
}

}  // namespace tessera::ui
