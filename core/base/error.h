#pragma once

#include <exception>
#include <string>
#include <vector>

namespace tessera {

/// What kind of thing failed; decides the exit status and how the window presents it.
enum class ErrorCode {
    InvalidInput,        ///< a value the person gave is impossible (sparsity 1.7, unknown option value)
    Usage,               ///< unknown command or option: exit status 2
    NotFound,            ///< a file, model, run or tensor is not there
    Corrupt,             ///< a file contradicts its own format
    UnsupportedVersion,  ///< written by a newer version, or a feature this build lacks
    OutOfMemory,
    DiskFull,
    ReadOnly,
    Io,
    Numerical,  ///< a loss or a weight is not finite
    Locked,     ///< another live process owns the run
    Cancelled,
    Internal,
};

/// The lower-case name used in JSON, e.g. "invalid_input".
const char* errorCodeName(ErrorCode code);

/// What a person can do about an error. `option` and `value` are empty when the advice is text only;
/// otherwise the window offers a button that sets `option` to `value`.
struct Remedy {
    std::string text;
    std::string option;
    std::string value;
};

/// The one exception type of the engine. `summary` is a sentence for people, with the numbers in it;
/// `where` names the file and offset, the field, or the phase, layer and step.
class Error : public std::exception {
  public:
    Error(ErrorCode code, std::string summary, std::string where = {}, std::vector<Remedy> remedies = {});

    ErrorCode code() const { return m_code; }
    const std::string& summary() const { return m_summary; }
    const std::string& where() const { return m_where; }
    const std::vector<Remedy>& remedies() const { return m_remedies; }

    /// One line: "summary (where). What to do: ..."
    const char* what() const noexcept override { return m_line.c_str(); }

  private:
    ErrorCode m_code;
    std::string m_summary;
    std::string m_where;
    std::vector<Remedy> m_remedies;
    std::string m_line;
};

}  // namespace tessera
