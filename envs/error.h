// The two kinds of mistakes that a user can make, each reported as one line.
//
// Throw these for whatever comes from outside (a file, a key, a value, a simulator that diverged).
// The message names the file, key or value and says what was expected. A fault of our own code is
// an assertion, not an Error.
#pragma once

#include <stdexcept>
#include <string>

namespace costate {

/// The run failed: a file that cannot be read, a full disk, a NaN from a simulator. Exit code 1.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The command line or the configuration is wrong. Exit code 2.
class UsageError : public Error {
 public:
  using Error::Error;
};

}  // namespace costate
