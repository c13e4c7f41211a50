#include "app/cli/packing_options.h"

#include "core/base/error.h"

namespace tessera::cli {

namespace {

WeightValues valuesOr(const std::string& text, const char* option) {
    return text.empty() ? WeightValues::Bf16 : weightValues(text, option);
}

}  // namespace

void PackingOptions::add(CLI::App& command) {
    command
        .add_option("--values", values,
                    "the blocks' weights: bf16 (default), or q8: int8 with a scale for every 32")
        ->check(CLI::IsMember({"bf16", "q8"}));
    command.add_option("--head", head, "the head's weights, likewise")->check(CLI::IsMember({"bf16", "q8"}));
}

Packing PackingOptions::packing(Layout layout) const {
    return {layout, valuesOr(values, "--values"), valuesOr(head, "--head")};
}

void PackingOptions::requireThoseOf(const PackedContainer& container) const {
    const auto require = [&](const std::string& asked, WeightValues stored, const char* option) {
        if (asked.empty() || weightValues(asked, option) == stored) return;
        throw Error(ErrorCode::InvalidInput,
                    "the packed container holds " + nameOf(stored) + " weights, not " + asked,
                    container.file().where() + ", " + option,
                    {{std::string("leave ") + option + " out, or export the run again with it", "", ""}});
    };
    require(values, container.values(), "--values");
    require(head, container.headValues(), "--head");
}

std::string nameOf(WeightValues values) {
    return values == WeightValues::Q8 ? "q8" : "bf16";
}

}  // namespace tessera::cli
