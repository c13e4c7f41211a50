#include <cstring>

#include "core/base/error.h"
#include "core/base/file_io.h"
#include "core/base/mapped_file.h"
#include "core/learn/trainer.h"
#include "core/session/learning_state.h"

namespace tessera {

namespace {

std::span<const std::byte> bytesOf(const torch::Tensor& tensor) {
    return std::as_bytes(std::span(tensor.data_ptr<float>(), static_cast<std::size_t>(tensor.numel())));
}

}  // namespace

std::uint64_t MaskTrainer::stateBytes() const {
    std::uint64_t bytes = sizeof(LearningStateHeader);
    for (const auto& mask : m_masks) bytes += 8 + 12ull * static_cast<std::uint64_t>(mask->logits().numel());
    return bytes;
}

void MaskTrainer::save(const std::filesystem::path& folder) const {
    AtomicFile file(folder / "state.bin");
    LearningStateHeader header{{}, static_cast<std::uint64_t>(m_completed), m_masks.size()};
    std::memcpy(header.magic, kLearningStateMagic, sizeof kLearningStateMagic);
    file.write(std::as_bytes(std::span(&header, 1)));
    for (const auto& mask : m_masks) {
        const std::uint64_t count = static_cast<std::uint64_t>(mask->logits().numel());
        file.write(std::as_bytes(std::span(&count, 1)));
        file.write(bytesOf(mask->logits()));
        // Moments in bf16 are as exact in f32: a checkpoint has one form.
        file.write(bytesOf(mask->moment1().to(torch::kFloat32)));
        file.write(bytesOf(mask->moment2().to(torch::kFloat32)));
    }
    file.commit();
}

void MaskTrainer::share() {
    const auto numbers = torch::tensor({m_settings.steps, m_completed}, torch::kInt64);
    m_group->broadcast(numbers);
    for (auto& mask : m_masks)
        // As bytes: Gloo knows no bf16.
        for (auto* tensor : {&mask->logits(), &mask->moment1(), &mask->moment2()})
            m_group->broadcast(tensor->view(torch::kUInt8));
    m_settings.steps = numbers[0].item<std::int64_t>();
    m_completed = numbers[1].item<std::int64_t>();
    if (m_settings.centring) recentre();
}

void MaskTrainer::load(const std::filesystem::path& folder) {
    const MappedFile file(folder / "state.bin");
    auto rest = file.bytes();
    const auto corrupt = [&](const std::string& why) -> Error {
        return Error(ErrorCode::Corrupt, "the checkpoint does not fit this run: " + why, file.path().string(),
                     {{"delete this checkpoint; the run then resumes from the one before", "", ""}});
    };
    const auto take = [&](void* to, std::size_t count) {
        if (rest.size() < count) throw corrupt("it ends too early");
        std::memcpy(to, rest.data(), count);
        rest = rest.subspan(count);
    };
    if (file.bytes().size() != stateBytes())
        throw corrupt("its length is " + std::to_string(file.bytes().size()) + " bytes");
    LearningStateHeader header{};
    take(&header, sizeof header);
    if (std::memcmp(header.magic, kLearningStateMagic, sizeof kLearningStateMagic) != 0 ||
        header.masks != m_masks.size())
        throw corrupt("its header is another one's");
    for (auto& mask : m_masks) {
        std::uint64_t count = 0;
        take(&count, sizeof count);
        if (count != static_cast<std::uint64_t>(mask->logits().numel()))
            throw corrupt(mask->matrix().name + " has another size");
        for (auto* tensor : {&mask->logits(), &mask->moment1(), &mask->moment2()}) {
            if (tensor->scalar_type() == torch::kFloat32) {
                take(tensor->data_ptr<float>(), count * sizeof(float));
                continue;
            }
            auto wide = torch::empty(tensor->sizes(), torch::kFloat32);
            take(wide.data_ptr<float>(), count * sizeof(float));
            tensor->copy_(wide);
        }
    }
    m_completed = static_cast<std::int64_t>(header.completed);
    if (m_settings.centring) recentre();
}

}  // namespace tessera
