#pragma once

#include "app/cli/console.h"

namespace tessera::cli {

/// The whole of a program with these commands: parses, runs the command named, tells what went wrong. Returns
/// the exit status of cli.md.
int runCommandLine(int argc, char** argv, void (*addCommands)(Commands&, Console&));

}  // namespace tessera::cli
