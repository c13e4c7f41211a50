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

Error::Error(ErrorCode code, std::string summary, std::string where, std::vector<Remedy> remedies)
    : m_code(code),
      m_summary(std::move(summary)),
      m_where(std::move(where)),
      m_remedies(std::move(remedies)) {
    m_line = m_summary;
    if (!m_where.empty()) m_line += " (" + m_where + ")";
    if (!m_remedies.empty()) {
        m_line += ". What to do: ";
        for (size_t i = 0; i < m_remedies.size(); ++i) {
            if (i > 0) m_line += "; or ";
            m_line += m_remedies[i].text;
        }
    }
}

}  // namespace tessera
