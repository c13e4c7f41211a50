#pragma once

#include <QDBusPendingCall>
#include <QDBusVariant>
#include <QObject>
#include <optional>

namespace tessera::ui {

/// Whether the desktop asks programs for a dark look, as GNOME, KDE and their like say it over D-Bus
/// (org.freedesktop.portal.Settings: color-scheme of org.freedesktop.appearance). Before 6.5 Qt does not ask.
/// GUI thread only. Without a session bus, or without a portal on it, there is no answer and never a change.
class DesktopScheme : public QObject {
    Q_OBJECT
  public:
    /// Asks, and waits a moment for the answer, so that no light window flashes up in a dark room; an answer
    /// that takes longer comes as changed().
    explicit DesktopScheme(QObject* parent = nullptr);

    /// Nothing where the desktop has no preference or there is none to ask.
    std::optional<bool> dark() const { return m_dark; }

  Q_SIGNALS:
    void changed();

  private Q_SLOTS:
    void settingChanged(const QString& group, const QString& key, const QDBusVariant& value);

  private:
    void take(const QVariant& value);
    void takeReply(const QDBusPendingCall& call);

    std::optional<bool> m_dark;
};

}  // namespace tessera::ui
