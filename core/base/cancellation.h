#pragma once

#include <atomic>

#include "core/base/error.h"

namespace tessera {

/// A flag that one thread (or a signal handler) sets and long work polls between its units.
class Cancellation {
  public:
    void request() noexcept { m_requested.store(true, std::memory_order_relaxed); }
    bool requested() const noexcept { return m_requested.load(std::memory_order_relaxed); }
    void throwIfRequested() const {
        if (requested()) throw Error(ErrorCode::Cancelled, "stopped on request");
    }

  private:
    std::atomic<bool> m_requested{false};
};

}  // namespace tessera
