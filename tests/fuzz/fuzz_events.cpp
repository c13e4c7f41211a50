#include <fstream>

#include "core/report/collect.h"
#include "core/session/event.h"
#include "fuzz/fuzz.h"

using namespace tessera;
namespace fs = std::filesystem;

namespace {

/// A run directory that holds nothing but the log.
fs::path runFolder() {
    // Never destroyed: it is removed when all else has ended.
    static const auto* folder = [] {
        std::string name = (fs::temp_directory_path() / "tessera-fuzz-XXXXXX").string();
        if (!::mkdtemp(name.data())) std::abort();
        std::atexit([] { fs::remove_all(runFolder()); });
        return new fs::path(name);
    }();
    return *folder;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto log = runFolder() / "events.jsonl";
    std::ofstream(log, std::ios::binary)
        .write(reinterpret_cast<const char*>(data), static_cast<std::streamsize>(size));
    fuzz::guarded([&] {
        std::uint64_t from = 0;
        readEvents(log, &from);
        if (from > size) std::abort();
    });
    return fuzz::guarded([&] { collectReport(runFolder()); });
}
