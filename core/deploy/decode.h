#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/base/cancellation.h"
#include "core/deploy/packed_model.h"
#include "core/text/tokenizer.h"

namespace tessera {

/// Decodes with a packed model, a token at a time, keys and values kept in bf16. A prompt goes through the
/// same path token by token: nothing else is sparse on this machine.
class DecodeSession {
  public:
    /// `threads` 0: all cores. `model` must outlive the session.
    DecodeSession(const PackedModel& model, int threads);
    ~DecodeSession();

    /// Takes the next token and gives the logits [vocabulary] for the one after it, valid until the next
    /// call. Throws Error{InvalidInput} beyond the model's longest context, or on an id outside of the
    /// vocabulary.
    const std::vector<float>& step(std::int32_t token);
    std::int64_t position() const { return m_position; }
    void reset() { m_position = 0; }

  private:
    struct Scratch;
    void layer(int thread, int threads, std::size_t index);
    void attend(int thread, int threads, std::size_t index);

    const PackedModel& m_model;
    int m_threads;
    std::int64_t m_position = 0;
    std::vector<std::uint16_t> m_embedded;  ///< bf16
    std::vector<float> m_hidden, m_queryKeyValue, m_attended, m_gateUp, m_inner, m_down, m_logits;
    std::vector<std::vector<std::uint16_t>> m_keys, m_values;  ///< by block: [position, kv heads * head size]
    /// Of the current position, [head size / 2]: of blocks that see everything, and of those that slide.
    struct Turns {
        std::vector<float> cos, sin;
    };
    Turns m_full, m_sliding;
    std::vector<double> m_frequencies, m_slidingFrequencies;  ///< [head size / 2]
    float m_embeddingScale = 1;
    std::vector<Scratch> m_scratch;  ///< by thread
};

struct GenerateRequest {
    std::vector<std::int32_t> prompt;
    std::int64_t tokens = 64;
    bool greedy = true;
    bool ignoreEnd = false;
    double temperature = 0.8;
    std::uint64_t seed = 0;
    std::int32_t endToken = -1;
    std::function<void(std::int32_t)> onToken;
    const Cancellation* cancellation = nullptr;
};

struct Generated {
    std::vector<std::int32_t> ids;  ///< without the prompt
    std::int64_t steps = 0;  ///< decoding steps behind the prompt; the first token comes out of the prompt's
    double promptSeconds = 0, decodeSeconds = 0;
    double tokensPerSecond() const {
        return decodeSeconds > 0 ? static_cast<double>(steps) / decodeSeconds : 0;
    }
};

/// Throws Error{InvalidInput} on an empty prompt.
Generated generate(DecodeSession& session, const GenerateRequest& request);

/// "bitmap, AVX-512 VBMI2+BF16", "nibble-2:4-q8 + dense-q8, head q8, AVX2": what decodes.
std::string kernelName(const PackedModel& model);

}  // namespace tessera
