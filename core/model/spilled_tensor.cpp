#include "core/model/spilled_tensor.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

#include "core/base/error.h"
#include "core/base/file_io.h"

namespace tessera {

torch::Tensor spilledTensor(torch::IntArrayRef shape, torch::ScalarType dtype,
                            const std::filesystem::path& folder) {
    static std::atomic<int> number = 0;
    const auto path =
        folder / ("spilled-" + std::to_string(::getpid()) + "-" + std::to_string(++number) + ".part");
    std::int64_t elements = 1;
    for (const auto size : shape) elements *= size;
    const auto bytes = elements * static_cast<std::int64_t>(torch::elementSize(dtype));
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) throwIoError("spill to", path, errno);
    const int reason = ::posix_fallocate(fd, 0, bytes);
    ::close(fd);
    if (reason != 0) {
        ::unlink(path.c_str());
        throwIoError("spill " + std::to_string(bytes >> 20) + " MiB to", path, reason);
    }
    const auto tensor = torch::from_file(path.string(), /*shared=*/true, elements, dtype).view(shape);
    ::unlink(path.c_str());
    return tensor;
}

}  // namespace tessera
