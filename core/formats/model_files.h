#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "core/formats/model_config.h"
#include "core/formats/tensor_source.h"

namespace tessera {

class GgufFile;

/// A model on disk, whatever its container: its configuration, its tensors under Hugging Face names
/// ("model.embed_tokens.weight", "model.layers.0.mlp.up_proj.weight", "model.norm.weight", "lm_head.weight"),
/// and where its tokenizer is. Nothing is read but headers until tensors are asked for.
///
/// Values are Hugging Face's whatever the container keeps: TensorSource::readF32 of `tensors()` undoes what a
/// GGUF does to them (gguf_model.h), and matrices that a family stores together are apart (fused_tensors.h).
class ModelFiles {
  public:
    /// `path` is a Hugging Face folder or a .gguf file; `changed` a safetensors file whose tensors stand in
    /// for the model's of the same names. Checks that every tensor the configuration needs is there with the
    /// right shape. Throws Error.
    static ModelFiles open(const std::filesystem::path& path,
                           const std::optional<std::filesystem::path>& changed = std::nullopt);

    const std::filesystem::path& path() const { return m_path; }
    const ModelConfig& config() const { return m_config; }
    const TensorSource& tensors() const { return *m_tensors; }
    /// Set when the model is a GGUF: its tokenizer is inside.
    std::shared_ptr<const GgufFile> gguf() const { return m_gguf; }
    /// Total bytes of the weight files.
    std::uint64_t fileBytes() const { return m_fileBytes; }
    /// Hex SHA-256 over the sorted names, shapes, types and sizes of the tensors and the first and last
    /// 4 KiB of each tensor's bytes: cheap, and different for any real change of the model.
    std::string fingerprint() const;

  private:
    std::filesystem::path m_path;
    ModelConfig m_config;
    std::shared_ptr<const TensorSource> m_tensors;
    std::shared_ptr<const GgufFile> m_gguf;
    std::uint64_t m_fileBytes = 0;
};

}  // namespace tessera
