#pragma once

#include <condition_variable>
#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "core/engine/engine.h"

namespace tessera {

/// Carries out the commands of a serving engine, one run at a time on a thread of its own:
///   {"command":"start","spec":{...}}  {"command":"start","run":DIR} (goes on with it)
///   {"command":"pause"}  {"command":"resume"}  {"command":"stop"}  {"command":"shutdown"}
///   {"command":"generate","model":M,"prompt":T,"tokens":N,"seed":S,"greedy":B}
/// `stop` keeps a checkpoint. Every answer is an event; a command that cannot be carried out makes an `error`
/// event.
class CommandServer {
  public:
    /// Generates text for a `generate` command, telling each piece to `piece`; returns the document of the
    /// end.
    using Generator = std::function<Json(
        const Json& command, const std::function<void(const std::string&)>& piece, const Cancellation&)>;

    CommandServer(EventSink& sink, Generator generator);
    /// Stops a run that is going on, keeping a checkpoint.
    ~CommandServer();

    /// One line of JSON. Returns false when it was `shutdown`.
    bool handle(const std::string& line);

  private:
    void start(const Json& command);
    void generate(const Json& command);
    void work(std::function<void()> task);
    bool busy();
    void finish();

    EventSink& m_sink;
    Generator m_generator;
    RunControl m_control;
    std::mutex m_mutex;
    bool m_busy = false;
    std::string m_doing;
    std::thread m_thread;
};

}  // namespace tessera
