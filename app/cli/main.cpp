// tessera-cli: the engine on a command line.

#include <cstdio>
#include <new>

#include "app/cli/console.h"
#include "core/base/error.h"

int main(int argc, char** argv) {
    using namespace tessera;
    cli::Console console;
    CLI::App app{
        "Tessera: learn which weights of a language model to prune, measure the result, take it along",
        "tessera-cli"};
    app.set_version_flag("--version", std::string("tessera-cli ") + TESSERA_VERSION);
    app.require_subcommand(1);
    app.fallthrough(false);
    cli::addModelCommands(app, console);
    cli::addRunCommands(app, console);
    cli::addMeasureCommands(app, console);
    cli::addExportCommands(app, console);
    cli::addServeCommand(app, console);
    try {
        app.parse(argc, argv);
        return 0;
    } catch (const CLI::ParseError& error) {
        // --help and --version end here with status 0.
        return app.exit(error) == 0 ? 0 : 2;
    } catch (const Error& error) {
        console.endProgress();
        std::fprintf(stderr, "tessera-cli: %s\n", error.what());
        if (cli::interrupted()) return 130;
        return error.code() == ErrorCode::Usage ? 2 : 1;
    } catch (const std::bad_alloc&) {
        std::fprintf(stderr,
                     "tessera-cli: the memory is used up. What to do: choose a smaller model, or close other "
                     "programs\n");
        return 1;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "tessera-cli: %s\n", error.what());
        return 1;
    }
}
