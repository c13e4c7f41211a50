#include "core/engine/ranks.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/base/system_info.h"

namespace tessera {

std::unique_ptr<Ranks> Ranks::meet() {
    const auto variables = RankVariables::read();
    return variables.size == 1 ? nullptr : std::unique_ptr<Ranks>(new Ranks(variables));
}

int Ranks::coresEach() const {
    return std::max(1, systemInfo().cores / m_localSize);
}

namespace {

/// A word is a sum: rank 0 puts it in, the others whether they were asked to stop.
torch::Tensor exchange(ProcessGroup& group, std::int64_t word, bool stop) {
    const auto numbers = torch::tensor({word, stop ? std::int64_t(1) : std::int64_t(0)}, torch::kInt64);
    group.sum(numbers);
    return numbers;
}

}  // namespace

void Ranks::say(Word word, RunControl& control) {
    const auto sums = exchange(m_group, static_cast<std::int64_t>(word), false);
    if (sums[1].item<std::int64_t>() > 0) control.stop.store(true);
    m_sinceWord.restart();
}

void Ranks::keepWaiting(RunControl& control) {
    if (m_sinceWord.seconds() >= 1.0) say(Word::Wait, control);
}

Word Ranks::hear(const RunControl& control) {
    for (;;) {
        const auto sums = exchange(m_group, 0, control.stop.load());
        const auto word = static_cast<Word>(sums[0].item<std::int64_t>());
        if (word == Word::Stop) throw Error(ErrorCode::Cancelled, "the run is stopped on request");
        if (word != Word::Wait) return word;
    }
}

Json Ranks::share(const Json& document) {
    auto text = dumpLine(document);
    const auto length = torch::tensor({static_cast<std::int64_t>(text.size())}, torch::kInt64);
    m_group.broadcast(length);
    text.resize(static_cast<std::size_t>(length.item<std::int64_t>()));
    m_group.broadcast(torch::from_blob(text.data(), {static_cast<std::int64_t>(text.size())}, torch::kUInt8));
    return parseJson(text, "rank 0");
}

}  // namespace tessera
