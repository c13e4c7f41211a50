#include "app/cli/command_line.h"

#include <csignal>
#include <cstdio>

#include "core/base/caught.h"

namespace tessera::cli {

namespace {

/// What the parser found wrong, in a sentence of our own.
Error parseError(const CLI::App& app, const CLI::ParseError& error) {
    std::string path = "tessera-cli", what = error.what();
    const CLI::App* command = &app;
    while (!command->get_subcommands().empty()) {
        command = command->get_subcommands().front();
        path += " " + command->get_name();
    }
    const std::vector<Remedy> help{{"see '" + path + " --help'", "", ""}};
    // A known option with an impossible value is bad input; everything else is wrong usage.
    if (dynamic_cast<const CLI::ValidationError*>(&error) ||
        dynamic_cast<const CLI::ConversionError*>(&error))
        return {ErrorCode::InvalidInput, what, path, help};
    const auto rest = app.remaining(true);
    if (command->get_require_subcommand_min() > 0 && !rest.empty())
        what = std::string("there is no ") + (rest[0].starts_with("-") ? "option" : "command") + " \"" +
               rest[0] + "\"";
    return {ErrorCode::Usage, what, path, help};
}

int tell(const Console& console, const Error& error) {
    console.endProgress();
    std::fprintf(stderr, "tessera-cli: %s\n", error.what());
    // Of processes that learn together, the signal may have come to another.
    if (interrupted() || error.code() == ErrorCode::Cancelled) return 130;
    return error.code() == ErrorCode::Usage ? 2 : 1;
}

}  // namespace

int runCommandLine(int argc, char** argv, void (*addCommands)(Commands&, Console&)) {
    // A file beyond the limit of `ulimit -f` is an error to tell, not a reason to die.
    std::signal(SIGXFSZ, SIG_IGN);
    Console console;
    CLI::App app{
        "Tessera: learn which weights of a language model to prune, measure the result, take it along",
        "tessera-cli"};
    app.set_version_flag("--version", std::string("tessera-cli ") + TESSERA_VERSION);
    app.require_subcommand(1);
    app.fallthrough(false);
    addCommands(app, console);
    try {
        app.parse(argc, argv);
        // Output that a full disk swallowed is no success.
        if (std::fflush(stdout) != 0 || std::ferror(stdout))
            throw Error(ErrorCode::DiskFull, "the output could not be written whole", "standard output");
        return 0;
    } catch (const CLI::ParseError& error) {
        // --help and --version end here with status 0.
        if (error.get_exit_code() == 0) return app.exit(error);
        return tell(console, parseError(app, error));
    } catch (const std::exception& error) {
        return tell(console, caughtError(error));
    }
}

}  // namespace tessera::cli
