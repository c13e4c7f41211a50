#include "ui/client/event_lines.h"

#include <charconv>
#include <cmath>

namespace tessera::ui {

namespace {

/// Which number of a row a key names; nullptr where none.
double StepRow::*memberOf(std::string_view key) {
    if (key == "step") return &StepRow::step;
    if (key == "steps") return &StepRow::steps;
    if (key == "loss") return &StepRow::loss;
    if (key == "ce") return &StepRow::crossEntropy;
    if (key == "kl") return &StepRow::divergence;
    if (key == "density") return &StepRow::density;
    if (key == "kappa") return &StepRow::kappa;
    if (key == "tau") return &StepRow::tau;
    if (key == "lr") return &StepRow::learningRate;
    if (key == "tokens") return &StepRow::tokens;
    if (key == "seconds") return &StepRow::seconds;
    return nullptr;
}

/// Whether a row can be put on an axis of steps.
bool usable(const StepRow& row) {
    return std::isfinite(row.step) && row.step >= 0;
}

/// Walks over a flat object's text; every method says false at the first thing that it does not know.
class FlatObject {
  public:
    explicit FlatObject(std::string_view text) : m_at(text.data()), m_end(text.data() + text.size()) {}

    bool character(char wanted) {
        space();
        if (m_at == m_end || *m_at != wanted) return false;
        ++m_at;
        return true;
    }
    bool peek(char wanted) {
        space();
        return m_at != m_end && *m_at == wanted;
    }
    bool string(std::string_view& value) {
        if (!character('"')) return false;
        const char* begin = m_at;
        while (m_at != m_end && *m_at != '"') {
            if (*m_at == '\\' || static_cast<unsigned char>(*m_at) < 0x20) return false;
            ++m_at;
        }
        if (m_at == m_end) return false;
        value = {begin, static_cast<std::size_t>(m_at - begin)};
        ++m_at;
        return true;
    }
    bool number(double& value) {
        space();
        if (literal("null")) return true;
        // from_chars knows "inf" and "nan", JSON does not.
        if (m_at == m_end || !(*m_at == '-' || (*m_at >= '0' && *m_at <= '9'))) return false;
        const auto read = std::from_chars(m_at, m_end, value);
        if (read.ec != std::errc()) return false;
        m_at = read.ptr;
        return std::isfinite(value);
    }
    bool atEnd() {
        space();
        return m_at == m_end;
    }

  private:
    void space() {
        while (m_at != m_end && (*m_at == ' ' || *m_at == '\t' || *m_at == '\r')) ++m_at;
    }
    bool literal(std::string_view word) {
        if (!std::string_view(m_at, static_cast<std::size_t>(m_end - m_at)).starts_with(word)) return false;
        m_at += word.size();
        return true;
    }

    const char *m_at, *m_end;
};

}  // namespace

std::optional<StepRow> readStepLine(std::string_view line) {
    if (!line.starts_with(R"({"type":"step")")) return std::nullopt;
    FlatObject object(line);
    if (!object.character('{')) return std::nullopt;
    StepRow row;
    bool learning = false;
    do {
        std::string_view key, word;
        if (!object.string(key) || !object.character(':')) return std::nullopt;
        if (object.peek('"')) {
            if (!object.string(word)) return std::nullopt;
            if (key == "unit") learning = word == "step";
            continue;
        }
        double value = StepRow::kNone;
        if (!object.number(value)) return std::nullopt;
        if (const auto member = memberOf(key)) row.*member = value;
    } while (object.character(','));
    if (!object.character('}') || !object.atEnd() || !learning || !usable(row)) return std::nullopt;
    return row;
}

std::optional<StepRow> stepRow(const Json& event) {
    StepRow row;
    bool step = false, learning = false;
    for (const auto& [key, value] : event.items()) {
        if (value.is_string()) {
            if (key == "type") step = value.get_ref<const std::string&>() == "step";
            if (key == "unit") learning = value.get_ref<const std::string&>() == "step";
        } else if (value.is_number()) {
            if (const auto member = memberOf(key)) row.*member = value.get<double>();
        }
    }
    if (!step || !learning || !usable(row)) return std::nullopt;
    return row;
}

std::optional<Event> readEventLine(std::string_view line) {
    try {
        auto json = parseJson(line, "event");
        if (!json.is_object() || !json.contains("type") || !json["type"].is_string()) return std::nullopt;
        auto type = json["type"].get<std::string>();
        return Event{std::move(type), std::move(json)};
    } catch (const Error&) {
        return std::nullopt;
    }
}

void EventLines::clear() {
    m_rest.clear();
    m_skipping = false;
}

void EventLines::take(std::string_view bytes, EventPortion& out) {
    while (!bytes.empty()) {
        const auto end = bytes.find('\n');
        const auto piece = bytes.substr(0, end);
        if (!m_skipping && m_rest.size() + piece.size() > kLongestLine) {
            m_skipping = true;
            m_rest = {};
            ++out.lines, ++out.unreadable;
        }
        if (end == std::string_view::npos) {
            if (!m_skipping) m_rest.append(piece);
            return;
        }
        if (m_skipping) {
            m_skipping = false;
        } else if (m_rest.empty()) {
            readLine(piece, out);
        } else {
            m_rest.append(piece);
            readLine(m_rest, out);
            m_rest.clear();
        }
        bytes.remove_prefix(end + 1);
    }
}

void EventLines::readLine(std::string_view line, EventPortion& out) {
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) return;
    ++out.lines;
    if (const auto row = readStepLine(line)) {
        out.rows.append(*row);
        if (std::isfinite(row->steps)) out.stepsInAll = row->steps;
        return;
    }
    auto event = readEventLine(line);
    if (!event) {
        ++out.unreadable;
        return;
    }
    if (const auto row = stepRow(event->json)) {
        out.rows.append(*row);
        if (std::isfinite(row->steps)) out.stepsInAll = row->steps;
        return;
    }
    out.others.push_back({out.rows.size(), std::move(*event)});
}

}  // namespace tessera::ui
