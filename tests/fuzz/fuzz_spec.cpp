#include "core/base/json.h"
#include "core/session/experiment_spec.h"
#include "fuzz/fuzz.h"

using namespace tessera;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    return fuzz::guarded([&] {
        const auto spec = ExperimentSpec::fromJson(parseJson(fuzz::textOf(data, size), "spec.json"));
        spec.commandLine();
        // What was accepted is accepted again as it was written.
        if (ExperimentSpec::fromJson(spec.toJson()).toJson() != spec.toJson()) std::abort();
    });
}
