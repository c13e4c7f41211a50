#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/session/event.h"
#include "ui/client/step_series.h"

namespace tessera::ui {

/// A learning step's line of events.jsonl, read without building its JSON: a million lines take about a
/// second. nullopt where the line is anything else, or is written in a way that only a whole parser
/// understands.
std::optional<StepRow> readStepLine(std::string_view line);
/// The same of a parsed event; nullopt where it is no learning step.
std::optional<StepRow> stepRow(const Json& event);

/// A line as an event; nullopt where it is no JSON object with a type.
std::optional<Event> readEventLine(std::string_view line);

/// Events in the order in which they came: learning steps as columns, everything else between them.
struct EventPortion {
    struct Other {
        std::size_t row = 0;  ///< came in front of this row of `rows`
        Event event;
    };
    StepSeries rows;
    std::vector<Other> others;
    std::optional<double> stepsInAll;  ///< as the last row has it
    std::uint64_t lines = 0, unreadable = 0;
};

/// Cuts bytes that come in pieces into lines and reads them. A line of more than kLongestLine is passed over,
/// so that no input makes it grow without bound. Any thread, one at a time.
class EventLines {
  public:
    static constexpr std::size_t kLongestLine = std::size_t(16) << 20;

    void take(std::string_view bytes, EventPortion& out);
    /// Bytes of a last line that has no end yet.
    std::size_t unfinished() const { return m_rest.size(); }
    void clear();

  private:
    static void readLine(std::string_view line, EventPortion& out);

    std::string m_rest;
    bool m_skipping = false;
};

}  // namespace tessera::ui
