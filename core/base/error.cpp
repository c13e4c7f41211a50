#include "core/base/error.h"

namespace tessera {

const char* errorCodeName(ErrorCode code) {
    switch (code) {
        case ErrorCode::InvalidInput:
            return "invalid_input";
        case ErrorCode::Usage:
            return "usage";
        case ErrorCode::NotFound:
            return "not_found";
        case ErrorCode::Corrupt:
            return "corrupt";
        case ErrorCode::UnsupportedVersion:
            return "unsupported_version";
        case ErrorCode::OutOfMemory:
            return "out_of_memory";
        case ErrorCode::DiskFull:
            return "disk_full";
        case ErrorCode::ReadOnly:
            return "read_only";
        case ErrorCode::Io:
            return "io";
        case ErrorCode::Numerical:
            return "numerical";
        case ErrorCode::Locked:
            return "locked";
        case ErrorCode::Cancelled:
            return "cancelled";
        case ErrorCode::Internal:
            return "internal";
    }
    return "internal";
}

namespace {

/// What helps with an error of this kind where the thrower knows nothing better; null: nothing to do.
const char* usualAdvice(ErrorCode code) {
    switch (code) {
        case ErrorCode::InvalidInput:
            return "correct this value";
        case ErrorCode::Usage:
            return "see 'tessera-cli --help'";
        case ErrorCode::NotFound:
            return "check the name and its folder";
        case ErrorCode::Corrupt:
            return "correct the file, or fetch or copy it again";
        case ErrorCode::UnsupportedVersion:
            return "use another file, or a newer version of Tessera";
        case ErrorCode::OutOfMemory:
            return "choose a smaller model, or close other programs";
        case ErrorCode::DiskFull:
            return "free some space on that disk";
        case ErrorCode::ReadOnly:
            return "choose a folder that you can write to";
        case ErrorCode::Io:
            return "check that the file may be read or written there, and that its disk works";
        case ErrorCode::Numerical:
            return "use an intact copy of the model";
        case ErrorCode::Locked:
            return "wait for the other process, or stop it";
        case ErrorCode::Internal:
            return "please report this with the command that led to it";
        case ErrorCode::Cancelled:
            break;
    }
    return nullptr;
}

}  // namespace

Error::Error(ErrorCode code, std::string summary, std::string where, std::vector<Remedy> remedies)
    : m_code(code),
      m_summary(std::move(summary)),
      m_where(std::move(where)),
      m_remedies(std::move(remedies)) {
    if (const char* advice = usualAdvice(m_code); advice && m_remedies.empty())
        m_remedies.push_back({advice, "", ""});
    m_line = m_summary;
    if (!m_where.empty()) m_line += " (" + m_where + ")";
    if (!m_remedies.empty()) {
        m_line += ". What to do: ";
        for (size_t i = 0; i < m_remedies.size(); ++i) {
            if (i > 0) m_line += "; or ";
            m_line += m_remedies[i].text;
        }
    }
    // Names come out of files: a line end or an escape sequence in one must not reach the terminal.
    for (char& c : m_line)
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
}

}  // namespace tessera
