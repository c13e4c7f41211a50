#include "core/base/work_recorder.h"

#include <algorithm>

#include "core/base/json.h"

namespace tessera {

namespace {

thread_local WorkRecorder* recorderOfThread = nullptr;

}  // namespace

const char* workName(Work kind) {
    static constexpr std::array<const char*, kWorkKinds> names{
        "step", "teacher", "products", "mask_kernels", "attention", "row_ops", "loss", "other"};
    return names[static_cast<std::size_t>(kind)];
}

WorkRecorder::WorkRecorder(Spans spans) : m_keeps(spans == Spans::Kept), m_before(recorderOfThread) {
    recorderOfThread = this;
}

WorkRecorder::~WorkRecorder() {
    recorderOfThread = m_before;
}

WorkSpan::WorkSpan(Work kind, const char* name) : m_recorder(recorderOfThread), m_span{kind, name, {}, {}} {
    if (m_recorder) m_span.begin = WorkRecorder::Clock::now();
}

WorkSpan::~WorkSpan() {
    if (!m_recorder) return;
    m_span.end = WorkRecorder::Clock::now();
    m_recorder->m_seconds[static_cast<std::size_t>(m_span.kind)] +=
        std::chrono::duration<double>(m_span.end - m_span.begin).count();
    if (m_recorder->m_keeps) m_recorder->m_kept.push_back(m_span);
}

std::string chromeTrace(const std::vector<WorkRecorder::Span>& spans) {
    using Microseconds = std::chrono::duration<double, std::micro>;
    auto first = WorkRecorder::Clock::time_point::max();
    for (const auto& span : spans) first = std::min(first, span.begin);
    Json events = Json::array();
    for (const auto& span : spans)
        events.push_back({{"ph", "X"},
                          {"pid", 1},
                          {"tid", 1},
                          {"cat", workName(span.kind)},
                          {"name", span.name},
                          {"ts", Microseconds(span.begin - first).count()},
                          {"dur", Microseconds(span.end - span.begin).count()}});
    return Json{{"displayTimeUnit", "ms"}, {"traceEvents", events}}.dump() + "\n";
}

}  // namespace tessera
