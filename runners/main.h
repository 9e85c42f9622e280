// What every runner's main function shares: reading the command line and turning what went wrong
// into one line and an exit code (0 done, 1 the run failed, 2 the command line or configuration is
// wrong).
#pragma once

#include <CLI/CLI.hpp>
#include <exception>
#include <iostream>
#include <string>

#include "envs/error.h"
#include "envs/options.h"

namespace costate {

/// Calls `body`, which returns the exit code. A UsageError becomes 2, any other exception 1, each
/// with the line "costate <program>: message" on standard error. So does output that could not be
/// written, as on a full disk.
template <class Body>
int run_main(const char* program, Body body) {
  const auto fail = [program](const char* message, int code) {
    std::cerr << "costate " << program << ": " << message << std::endl;
    return code;
  };
  try {
    const int code = body();
    if (!std::cout.flush()) return fail("cannot write to standard output", 1);
    return code;
  } catch (const UsageError& error) {
    return fail(error.what(), 2);
  } catch (const std::exception& error) {
    return fail(error.what(), 1);
  }
}

/// Parses the command line. Returns false where help was asked for and printed, so that nothing is
/// left to do. Throws UsageError.
inline bool parse_command_line(CLI::App& app, int argc, char** argv) {
  try {
    app.parse(argc, argv);
    return true;
  } catch (const CLI::Success& help) {
    app.exit(help);
    return false;
  } catch (const CLI::ParseError& error) {
    throw UsageError(std::string(error.what()) + " (see `" + app.get_name() + " --help`)");
  }
}

/// One option given as KEY=VALUE to `flag`; its key gets the prefix. Throws UsageError.
inline Assignment parse_assignment(const std::string& text, const std::string& flag,
                                   const std::string& prefix = "") {
  const auto equals = text.find('=');
  if (equals == std::string::npos || equals == 0) {
    throw UsageError(flag + " " + text + ": expected KEY=VALUE");
  }
  return {prefix + text.substr(0, equals), text.substr(equals + 1), flag};
}

}  // namespace costate
