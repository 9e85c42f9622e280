#include "runners/stop_signals.h"

#include <cstddef>

namespace costate {
namespace {

volatile std::sig_atomic_t stop_requested = 0;

}  // namespace

StopSignals::StopSignals() {
  stop_requested = 0;
  struct sigaction action {};
  action.sa_handler = [](int) { stop_requested = 1; };
  action.sa_flags = SA_RESETHAND | SA_RESTART;
  for (std::size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &action, &old_[i]);
}

StopSignals::~StopSignals() {
  for (std::size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &old_[i], nullptr);
}

bool StopSignals::arrived() const {
  return stop_requested != 0;
}

}  // namespace costate
