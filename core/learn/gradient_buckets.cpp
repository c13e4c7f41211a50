#include "core/learn/gradient_buckets.h"

namespace tessera {

namespace {

/// 4 MiB: milliseconds on a network of 10 Gbit/s, well above the time that a message takes to begin.
constexpr std::int64_t kBucketValues = 1 << 20;

}  // namespace

GradientBuckets::GradientBuckets(ProcessGroup& group, const std::vector<MaskParameters*>& masks)
    : m_group(group) {
    for (std::size_t first = 0; first < masks.size();) {
        std::size_t end = first;
        std::int64_t values = 0;
        while (end < masks.size() && (end == first || values < kBucketValues))
            values += masks[end++]->logits().numel();
        auto flat = masks[first]->newGradient(values);
        std::int64_t at = 0;
        for (; first < end; ++first) {
            const auto count = masks[first]->logits().numel();
            masks[first]->placeGradient(flat.narrow(0, at, count));
            at += count;
        }
        m_buckets.push_back({std::move(flat), end});
    }
}

void GradientBuckets::filledUpTo(std::size_t masks) {
    for (; m_begun < m_buckets.size() && m_buckets[m_begun].end <= masks; ++m_begun)
        m_group.beginSum(m_buckets[m_begun].values);
}

void GradientBuckets::finish() {
    if (!m_buckets.empty()) filledUpTo(m_buckets.back().end);
    m_begun = 0;
    m_group.finishSums();
}

}  // namespace tessera
