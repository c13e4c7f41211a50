#include "core/base/lean_heap.h"

#include <atomic>
#include <cstdlib>  // says whose C library it is

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace tessera {

namespace {

std::atomic<int> alive = 0;

/// Pieces from `large` bytes on are the system's, and twice as much stays free at the heap's end.
void setHeap([[maybe_unused]] int large) {
#ifdef __GLIBC__
    ::mallopt(M_MMAP_THRESHOLD, large);
    ::mallopt(M_TRIM_THRESHOLD, 2 * large);
#endif
}

}  // namespace

LeanHeap::LeanHeap(int large) {
    if (alive++ == 0) setHeap(large);
}

// What the C library comes to by itself where pieces of all sizes come and go.
LeanHeap::~LeanHeap() {
    if (--alive == 0) setHeap(32 << 20);
    trim();
}

void LeanHeap::trim() const {
#ifdef __GLIBC__
    ::malloc_trim(0);
#endif
}

}  // namespace tessera
