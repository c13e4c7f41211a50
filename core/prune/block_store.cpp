#include "core/prune/block_store.h"

#include <charconv>
#include <memory>

#include "core/base/error.h"
#include "core/base/file_io.h"
#include "core/formats/safetensors.h"

namespace tessera {

namespace fs = std::filesystem;

namespace {

constexpr const char* kActivations = "activations";

DType storedType(const torch::Tensor& tensor) {
    return tensor.scalar_type() == torch::kBFloat16 ? DType::BF16 : DType::F32;
}

std::uint64_t writeTensors(const fs::path& path,
                           const std::vector<std::pair<std::string, torch::Tensor>>& tensors) {
    SafetensorsWriter writer(path);
    std::uint64_t bytes = 0;
    for (const auto& [name, tensor] : tensors) writer.declare(name, storedType(tensor), tensor.sizes().vec());
    for (const auto& [name, tensor] : tensors) {
        const auto whole = tensor.contiguous();
        writer.write(name, {static_cast<const std::byte*>(whole.data_ptr()), whole.nbytes()});
        bytes += whole.nbytes();
    }
    writer.commit();
    return bytes;
}

/// K of "next-K.safetensors"; -1 for any other name.
int nextOf(const fs::path& path) {
    const auto name = path.filename().string();
    if (!name.starts_with("next-") || !name.ends_with(".safetensors")) return -1;
    int block = -1;
    const auto* end = name.data() + name.size() - 12;
    const auto [at, error] = std::from_chars(name.data() + 5, end, block);
    return error == std::errc() && at == end ? block : -1;
}

}  // namespace

fs::path BlockStore::path(const char* kind, int block, const char* suffix) const {
    return m_folder / (kind + std::to_string(block) + suffix);
}

int BlockStore::finishedBlocks() const {
    int blocks = 0;
    std::error_code none;
    for (const auto& entry : fs::directory_iterator(m_folder, none))
        blocks = std::max(blocks, nextOf(entry.path()));
    return blocks;
}

void BlockStore::save(int block, const Finished& finished, const torch::Tensor& activations) const {
    std::error_code failed;
    fs::create_directories(m_folder, failed);
    if (failed) throwIoError("make the folder", m_folder, failed.value());
    m_bytes = 0;
    writeMasks(path("block-", block, ".npz"), finished.masks);
    if (!finished.weights.empty())
        m_bytes += writeTensors(path("block-", block, ".safetensors"), finished.weights);
    std::vector<std::pair<std::string, torch::Tensor>> next;
    if (activations.defined()) next.emplace_back(kActivations, activations);
    m_bytes += writeTensors(path("next-", block + 1, ".safetensors"), next);
    fs::remove(path("next-", block, ".safetensors"), failed);
}

BlockStore::State BlockStore::load() const {
    State state;
    state.blocks = finishedBlocks();
    for (int block = 0; block < state.blocks; ++block)
        for (auto& [name, mask] : readMasks(path("block-", block, ".npz")).masks)
            state.masks.masks[name] = std::move(mask);
    if (state.blocks == 0) return state;
    const auto file = SafetensorsFile::open(path("next-", state.blocks, ".safetensors"));
    if (const auto* info = file->find(kActivations)) {
        const auto bytes = file->raw(*info);
        state.activations =
            torch::empty(info->shape, info->dtype == DType::BF16 ? torch::kBFloat16 : torch::kFloat32);
        if (bytes.size() != state.activations.nbytes())
            throw Error(ErrorCode::Corrupt, "the kept activations have another element type",
                        m_folder.string(), {{"begin a new run", "", ""}});
        std::memcpy(state.activations.data_ptr(), bytes.data(), bytes.size());
    }
    return state;
}

void BlockStore::assemble(const fs::path& file) const {
    const int blocks = finishedBlocks();
    std::vector<std::shared_ptr<const SafetensorsFile>> parts;
    for (int block = 0; block < blocks; ++block)
        if (const auto part = path("block-", block, ".safetensors"); fs::exists(part))
            parts.push_back(SafetensorsFile::open(part));
    if (parts.empty()) return;
    SafetensorsWriter writer(file);
    for (const auto& part : parts)
        for (const auto& info : part->tensors()) writer.declare(info.name, info.dtype, info.shape);
    for (const auto& part : parts)
        for (const auto& info : part->tensors()) {
            writer.write(info.name, part->raw(info));
            part->release(info);
        }
    writer.commit();
}

std::uint64_t BlockStore::bytesKept() const {
    std::uint64_t bytes = 0;
    std::error_code none;
    for (fs::directory_iterator entry(m_folder, none), end; !none && entry != end; entry.increment(none)) {
        std::error_code gone;
        if (const auto size = entry->file_size(gone); !gone) bytes += size;
    }
    return bytes;
}

void BlockStore::remove() const {
    std::error_code none;
    // The marks go first: half a store is taken for none.
    for (const auto& entry : fs::directory_iterator(m_folder, none))
        if (nextOf(entry.path()) >= 0) fs::remove(entry.path(), none);
    fs::remove_all(m_folder, none);
}

}  // namespace tessera
