#include "core/formats/overlaid_tensors.h"

#include <set>

#include "core/base/error.h"

namespace tessera {

namespace {

class OverlaidTensors : public TensorSource {
  public:
    OverlaidTensors(std::shared_ptr<const TensorSource> base, std::shared_ptr<const TensorSource> changed)
        : m_base(std::move(base)), m_changed(std::move(changed)) {
        for (const auto& info : m_base->tensors()) {
            const auto* other = m_changed->find(info.name);
            if (other) m_names.insert(info.name);
            m_tensors.push_back(other ? *other : info);
        }
    }
    const std::vector<TensorInfo>& tensors() const override { return m_tensors; }
    std::span<const std::byte> raw(const TensorInfo& tensor) const override { return of(tensor).raw(tensor); }
    void readF32(const TensorInfo& tensor, std::int64_t first, std::span<float> out) const override {
        of(tensor).readF32(tensor, first, out);
    }
    void release(const TensorInfo& tensor) const override { of(tensor).release(tensor); }

  private:
    const TensorSource& of(const TensorInfo& tensor) const {
        return m_names.contains(tensor.name) ? *m_changed : *m_base;
    }

    std::shared_ptr<const TensorSource> m_base, m_changed;
    std::set<std::string> m_names;  ///< of the changed ones
    std::vector<TensorInfo> m_tensors;
};

}  // namespace

std::shared_ptr<const TensorSource> overlaidTensors(std::shared_ptr<const TensorSource> base,
                                                    std::shared_ptr<const TensorSource> changed,
                                                    const std::filesystem::path& file) {
    for (const auto& info : changed->tensors()) {
        const auto* under = base->find(info.name);
        if (under && under->shape == info.shape) continue;
        throw Error(ErrorCode::Corrupt,
                    under ? "the changed weights have another shape than the model's"
                          : "the model has no tensor in whose place the changed weights could stand",
                    file.string() + ", tensor " + info.name,
                    {{"use the weights that were made for this model", "", ""}});
    }
    return std::make_shared<OverlaidTensors>(std::move(base), std::move(changed));
}

}  // namespace tessera
