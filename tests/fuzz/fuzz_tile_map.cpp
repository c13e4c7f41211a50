#include "core/session/tile_map.h"
#include "fuzz/fuzz.h"

using namespace tessera;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    return fuzz::guarded([&] {
        const fuzz::InputFile input(data, size);
        for (const auto& matrix : readTileMap(input.path()).matrices) {
            const auto tiles = static_cast<std::size_t>(matrix.gridRows() * matrix.gridCols());
            if (matrix.density.size() != tiles || matrix.kind.size() != tiles) std::abort();
        }
    });
}
