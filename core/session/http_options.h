#pragma once

#include <chrono>
#include <cstdint>

namespace tessera {

/// How patient and how wide a download is.
struct HttpOptions {
    /// An attempt that gets fewer than `slowestBytes` in this time is given up and tried again.
    std::chrono::milliseconds stallTimeout{30000};
    std::uint64_t slowestBytes = 4096;
    /// Attempts of one transfer; each MiB that it gained allows one more.
    int attempts = 6;
    std::chrono::milliseconds backoff{500};        ///< before the second attempt; doubled for each after it
    std::chrono::milliseconds longestWait{60000};  ///< a server that asks for more patience is not waited for
    int connections = 4;                           ///< parts of one large file that come at the same time
    std::uint64_t smallestPart = std::uint64_t(32) << 20;  ///< a file is split into no smaller ones, in bytes
};

}  // namespace tessera
