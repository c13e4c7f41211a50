#include <array>

#include "core/formats/safetensors.h"
#include "fuzz/fuzz.h"

using namespace tessera;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    return fuzz::guarded([&] {
        const fuzz::InputFile input(data, size);
        const auto file = SafetensorsFile::open(input.path());
        for (const auto& tensor : file->tensors()) {
            std::array<float, 256> values;
            const auto count = std::min<std::int64_t>(tensor.elements(), 256);
            fuzz::guarded([&] {
                file->readF32(tensor, 0, {values.data(), static_cast<std::size_t>(count)});
                file->readF32(tensor, tensor.elements() - count,
                              {values.data(), static_cast<std::size_t>(count)});
            });
        }
    });
}
