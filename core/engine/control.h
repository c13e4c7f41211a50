#pragma once

#include <atomic>

#include "core/base/cancellation.h"

namespace tessera {

/// What another thread may ask of a run; looked at between units of work.
struct RunControl {
    std::atomic<bool> pause{false};
    std::atomic<bool> stop{false};  ///< finish the unit, write a checkpoint, end as "stopped"
    Cancellation interrupt;         ///< end at once; what is on disk stays
};

}  // namespace tessera
