#include "core/session/learning_state.h"

#include <cstring>

#include "core/base/error.h"

namespace tessera {

LearningState::LearningState(const std::filesystem::path& file) : m_file(file) {
    const auto bytes = m_file.bytes();
    const auto corrupt = [&](const std::string& why) {
        return Error(ErrorCode::Corrupt, "this is no whole checkpoint: " + why, file.string());
    };
    LearningStateHeader header{};
    if (bytes.size() < sizeof header) throw corrupt("it ends too early");
    std::memcpy(&header, bytes.data(), sizeof header);
    if (std::memcmp(header.magic, kLearningStateMagic, sizeof header.magic) != 0)
        throw corrupt("its header is another one's");
    m_completed = static_cast<std::int64_t>(header.completed);
    std::size_t at = sizeof header;
    for (std::uint64_t mask = 0; mask < header.masks; ++mask) {
        std::uint64_t count = 0;
        if (bytes.size() - at < sizeof count) throw corrupt("it ends too early");
        std::memcpy(&count, bytes.data() + at, sizeof count);
        at += sizeof count;
        if (count > (bytes.size() - at) / (3 * sizeof(float))) throw corrupt("it ends too early");
        m_counts.push_back(static_cast<std::int64_t>(count));
        m_offsets.push_back(at);
        at += static_cast<std::size_t>(count) * 3 * sizeof(float);
    }
    if (at != bytes.size()) throw corrupt("something follows its last mask");
}

void LearningState::read(std::size_t mask, std::int64_t first, std::span<float> out) const {
    if (mask >= masks() || first < 0 || first > m_counts[mask] ||
        static_cast<std::int64_t>(out.size()) > m_counts[mask] - first)
        throw Error(ErrorCode::Internal, "logits outside the checkpoint were asked for",
                    m_file.path().string());
    const auto from = m_offsets[mask] + static_cast<std::size_t>(first) * sizeof(float);
    std::memcpy(out.data(), m_file.bytes().data() + from, out.size_bytes());
}

}  // namespace tessera
