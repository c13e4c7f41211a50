#include "core/base/json.h"
#include "core/formats/model_config.h"
#include "fuzz/fuzz.h"

using namespace tessera;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    return fuzz::guarded([&] {
        const auto config =
            ModelConfig::fromJson(parseJson(fuzz::textOf(data, size), "config.json"), "config.json");
        config.validate("config.json");
        config.parameters();
        config.attentionScale();
        for (const bool sliding : {false, true}) config.rotaryMultipliers(sliding, 4096);
        config.toJson("bfloat16");
    });
}
