// Packed matrices taken apart and put together again.
#include <algorithm>

#include "core/base/error.h"
#include "core/deploy/packed_model.h"

namespace tessera {

namespace {

/// More rows than any model has; sizes of arrays stay far below 63 bits.
constexpr std::int64_t kMostRows = std::int64_t(1) << 32;

std::uint64_t unsignedOf(std::int64_t number) {
    return static_cast<std::uint64_t>(number);
}

std::uint64_t valueBytes(WeightValues values) {
    return values == WeightValues::Q8 ? 1 : 2;
}

}  // namespace

bool StoredMatrix::inTiles() const {
    return form == WeightForm::TwoOfFour || form == WeightForm::Hybrid ||
           (form == WeightForm::Dense && values == WeightValues::Q8);
}

std::array<const char*, 3> StoredMatrix::arrayNames() const {
    if (form == WeightForm::Bitmap) return {"flags", "weights", "starts"};
    if (inTiles()) return {"tiles", "columns", "panels"};
    return {"weights", "", ""};
}

void PackedMatrix::setPanels() {
    const auto& first = m_first;
    const auto& second = m_second;
    const auto& third = m_third;
    const bool q8 = m_values == WeightValues::Q8;
    if (m_form == WeightForm::Bitmap && q8)
        m_panels = kernels::BitmapPanelsQ8{m_rows, m_cols, first.as<kernels::BitmapHeadQ8>(),
                                           second.as<std::int8_t>(), third.as<std::uint64_t>()};
    else if (m_form == WeightForm::Bitmap)
        m_panels = kernels::BitmapPanels{m_rows, m_cols, first.as<std::uint32_t>(),
                                         second.as<std::uint16_t>(), third.as<std::uint64_t>()};
    else if (!stored().inTiles())
        m_panels = kernels::DensePanels{m_rows, m_cols, first.as<std::uint16_t>()};
    else if (q8)
        m_panels = kernels::TilePanelsQ8{m_rows, m_cols, third.as<kernels::TilePanel>(),
                                         second.as<std::uint16_t>(), first.as<std::uint8_t>()};
    else
        m_panels = kernels::TilePanels{m_rows, m_cols, third.as<kernels::TilePanel>(),
                                       second.as<std::uint16_t>(), first.as<std::uint8_t>()};
}

PackedMatrix::PackedMatrix(const StoredMatrix& stored, std::array<AlignedBytes, 3> arrays,
                           const std::string& where)
    : m_form(stored.form),
      m_values(stored.values),
      m_rows(stored.rows),
      m_cols(stored.cols),
      m_kept(stored.kept),
      m_first(std::move(arrays[0])),
      m_second(std::move(arrays[1])),
      m_third(std::move(arrays[2])) {
    const auto corrupt = [&](const std::string& what, const std::string& part) {
        throw Error(ErrorCode::Corrupt, what, where + part,
                    {{"export the run again, or copy the file again", "", ""}});
    };
    const auto names = stored.arrayNames();
    const auto require = [&](int index, const AlignedBytes& array, std::uint64_t bytes) {
        if (array.size() != bytes)
            corrupt("the array has " + std::to_string(array.size()) + " bytes, the matrix needs " +
                        std::to_string(bytes),
                    std::string(".") + names[static_cast<std::size_t>(index)]);
    };
    if (m_rows < 1 || m_rows > kMostRows || m_cols < 1 || m_cols > kernels::kMostTileCols)
        corrupt("a matrix of " + std::to_string(m_rows) + " x " + std::to_string(m_cols) + " is impossible",
                "");
    if (m_kept < 0 || m_kept > m_rows * m_cols)
        corrupt("a matrix of " + std::to_string(m_rows) + " x " + std::to_string(m_cols) + " cannot keep " +
                    std::to_string(m_kept) + " weights",
                "");
    const auto panels = unsignedOf(kernels::panelsOf(m_rows)), kept = unsignedOf(m_kept);
    if (m_form == WeightForm::Bitmap) {
        require(0, m_first,
                m_values == WeightValues::Q8 ? unsignedOf(blocks()) * sizeof(kernels::BitmapHeadQ8)
                                             : unsignedOf(kernels::bitmapWords(m_rows, m_cols)) * 4);
        require(1, m_second, (kept + unsignedOf(kernels::kValuePadding)) * valueBytes(m_values));
        require(2, m_third, (panels + 1) * sizeof(std::uint64_t));
    } else if (stored.inTiles()) {
        require(2, m_third, (panels + 1) * sizeof(kernels::TilePanel));
        if (m_second.size() % sizeof(std::uint16_t) != 0)
            corrupt("the array ends within a number", std::string(".") + names[1]);
    } else {
        require(0, m_first, unsignedOf(kernels::densePanelElements(m_rows, m_cols)) * 2);
    }
    setPanels();

    const char* flaw = nullptr;
    if (const auto* bitmap = std::get_if<kernels::BitmapPanels>(&m_panels))
        flaw = kernels::flawOf(*bitmap, kept);
    else if (const auto* bytes = std::get_if<kernels::BitmapPanelsQ8>(&m_panels))
        flaw = kernels::flawOf(*bytes, kept);
    else if (const auto* tiles = std::get_if<kernels::TilePanels>(&m_panels))
        flaw = kernels::flawOf(*tiles, m_second.size() / sizeof(std::uint16_t), m_first.size());
    else if (const auto* tileBytes = std::get_if<kernels::TilePanelsQ8>(&m_panels))
        flaw = kernels::flawOf(*tileBytes, m_second.size() / sizeof(std::uint16_t), m_first.size());
    if (flaw) corrupt(flaw, "");

    m_bytes = m_first.size();
    if (m_form == WeightForm::Bitmap) {
        m_bytes += kept * valueBytes(m_values);
    } else if (stored.inTiles()) {
        m_bytes += m_second.size() + m_third.size();
        const auto& third = m_third;
        const auto* const panel = third.as<kernels::TilePanel>();
        std::int64_t dense = 0;
        for (std::uint64_t i = 0; i < panels; ++i) {
            m_twoOfFour += panel[i].twoOfFour;
            dense += panel[i].dense;
        }
        if (formOfTiles(m_twoOfFour, dense, blocks() - m_twoOfFour - dense) != m_form)
            corrupt(
                "the blocks are of other kinds than the form \"" + kernelName(m_form, m_values) + "\" says",
                "");
    }
}

std::array<std::span<const std::byte>, 3> PackedMatrix::arrays() const {
    return {m_first.bytes(), m_second.bytes(), m_third.bytes()};
}

void PackedMatrix::copyRow(std::int64_t row, std::uint16_t* weights) const {
    const auto* const from = std::get<kernels::DensePanels>(m_panels).weights;
    const auto blocks = kernels::blocksOf(m_cols), panel = row / kernels::kPanelRows;
    for (std::int64_t block = 0; block < blocks; ++block) {
        const auto first = block * kernels::kBlockCols;
        std::copy_n(from + ((panel * blocks + block) * kernels::kPanelRows + row % kernels::kPanelRows) *
                               kernels::kBlockCols,
                    std::min(kernels::kBlockCols, m_cols - first), weights + first);
    }
}

PackedMatrix PackedMatrix::unpacked() const {
    std::vector<std::uint16_t> weights(static_cast<std::size_t>(m_rows * m_cols));
    std::visit([&](const auto& panels) { kernels::unpack(panels, weights.data()); }, m_panels);
    return {weights.data(), nullptr, m_rows, m_cols};
}

}  // namespace tessera
