#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <ctime>

#include "core/base/error.h"
#include "core/base/file_io.h"
#include "core/base/system_info.h"
#include "core/session/run_directory.h"

namespace tessera {

namespace {

/// A heartbeat older than this belongs to an owner that died on another machine.
constexpr std::time_t kHeartbeatSeconds = 30;

std::string hostName() {
    char name[256] = {};
    ::gethostname(name, sizeof name - 1);
    return name;
}

Json ownerOf(int fd) {
    char text[1024];
    const auto count = ::pread(fd, text, sizeof text, 0);
    if (count <= 0) return Json::object();
    try {
        return parseJson({text, static_cast<std::size_t>(count)}, "lock");
    } catch (const Error&) {
        return Json::object();
    }
}

bool beatsElsewhere(int fd) {
    const auto owner = ownerOf(fd);
    struct stat info {};
    if (!owner.is_object() || owner.value("host", hostName()) == hostName() || ::fstat(fd, &info) != 0)
        return false;
    return std::time(nullptr) - info.st_mtime < kHeartbeatSeconds;
}

}  // namespace

RunLock::RunLock(const std::filesystem::path& run) {
    const auto path = run / "lock";
    m_fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (m_fd < 0) throwIoError("lock the run", path, errno);
    // A reader that looks whether the run is held holds it for an instant itself.
    bool taken = true;
    for (int attempt = 0; taken && attempt < 20; ++attempt) {
        if (attempt > 0) std::this_thread::sleep_for(std::chrono::milliseconds(10));
        taken = ::flock(m_fd, LOCK_EX | LOCK_NB) != 0;
    }
    if (taken || beatsElsewhere(m_fd)) {
        const auto owner = ownerOf(m_fd);
        ::close(m_fd);
        m_fd = -1;
        throw Error(ErrorCode::Locked,
                    "the run is in the hands of process " + std::to_string(owner.value("pid", 0)) + " on " +
                        owner.value("host", std::string("this machine")),
                    run.string(), {{"wait for it, or stop it first", "", ""}});
    }
    const Json owner{{"host", hostName()}, {"pid", ::getpid()}, {"started", utcTimestamp()}};
    const auto text = owner.dump() + "\n";
    if (::ftruncate(m_fd, 0) != 0 ||
        ::pwrite(m_fd, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
        const int reason = errno;
        ::close(m_fd);
        m_fd = -1;
        throwIoError("lock the run", path, reason);
    }
    m_heartbeat = std::thread([this] {
        for (int tick = 1; !m_end.load(); ++tick) {
            std::this_thread::sleep_for(std::chrono::milliseconds(50));
            if (tick % 20 == 0) ::futimens(m_fd, nullptr);
        }
    });
}

RunLock::~RunLock() {
    m_end.store(true);
    if (m_heartbeat.joinable()) m_heartbeat.join();
    if (m_fd >= 0) ::close(m_fd);
}

bool RunLock::isHeld(const std::filesystem::path& run) {
    const int fd = ::open((run / "lock").c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    const bool held = ::flock(fd, LOCK_SH | LOCK_NB) != 0 || beatsElsewhere(fd);
    ::close(fd);
    return held;
}

}  // namespace tessera
