#include "ui/compare/run_selection.h"

#include <QSettings>
#include <QUrl>
#include <array>

namespace tessera::ui {

namespace {

constexpr int kAtFirst = 4;
const QString kCheckedKey = QStringLiteral("/checked");
const QString kSlotsKey = QStringLiteral("/colours");
const QString kBaselineKey = QStringLiteral("/baseline");

// Colours that some eyes take for each other have different dashes.
constexpr std::array<Qt::PenStyle, RunSelection::kMost> kDashes = {
    Qt::SolidLine, Qt::DashLine, Qt::DashDotLine,    Qt::DotLine,
    Qt::SolidLine, Qt::DashLine, Qt::DashDotDotLine, Qt::DashDotLine};

}  // namespace

RunSelection::RunSelection(const QString& folder, QObject* parent)
    : QObject(parent),
      m_group(QStringLiteral("compare/") + QString::fromLatin1(QUrl::toPercentEncoding(folder))) {
    const QSettings settings;
    m_checked = settings.value(m_group + kCheckedKey).toStringList();
    m_baseline = settings.value(m_group + kBaselineKey).toString();
    const auto kept = settings.value(m_group + kSlotsKey).toMap();
    for (auto entry = kept.begin(); entry != kept.end(); ++entry)
        if (const int slot = entry.value().toInt(); slot >= 0 && slot < kMost) m_slots[entry.key()] = slot;
    // A file edited by hand may give one colour twice, or more runs than there are colours.
    QStringList checked;
    std::swap(checked, m_checked);
    for (const auto& run : checked) {
        if (m_checked.size() == kMost || m_checked.contains(run)) continue;
        m_slots[run] = freeSlot(run);
        m_checked << run;
    }
}

void RunSelection::save() const {
    QSettings settings;
    settings.setValue(m_group + kCheckedKey, m_checked);
    settings.setValue(m_group + kBaselineKey, m_baseline);
    QVariantMap kept;
    for (auto entry = m_slots.begin(); entry != m_slots.end(); ++entry) kept[entry.key()] = entry.value();
    settings.setValue(m_group + kSlotsKey, kept);
}

int RunSelection::freeSlot(const QString& run) const {
    std::array<bool, kMost> taken{};
    for (const auto& other : m_checked)
        if (other != run) taken[std::size_t(m_slots.value(other))] = true;
    if (const int own = m_slots.value(run, -1); own >= 0 && !taken[std::size_t(own)]) return own;
    // Rather one that no unchecked run is known by, so that it finds its own again.
    for (int slot = 0; slot < kMost; ++slot)
        if (!taken[std::size_t(slot)] && m_slots.key(slot).isEmpty()) return slot;
    for (int slot = 0; slot < kMost; ++slot)
        if (!taken[std::size_t(slot)]) return slot;
    return 0;
}

bool RunSelection::setChecked(const QString& run, bool on) {
    if (on == isChecked(run)) return true;
    if (!on) {
        m_checked.removeAll(run);
    } else if (m_checked.size() >= kMost) {
        Q_EMIT full();
        return false;
    } else {
        m_slots[run] = freeSlot(run);
        m_checked << run;
    }
    save();
    Q_EMIT checkedChanged();
    return true;
}

void RunSelection::setBaseline(const QString& run) {
    if (run == m_baseline) return;
    m_baseline = run;
    save();
    Q_EMIT baselineChanged();
}

void RunSelection::setHighlighted(const QString& run) {
    if (run == m_highlighted) return;
    m_highlighted = run;
    Q_EMIT highlightedChanged();
}

int RunSelection::slot(const QString& run) const {
    return isChecked(run) ? m_slots.value(run, -1) : -1;
}

QColor RunSelection::colour(int slot, const ThemeTokens& tokens) {
    return slot >= 0 && slot < kMost ? tokens.runs[std::size_t(slot)] : tokens.textMuted;
}

Qt::PenStyle RunSelection::dash(int slot) {
    return slot >= 0 && slot < kMost ? kDashes[std::size_t(slot)] : Qt::SolidLine;
}

void RunSelection::setKnown(const QStringList& runs, const QStringList& finished) {
    const auto before = m_checked;
    const auto baselineBefore = m_baseline;
    m_checked.removeIf([&](const QString& run) { return !runs.contains(run); });
    if (!m_chosen && m_checked.isEmpty())
        for (const auto& run : finished.mid(0, kAtFirst)) {
            m_slots[run] = freeSlot(run);
            m_checked << run;
        }
    m_chosen |= !m_checked.isEmpty();
    for (const auto& run : m_slots.keys())
        if (!runs.contains(run)) m_slots.remove(run);
    if (!runs.contains(m_baseline)) m_baseline.clear();
    if (m_checked != before || m_baseline != baselineBefore) save();
    if (m_checked != before) Q_EMIT checkedChanged();
    if (m_baseline != baselineBefore) Q_EMIT baselineChanged();
}

}  // namespace tessera::ui
