#pragma once

#include <map>
#include <memory>
#include <string>

#include "core/formats/gguf.h"
#include "core/formats/model_config.h"

namespace tessera {

/// The configuration of a GGUF of the architectures llama, qwen2, qwen3, gemma2, gemma3, olmo2 and granite.
/// Throws Error naming the metadata key.
ModelConfig configFromGguf(const GgufFile& file);

/// The file's tensors under Hugging Face names, with Hugging Face's values: where llama.cpp keeps the two
/// rotary halves of each head of q_proj and k_proj interleaved and adds one to the weights of norms, readF32
/// undoes it (raw() gives what is stored).
std::shared_ptr<const TensorSource> tensorsFromGguf(std::shared_ptr<const GgufFile> file,
                                                    const ModelConfig& config);

/// Where a file that interleaves the rotary halves of each head has a row of q_proj or k_proj.
inline std::int64_t ggufInterleavedRow(std::int64_t row, std::int64_t headDim) {
    const auto within = row % headDim, half = headDim / 2;
    return row - within + within % half * 2 + within / half;
}

/// The tensor that holds Llama 3's divisors of the rotary frequencies.
inline constexpr const char* kGgufRopeFrequencies = "rope_freqs.weight";

/// How llama.cpp keeps the tensors of a model: what tensorsFromGguf undoes.
class GgufLayout {
  public:
    /// Throws Error{UnsupportedVersion} for a family that is not written.
    explicit GgufLayout(const ModelConfig& config);
    const std::string& architecture() const { return m_architecture; }
    /// "model.layers.3.self_attn.q_proj.weight" -> "blk.3.attn_q.weight". Throws Error{UnsupportedVersion}.
    std::string nameOf(const std::string& huggingFaceName) const;
    bool interleaves(const std::string& huggingFaceName) const;
    float offsetOf(const std::string& huggingFaceName) const;  ///< added to the values that are stored

  private:
    std::string m_architecture;
    bool m_interleaved = false;
    float m_normOffset = 0;
    std::map<std::string, std::string> m_outer, m_inner;  ///< of Hugging Face -> of llama.cpp
};

}  // namespace tessera
