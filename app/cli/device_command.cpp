#include "app/cli/console.h"
#include "core/engine/device.h"

namespace tessera::cli {

void addDeviceCommand(Commands& app, Console& console) {
    auto* command = addCommand(app, "devices", "what this machine computes on, or why it does not", console);
    command->callback([&console] {
        const auto found = describeDevices();
        const auto& cpu = found.at("cpu");
        const auto size = [](const Json& of) {
            return humanBytes(of.at("memory_bytes").get<std::uint64_t>());
        };
        console.line("cpu     " + cpu.at("name").get<std::string>() + ", " +
                     std::to_string(cpu.at("cores").get<int>()) + " cores, " + size(cpu));
        const auto& cuda = found.at("cuda");
        for (const auto& device : cuda.at("devices"))
            console.line("cuda " + std::to_string(device.at("number").get<int>()) + "  " +
                         device.at("name").get<std::string>() + ", compute capability " +
                         device.at("capability").get<std::string>() + ", " + size(device));
        if (cuda.at("devices").empty()) {
            console.line("cuda    none: " + cuda.at("why").get<std::string>());
            console.line("        What to do: " + cuda.at("remedy").get<std::string>() + ".");
        }
        console.document(found);
    });
}

}  // namespace tessera::cli
