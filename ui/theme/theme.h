#pragma once

#include <QColor>
#include <QObject>
#include <QPointer>
#include <QSet>
#include <QStringList>
#include <array>
#include <deque>
#include <functional>
#include <vector>

class QElapsedTimer;
class QWidget;

namespace tessera::ui {

/// Every colour that the window draws with. Ink is what is kept, paper is what is pruned, on every map.
struct ThemeTokens {
    bool dark = false;
    QColor window, surface, raised, border, grid;  ///< backgrounds from the back to the front, lines
    QColor text, textMuted, accent, onAccent, link;
    QColor good, warning, bad;                                  ///< states; never the only sign of one
    QColor lossRaw, lossSmooth, target, sparsity, temperature;  ///< the run page's curves
    QColor tileDense, tileTwoFour, tileUndecided,
        tileExcluded;            ///< categories, distinct for colour-blind eyes
    QColor ink, paper;           ///< kept and pruned weights
    std::array<QColor, 8> runs;  ///< Okabe-Ito, adapted to the mode; a dash pattern is the second sign
};

class DesktopScheme;

enum class ThemeMode { System, Light, Dark };

/// The application's palette and the colours of its drawings. One object, owned by the application; GUI
/// thread only. Widgets that draw by themselves take tokens() at each paint or on changed().
class Theme : public QObject {
    Q_OBJECT
  public:
    explicit Theme(QObject* parent = nullptr);
    ~Theme() override;

    ThemeMode mode() const { return m_mode; }
    /// Applies Fusion's style, palette and the small style sheet; remembers nothing.
    void setMode(ThemeMode mode);
    const ThemeTokens& tokens() const { return m_tokens; }

    /// Gives a part of a window the style sheet, and each later one: while it is shown within the next turns
    /// of the event loop, a few milliseconds a turn, and nothing drawn in between; else when it comes to be
    /// shown. Giving it to the whole application at once would hold the window for as long as all its pages
    /// take, of which one is seen. A part that the sheet says nothing of and that is large, or holds the
    /// parts of a page, is left as it is; its children are dressed, also those that it gets later.
    void dress(QWidget* part);
    /// From a slot of changed(): does what takes long, a chart's drawing, in one of those turns, unless the
    /// widget is gone or hidden by then.
    void beforeDrawing(QWidget* widget, std::function<void()> work);
    /// A window whose parts are dressed one by one. Every other window is dressed as a whole when it is first
    /// shown, unless it belongs to a part that is.
    void leaveToItsParts(QWidget* window);

    /// The application's theme. There is exactly one, made before the first widget (on the first call where
    /// nobody made it).
    static Theme& instance();

  Q_SIGNALS:
    void changed();

  protected:
    bool eventFilter(QObject* watched, QEvent* event) override;  ///< follows the system

  private:
    struct Task {
        QPointer<QWidget> widget;
        std::function<void()> work;
    };

    void apply();
    void followSystem();
    bool systemIsDark() const;
    bool isDressed(const QWidget* widget) const;
    void bringUpToDate(QWidget* part) const;
    bool isPlain(const QWidget& widget) const;
    void holdWindows();
    void goOn(const QElapsedTimer& turn);
    void beforeShown(QObject* watched, const QEvent& event);

    DesktopScheme* m_desktop;
    ThemeMode m_mode = ThemeMode::System;
    ThemeTokens m_tokens;
    QString m_sheet;
    QSet<const QObject*> m_parts, m_plain, m_leftToParts;
    QStringList m_styledTypes;  ///< that a sheet, light or dark, has rules for
    std::deque<Task> m_tasks;   ///< of the change that is under way
    std::vector<QPointer<QWidget>> m_heldWindows;
    bool m_systemDark = false, m_applied = false, m_applying = false, m_asked = false;
};

}  // namespace tessera::ui
