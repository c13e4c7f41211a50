#pragma once

#include <memory>

#include "core/base/caught.h"
#include "core/session/event.h"

namespace tessera {

/// To the caller, and to the run's log once there is one; what came before is kept for it.
class RunSink : public EventSink {
  public:
    explicit RunSink(EventSink& caller) : m_caller(caller) {}
    void openLog(const std::filesystem::path& path) {
        m_log = std::make_unique<EventLog>(path);
        for (const auto& event : m_early) m_log->emit(event);
        m_early.clear();
    }
    void emit(const Event& event) override {
        m_caller.emit(event);
        if (m_log)
            m_log->emit(event);
        else
            m_early.push_back(event);
    }

  private:
    EventSink& m_caller;
    std::unique_ptr<EventLog> m_log;
    std::vector<Event> m_early;
};

/// Runs `work` and tells the log and the caller what went wrong; throws Errors only.
template <typename Work>
Json guarded(RunSink& sink, Work&& work) {
    try {
        return work();
    } catch (const std::exception& exception) {
        const auto error = caughtError(exception);
        try {
            sink.emit(error.code() == ErrorCode::Cancelled ? makeEvent("state", {{"state", "stopped"}})
                                                           : errorEvent(error));
        } catch (const Error&) {
            // The log is on the disk that is full: the first error is the one to tell.
        }
        throw error;
    }
}

}  // namespace tessera
