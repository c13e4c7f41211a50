#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <string>

#include "core/base/json.h"
#include "core/engine/control.h"
#include "core/session/event.h"

namespace tessera::cli {

/// What all commands share.
struct Console {
    bool json = false;  ///< one document (or a line an event) on standard output, nothing else there

    /// Prints the document in JSON mode.
    void document(const Json& json) const;
    /// A line for people on standard output; nothing in JSON mode.
    void line(const std::string& text) const;
    /// Progress on standard error, rewritten in place on a terminal; in JSON mode a line
    /// {"type":"progress","text","done","total"}. `done` of `total` are bytes, windows, rows, ...; a total of
    /// 0: not known.
    void progress(const std::string& text, double done = 0, double total = 0) const;
    /// Ends a line that progress() may have left.
    void endProgress() const;
};

/// Shows a run's events: JSON lines, or one line of progress for people.
class EventPrinter : public EventSink {
  public:
    explicit EventPrinter(const Console& console) : m_console(console) {}
    void emit(const Event& event) override;

  private:
    const Console& m_console;
    std::mutex m_mutex;
};

/// The control that SIGINT and SIGTERM act on: the first asks to stop with a checkpoint, the second ends at
/// once.
RunControl& signalControl();
bool interrupted();

/// Puts a measurement into the run it was made of. One that cannot be kept (a read-only disk) is still told.
void keepBeside(const std::filesystem::path& run, const std::string& what, const Json& document);

std::string humanBytes(std::uint64_t bytes);
std::string humanSeconds(double seconds);

using Commands = CLI::App;
void addRunCommands(Commands& app, Console& console);      ///< run, preflight, resume, options, runs
void addModelCommands(Commands& app, Console& console);    ///< models, info, tokenize
void addBenchCommand(Commands& app, Console& console);     ///< bench
void addGenerateCommand(Commands& app, Console& console);  ///< generate
void addEvalCommand(Commands& app, Console& console);      ///< eval
void addTaskCommands(Commands& app, Console& console);     ///< tasks
void addExportCommands(Commands& app, Console& console);   ///< export, report
void addServeCommand(Commands& app, Console& console);     ///< serve
void addDeviceCommand(Commands& app, Console& console);    ///< devices

/// A sub-command with --json.
CLI::App* addCommand(Commands& parent, const std::string& name, const std::string& help, Console& console);

}  // namespace tessera::cli
