#include "ui/inspect/breadcrumb.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QToolButton>

#include "ui/widgets/basics.h"

namespace tessera::ui {

Breadcrumb::Breadcrumb(QWidget* parent) : QWidget(parent) {
    m_row = new QHBoxLayout(this);
    m_row->setContentsMargins(0, 0, 0, 0);
    m_row->setSpacing(0);
    setAccessibleName(tr("Where you are"));
}

QString Breadcrumb::text() const {
    return m_parts.join(QStringLiteral(" > "));
}

void Breadcrumb::show(const Navigator& navigator) {
    QStringList parts{tr("Model")};
    QList<Level> levels{Level::Model};
    const auto level = navigator.level();
    if (!navigator.empty() && level >= Level::Matrix) {
        parts << tr("Block %1").arg(navigator.matrix().block) << navigator.matrix().label;
        levels << Level::Model << Level::Matrix;
        if (level >= Level::Tile) {
            parts << tr("Tile (%1, %2)").arg(navigator.tileRow()).arg(navigator.tileCol());
            levels << Level::Tile;
        }
        if (level >= Level::Group) {
            parts << tr("Row %1, group %2").arg(navigator.selected().row).arg(navigator.selected().col / 4);
            levels << Level::Group;
        }
    }
    if (parts == m_parts) return;
    m_parts = parts;
    setAccessibleDescription(text());
    // Crumbs are reused, so that the one with the keyboard keeps it while the trail changes behind it.
    QList<QToolButton*> buttons;
    for (int i = 0; i < m_row->count(); ++i)
        if (auto* button = qobject_cast<QToolButton*>(m_row->itemAt(i)->widget())) buttons << button;
    while (buttons.size() < parts.size()) {
        if (m_row->count() > 0 && m_row->itemAt(m_row->count() - 1)->spacerItem())
            delete m_row->takeAt(m_row->count() - 1);
        if (!buttons.isEmpty()) {
            auto* arrow = muted(QStringLiteral("›"), this);
            arrow->setWordWrap(false);
            arrow->setObjectName(QStringLiteral("arrow"));
            m_row->addWidget(arrow);
        }
        auto* button = new QToolButton(this);
        button->setAutoRaise(true);
        button->setToolButtonStyle(Qt::ToolButtonTextOnly);
        connect(button, &QToolButton::clicked, this,
                [this, button] { Q_EMIT pressed(static_cast<Level>(button->property("level").toInt())); });
        m_row->addWidget(button);
        buttons << button;
        m_row->addStretch(1);
    }
    int number = 0;
    for (int i = 0; i < m_row->count(); ++i) {
        auto* widget = m_row->itemAt(i)->widget();
        if (!widget) continue;
        auto* button = qobject_cast<QToolButton*>(widget);
        // An arrow goes with the crumb behind it.
        widget->setVisible(number < parts.size());
        if (!button) continue;
        if (number < parts.size()) {
            const bool last = number + 1 == parts.size();
            auto font = this->font();
            font.setPointSizeF(font.pointSizeF() * 1.12);
            font.setWeight(last ? QFont::DemiBold : QFont::Normal);
            button->setFont(font);
            button->setText(parts[number]);
            button->setAccessibleName(last ? tr("%1, shown now").arg(parts[number])
                                           : tr("Go to %1").arg(parts[number]));
            button->setProperty("level", static_cast<int>(levels[number]));
        }
        ++number;
    }
}

}  // namespace tessera::ui
