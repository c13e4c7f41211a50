#pragma once

#include <array>
#include <cstdint>

namespace tessera::kernels {

/// The most ways to keep N of M weights that pattern gates hold a logit for: 4:8 has 70.
inline constexpr int kMostPatterns = 70;
/// The largest M of N:M.
inline constexpr int kMostGroup = 64;

/// How many ways there are to keep `keep` of `group` weights; kMostPatterns + 1 where there are more than
/// kMostPatterns.
constexpr int patternCount(int keep, int group) {
    std::int64_t ways = 1;
    const int few = keep < group - keep ? keep : group - keep;
    for (int i = 1; i <= few; ++i) {
        ways = ways * (group - few + i) / i;
        if (ways > kMostPatterns) return kMostPatterns + 1;
    }
    return static_cast<int>(ways);
}

/// The ways themselves, in lexicographic order of the places that are kept.
struct PatternTable {
    int count = 0;
    int keep = 0;
    std::array<std::array<std::uint8_t, kMostGroup>, kMostPatterns> places{};  ///< the first `keep` of each
};

/// patternCount(keep, group) must be at most kMostPatterns.
constexpr PatternTable patternTable(int keep, int group) {
    PatternTable table;
    table.keep = keep;
    std::array<std::uint8_t, kMostGroup> places{};
    for (int i = 0; i < keep; ++i) places[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(i);
    while (true) {
        table.places[static_cast<std::size_t>(table.count++)] = places;
        // The last place that can still move to the right does, those behind it follow it.
        int last = keep - 1;
        while (last >= 0 && places[static_cast<std::size_t>(last)] == group - keep + last) --last;
        if (last < 0) return table;
        ++places[static_cast<std::size_t>(last)];
        for (int i = last + 1; i < keep; ++i)
            places[static_cast<std::size_t>(i)] =
                static_cast<std::uint8_t>(places[static_cast<std::size_t>(i - 1)] + 1);
    }
}

}  // namespace tessera::kernels
