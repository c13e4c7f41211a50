#include <charconv>
#include <cstdlib>
#include <vector>

#include "core/base/error.h"
#include "core/parallel/process_group.h"

namespace tessera {

namespace {

const std::vector<Remedy> kSetThem{
    {"start the processes with torchrun, or set RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT for each; "
     "without WORLD_SIZE a process works alone",
     "", ""}};

std::string text(const char* name) {
    const char* value = std::getenv(name);
    return value ? value : "";
}

int whole(const char* name, int least, int most) {
    const auto value = text(name);
    int number = 0;
    const auto [end, reason] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (reason != std::errc() || end != value.data() + value.size() || number < least || number > most)
        throw Error(ErrorCode::InvalidInput,
                    std::string(name) + " is \"" + value + "\", not a whole number from " +
                        std::to_string(least) + " to " + std::to_string(most),
                    name, kSetThem);
    return number;
}

void require(const char* name, int size) {
    if (text(name).empty())
        throw Error(ErrorCode::InvalidInput,
                    "WORLD_SIZE is " + std::to_string(size) + ", but " + name + " is not set", name,
                    kSetThem);
}

}  // namespace

RankVariables RankVariables::read() {
    RankVariables variables;
    if (text("WORLD_SIZE").empty()) return variables;
    variables.size = whole("WORLD_SIZE", 1, 1 << 20);
    if (variables.size == 1) return variables;
    for (const char* name : {"RANK", "MASTER_ADDR", "MASTER_PORT"}) require(name, variables.size);
    variables.rank = whole("RANK", 0, variables.size - 1);
    variables.address = text("MASTER_ADDR");
    variables.port = whole("MASTER_PORT", 1, 65534);
    // Under torchrun that port is the agent's own, whose words are those of its version of PyTorch.
    if (text("TORCHELASTIC_USE_AGENT_STORE") == "True") ++variables.port;
    if (!text("LOCAL_WORLD_SIZE").empty()) variables.localSize = whole("LOCAL_WORLD_SIZE", 1, variables.size);
    if (!text("TESSERA_RANK_TIMEOUT").empty())
        variables.patience = std::chrono::seconds(whole("TESSERA_RANK_TIMEOUT", 1, 1 << 20));
    return variables;
}

}  // namespace tessera
