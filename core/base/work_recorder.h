#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace tessera {

/// Kinds of work whose time is told apart. A span of one may stand within one of another: attention's
/// products are products, too.
enum class Work { Step, Teacher, Products, MaskKernels, Attention, RowOps, Loss, Other };
inline constexpr std::size_t kWorkKinds = 8;
/// "products", "mask_kernels", ...: as results and traces spell it.
const char* workName(Work kind);

/// Adds up, from its construction to its end, the time that the spans on its thread take, by kind; keeps the
/// spans themselves where asked to. One made while another lives takes its place until it dies.
class WorkRecorder {
  public:
    enum class Spans { Counted, Kept };
    explicit WorkRecorder(Spans spans = Spans::Counted);
    ~WorkRecorder();
    WorkRecorder(const WorkRecorder&) = delete;
    WorkRecorder& operator=(const WorkRecorder&) = delete;

    double seconds(Work kind) const { return m_seconds[static_cast<std::size_t>(kind)]; }

    using Clock = std::chrono::steady_clock;
    struct Span {
        Work kind;
        const char* name;
        Clock::time_point begin, end;
    };
    /// In the order in which they ended.
    const std::vector<Span>& spans() const { return m_kept; }

  private:
    friend class WorkSpan;
    std::array<double, kWorkKinds> m_seconds{};
    std::vector<Span> m_kept;
    bool m_keeps;
    WorkRecorder* m_before;
};

/// Work of one kind from here to the end of the scope; costs two looks at the clock where a recorder lives
/// and nothing elsewhere. `name` must outlive the recorder.
class WorkSpan {
  public:
    WorkSpan(Work kind, const char* name);
    ~WorkSpan();
    WorkSpan(const WorkSpan&) = delete;
    WorkSpan& operator=(const WorkSpan&) = delete;

  private:
    WorkRecorder* m_recorder;
    WorkRecorder::Span m_span;
};

/// Spans of one thread, in Chrome's trace format (JSON; chrome://tracing, Perfetto): one complete event each,
/// microseconds since the first.
std::string chromeTrace(const std::vector<WorkRecorder::Span>& spans);

}  // namespace tessera
