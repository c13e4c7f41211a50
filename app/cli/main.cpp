// tessera-engine: every command, with LibTorch. People and the window start it through tessera-cli
// (app/start).

#include "app/cli/command_line.h"

namespace {

void addAll(tessera::cli::Commands& app, tessera::cli::Console& console) {
    using namespace tessera::cli;
    addModelCommands(app, console);
    addRunCommands(app, console);
    addEvalCommand(app, console);
    addTaskCommands(app, console);
    addBenchCommand(app, console);
    addGenerateCommand(app, console);
    addExportCommands(app, console);
    addServeCommand(app, console);
    addDeviceCommand(app, console);
}

}  // namespace

int main(int argc, char** argv) {
    return tessera::cli::runCommandLine(argc, argv, addAll);
}
