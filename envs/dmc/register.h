// The DeepMind control suite, for the registry.
#pragma once

namespace costate {

/// Registers every task as dmc/<domain>-<task>. Loads no model: that waits until one is made.
void register_dmc();

}  // namespace costate
