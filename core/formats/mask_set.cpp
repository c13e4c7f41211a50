#include "core/formats/mask_set.h"

#include <bit>

#include "core/base/error.h"
#include "core/formats/npz.h"
#include "core/formats/tensor_source.h"

namespace tessera {

namespace {

constexpr const char* kShapeSuffix = ".__shape__";
constexpr const char* kMetaName = "__meta__";

std::string utf8Of(const NpyArray& text) {
    std::string out;
    for (std::size_t i = 0; i + 4 <= text.data.size(); i += 4) {
        const std::uint32_t c = text.data[i] | text.data[i + 1] << 8 | text.data[i + 2] << 16 |
                                std::uint32_t(text.data[i + 3]) << 24;
        if (c == 0) break;
        if (c < 0x80) {
            out += static_cast<char>(c);
        } else if (c < 0x800) {
            out += static_cast<char>(0xc0 | c >> 6);
            out += static_cast<char>(0x80 | (c & 63));
        } else if (c < 0x10000) {
            out += static_cast<char>(0xe0 | c >> 12);
            out += static_cast<char>(0x80 | (c >> 6 & 63));
            out += static_cast<char>(0x80 | (c & 63));
        } else {
            out += static_cast<char>(0xf0 | (c >> 18 & 7));
            out += static_cast<char>(0x80 | (c >> 12 & 63));
            out += static_cast<char>(0x80 | (c >> 6 & 63));
            out += static_cast<char>(0x80 | (c & 63));
        }
    }
    return out;
}

/// A zero-dimensional Unicode array. JSON is dumped with escapes, so that every character is ASCII.
NpyArray textArray(const std::string& ascii) {
    NpyArray array{"U" + std::to_string(ascii.size()), {}, {}};
    array.data.resize(ascii.size() * 4);
    for (std::size_t i = 0; i < ascii.size(); ++i) array.data[4 * i] = static_cast<std::uint8_t>(ascii[i]);
    return array;
}

}  // namespace

PackedMask::PackedMask(std::int64_t rows, std::int64_t cols)
    : rows(rows), cols(cols), bits(static_cast<std::size_t>((rows * cols + 7) / 8)) {}

std::int64_t PackedMask::kept() const {
    std::int64_t sum = 0;
    for (const auto byte : bits) sum += std::popcount(byte);
    return sum;
}

std::int64_t MaskSet::weights() const {
    std::int64_t sum = 0;
    for (const auto& [name, mask] : masks) sum += mask.rows * mask.cols;
    return sum;
}

std::int64_t MaskSet::kept() const {
    std::int64_t sum = 0;
    for (const auto& [name, mask] : masks) sum += mask.kept();
    return sum;
}

MaskSet readMasks(const std::filesystem::path& path) {
    const NpzReader reader(path);
    MaskSet set;
    for (const auto& name : reader.names()) {
        const auto where = path.string() + ", array " + name;
        if (name.ends_with(kShapeSuffix)) continue;
        const auto array = reader.read(name);
        if (name == kMetaName) {
            if (array.type[0] != 'U') throw Error(ErrorCode::Corrupt, "the description is not a text", where);
            set.meta = parseJson(utf8Of(array), where);
            continue;
        }
        const auto shape = reader.read(name + kShapeSuffix);
        if (array.type != "u1" || array.shape.size() != 1 || shape.type != "i8" || shape.elements() != 2)
            throw Error(
                ErrorCode::Corrupt,
                "this is no packed mask: it needs one-dimensional uint8 bits and an int64 shape of two",
                where,
                {{"use a mask file written by 'tessera-cli export --format npz' or by PATCH's release", "",
                  ""}});
        std::int64_t sizes[2];
        for (int i = 0; i < 2; ++i) {
            std::uint64_t value = 0;
            for (int b = 7; b >= 0; --b) value = value << 8 | shape.data[static_cast<std::size_t>(8 * i + b)];
            sizes[i] = static_cast<std::int64_t>(value);
        }
        const auto elements = checkedElements(sizes, where);
        if (static_cast<std::uint64_t>(elements) / 8 + (elements % 8 != 0) != array.data.size())
            throw Error(ErrorCode::Corrupt,
                        "the mask has " + std::to_string(array.data.size()) + " bytes, its shape " +
                            std::to_string(sizes[0]) + " x " + std::to_string(sizes[1]) + " needs " +
                            std::to_string((elements + 7) / 8),
                        where);
        if (elements % 8 != 0 && (array.data.back() & (0xff >> (elements % 8))) != 0)
            throw Error(ErrorCode::Corrupt, "bits are set beyond the mask's last weight", where);
        PackedMask mask;
        mask.rows = sizes[0];
        mask.cols = sizes[1];
        mask.bits = array.data;
        set.masks.emplace(name, std::move(mask));
    }
    if (set.masks.empty()) throw Error(ErrorCode::Corrupt, "the file holds no masks", path.string());
    return set;
}

void writeMasks(const std::filesystem::path& path, const MaskSet& set) {
    std::map<std::string, NpyArray> arrays;
    for (const auto& [name, mask] : set.masks) {
        arrays[name] = {"u1", {static_cast<std::int64_t>(mask.bits.size())}, mask.bits};
        NpyArray shape{"i8", {2}, std::vector<std::uint8_t>(16)};
        for (int i = 0; i < 2; ++i)
            for (int b = 0; b < 8; ++b)
                shape.data[static_cast<std::size_t>(8 * i + b)] =
                    static_cast<std::uint8_t>((i == 0 ? mask.rows : mask.cols) >> (8 * b));
        arrays[name + kShapeSuffix] = std::move(shape);
    }
    arrays[kMetaName] = textArray(set.meta.dump(-1, ' ', true));
    writeNpz(path, arrays);
}

}  // namespace tessera
