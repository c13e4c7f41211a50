#pragma once

#include <vector>

#include "core/learn/mask_parameters.h"
#include "core/parallel/process_group.h"

namespace tessera {

/// The gradients of all masks in a few flat buffers, each of which is summed over the processes of a group as
/// soon as backward has filled it, beside what is left of backward. A few, because of many small messages
/// each would wait for the network; filled in the same order everywhere, because sums match up by order.
class GradientBuckets {
  public:
    /// `masks` in the order in which backward reaches them; their gradients lie here from now on, in files
    /// where the masks are spilled.
    GradientBuckets(ProcessGroup& group, const std::vector<MaskParameters*>& masks);

    /// This process has nothing more to add to the gradients of the first `masks` in that order.
    void filledUpTo(std::size_t masks);
    /// Sums what is left, also where this process had nothing to add, and waits for all sums.
    void finish();

  private:
    struct Bucket {
        torch::Tensor values;
        std::size_t end = 0;  ///< masks up to the last of this bucket
    };
    ProcessGroup& m_group;
    std::vector<Bucket> m_buckets;
    std::size_t m_begun = 0;  ///< buckets whose sum has begun in this step
};

}  // namespace tessera
