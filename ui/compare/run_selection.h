#pragma once

#include <QColor>
#include <QMap>
#include <QObject>
#include <QStringList>
#include <Qt>

#include "ui/theme/theme.h"

namespace tessera::ui {

/// Which runs are drawn, in which colour, and what they are held against. A run keeps its colour and dash
/// pattern for as long as it is known, between starts too (QSettings); two drawn runs never share one. Runs
/// are named by their folders. GUI thread only.
class RunSelection : public QObject {
    Q_OBJECT
  public:
    static constexpr int kMost = 8;

    explicit RunSelection(const QString& folder, QObject* parent = nullptr);

    const QStringList& checked() const { return m_checked; }  ///< in the order of checking
    bool isChecked(const QString& run) const { return m_checked.contains(run); }
    /// False where there are kMost already; full() then says so.
    bool setChecked(const QString& run, bool on);
    /// Empty: the dense model.
    const QString& baseline() const { return m_baseline; }
    void setBaseline(const QString& run);
    /// The run under the pointer, anywhere; empty: none.
    const QString& highlighted() const { return m_highlighted; }
    void setHighlighted(const QString& run);

    /// 0..7, -1 where it is not checked.
    int slot(const QString& run) const;
    static QColor colour(int slot, const ThemeTokens& tokens);
    static Qt::PenStyle dash(int slot);

    /// Which runs there are now: what was remembered of others is forgotten. The first time, the checked runs
    /// are those of the last start, or, where none of them is left, the first four of `finished`.
    void setKnown(const QStringList& runs, const QStringList& finished);

  Q_SIGNALS:
    void checkedChanged();
    void baselineChanged();
    void highlightedChanged();
    void full();

  private:
    void save() const;
    int freeSlot(const QString& run) const;

    QString m_group;  ///< of the settings
    QStringList m_checked;
    QString m_baseline, m_highlighted;
    QMap<QString, int> m_slots;  ///< also of runs that were checked before
    bool m_chosen = false;
};

}  // namespace tessera::ui
