#pragma once

#include <filesystem>
#include <functional>

#include "core/formats/mask_set.h"
#include "core/formats/model_files.h"

namespace tessera {

/// The files of a tokenizer, as JSON text.
struct TokenizerFiles {
    Json tokenizer, config;
};

/// Writes a Hugging Face folder that any engine reads: dense safetensors with zeros where the masks prune,
/// config.json, tokenizer.json, tokenizer_config.json. Weights keep their element type (F32, F16, BF16);
/// those of quantised files become BF16, rounded to nearest even. Matrices that the family keeps in one
/// tensor are written so. One tensor is in memory at a time. `out` must not exist; it appears whole or not at
/// all. `progress` gets tensors done and in all. Throws Error.
void exportHuggingFace(const ModelFiles& model, const MaskSet* masks, const TokenizerFiles& tokenizer,
                       const std::filesystem::path& out, const std::function<void(int, int)>& progress);

}  // namespace tessera
