#include "core/text/tokenizer.h"
#include "fuzz/fuzz.h"

using namespace tessera;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    return fuzz::guarded([&] {
        const fuzz::InputFile input(data, size);
        const auto tokenizer = loadTokenizerJson(input.path());
        const auto ids = tokenizer->encode("The mask, l'été 42\n\t\xe2\x82\xac<s> \xff\x80");
        tokenizer->decode(ids);
        tokenizer->decode(ids, true);
        tokenizer->piece(static_cast<std::int32_t>(tokenizer->vocabSize()) - 1);
        tokenizer->toTokenizerJson();
    });
}
