#include "ui/shell/sheets.h"

#include <QGridLayout>
#include <QScrollArea>
#include <QVBoxLayout>

#include "ui/widgets/basics.h"
#include "ui/workspace/actions.h"

namespace tessera::ui {

namespace {

QLabel* keys(const QString& text, QWidget* parent) {
    QLabel* made = muted(text, parent);
    made->setWordWrap(false);
    made->setAlignment(Qt::AlignRight | Qt::AlignVCenter);
    return made;
}

// A heading, a scrolled content and a button that closes.
QVBoxLayout* frame(Popup* sheet, const QString& title) {
    sheet->setAccessibleName(title);
    auto* column = new QVBoxLayout(sheet->panel());
    column->setContentsMargins(kGap * 3, kGap * 2, kGap * 3, kGap * 2);
    column->setSpacing(kGap);
    column->addWidget(heading(title, sheet->panel()));
    auto* scroll = new QScrollArea(sheet->panel());
    scroll->setWidgetResizable(true);
    scroll->setFrameShape(QFrame::NoFrame);
    scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    scroll->setAccessibleName(title);
    scroll->setFocusPolicy(Qt::StrongFocus);
    auto* content = new QWidget(scroll);
    auto* lines = new QVBoxLayout(content);
    lines->setContentsMargins(0, 0, kGap * 2, 0);
    lines->setSpacing(kGap / 2);
    scroll->setWidget(content);
    scroll->viewport()->setAutoFillBackground(false);
    content->setAutoFillBackground(false);
    column->addWidget(scroll, 1);
    auto* close = plainButton(QObject::tr("Close"), {}, sheet->panel());
    QObject::connect(close, &QPushButton::clicked, sheet, &QWidget::close);
    column->addWidget(close, 0, Qt::AlignRight);
    sheet->setFocusProxy(scroll);
    return lines;
}

}  // namespace

QStringList actionGroups(const Actions& actions) {
    QStringList groups = {QObject::tr("File"), QObject::tr("Run"), QObject::tr("View")};
    const QString help = QObject::tr("Help");
    for (const QAction* action : actions.all())
        if (const QString group = actions.group(action); !groups.contains(group) && group != help)
            groups << group;
    return groups << help;
}

Popup* shortcutSheet(const Actions& actions, QWidget* window) {
    auto* sheet = new Popup(window);
    QVBoxLayout* lines = frame(sheet, QObject::tr("Keyboard shortcuts"));
    for (const QString& group : actionGroups(actions)) {
        lines->addSpacing(kGap);
        lines->addWidget(subheading(group, sheet->panel()));
        auto* grid = new QGridLayout;
        grid->setVerticalSpacing(kGap / 2);
        grid->setColumnStretch(0, 1);
        int row = 0;
        for (const QAction* action : actions.all()) {
            if (actions.group(action) != group || action->shortcut().isEmpty()) continue;
            grid->addWidget(body(action->text(), sheet->panel()), row, 0);
            grid->addWidget(keys(action->shortcut().toString(QKeySequence::NativeText), sheet->panel()),
                            row++, 1);
        }
        lines->addLayout(grid);
    }
    lines->addStretch();
    return sheet;
}

Popup* aboutSheet(QWidget* window) {
    auto* sheet = new Popup(window);
    QVBoxLayout* lines = frame(sheet, QObject::tr("Tessera %1").arg(QLatin1String(TESSERA_VERSION)));
    const auto say = [&](const QString& text) { lines->addWidget(body(text, sheet->panel())); };
    say(QObject::tr("A workbench for learnable sparsity in language models: prune, watch, look, measure."));
    lines->addSpacing(kGap);
    lines->addWidget(subheading(QObject::tr("Licence"), sheet->panel()));
    say(QObject::tr(
        "GNU General Public License, version 3. It comes without any warranty; the file LICENSE says "
        "what that means."));
    lines->addSpacing(kGap);
    lines->addWidget(subheading(QObject::tr("It stands on"), sheet->panel()));
    say(QObject::tr(
            "Qt %1 (LGPL), QCustomPlot (GPL), LibTorch (BSD), Highway (Apache 2.0), nlohmann/json (MIT) and "
            "CLI11 (BSD). The icons are Tabler Icons (MIT).")
            .arg(QLatin1String(qVersion())));
    lines->addStretch();
    return sheet;
}

}  // namespace tessera::ui
