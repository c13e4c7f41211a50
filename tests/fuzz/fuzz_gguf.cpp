#include <array>

#include "core/formats/gguf.h"
#include "core/formats/gguf_model.h"
#include "core/text/tokenizer.h"
#include "fuzz/fuzz.h"

using namespace tessera;

namespace {

/// The ends of each tensor, where a size that was trusted would show.
void readEnds(const TensorSource& source) {
    for (const auto& tensor : source.tensors())
        fuzz::guarded([&] {
            std::array<float, 256> values;
            const auto count = std::min<std::int64_t>(tensor.elements(), 256);
            const std::span<float> out(values.data(), static_cast<std::size_t>(count));
            source.readF32(tensor, 0, out);
            source.readF32(tensor, (tensor.elements() - count) / 256 * 256, out);
        });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    return fuzz::guarded([&] {
        const fuzz::InputFile input(data, size);
        const auto file = GgufFile::open(input.path());
        readEnds(*file);
        fuzz::guarded([&] {
            const auto tokenizer = loadTokenizerGguf(*file);
            tokenizer->decode(tokenizer->encode("The mask, l'été 42\n\t<s>"));
        });
        fuzz::guarded([&] {
            const auto config = configFromGguf(*file);
            config.validate("fuzz");
            readEnds(*tensorsFromGguf(file, config));
        });
    });
}
