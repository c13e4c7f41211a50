#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "app/cli/console.h"
#include "app/cli/text_generator.h"
#include "core/engine/server.h"

namespace tessera::cli {

namespace {

/// Lines of standard input; a signal ends them as the end of the input does.
class InputLines {
  public:
    bool next(std::string& line) {
        for (;;) {
            if (const auto end = m_buffer.find('\n'); end != std::string::npos) {
                line = m_buffer.substr(0, end);
                m_buffer.erase(0, end + 1);
                return true;
            }
            if (signalControl().stop.load()) return false;
            pollfd input{0, POLLIN, 0};
            const int ready = ::poll(&input, 1, 200);
            if (ready < 0 && errno != EINTR) return false;
            if (ready <= 0) continue;
            char bytes[4096];
            const auto count = ::read(0, bytes, sizeof bytes);
            if (count <= 0) return false;
            m_buffer.append(bytes, static_cast<std::size_t>(count));
        }
    }

  private:
    std::string m_buffer;
};

}  // namespace

void addServeCommand(Commands& app, Console& console) {
    auto* command = addCommand(
        app, "serve", "JSON-line commands on standard input, events on standard output: the window's engine",
        console);
    command->callback([&console] {
        console.json = true;
        // A window that is gone reads no more: the run is still to be stopped with a checkpoint.
        std::signal(SIGPIPE, SIG_IGN);
        EventPrinter printer(console);
        printer.emit(makeEvent("state", {{"state", "idle"}, {"version", TESSERA_VERSION}}));
        TextGenerator generator;
        CommandServer server(
            printer, [&generator](const Json& command, const auto& tell, const Cancellation& cancellation) {
                return generator.generate(command, tell, cancellation);
            });
        InputLines lines;
        for (std::string line; lines.next(line) && server.handle(line);) {
        }
        // The end of the input is the end of the window: a run that goes on is stopped with a checkpoint.
    });
}

}  // namespace tessera::cli
