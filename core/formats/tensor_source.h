#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace tessera {

/// Element types of the files that we read. Q8_0, Q4_0 and Q4_1 are GGUF's blocks of 32.
enum class DType { F32, F16, BF16, F64, I8, U8, I16, I32, I64, Bool, Q8_0, Q4_0, Q4_1, Other };

const char* dtypeName(DType dtype);

/// A tensor's place in a file; `shape` is outermost first ([out, in] for a linear layer, whatever the
/// file's own order is).
struct TensorInfo {
    std::string name;
    DType dtype = DType::Other;
    std::vector<std::int64_t> shape;
    std::uint64_t bytes = 0;    ///< stored size
    std::uint64_t offset = 0;   ///< from the beginning of its file
    int file = 0;               ///< index of the file (shard)

    std::int64_t elements() const;
};

/// Named tensors behind memory-mapped files: structure is known at once, weights are read on demand.
/// Thread-safe after construction.
class TensorSource {
  public:
    virtual ~TensorSource() = default;
    virtual const std::vector<TensorInfo>& tensors() const = 0;
    /// The stored bytes of a tensor (blocks, for quantised types).
    virtual std::span<const std::byte> raw(const TensorInfo& tensor) const = 0;
    /// Dequantises `count` elements from row-major element `first` into f32, exactly as the format defines.
    /// For quantised types `first` and `count` are multiples of 32. Throws Error{UnsupportedVersion} on a
    /// type that has no reading as a number. Any base implementation over raw().
    virtual void readF32(const TensorInfo& tensor, std::int64_t first, std::span<float> out) const;

    const TensorInfo* find(const std::string& name) const;
    /// Throws Error{NotFound} naming the tensor.
    const TensorInfo& at(const std::string& name) const;
};

/// bf16 and f16 <-> f32. To bf16 rounds to nearest even; NaN stays NaN.
float bf16ToFloat(std::uint16_t bits);
std::uint16_t floatToBf16(float value);
float f16ToFloat(std::uint16_t bits);
std::uint16_t floatToF16(float value);

}  // namespace tessera
