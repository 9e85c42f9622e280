// A signal asks for an orderly end.
#pragma once

#include <array>
#include <csignal>

namespace costate {

/// While it lives, the first SIGINT, SIGTERM or SIGUSR1 is noted; a second one ends the process at
/// once. One at a time.
class StopSignals {
 public:
  StopSignals();
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  bool arrived() const;

 private:
  static constexpr std::array<int, 3> kSignals = {SIGINT, SIGTERM, SIGUSR1};
  std::array<struct sigaction, 3> old_{};
};

}  // namespace costate
