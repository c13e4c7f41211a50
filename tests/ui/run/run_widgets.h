#pragma once

#include <QPushButton>
#include <QWidget>

#include "ui/run/field_problem.h"

namespace tessera::test {

/// The sentences that are shown at fields.
inline QStringList problems(const QWidget& form) {
    QStringList list;
    for (const auto* problem : form.findChildren<ui::FieldProblem*>())
        if (!problem->isHidden()) list << problem->text();
    return list;
}

inline QPushButton* button(const QWidget& root, const QString& text) {
    for (auto* each : root.findChildren<QPushButton*>())
        if (each->text() == text && each->isVisibleTo(&root)) return each;
    return nullptr;
}

}  // namespace tessera::test
