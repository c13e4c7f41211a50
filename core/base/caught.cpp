#include "core/base/caught.h"

#include <filesystem>
#include <new>

#include "core/base/file_io.h"
#include "core/base/json.h"

namespace tessera {

Error caughtError(const std::exception& exception) {
    if (const auto* error = dynamic_cast<const Error*>(&exception)) return *error;
    const std::vector<Remedy> smaller{
        {"choose a smaller model or fewer windows: --set batch=1", "batch", "1"}};
    if (dynamic_cast<const std::bad_alloc*>(&exception))
        return Error(ErrorCode::OutOfMemory, "the memory is used up", "", smaller);
    if (const auto* file = dynamic_cast<const std::filesystem::filesystem_error*>(&exception)) {
        try {
            throwIoError("use the path", file->path1(), file->code().value());
        } catch (const Error& error) {
            return error;
        }
    }
    // LibTorch adds its call stack from the second line on.
    const std::string said = exception.what(), line = said.substr(0, said.find('\n'));
    if (dynamic_cast<const nlohmann::json::exception*>(&exception))
        return Error(ErrorCode::Corrupt, "a file's JSON lacks a field or has one of the wrong type: " + line);
    if (line.find("alloc") != std::string::npos) return Error(ErrorCode::OutOfMemory, line, "", smaller);
    return Error(ErrorCode::Internal, line);
}

}  // namespace tessera
