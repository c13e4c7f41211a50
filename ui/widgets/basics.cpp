#include "ui/widgets/basics.h"

#include <QAccessible>
#include <QHBoxLayout>
#include <QPainter>
#include <QStyle>
#include <QVBoxLayout>
#include <cmath>

#include "ui/theme/icons.h"
#include "ui/theme/theme.h"

namespace tessera::ui {

namespace {

constexpr int kMaxBannerButtons = 3;
constexpr double kCardRadius = 10;

QLabel* label(const QString& text, QWidget* parent, double size, QFont::Weight weight) {
    auto* made = new QLabel(text, parent);
    QFont font = made->font();
    font.setPointSizeF(font.pointSizeF() * size);
    font.setWeight(weight);
    made->setFont(font);
    made->setTextFormat(Qt::PlainText);
    return made;
}

// Draws its icon at each paint, so that it follows the theme and the screen's scale by itself.
class IconLabel : public QLabel {
  public:
    IconLabel(int side, QWidget* parent) : QLabel(parent) { setFixedSize(side, side); }
    void setIcon(const QIcon& icon) {
        m_icon = icon;
        update();
    }

  protected:
    void paintEvent(QPaintEvent*) override {
        QPainter painter(this);
        m_icon.paint(&painter, rect());
    }

  private:
    QIcon m_icon;
};

int iconSide(const QWidget* widget, double lines) {
    return int(std::lround(widget->fontMetrics().height() * lines));
}

}  // namespace

QLabel* heading(const QString& text, QWidget* parent) {
    return label(text, parent, 1.5, QFont::DemiBold);
}

QLabel* subheading(const QString& text, QWidget* parent) {
    return label(text, parent, 1.12, QFont::DemiBold);
}

QLabel* body(const QString& text, QWidget* parent) {
    QLabel* made = label(text, parent, 1.0, QFont::Normal);
    made->setWordWrap(true);
    return made;
}

QLabel* muted(const QString& text, QWidget* parent) {
    QLabel* made = body(text, parent);
    made->setProperty("look", QStringLiteral("muted"));
    return made;
}

QLabel* picture(const QString& icon, double lines, QColor ThemeTokens::*tint, QWidget* parent) {
    auto* made = new IconLabel(0, parent);
    const int side = iconSide(made, lines);
    made->setFixedSize(side, side);
    made->setIcon(tint ? themedIcon(icon, tint) : themedIcon(icon));
    return made;
}

KeyFigure::KeyFigure(const QString& caption, QWidget* parent) : QWidget(parent) {
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(2);
    m_value = label(QStringLiteral("–"), this, 1.75, QFont::DemiBold);
    QLabel* name = label(caption, this, 1.0, QFont::Normal);
    name->setProperty("look", QStringLiteral("muted"));
    m_note = label({}, this, 0.92, QFont::Normal);
    m_note->setProperty("look", QStringLiteral("muted"));
    m_note->hide();
    for (QLabel* line : {m_value, name, m_note}) column->addWidget(line);
    column->addStretch();
    setAccessibleName(caption);
}

void KeyFigure::setValue(const QString& value, const QString& note) {
    m_value->setText(value);
    m_note->setText(note);
    m_note->setVisible(!note.isEmpty());
    setAccessibleDescription(note.isEmpty() ? value : value + QStringLiteral(", ") + note);
}

Card::Card(QWidget* parent) : QFrame(parent) {
    setFrameShape(QFrame::NoFrame);
}

void Card::paintEvent(QPaintEvent*) {
    const auto& tokens = Theme::instance().tokens();
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    painter.setPen(tokens.border);
    painter.setBrush(tokens.raised);
    painter.drawRoundedRect(QRectF(rect()).adjusted(0.5, 0.5, -0.5, -0.5), kCardRadius, kCardRadius);
}

QPushButton* primaryButton(const QString& text, QWidget* parent) {
    auto* button = new QPushButton(text, parent);
    button->setProperty("look", QStringLiteral("primary"));
    button->setAccessibleName(text);
    button->setAutoDefault(true);
    return button;
}

QPushButton* plainButton(const QString& text, const QString& icon, QWidget* parent) {
    auto* button = new QPushButton(text, parent);
    if (!icon.isEmpty()) {
        button->setIcon(themedIcon(icon));
        // The style keeps icon and text closer together than the eye likes: the icon brings its own margin.
        const int side = iconSide(button, 1.05);
        button->setIconSize(QSize(side + kGap / 2, side));
    }
    button->setAccessibleName(text);
    button->setAutoDefault(true);
    return button;
}

Banner::Banner(QWidget* parent) : QFrame(parent) {
    auto* row = new QHBoxLayout(this);
    row->setContentsMargins(kGap * 2, kGap, kGap, kGap);
    row->setSpacing(kGap + kGap / 2);
    m_icon = new IconLabel(iconSide(this, 1.3), this);
    m_text = body({}, this);
    m_text->setTextInteractionFlags(Qt::TextSelectableByMouse);
    // A selectable label would take the keyboard on a click and keep it.
    m_text->setFocusPolicy(Qt::NoFocus);
    m_buttons = new QHBoxLayout;
    m_buttons->setSpacing(kGap);
    row->addWidget(m_icon, 0, Qt::AlignVCenter);
    row->addWidget(m_text, 1);
    row->addLayout(m_buttons);
    setAccessibleName(tr("Notice"));
    hide();
}

void Banner::tell(Kind kind, const QString& sentence) {
    while (QLayoutItem* item = m_buttons->takeAt(0)) {
        if (item->widget()) {
            // A button may be the very one whose press brings the next sentence.
            item->widget()->hide();
            item->widget()->deleteLater();
        }
        delete item;
    }
    auto* icon = static_cast<IconLabel*>(m_icon);
    switch (kind) {
        case Kind::Information:
            icon->setIcon(themedIcon(QStringLiteral("info-circle"), &ThemeTokens::accent));
            break;
        case Kind::Warning:
            icon->setIcon(themedIcon(QStringLiteral("alert-triangle"), &ThemeTokens::warning));
            break;
        case Kind::Failure:
            icon->setIcon(themedIcon(QStringLiteral("alert-circle"), &ThemeTokens::bad));
            break;
    }
    const char* names[] = {"information", "warning", "failure"};
    setProperty("kind", QLatin1String(names[int(kind)]));
    style()->unpolish(this);
    style()->polish(this);
    m_text->setText(sentence);
    setAccessibleDescription(sentence);
    show();
    QAccessibleEvent event(this, QAccessible::Alert);
    QAccessible::updateAccessibility(&event);
}

void Banner::addButton(const QString& text, std::function<void()> pressed) {
    if (m_buttons->count() >= kMaxBannerButtons) return;
    QPushButton* button = plainButton(text, {}, this);
    connect(button, &QPushButton::clicked, this, [pressed = std::move(pressed)] { pressed(); });
    m_buttons->addWidget(button);
    button->show();
}

void Banner::clear() {
    m_text->clear();
    hide();
}

EmptyState::EmptyState(const QString& icon, const QString& title, const QString& sentence, QWidget* parent)
    : QWidget(parent) {
    auto* outer = new QVBoxLayout(this);
    outer->setContentsMargins(kGap * 3, kGap * 3, kGap * 3, kGap * 3);
    outer->addStretch(2);
    m_layout = new QVBoxLayout;
    m_layout->setSpacing(kGap);
    outer->addLayout(m_layout);
    outer->addStretch(3);

    QLabel* image = picture(icon, 3.2, &ThemeTokens::textMuted, this);
    m_title = label(title, this, 1.3, QFont::DemiBold);
    m_title->setAlignment(Qt::AlignCenter);
    m_title->setWordWrap(true);
    m_sentence = muted(sentence, this);
    m_sentence->setAlignment(Qt::AlignHCenter | Qt::AlignTop);
    // About sixty characters a line; wider is hard to read.
    m_sentence->setMaximumWidth(fontMetrics().averageCharWidth() * 66);
    auto* centred = new QHBoxLayout;
    centred->addStretch(1);
    centred->addWidget(m_sentence, 100);
    centred->addStretch(1);
    m_layout->addWidget(image, 0, Qt::AlignHCenter);
    m_layout->addSpacing(kGap / 2);
    m_layout->addWidget(m_title);
    m_layout->addLayout(centred);
}

QPushButton* EmptyState::addButton(const QString& text, std::function<void()> pressed) {
    const bool first = findChildren<QPushButton*>().isEmpty();
    QPushButton* button = first ? primaryButton(text, this) : plainButton(text, {}, this);
    connect(button, &QPushButton::clicked, this, [pressed = std::move(pressed)] { pressed(); });
    if (first) m_layout->addSpacing(kGap);
    m_layout->addWidget(button, 0, Qt::AlignHCenter);
    button->show();
    return button;
}

void EmptyState::setText(const QString& title, const QString& sentence) {
    m_title->setText(title);
    m_sentence->setText(sentence);
}

}  // namespace tessera::ui
