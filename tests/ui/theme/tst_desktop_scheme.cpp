#include <QApplication>
#include <QDBusConnection>
#include <QDBusMessage>
#include <QDBusVariant>
#include <QProcess>
#include <QSignalSpy>
#include <QStandardPaths>
#include <QTest>
#include <QThread>

#include "ui/theme/desktop_scheme.h"
#include "ui/theme/theme.h"

using namespace tessera::ui;

namespace {

/// A desktop's settings portal, as xdg-desktop-portal answers on the bus.
class Portal : public QObject {
    Q_OBJECT
    Q_CLASSINFO("D-Bus Interface", "org.freedesktop.portal.Settings")

  public:
    std::atomic<uint> scheme{0};

  public Q_SLOTS:
    Q_SCRIPTABLE QDBusVariant Read(const QString& group, const QString& key) {
        const bool known =
            group == QStringLiteral("org.freedesktop.appearance") && key == QStringLiteral("color-scheme");
        return QDBusVariant(QVariant::fromValue(QDBusVariant(known ? scheme.load() : 99u)));
    }

  Q_SIGNALS:
    Q_SCRIPTABLE void SettingChanged(const QString& group, const QString& key, const QDBusVariant& value);
};

class TestDesktopScheme : public QObject {
    Q_OBJECT

    QProcess m_bus;
    QThread m_elsewhere;
    Portal* m_portal = nullptr;

    void say(uint scheme) {
        m_portal->scheme = scheme;
        QMetaObject::invokeMethod(m_portal, [this, scheme] {
            Q_EMIT m_portal->SettingChanged(QStringLiteral("org.freedesktop.appearance"),
                                            QStringLiteral("contrast"), QDBusVariant(7u));
            Q_EMIT m_portal->SettingChanged(QStringLiteral("org.freedesktop.appearance"),
                                            QStringLiteral("color-scheme"), QDBusVariant(scheme));
        });
    }

  private Q_SLOTS:
    void initTestCase() {
        if (QStandardPaths::findExecutable(QStringLiteral("dbus-daemon")).isEmpty())
            QSKIP("there is no dbus-daemon on this machine to be a desktop's bus");
        m_bus.start(QStringLiteral("dbus-daemon"), {QStringLiteral("--session"), QStringLiteral("--nofork"),
                                                    QStringLiteral("--print-address")});
        QVERIFY(m_bus.waitForReadyRead());
        const auto address = m_bus.readLine().trimmed();
        qputenv("DBUS_SESSION_BUS_ADDRESS", address);
        auto bus = QDBusConnection::connectToBus(QString::fromUtf8(address), QStringLiteral("portal"));
        QVERIFY(bus.isConnected());
        m_portal = new Portal;
        m_portal->moveToThread(&m_elsewhere);
        m_elsewhere.start();
        QVERIFY(bus.registerObject(
            QStringLiteral("/org/freedesktop/portal/desktop"), m_portal,
            QDBusConnection::ExportScriptableSlots | QDBusConnection::ExportScriptableSignals));
        QVERIFY(bus.registerService(QStringLiteral("org.freedesktop.portal.Desktop")));
    }

    void cleanupTestCase() {
        m_elsewhere.quit();
        m_elsewhere.wait();
        delete m_portal;
        QDBusConnection::disconnectFromBus(QStringLiteral("portal"));
        m_bus.kill();
        m_bus.waitForFinished();
    }

    void knowsTheDesktopsChoice() {
        m_portal->scheme = 1;
        DesktopScheme scheme;
        QTRY_VERIFY(scheme.dark().has_value());
        QVERIFY(*scheme.dark());
        say(2);
        QTRY_VERIFY(scheme.dark() == std::optional(false));
        say(0);
        QTRY_VERIFY(!scheme.dark().has_value());
    }

    void windowFollowsTheDesktopWhileItRuns() {
        m_portal->scheme = 2;
        auto& theme = Theme::instance();
        theme.setMode(ThemeMode::System);
        QTRY_VERIFY(!theme.tokens().dark);
        QSignalSpy changes(&theme, &Theme::changed);
        say(1);
        QTRY_VERIFY(theme.tokens().dark);
        QCOMPARE(changes.count(), 1);
        // Who has chosen is left alone.
        theme.setMode(ThemeMode::Light);
        say(2);
        say(1);
        QTest::qWait(100);
        QVERIFY(!theme.tokens().dark);
        theme.setMode(ThemeMode::System);
        QVERIFY(theme.tokens().dark);
    }
};

}  // namespace

QTEST_MAIN(TestDesktopScheme)
#include "tst_desktop_scheme.moc"
