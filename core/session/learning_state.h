#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "core/base/mapped_file.h"

namespace tessera {

// checkpoints/step-N/state.bin, little-endian: this header, then for each mask in model order its number of
// logits (u64) and three arrays of f32: logits, first and second moment.
inline constexpr char kLearningStateMagic[8] = {'T', 'E', 'S', 'S', 'L', 'R', 'N', '1'};
struct LearningStateHeader {
    char magic[8];
    std::uint64_t completed;  ///< steps
    std::uint64_t masks;
};

/// The logits of a checkpoint, mapped: nothing is read but what is asked for. Thread-safe after construction.
class LearningState {
  public:
    /// Throws Error{NotFound, Corrupt} when the file's length and its counts contradict each other.
    explicit LearningState(const std::filesystem::path& file);

    std::int64_t completedSteps() const { return m_completed; }
    std::size_t masks() const { return m_offsets.size(); }
    std::int64_t logits(std::size_t mask) const { return m_counts[mask]; }
    /// Logits `first` to `first + out.size()` of one mask, which must be within it.
    void read(std::size_t mask, std::int64_t first, std::span<float> out) const;

  private:
    MappedFile m_file;
    std::int64_t m_completed = 0;
    std::vector<std::int64_t> m_counts;
    std::vector<std::size_t> m_offsets;  ///< of the first logit
};

}  // namespace tessera
