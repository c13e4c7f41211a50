#pragma once

#include <filesystem>
#include <functional>
#include <memory>

#include "core/deploy/packed_model.h"
#include "core/formats/container.h"
#include "core/text/tokenizer.h"

namespace tessera {

/// Writes a model packed for decoding as one file that starts at once, needs nothing beside it and is laid
/// out in docs/container.md. `about` is a small object that tells people what the model is; nothing is
/// decided by it. One block is in memory at a time. `out` must not exist; it appears whole or not at all.
/// `progress` gets parts done and in all. Throws Error.
void exportPacked(const ModelFiles& files, const MaskSet* masks, Packing packing, const Tokenizer& tokenizer,
                  const Json& about, const std::filesystem::path& out,
                  const std::function<void(int, int)>& progress);

/// What exportPacked wrote. Nothing that the file says is believed: every size and place is checked against
/// the file's length, and every index that a product follows against what it indexes; weights may be
/// anything. Checksums of sections are for ContainerFile::verify.
class PackedContainer {
  public:
    /// Throws Error naming the file and the field.
    explicit PackedContainer(const std::filesystem::path& path);

    const ContainerFile& file() const { return m_file; }
    const ModelConfig& config() const { return m_config; }
    const Json& about() const { return m_about; }
    WeightValues values() const { return m_values; }
    WeightValues headValues() const { return m_headValues; }

    /// The weights stay in the file, which is mapped as long as the model lives. The decoder reads less than
    /// a tenth of the file here: flags, starts and lists, which are checked.
    PackedModel model() const;
    std::shared_ptr<const Tokenizer> tokenizer() const;

  private:
    PackedMatrix matrix(const std::string& name, std::int64_t rows, std::int64_t cols) const;
    std::vector<float> vector(const std::string& name, std::int64_t size) const;

    ContainerFile m_file;
    ModelConfig m_config;
    Json m_about;
    WeightValues m_values = WeightValues::Bf16, m_headValues = WeightValues::Bf16;
};

}  // namespace tessera
