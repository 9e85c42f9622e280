// The EagerSac of backends/eager_sac.h.
#pragma once

#include <memory>

#include "backends/eager_sac.h"

namespace costate {

std::unique_ptr<EagerSac> make_eager_sac(const EagerSacConfig& config);

}  // namespace costate
