// tessera-cli: does what needs no LibTorch by itself, so that a model decodes a few hundredths of a second
// after it was asked for, and becomes tessera-engine, the program beside it, for everything else. Loading
// LibTorch takes most of a second.

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string>

#include "app/cli/command_line.h"

namespace {

namespace fs = std::filesystem;

int becomeEngine(char** argv) {
    std::error_code none;
    const auto engine = fs::read_symlink("/proc/self/exe", none).parent_path() / "tessera-engine";
    ::execv(engine.c_str(), argv);
    std::fprintf(stderr,
                 "tessera-cli: the engine cannot be started: %s (%s). What to do: keep tessera-engine beside "
                 "tessera-cli, or run packaging/build.sh\n",
                 std::strerror(errno), engine.c_str());
    return 1;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc > 1 && std::string_view(argv[1]) == "generate")
        return tessera::cli::runCommandLine(argc, argv, tessera::cli::addGenerateCommand);
    return becomeEngine(argv);
}
