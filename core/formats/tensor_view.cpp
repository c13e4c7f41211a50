#include "core/formats/tensor_view.h"

namespace tessera {

namespace {

class TensorView : public TensorSource {
  public:
    TensorView(std::shared_ptr<const TensorSource> file, std::vector<TensorInfo> tensors)
        : m_file(std::move(file)), m_tensors(std::move(tensors)) {}
    const std::vector<TensorInfo>& tensors() const override { return m_tensors; }
    std::span<const std::byte> raw(const TensorInfo& tensor) const override { return m_file->raw(tensor); }
    void readF32(const TensorInfo& tensor, std::int64_t first, std::span<float> out) const override {
        m_file->readF32(tensor, first, out);
    }
    void release(const TensorInfo& tensor) const override { m_file->release(tensor); }

  private:
    std::shared_ptr<const TensorSource> m_file;
    std::vector<TensorInfo> m_tensors;
};

}  // namespace

std::shared_ptr<const TensorSource> tensorView(std::shared_ptr<const TensorSource> file,
                                               std::vector<TensorInfo> tensors) {
    return std::make_shared<TensorView>(std::move(file), std::move(tensors));
}

}  // namespace tessera
