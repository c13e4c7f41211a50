#pragma once

namespace tessera {

/// While one lives, large pieces of memory go back to the system as soon as they are freed, and the rest when
/// trim() is called. The C library otherwise keeps what is freed for the next of its size, which learning,
/// the same step over and over, is the faster for; a pass over the blocks of a model leaves gaps between
/// small things that stay, and takes several times what is alive. Where several live, the first decides.
class LeanHeap {
  public:
    /// Pieces from `large` bytes on go back at once. Smaller ones than the default cost more in faults on
    /// fresh pages than they save where there are many: SparseGPT took a fifth longer at 1 MiB.
    explicit LeanHeap(int large = 8 << 20);
    ~LeanHeap();
    LeanHeap(const LeanHeap&) = delete;
    LeanHeap& operator=(const LeanHeap&) = delete;

    /// What has been freed goes back now.
    void trim() const;
};

}  // namespace tessera
