#include "core/formats/tensor_source.h"

#include <bit>
#include <cstring>
#include <limits>

#include "core/base/error.h"
#include "core/formats/quantized_blocks.h"

namespace tessera {

namespace {

struct Layout {
    const char* name;
    std::int64_t block;   ///< elements stored together
    std::uint64_t bytes;  ///< of one block
};

Layout layoutOf(DType dtype) {
    switch (dtype) {
        case DType::F32:
            return {"f32", 1, 4};
        case DType::F16:
            return {"f16", 1, 2};
        case DType::BF16:
            return {"bf16", 1, 2};
        case DType::F64:
            return {"f64", 1, 8};
        case DType::I8:
            return {"i8", 1, 1};
        case DType::U8:
            return {"u8", 1, 1};
        case DType::I16:
            return {"i16", 1, 2};
        case DType::I32:
            return {"i32", 1, 4};
        case DType::I64:
            return {"i64", 1, 8};
        case DType::Bool:
            return {"bool", 1, 1};
        case DType::Q4_0:
            return {"q4_0", 32, 18};
        case DType::Q4_1:
            return {"q4_1", 32, 20};
        case DType::Q5_0:
            return {"q5_0", 32, 22};
        case DType::Q5_1:
            return {"q5_1", 32, 24};
        case DType::Q8_0:
            return {"q8_0", 32, 34};
        case DType::Q2_K:
            return {"q2_k", 256, 84};
        case DType::Q3_K:
            return {"q3_k", 256, 110};
        case DType::Q4_K:
            return {"q4_k", 256, 144};
        case DType::Q5_K:
            return {"q5_k", 256, 176};
        case DType::Q6_K:
            return {"q6_k", 256, 210};
        case DType::Q8_K:
            return {"q8_k", 256, 292};
        case DType::Other:
            break;
    }
    return {"other", 1, 0};
}

template <typename T>
void widenAll(const std::byte* from, std::span<float> out) {
    for (std::size_t i = 0; i < out.size(); ++i)
        out[i] = static_cast<float>(blocks::load<T>(from + i * sizeof(T)));
}

}  // namespace

const char* dtypeName(DType dtype) {
    return layoutOf(dtype).name;
}

std::int64_t dtypeBlock(DType dtype) {
    return layoutOf(dtype).block;
}

std::uint64_t storedBytes(DType dtype, std::int64_t elements) {
    const Layout layout = layoutOf(dtype);
    if (layout.bytes == 0) throw Error(ErrorCode::UnsupportedVersion, "this element type is not supported");
    const auto blocks = static_cast<std::uint64_t>(elements / layout.block);
    if (elements < 0 || elements % layout.block != 0 ||
        blocks > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) / layout.bytes)
        throw Error(ErrorCode::Corrupt, std::to_string(elements) + " elements of type " + layout.name +
                                            " are no possible size of a tensor");
    return blocks * layout.bytes;
}

std::int64_t checkedElements(std::span<const std::int64_t> shape, const std::string& where) {
    std::int64_t product = 1;
    for (const std::int64_t size : shape)
        if (size < 0 || __builtin_mul_overflow(product, size, &product))
            throw Error(ErrorCode::Corrupt, "the shape has an impossible number of elements", where);
    return product;
}

std::int64_t TensorInfo::elements() const {
    std::int64_t product = 1;
    for (const std::int64_t size : shape) product *= size;
    return product;
}

void TensorSource::readF32(const TensorInfo& tensor, std::int64_t first, std::span<float> out) const {
    const Layout layout = layoutOf(tensor.dtype);
    if (layout.bytes == 0)
        throw Error(ErrorCode::UnsupportedVersion, "this tensor's element type has no reading as numbers",
                    tensor.name);
    const auto count = static_cast<std::int64_t>(out.size());
    if (first < 0 || first > tensor.elements() || count > tensor.elements() - first ||
        first % layout.block != 0 || count % layout.block != 0)
        throw Error(ErrorCode::Internal, "elements outside the tensor were asked for", tensor.name);
    const auto begin = static_cast<std::size_t>(first / layout.block) * layout.bytes;
    const auto length = static_cast<std::size_t>(count / layout.block) * layout.bytes;
    dequantize(tensor.dtype, raw(tensor).subspan(begin, length), out);
}

const TensorInfo* TensorSource::find(const std::string& name) const {
    for (const TensorInfo& tensor : tensors())
        if (tensor.name == name) return &tensor;
    return nullptr;
}

const TensorInfo& TensorSource::at(const std::string& name) const {
    if (const TensorInfo* tensor = find(name)) return *tensor;
    throw Error(ErrorCode::NotFound, "the model has no tensor of this name", name);
}

float bf16ToFloat(std::uint16_t bits) {
    return std::bit_cast<float>(std::uint32_t(bits) << 16);
}

std::uint16_t floatToBf16(float value) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    // Rounding could carry a NaN's payload away; the quiet bit keeps it a NaN.
    const std::uint32_t nan = bits >> 16 | 0x40;
    const std::uint32_t rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
    return static_cast<std::uint16_t>((bits & 0x7fffffff) > 0x7f800000 ? nan : rounded);
}

float f16ToFloat(std::uint16_t bits) {
    return blocks::widenF16(bits);
}

std::uint16_t floatToF16(float value) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    const std::uint32_t sign = bits >> 16 & 0x8000;
    const std::uint32_t magnitude = bits & 0x7fffffff;
    std::uint32_t half;
    if (magnitude > 0x7f800000) {
        half = 0x7e00 | (magnitude >> 13 & 0x3ff);
    } else if (magnitude >= 0x477ff000) {  // 65520 and more round to infinity
        half = 0x7c00;
    } else if (magnitude < 0x38800000) {
        // Below 2^-14 the steps are 2^-24, those of a float near one half: the addition rounds.
        half = std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) + 0.5f) - 0x3f000000;
    } else {
        half = (magnitude - (112u << 23) + 0xfff + (magnitude >> 13 & 1)) >> 13;
    }
    return static_cast<std::uint16_t>(sign | half);
}

void dequantize(DType dtype, std::span<const std::byte> stored, std::span<float> out) {
    if (storedBytes(dtype, static_cast<std::int64_t>(out.size())) != stored.size())
        throw Error(ErrorCode::Internal, "a tensor's bytes do not fit its elements");
    const std::byte* from = stored.data();
    if (out.empty()) return;
    switch (dtype) {
        case DType::F32:
            std::memcpy(out.data(), from, stored.size());
            return;
        case DType::F16:
            for (std::size_t i = 0; i < out.size(); ++i)
                out[i] = blocks::widenF16(blocks::load<std::uint16_t>(from + 2 * i));
            return;
        case DType::BF16:
            for (std::size_t i = 0; i < out.size(); ++i)
                out[i] = std::bit_cast<float>(std::uint32_t(blocks::load<std::uint16_t>(from + 2 * i)) << 16);
            return;
        case DType::F64:
            return widenAll<double>(from, out);
        case DType::I8:
            return widenAll<std::int8_t>(from, out);
        case DType::U8:
        case DType::Bool:
            return widenAll<std::uint8_t>(from, out);
        case DType::I16:
            return widenAll<std::int16_t>(from, out);
        case DType::I32:
            return widenAll<std::int32_t>(from, out);
        case DType::I64:
            return widenAll<std::int64_t>(from, out);
        case DType::Q4_0:
            return blocks::q4_0(from, out);
        case DType::Q4_1:
            return blocks::q4_1(from, out);
        case DType::Q5_0:
            return blocks::q5_0(from, out);
        case DType::Q5_1:
            return blocks::q5_1(from, out);
        case DType::Q8_0:
            return blocks::q8_0(from, out);
        case DType::Q2_K:
            return blocks::q2_k(from, out);
        case DType::Q3_K:
            return blocks::q3_k(from, out);
        case DType::Q4_K:
            return blocks::q4_k(from, out);
        case DType::Q5_K:
            return blocks::q5_k(from, out);
        case DType::Q6_K:
            return blocks::q6_k(from, out);
        case DType::Q8_K:
            return blocks::q8_k(from, out);
        case DType::Other:
            return;
    }
}

void quantize(DType dtype, std::span<const float> values, std::span<std::byte> stored) {
    if (dtype != DType::F32 && dtype != DType::F16 && dtype != DType::BF16)
        throw Error(ErrorCode::InvalidInput, std::string("tensors cannot be written as ") + dtypeName(dtype),
                    "", {{"choose f32, f16 or bf16", "", ""}});
    if (storedBytes(dtype, static_cast<std::int64_t>(values.size())) != stored.size())
        throw Error(ErrorCode::Internal, "a tensor's bytes do not fit its elements");
    if (dtype == DType::F32) {
        if (!values.empty()) std::memcpy(stored.data(), values.data(), stored.size());
        return;
    }
    const bool half = dtype == DType::F16;
    for (std::size_t i = 0; i < values.size(); ++i) {
        const std::uint16_t bits = half ? floatToF16(values[i]) : floatToBf16(values[i]);
        std::memcpy(stored.data() + 2 * i, &bits, 2);
    }
}

}  // namespace tessera
