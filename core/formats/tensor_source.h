#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace tessera {

/// Element types of the files that we read. Q4_0 to Q8_0 are GGUF's blocks of 32 elements, those with K its
/// superblocks of 256.
enum class DType {
    F32,
    F16,
    BF16,
    F64,
    I8,
    U8,
    I16,
    I32,
    I64,
    Bool,
    Q4_0,
    Q4_1,
    Q5_0,
    Q5_1,
    Q8_0,
    Q2_K,
    Q3_K,
    Q4_K,
    Q5_K,
    Q6_K,
    Q8_K,
    Other
};

const char* dtypeName(DType dtype);
/// Elements that are stored together: 32 or 256 for GGUF's blocks, else 1.
std::int64_t dtypeBlock(DType dtype);
/// Stored bytes of `elements` elements (a multiple of the block). Throws Error{Corrupt} where the size does
/// not fit 63 bits, and Error{UnsupportedVersion} for DType::Other.
std::uint64_t storedBytes(DType dtype, std::int64_t elements);
/// The product of a shape from a file. Throws Error{Corrupt} on negative sizes or one beyond 63 bits.
std::int64_t checkedElements(std::span<const std::int64_t> shape, const std::string& where);

/// A tensor's place in a file; `shape` is outermost first ([out, in] for a linear layer, whatever the
/// file's own order is).
struct TensorInfo {
    std::string name;
    DType dtype = DType::Other;
    std::vector<std::int64_t> shape;
    std::uint64_t bytes = 0;   ///< stored size
    std::uint64_t offset = 0;  ///< from the beginning of its file
    int file = 0;              ///< index of the file (shard)

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
    /// For quantised types `first` and `count` are multiples of dtypeBlock(). Throws
    /// Error{UnsupportedVersion} on a type that has no reading as a number. Any base implementation over
    /// raw().
    virtual void readF32(const TensorInfo& tensor, std::int64_t first, std::span<float> out) const;
    /// Tells the system that these bytes are not needed soon: streaming over a model keeps memory flat.
    virtual void release(const TensorInfo&) const {}

    const TensorInfo* find(const std::string& name) const;
    /// Throws Error{NotFound} naming the tensor.
    const TensorInfo& at(const std::string& name) const;
};

/// bf16 and f16 <-> f32. To bf16 rounds to nearest even; NaN stays NaN.
float bf16ToFloat(std::uint16_t bits);
std::uint16_t floatToBf16(float value);
float f16ToFloat(std::uint16_t bits);
std::uint16_t floatToF16(float value);

/// Stored elements -> f32; `stored` holds exactly out.size() elements. Needs no alignment.
void dequantize(DType dtype, std::span<const std::byte> stored, std::span<float> out);
/// f32 -> F32, F16 or BF16, rounding to nearest even; `stored` has exactly the room. Throws
/// Error{InvalidInput} on another type.
void quantize(DType dtype, std::span<const float> values, std::span<std::byte> stored);

}  // namespace tessera
