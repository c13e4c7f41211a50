#pragma once

#include <QFrame>
#include <QLabel>
#include <QPushButton>
#include <QString>
#include <functional>

#include "ui/theme/theme.h"

class QHBoxLayout;
class QVBoxLayout;

namespace tessera::ui {

// The vocabulary that all pages are written in, so that they look like one window. Sizes follow the font;
// gaps are multiples of kGap logical pixels.
inline constexpr int kGap = 8;

QLabel* heading(const QString& text, QWidget* parent = nullptr);  ///< a page's or a card's title
QLabel* subheading(const QString& text, QWidget* parent = nullptr);
QLabel* body(const QString& text, QWidget* parent = nullptr);   ///< wraps
QLabel* muted(const QString& text, QWidget* parent = nullptr);  ///< wraps, in the muted colour
/// An icon of the theme, so many lines of text tall; follows the theme by itself.
QLabel* picture(const QString& icon, double lines = 1.3, QColor ThemeTokens::*tint = nullptr,
                QWidget* parent = nullptr);
/// A number that matters, large, with tabular figures, and what it is below it; setValue() changes it.
class KeyFigure : public QWidget {
    Q_OBJECT
  public:
    explicit KeyFigure(const QString& caption, QWidget* parent = nullptr);
    void setValue(const QString& value, const QString& note = {});

  private:
    QLabel *m_value, *m_note;
};

/// A raised panel with rounded corners and the theme's border; lay it out with kGap * 2 margins. It draws
/// itself, without the style sheet, so that what is in it can be dressed in parts (Theme::dress).
class Card : public QFrame {
    Q_OBJECT
  public:
    explicit Card(QWidget* parent = nullptr);

  protected:
    void paintEvent(QPaintEvent* event) override;
};

QPushButton* primaryButton(const QString& text,
                           QWidget* parent = nullptr);  ///< filled with the accent; one a page
QPushButton* plainButton(const QString& text, const QString& icon = {}, QWidget* parent = nullptr);

/// One calm sentence across a page with at most three buttons; hidden until told something. Never modal.
class Banner : public QFrame {
    Q_OBJECT
  public:
    enum class Kind { Information, Warning, Failure };
    explicit Banner(QWidget* parent = nullptr);
    void tell(Kind kind, const QString& sentence);
    void addButton(const QString& text, std::function<void()> pressed);
    void clear();

  private:
    QLabel *m_icon, *m_text;
    QHBoxLayout* m_buttons;
};

/// What an empty page says: a picture, one sentence of what will be here, and the button that brings it.
class EmptyState : public QWidget {
    Q_OBJECT
  public:
    EmptyState(const QString& icon, const QString& title, const QString& sentence, QWidget* parent = nullptr);
    QPushButton* addButton(const QString& text, std::function<void()> pressed);
    void setText(const QString& title, const QString& sentence);

  private:
    QLabel *m_title, *m_sentence;
    QVBoxLayout* m_layout;
};

/// "1.31x", "48.7 %", "3 min 05 s", "913 MiB", "134.5 M": numbers as every page writes them; "–" for what is
/// not known.
QString ratioText(double value);
QString percentText(double fraction, int decimals = 1);
QString durationText(double seconds);
QString bytesText(double bytes);
QString countText(double count);
QString numberText(double value, int significant = 4);
/// "+12.3", "−0.4", "±0": `absolute`, a value without its sign, with the sign of `value`; empty for what is
/// not known.
QString signedText(double value, const QString& absolute);
/// A difference of shares in points of a hundred, with its sign: "+1.5", "−6.0", "±0.0".
QString pointsText(double difference);

/// "about 3 to 5 min left"; empty where a bound is not finite.
QString etaText(double low, double high);

}  // namespace tessera::ui
