#pragma once

#include <filesystem>
#include <mutex>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/base/json.h"

namespace tessera {

/// Something that happened in a run: `state`, `phase`, `step`, `layers`, `map`, `checkpoint`, `metric`,
/// `resumed`, `log`, `error` or `result`, with the fields that belong to it and the time (UTC).
struct Event {
    std::string type;
    Json json;  ///< {"type", "time", fields...}
};

Event makeEvent(const std::string& type, const Json& fields);
Event errorEvent(const Error& error);

/// Takes events as they come; called from any thread.
class EventSink {
  public:
    virtual ~EventSink() = default;
    virtual void emit(const Event& event) = 0;
};

/// Appends events to a file, a line each. Every line is handed to the system at once, so that a killed
/// process loses nothing that it said; a torn last line of an earlier process is closed first.
class EventLog : public EventSink {
  public:
    /// Throws Error{Io, ReadOnly, DiskFull}.
    explicit EventLog(std::filesystem::path path);
    ~EventLog() override;
    EventLog(const EventLog&) = delete;
    EventLog& operator=(const EventLog&) = delete;
    void emit(const Event& event) override;

  private:
    std::filesystem::path m_path;
    std::mutex m_mutex;
    int m_fd = -1;
};

/// All events of a log; lines that are no JSON objects (torn by a kill) are passed over. `from` is a byte
/// offset to go on from and receives the offset behind the last whole line.
std::vector<Event> readEvents(const std::filesystem::path& path, std::uint64_t* from = nullptr);

}  // namespace tessera
