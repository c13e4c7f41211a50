#include <unistd.h>
#include <QApplication>
#include <QDBusConnection>
#include <QDBusMessage>
#include <QDBusVariant>
#include <QProcess>
#include <QSignalSpy>
#include <QSocketNotifier>
#include <QStandardPaths>
#include <QTest>
#include <cstdio>
#include <cstring>

#include "ui/theme/desktop_scheme.h"
#include "ui/theme/theme.h"

using namespace tessera::ui;

namespace {

const auto kPath = QStringLiteral("/org/freedesktop/portal/desktop");
const auto kInterface = QStringLiteral("org.freedesktop.portal.Settings");
const auto kGroup = QStringLiteral("org.freedesktop.appearance");

/// A desktop's settings portal, as xdg-desktop-portal answers on the bus: a program of its own, which is told
/// the scheme by digits on its standard input.
class Portal : public QObject {
    Q_OBJECT
    Q_CLASSINFO("D-Bus Interface", "org.freedesktop.portal.Settings")

  public:
    void say(uint scheme) {
        m_scheme = scheme;
        for (const auto& [key, value] : {std::pair{"contrast", 7u}, {"color-scheme", scheme}}) {
            auto change = QDBusMessage::createSignal(kPath, kInterface, QStringLiteral("SettingChanged"));
            change << kGroup << QString::fromLatin1(key) << QVariant::fromValue(QDBusVariant(value));
            QDBusConnection::sessionBus().send(change);
        }
    }

  public Q_SLOTS:
    Q_SCRIPTABLE QDBusVariant Read(const QString& group, const QString& key) {
        const bool known = group == kGroup && key == QStringLiteral("color-scheme");
        return QDBusVariant(QVariant::fromValue(QDBusVariant(known ? m_scheme : 99u)));
    }

  private:
    uint m_scheme = 0;
};

int runPortal(int argc, char** argv) {
    QCoreApplication application(argc, argv);
    Portal portal;
    auto bus = QDBusConnection::sessionBus();
    if (!bus.registerObject(kPath, &portal, QDBusConnection::ExportScriptableSlots) ||
        !bus.registerService(QStringLiteral("org.freedesktop.portal.Desktop")))
        return 1;
    QSocketNotifier input(STDIN_FILENO, QSocketNotifier::Read);
    QObject::connect(&input, &QSocketNotifier::activated, &portal, [&portal] {
        char digit = 0;
        if (::read(STDIN_FILENO, &digit, 1) != 1) QCoreApplication::quit();
        if (digit >= '0' && digit <= '9') {
            portal.say(static_cast<uint>(digit - '0'));
            std::puts("said");
            std::fflush(stdout);
        }
    });
    return QCoreApplication::exec();
}

class TestDesktopScheme : public QObject {
    Q_OBJECT

    QProcess m_bus, m_portal;

    void say(uint scheme) {
        m_portal.write(QByteArray::number(scheme));
        QVERIFY(m_portal.waitForReadyRead());
        QCOMPARE(m_portal.readAll().trimmed(), QByteArray("said"));
    }

  private Q_SLOTS:
    void initTestCase() {
        if (QStandardPaths::findExecutable(QStringLiteral("dbus-daemon")).isEmpty())
            QSKIP("there is no dbus-daemon on this machine to be a desktop's bus");
        m_bus.start(QStringLiteral("dbus-daemon"), {QStringLiteral("--session"), QStringLiteral("--nofork"),
                                                    QStringLiteral("--print-address")});
        QVERIFY(m_bus.waitForReadyRead());
        qputenv("DBUS_SESSION_BUS_ADDRESS", m_bus.readLine().trimmed());
        m_portal.setProcessChannelMode(QProcess::ForwardedErrorChannel);
        m_portal.start(QCoreApplication::applicationFilePath(), {QStringLiteral("--portal")});
        QVERIFY(m_portal.waitForStarted());
        say(0);
    }

    void cleanupTestCase() {
        for (auto* process : {&m_portal, &m_bus}) {
            process->kill();
            process->waitForFinished();
        }
    }

    void knowsTheDesktopsChoice() {
        say(1);
        DesktopScheme scheme;
        QTRY_VERIFY(scheme.dark().has_value());
        QVERIFY(*scheme.dark());
        say(2);
        QTRY_VERIFY(scheme.dark() == std::optional(false));
        say(0);
        QTRY_VERIFY(!scheme.dark().has_value());
    }

    void windowFollowsTheDesktopWhileItRuns() {
        say(2);
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

int main(int argc, char** argv) {
    if (argc > 1 && std::strcmp(argv[1], "--portal") == 0) return runPortal(argc, argv);
    QApplication application(argc, argv);
    TestDesktopScheme test;
    return QTest::qExec(&test, argc, argv);
}
#include "tst_desktop_scheme.moc"
