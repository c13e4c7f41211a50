#include "core/session/event.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>

#include "core/base/file_io.h"
#include "core/base/system_info.h"

namespace tessera {

Event makeEvent(const std::string& type, const Json& fields) {
    Event event{type, {{"type", type}, {"time", utcTimestamp()}}};
    for (const auto& [key, value] : fields.items()) event.json[key] = value;
    return event;
}

Event errorEvent(const Error& error) {
    Json remedies = Json::array();
    for (const auto& remedy : error.remedies()) {
        Json item{{"text", remedy.text}};
        if (!remedy.option.empty()) item["option"] = remedy.option;
        if (!remedy.value.empty()) item["value"] = remedy.value;
        remedies.push_back(item);
    }
    return makeEvent("error", {{"code", errorCodeName(error.code())},
                               {"summary", error.summary()},
                               {"where", error.where()},
                               {"remedies", remedies}});
}

EventLog::EventLog(std::filesystem::path path) : m_path(std::move(path)) {
    m_fd = ::open(m_path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    if (m_fd < 0) throwIoError("write the run's events", m_path, errno);
    const auto size = ::lseek(m_fd, 0, SEEK_END);
    char last = '\n';
    if (size > 0 && ::pread(m_fd, &last, 1, size - 1) == 1 && last != '\n' && ::write(m_fd, "\n", 1) != 1)
        throwIoError("write the run's events", m_path, errno);
}

EventLog::~EventLog() {
    if (m_fd >= 0) ::close(m_fd);
}

void EventLog::emit(const Event& event) {
    const auto line = dumpLine(event.json) + "\n";
    const std::lock_guard lock(m_mutex);
    std::size_t written = 0;
    while (written < line.size()) {
        const auto count = ::write(m_fd, line.data() + written, line.size() - written);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) throwIoError("write the run's events", m_path, errno);
        written += static_cast<std::size_t>(count);
    }
}

std::vector<Event> readEvents(const std::filesystem::path& path, std::uint64_t* from) {
    std::vector<Event> events;
    std::ifstream file(path, std::ios::binary);
    if (!file) return events;
    std::uint64_t at = from ? *from : 0;
    file.seekg(static_cast<std::streamoff>(at));
    std::string line;
    while (std::getline(file, line)) {
        if (file.eof()) break;  // no newline yet: the line is still being written, or was torn
        at += line.size() + 1;
        try {
            auto json = parseJson(line, path.string());
            if (!json.is_object() || !json.contains("type") || !json["type"].is_string()) continue;
            auto type = json["type"].get<std::string>();
            events.push_back({std::move(type), std::move(json)});
        } catch (const Error&) {
            continue;
        }
    }
    if (from) *from = at;
    return events;
}

}  // namespace tessera
