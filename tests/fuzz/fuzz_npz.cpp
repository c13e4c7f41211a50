#include "core/formats/mask_set.h"
#include "core/formats/npz.h"
#include "fuzz/fuzz.h"

using namespace tessera;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const fuzz::InputFile input(data, size);
    fuzz::guarded([&] {
        const NpzReader reader(input.path());
        for (const auto& name : reader.names()) fuzz::guarded([&] { reader.read(name); });
    });
    return fuzz::guarded([&] {
        const auto masks = readMasks(input.path());
        masks.kept();
        for (const auto& [name, mask] : masks.masks)
            if (mask.rows * mask.cols > 0) mask.keeps(mask.rows * mask.cols - 1);
    });
}
