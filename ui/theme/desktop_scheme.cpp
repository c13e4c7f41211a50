#include "ui/theme/desktop_scheme.h"

#include <QDBusConnection>
#include <QDBusMessage>
#include <QDBusPendingCallWatcher>
#include <QDBusPendingReply>
#include <QElapsedTimer>
#include <QFile>
#include <QThread>

namespace tessera::ui {

namespace {

const auto kService = QStringLiteral("org.freedesktop.portal.Desktop");
const auto kPath = QStringLiteral("/org/freedesktop/portal/desktop");
const auto kInterface = QStringLiteral("org.freedesktop.portal.Settings");
const auto kGroup = QStringLiteral("org.freedesktop.appearance");
const auto kKey = QStringLiteral("color-scheme");

constexpr int kPatience = 80;        ///< ms before the window is shown without an answer
constexpr int kCallTimeout = 10000;  ///< ms: the bus may have to start the portal

/// Without an address the library would start a bus of its own, which takes long and tells nothing.
bool hasSessionBus() {
    return qEnvironmentVariableIsSet("DBUS_SESSION_BUS_ADDRESS") ||
           QFile::exists(qEnvironmentVariable("XDG_RUNTIME_DIR") + QStringLiteral("/bus"));
}

}  // namespace

DesktopScheme::DesktopScheme(QObject* parent) : QObject(parent) {
    if (!hasSessionBus()) return;
    auto bus = QDBusConnection::sessionBus();
    if (!bus.isConnected()) return;
    // Qt registers the type at its first use, which would be too late: it refuses the slot below till then.
    qRegisterMetaType<QDBusVariant>();
    bus.connect(kService, kPath, kInterface, QStringLiteral("SettingChanged"), this,
                SLOT(settingChanged(QString, QString, QDBusVariant)));
    auto question = QDBusMessage::createMethodCall(kService, kPath, kInterface, QStringLiteral("Read"));
    question << kGroup << kKey;
    const auto call = bus.asyncCall(question, kCallTimeout);
    QElapsedTimer watch;
    watch.start();
    while (!call.isFinished() && watch.elapsed() < kPatience) QThread::msleep(1);
    if (call.isFinished()) {
        takeReply(call);
        return;
    }
    auto* later = new QDBusPendingCallWatcher(call, this);
    connect(later, &QDBusPendingCallWatcher::finished, this, [this](QDBusPendingCallWatcher* done) {
        takeReply(*done);
        done->deleteLater();
    });
}

void DesktopScheme::takeReply(const QDBusPendingCall& call) {
    const QDBusPendingReply<QDBusVariant> reply = call;
    if (!reply.isError()) take(reply.value().variant());
}

void DesktopScheme::settingChanged(const QString& group, const QString& key, const QDBusVariant& value) {
    if (group == kGroup && key == kKey) take(value.variant());
}

void DesktopScheme::take(const QVariant& value) {
    auto inner = value;
    // Read wraps its answer twice.
    while (inner.canConvert<QDBusVariant>()) inner = inner.value<QDBusVariant>().variant();
    const auto said = inner.toUInt();  // 1 dark, 2 light, anything else: no preference
    const auto dark = said == 1 ? std::optional(true) : said == 2 ? std::optional(false) : std::nullopt;
    if (dark == m_dark) return;
    m_dark = dark;
    Q_EMIT changed();
}

}  // namespace tessera::ui
