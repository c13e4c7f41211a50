#include "core/engine/server.h"

#include "core/base/caught.h"

namespace tessera {

namespace {

std::string textOf(const Json& command, const char* key) {
    return command.contains(key) && command[key].is_string() ? command[key].get<std::string>()
                                                             : std::string();
}

}  // namespace

CommandServer::CommandServer(EventSink& sink, Generator generator)
    : m_sink(sink), m_generator(std::move(generator)) {}

CommandServer::~CommandServer() {
    finish();
}

bool CommandServer::busy() {
    const std::lock_guard lock(m_mutex);
    return m_busy;
}

void CommandServer::finish() {
    m_control.stop.store(true);
    m_control.pause.store(false);
    if (m_generating) m_generating->request();
    if (m_thread.joinable()) m_thread.join();
}

void CommandServer::work(std::function<void()> task) {
    if (m_thread.joinable()) m_thread.join();
    m_control.stop.store(false);
    m_control.pause.store(false);
    {
        const std::lock_guard lock(m_mutex);
        m_busy = true;
    }
    m_thread = std::thread([this, task = std::move(task)] {
        task();
        {
            const std::lock_guard lock(m_mutex);
            m_busy = false;
        }
        // Only now: who hears it may send the next command at once.
        m_sink.emit(makeEvent("state", {{"state", "idle"}}));
    });
}

void CommandServer::start(const Json& command) {
    const auto run = textOf(command, "run");
    if (run.empty() && !command.contains("spec"))
        throw Error(ErrorCode::InvalidInput, "\"start\" needs a \"spec\", or a \"run\" to go on with",
                    "start");
    // What is wrong with the spec is said before a thread begins.
    const auto spec = run.empty() ? ExperimentSpec::fromJson(command["spec"]) : ExperimentSpec{};
    m_doing = "run";
    m_generating.reset();
    work([this, run, spec] {
        try {
            if (run.empty())
                Engine::run(spec, m_sink, m_control);
            else
                Engine::resume(run, m_sink, m_control);
        } catch (const Error&) {
            // The engine has told it as an event.
        } catch (const std::exception& error) {
            m_sink.emit(errorEvent(caughtError(error)));
        }
    });
}

void CommandServer::generate(const Json& command) {
    m_doing = "generate";
    m_generating = std::make_shared<Cancellation>();
    work([this, command, cancellation = m_generating] {
        try {
            const auto document = m_generator(
                command, [this](const Event& event) { m_sink.emit(event); }, *cancellation);
            m_sink.emit(makeEvent("generated", document));
        } catch (const std::exception& exception) {
            const auto error = caughtError(exception);
            if (error.code() == ErrorCode::Cancelled)
                m_sink.emit(makeEvent("state", {{"state", "stopped"}}));
            else
                m_sink.emit(errorEvent(error));
        }
    });
}

bool CommandServer::handle(const std::string& line) {
    if (line.find_first_not_of(" \t\r\n") == std::string::npos) return true;
    std::string name;
    try {
        const auto command = parseJson(line, "command");
        if (command.is_object()) name = textOf(command, "command");
        if (name == "shutdown") return false;
        if (name == "start" || name == "generate") {
            if (busy())
                throw Error(ErrorCode::Locked, "the engine is busy with a " + m_doing, name,
                            {{"stop it first", "", ""}});
            name == "start" ? start(command) : generate(command);
        } else if (name == "pause" || name == "resume" || name == "stop") {
            if (!busy()) throw Error(ErrorCode::InvalidInput, "nothing is running that could " + name, name);
            if (name == "stop") m_control.stop.store(true);
            if (name == "stop" && m_generating) m_generating->request();
            m_control.pause.store(name == "pause");
        } else {
            throw Error(ErrorCode::InvalidInput, "there is no command \"" + name + "\"", "command",
                        {{"send start, pause, resume, stop, generate or shutdown", "", ""}});
        }
    } catch (const Error& error) {
        auto event = errorEvent(error);
        event.json["command"] = name;
        m_sink.emit(event);
    }
    return true;
}

}  // namespace tessera
