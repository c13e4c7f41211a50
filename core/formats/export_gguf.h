#pragma once

#include <filesystem>
#include <functional>

#include "core/formats/gguf_writer.h"
#include "core/formats/mask_set.h"
#include "core/formats/model_files.h"

namespace tessera {

/// Writes one GGUF that llama.cpp and its kin open: matrices with zeros where the masks prune, in their
/// element type (F32, F16, BF16; quantised ones become BF16, rounded to nearest even), vectors in F32.
/// `tokenizer` writes its part of the metadata. One tensor is in memory at a time. `out` must not exist; it
/// appears whole or not at all. `progress` gets tensors done and in all. Throws Error; UnsupportedVersion for
/// what GGUF has no words for.
void exportGguf(const ModelFiles& model, const MaskSet* masks,
                const std::function<void(GgufWriter&)>& tokenizer, const std::filesystem::path& out,
                const std::function<void(int, int)>& progress);

}  // namespace tessera
