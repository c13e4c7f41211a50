#pragma once

#include <filesystem>
#include <memory>

#include "core/base/file_io.h"
#include "core/text/tokenizer.h"

namespace tessera::test {

/// The tokenizer as it comes back from what it exports, by way of a folder that is made where it is not.
inline std::shared_ptr<const Tokenizer> exported(const Tokenizer& tokenizer,
                                                 const std::filesystem::path& folder) {
    std::filesystem::create_directories(folder);
    writeFileAtomically(folder / "tokenizer.json", tokenizer.toTokenizerJson().dump());
    writeFileAtomically(folder / "tokenizer_config.json", tokenizer.toTokenizerConfig().dump());
    return loadTokenizerFrom(folder);
}

}  // namespace tessera::test
