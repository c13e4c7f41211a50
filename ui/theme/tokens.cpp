#include "ui/theme/tokens.h"

namespace tessera::ui {

// Texts have a contrast of at least 4.5 on every background of their mode, curves and runs at least 3; the
// four tile categories stay apart for eyes without red, green or blue receptors. tests/ui/theme holds this.

ThemeTokens lightTokens() {
    ThemeTokens t;
    t.dark = false;
    t.window = QColor(0xf3f5f8);
    t.surface = QColor(0xfafbfc);
    t.raised = QColor(0xffffff);
    t.border = QColor(0xd8dde4);
    t.grid = QColor(0xe9ecf0);
    t.text = QColor(0x1b2432);
    t.textMuted = QColor(0x5a6677);
    t.accent = QColor(0x2c5fcc);
    t.onAccent = QColor(0xffffff);
    t.link = QColor(0x2455bd);
    t.good = QColor(0x18744a);
    t.warning = QColor(0x945200);
    t.bad = QColor(0xb9302b);
    t.lossRaw = QColor(0xbccbe6);
    t.lossSmooth = QColor(0x1f4fa3);
    t.target = QColor(0x8a5a00);
    t.sparsity = QColor(0x0b7a75);
    t.temperature = QColor(0xa8477f);
    t.tileDense = QColor(0x123e7c);
    t.tileTwoFour = QColor(0xf2a900);
    t.tileUndecided = QColor(0x8fa3ad);
    t.tileExcluded = QColor(0xf4f4f4);
    t.ink = QColor(0x1b2a41);
    t.paper = QColor(0xf7f7f4);
    t.runs = {QColor(0x0072b2), QColor(0xc25500), QColor(0x00805d), QColor(0xa84a7e),
              QColor(0xa36a00), QColor(0x2a86c0), QColor(0x7a7300), QColor(0x1b2432)};
    return t;
}

ThemeTokens darkTokens() {
    ThemeTokens t;
    t.dark = true;
    t.window = QColor(0x13171d);
    t.surface = QColor(0x181d24);
    t.raised = QColor(0x1e242d);
    t.border = QColor(0x333c48);
    t.grid = QColor(0x2a323d);
    t.text = QColor(0xe7ebf1);
    t.textMuted = QColor(0x9ca8b8);
    t.accent = QColor(0x7aa5f8);
    t.onAccent = QColor(0x0c1526);
    t.link = QColor(0x8fb4ff);
    t.good = QColor(0x4fc48c);
    t.warning = QColor(0xe6a740);
    t.bad = QColor(0xf47c76);
    t.lossRaw = QColor(0x34486c);
    t.lossSmooth = QColor(0x8db4ff);
    t.target = QColor(0xe0b050);
    t.sparsity = QColor(0x45c8be);
    t.temperature = QColor(0xe08fc0);
    t.tileDense = QColor(0x4a80d8);
    t.tileTwoFour = QColor(0xf2b420);
    t.tileUndecided = QColor(0x8d98a3);
    t.tileExcluded = QColor(0x2a313b);
    t.ink = QColor(0xe2e7ee);
    t.paper = QColor(0x161b22);
    t.runs = {QColor(0x5b94f0), QColor(0xf0804a), QColor(0x2bc79a), QColor(0xdc93bf),
              QColor(0xe69f00), QColor(0x7fd0f7), QColor(0xf0e442), QColor(0xe7ebf1)};
    return t;
}

namespace {

QColor mixed(const QColor& over, const QColor& under, double share) {
    return QColor::fromRgbF(float(over.redF() * share + under.redF() * (1 - share)),
                            float(over.greenF() * share + under.greenF() * (1 - share)),
                            float(over.blueF() * share + under.blueF() * (1 - share)));
}

}  // namespace

QString styleSheet(const ThemeTokens& t) {
    QString sheet = QStringLiteral(R"(
QToolTip { color: @text; background: @raised; border: 1px solid @border; padding: 4px 6px; }
QMenuBar { background: @surface; border-bottom: 1px solid @border; padding: 2px 4px; }
QMenuBar::item { background: transparent; padding: 8px 10px; border-radius: 5px; }
QMenuBar::item:selected, QMenuBar::item:pressed { background: @hover; }
QMenu { background: @raised; border: 1px solid @border; padding: 5px; }
QMenu::item { padding: 5px 26px 5px 10px; border-radius: 5px; }
QMenu::item:selected { background: @selected; color: @text; }
QMenu::item:disabled { color: @disabled; }
QMenu::icon { padding-left: 8px; }
QMenu::icon:checked { background: @selected; border-radius: 4px; }
#popup { background: @raised; border: 1px solid @line; border-radius: 12px; }
QMenu::separator { height: 1px; background: @border; margin: 5px 8px; }
QStatusBar { background: @surface; border-top: 1px solid @border; }
QStatusBar::item { border: none; }
QLabel[look="muted"] { color: @muted; }
QLabel:disabled { color: @disabled; }
tessera--ui--Banner { background: @information; border: 1px solid @accentLine; border-radius: 8px; }
tessera--ui--Banner[kind="warning"] { background: @warningBack; border-color: @warningLine; }
tessera--ui--Banner[kind="failure"] { background: @badBack; border-color: @badLine; }
QPushButton { background: @raised; border: 1px solid @line; border-radius: 6px; padding: 5px 14px; min-height: 1.35em; }
QPushButton:hover { background: @hover; }
QPushButton:pressed, QPushButton:checked { background: @selected; border-color: @accent; }
QPushButton:focus { border: 1px solid @accent; }
QPushButton:disabled { color: @disabled; border-color: @border; background: transparent; }
QPushButton[look="primary"] { background: @accent; color: @onAccent; border-color: @accent; font-weight: 600; padding: 6px 18px; }
QPushButton[look="primary"]:hover { background: @accentHover; }
QPushButton[look="primary"]:focus { border: 2px solid @focus; padding: 5px 17px; }
QPushButton[look="primary"]:disabled { background: @border; color: @disabled; border-color: @border; }
QToolButton { border: 1px solid transparent; border-radius: 6px; padding: 4px; }
QToolButton:hover { background: @hover; }
QToolButton:pressed, QToolButton:checked { background: @selected; }
QToolButton:focus { border-color: @accent; }
QToolButton[look="search"] { background: @field; border: 1px solid @line; color: @muted; padding: 4px 10px; }
QToolButton[look="search"]:hover, QToolButton[look="search"]:focus { border-color: @accent; }
#rail { background: @surface; border: none; border-right: 1px solid @border; }
#rail QToolButton { color: @muted; padding: 7px 4px 6px 4px; border-radius: 8px; }
#rail QToolButton:hover { color: @text; }
#rail QToolButton:checked { color: @accent; font-weight: 600; }
QToolButton:disabled { color: @disabled; }
QToolButton::menu-indicator { image: none; }
QLineEdit, QPlainTextEdit, QTextEdit, QComboBox, QAbstractSpinBox { background: @field; border: 1px solid @line; border-radius: 6px; selection-background-color: @accent; selection-color: @onAccent; }
QLineEdit, QComboBox, QAbstractSpinBox { padding: 4px 8px; min-height: 1.35em; }
QAbstractSpinBox { padding-right: 20px; }
QPlainTextEdit, QTextEdit { padding: 4px; }
QLineEdit:focus, QPlainTextEdit:focus, QTextEdit:focus, QComboBox:focus, QAbstractSpinBox:focus { border-color: @accent; }
QLineEdit[invalid="true"], QPlainTextEdit[invalid="true"], QComboBox[invalid="true"], QAbstractSpinBox[invalid="true"] { border-color: @bad; }
QLineEdit:disabled, QPlainTextEdit:disabled, QComboBox:disabled, QAbstractSpinBox:disabled { color: @disabled; background: transparent; border-color: @border; }
QComboBox::drop-down { border: none; width: 24px; }
QComboBox::down-arrow { image: url(:/icons/control-down.svg); width: 14px; height: 14px; }
QComboBox QAbstractItemView { background: @raised; border: 1px solid @border; padding: 3px; selection-background-color: @selected; selection-color: @text; outline: none; }
QAbstractSpinBox::up-button, QAbstractSpinBox::down-button { border: none; width: 18px; background: transparent; }
QAbstractSpinBox::up-button { subcontrol-position: top right; }
QAbstractSpinBox::down-button { subcontrol-position: bottom right; }
QAbstractSpinBox::up-arrow { image: url(:/icons/control-up.svg); width: 11px; height: 11px; }
QAbstractSpinBox::down-arrow { image: url(:/icons/control-down.svg); width: 11px; height: 11px; }
QCheckBox, QRadioButton { spacing: 7px; }
QCheckBox::indicator, QRadioButton::indicator, QListView::indicator, QTableView::indicator, QTreeView::indicator { width: 14px; height: 14px; border: 1px solid @box; border-radius: 4px; background: @field; }
QRadioButton::indicator { border-radius: 8px; }
QCheckBox::indicator:focus, QRadioButton::indicator:focus { border-color: @accent; }
QCheckBox::indicator:hover, QRadioButton::indicator:hover { border-color: @accent; }
QCheckBox::indicator:checked, QListView::indicator:checked, QTableView::indicator:checked, QTreeView::indicator:checked { background: @accent; border-color: @accent; image: url(:/icons/control-check-@mode.svg); }
QRadioButton::indicator:checked { border: 4px solid @accent; width: 8px; height: 8px; background: @onAccent; }
QCheckBox::indicator:disabled, QRadioButton::indicator:disabled { border-color: @border; background: @border; }
QProgressBar { background: @grid; border: none; border-radius: 3px; color: @text; text-align: center; }
QProgressBar::chunk { background: @accent; border-radius: 3px; }
QSlider:horizontal { min-height: 20px; }
QSlider::groove:horizontal { height: 4px; background: @line; border-radius: 2px; }
QSlider::sub-page:horizontal { background: @accent; border-radius: 2px; }
QSlider::handle:horizontal { width: 14px; height: 14px; margin: -6px 0; border-radius: 8px; background: @raised; border: 2px solid @accent; }
QSlider::handle:horizontal:focus { background: @accent; }
QSlider::sub-page:horizontal:disabled { background: @line; }
QSlider::handle:horizontal:disabled { border-color: @line; }
QTableView, QTreeView, QListView { background: @raised; border: 1px solid @border; border-radius: 8px; gridline-color: @grid; alternate-background-color: @surface; selection-background-color: @selected; selection-color: @text; outline: none; }
QTableView::item, QTreeView::item { padding: 3px 8px; border: none; }
QHeaderView { background: transparent; border: none; }
QHeaderView::section { background: @surface; color: @muted; border: none; border-bottom: 1px solid @border; padding: 6px 8px; font-weight: 600; }
QTableCornerButton::section { background: @surface; border: none; }
QTabWidget::pane { border: none; border-top: 1px solid @border; }
QTabBar::tab { background: transparent; color: @muted; padding: 7px 14px; border: none; border-bottom: 2px solid transparent; }
QTabBar::tab:hover { color: @text; }
QTabBar::tab:selected, QTabBar::tab:focus { color: @text; border-bottom-color: @accent; }
QScrollBar:vertical { background: transparent; width: 12px; margin: 0; }
QScrollBar:horizontal { background: transparent; height: 12px; margin: 0; }
QScrollBar::handle { background: @scroll; border-radius: 4px; margin: 2px; }
QScrollBar::handle:vertical { min-height: 32px; }
QScrollBar::handle:horizontal { min-width: 32px; }
QScrollBar::handle:hover { background: @muted; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; height: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }
QTableView::corner, QTreeView::corner, QListView::corner, QPlainTextEdit::corner, QTextEdit::corner { background: transparent; border: none; }
)");
    const auto colour = [&sheet](const char* name, const QColor& value) {
        // A whole word: "@accent" is not the head of "@accentHover", so that one is replaced first.
        sheet.replace(QLatin1Char('@') + QLatin1String(name), value.name());
    };
    sheet.replace(QLatin1String("@mode"), QLatin1String(t.dark ? "dark" : "light"));
    const QColor line = mixed(t.text, t.raised, t.dark ? 0.24 : 0.22);
    colour("accentHover", mixed(t.dark ? t.text : t.ink, t.accent, 0.14));
    colour("accentLine", mixed(t.accent, t.raised, 0.35));
    colour("warningLine", mixed(t.warning, t.raised, 0.4));
    colour("warningBack", mixed(t.warning, t.raised, t.dark ? 0.13 : 0.08));
    colour("badLine", mixed(t.bad, t.raised, 0.4));
    colour("badBack", mixed(t.bad, t.raised, t.dark ? 0.13 : 0.07));
    colour("information", mixed(t.accent, t.raised, t.dark ? 0.12 : 0.07));
    colour("focus", mixed(t.accent, t.text, 0.4));
    colour("disabled", mixed(t.textMuted, t.raised, 0.55));
    colour("hover", mixed(t.text, t.raised, t.dark ? 0.09 : 0.055));
    colour("selected", mixed(t.accent, t.raised, t.dark ? 0.26 : 0.14));
    colour("scroll", mixed(t.textMuted, t.raised, 0.4));
    colour("field", t.dark ? t.surface : t.raised);
    colour("line", line);
    colour("box", mixed(t.text, t.raised, 0.42));
    colour("onAccent", t.onAccent);
    colour("accent", t.accent);
    colour("muted", t.textMuted);
    colour("text", t.text);
    colour("bad", t.bad);
    colour("border", t.border);
    colour("surface", t.surface);
    colour("raised", t.raised);
    colour("grid", t.grid);
    return sheet;
}

}  // namespace tessera::ui
