#include "ui/compare/difference_views.h"

#include <QApplication>
#include <QComboBox>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QPainter>
#include <QSignalBlocker>
#include <QStyledItemDelegate>
#include <QTableView>
#include <cmath>

#include "ui/compare/runs_table.h"
#include "ui/widgets/basics.h"

namespace tessera::ui {

namespace {

QColor mixed(const QColor& over, const QColor& under, double share) {
    const auto part = [share](int a, int b) { return int(std::lround(a * share + b * (1 - share))); };
    return {part(over.red(), under.red()), part(over.green(), under.green()),
            part(over.blue(), under.blue())};
}

}  // namespace

SettingsView::SettingsView(RunsModel& model, RunSelection& selection, QWidget* parent) : QWidget(parent) {
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(0, kGap, 0, 0);
    column->setSpacing(kGap);
    m_note = muted({}, this);
    m_table = new RunColumns(model, selection, tr("Settings that differ"), this);
    column->addWidget(m_note);
    column->addWidget(m_table, 1);
}

void SettingsView::show(const QStringList& runs, const std::vector<RunSettings>& settings) {
    const auto rows = differingSettings(settings);
    m_note->setText(
        runs.size() < 2 ? tr("Check two or more runs to see in what they differ.")
        : rows.empty()
            ? tr("The checked runs were asked for the same.")
            : tr("Only what differs. An option that one method alone has is shown where it was set."));
    m_table->setVisible(!rows.empty());
    QStringList names;
    std::vector<std::vector<RunColumns::Cell>> cells;
    for (const auto& row : rows) {
        names << row.name;
        cells.emplace_back();
        for (const auto& value : row.values) cells.back().push_back({value, value});
    }
    m_table->fill(names, runs, std::move(cells));
}

namespace {

/// A number on its colour; the colour says the size, the sign the direction.
class DensityDelegate : public QStyledItemDelegate {
  public:
    using QStyledItemDelegate::QStyledItemDelegate;
    void paint(QPainter* painter, const QStyleOptionViewItem& option,
               const QModelIndex& index) const override {
        const auto& t = Theme::instance().tokens();
        const double share = index.data(Qt::UserRole).toDouble();
        const QRect cell = option.rect.adjusted(1, 1, -1, -1);
        QColor back = t.raised;
        if (std::isfinite(share))
            back = mixed(share > 0 ? t.sparsity : t.tileTwoFour, t.raised,
                         std::min(1.0, std::abs(share)) * 0.55);
        painter->fillRect(cell, back);
        if (option.state & QStyle::State_Selected) {
            painter->setPen(QPen(t.accent, 2));
            painter->drawRect(cell.adjusted(1, 1, -1, -1));
        }
        auto font = option.font;
        if (index.row() == 0) font.setWeight(QFont::DemiBold);
        painter->setFont(font);
        painter->setPen(std::isfinite(share) ? t.text : t.textMuted);
        painter->drawText(cell.adjusted(kGap / 2, 0, -kGap / 2, 0), Qt::AlignCenter, index.data().toString());
    }
};

}  // namespace

class DensityView::Model : public QAbstractTableModel {
  public:
    explicit Model(DensityView& view) : QAbstractTableModel(&view), m_view(view) {}
    void reset(const std::function<void()>& change) {
        beginResetModel();
        change();
        endResetModel();
    }
    int rowCount(const QModelIndex& parent) const override {
        return parent.isValid() || m_view.m_grid.blocks.empty() ? 0 : int(m_view.m_grid.blocks.size()) + 1;
    }
    int columnCount(const QModelIndex& parent) const override {
        return parent.isValid() ? 0 : int(m_view.m_grid.projections.size());
    }
    const DensityPair& pair(const QModelIndex& index) const {
        const auto& grid = m_view.m_grid;
        const auto column = std::size_t(index.column());
        return index.row() == 0 ? grid.means[column] : grid.cell(std::size_t(index.row()) - 1, column);
    }
    QVariant data(const QModelIndex& index, int role) const override {
        const auto& [a, b] = pair(index);
        const double difference = b - a;
        if (role == Qt::UserRole)
            return m_view.m_grid.largest > 0 ? difference / m_view.m_grid.largest : difference * 0;
        if (role == Qt::DisplayRole) {
            if (!std::isfinite(difference)) return QStringLiteral("–");
            const auto text = QString::number(std::abs(difference) * 100, 'f', 1);
            return text == QLatin1String("0.0") ? QStringLiteral("0.0") : signedText(difference, text);
        }
        if (role == Qt::ToolTipRole || role == Qt::AccessibleTextRole)
            return QStringLiteral("%1, %2: %3 and %4 kept")
                .arg(headerData(index.row(), Qt::Vertical, Qt::DisplayRole).toString(),
                     m_view.m_grid.projections[std::size_t(index.column())], percentText(a), percentText(b));
        return {};
    }
    QVariant headerData(int section, Qt::Orientation orientation, int role) const override {
        if (role == Qt::TextAlignmentRole && orientation == Qt::Horizontal) return int(Qt::AlignCenter);
        if (role != Qt::DisplayRole) return {};
        if (orientation == Qt::Horizontal) {
            auto name = m_view.m_grid.projections[std::size_t(section)];
            return name.endsWith(QLatin1String("_proj")) ? name.chopped(5) : name;
        }
        if (section == 0) return QStringLiteral("All blocks");
        const int block = m_view.m_grid.blocks[std::size_t(section) - 1];
        return block < 0 ? QStringLiteral("Outside") : QStringLiteral("Block %1").arg(block);
    }

  private:
    DensityView& m_view;
};

DensityView::DensityView(RunsModel& model, RunSelection& selection, QWidget* parent)
    : QWidget(parent), m_model(model), m_selection(selection) {
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(0, kGap, 0, 0);
    column->setSpacing(kGap);
    auto* row = new QHBoxLayout;
    row->setSpacing(kGap);
    const auto add = [&](const QString& text, const QString& name) {
        auto* label = muted(text, this);
        label->setWordWrap(false);
        auto* box = new QComboBox(this);
        box->setAccessibleName(name);
        box->setSizeAdjustPolicy(QComboBox::AdjustToContents);
        const int side = fontMetrics().height();
        box->setIconSize({side * 3 / 2, side});
        label->setBuddy(box);
        row->addWidget(label);
        row->addWidget(box);
        connect(box, &QComboBox::activated, this, &DensityView::rebuild);
        return box;
    };
    m_a = add(tr("Kept by"), tr("The run that is subtracted from"));
    m_b = add(tr("minus kept by"), tr("The run that is subtracted"));
    row->addStretch();
    m_note = muted({}, this);
    m_cells = new Model(*this);
    m_table = plainTable(tr("Differences of density"), this);
    m_table->setModel(m_cells);
    m_table->setItemDelegate(new DensityDelegate(m_table));
    m_table->horizontalHeader()->setSectionResizeMode(QHeaderView::Stretch);
    m_table->verticalHeader()->setDefaultSectionSize(fontMetrics().height() + kGap + 4);
    m_table->verticalHeader()->setSectionResizeMode(QHeaderView::Fixed);
    column->addLayout(row);
    column->addWidget(m_note);
    column->addWidget(m_table, 1);
    connect(&m_selection, &RunSelection::checkedChanged, this, &DensityView::runsChanged);
    connect(&m_selection, &RunSelection::baselineChanged, this, &DensityView::runsChanged);
    connect(&Theme::instance(), &Theme::changed, m_table->viewport(), qOverload<>(&QWidget::update));
    runsChanged();
}

void DensityView::runsChanged() {
    fill();
    rebuild();
}

void DensityView::fill() {
    const auto wasA = m_a->currentData().toString(), wasB = m_b->currentData().toString();
    QStringList runs;
    for (const auto& id : m_selection.checked())
        if (const auto* run = m_model.find(id); run && !run->matrices.empty()) runs << id;
    if (const auto* pinned = m_model.baseline();
        pinned && !pinned->matrices.empty() && !runs.contains(pinned->id))
        runs << pinned->id;
    for (auto* box : {m_a, m_b}) {
        const QSignalBlocker quiet(box);
        box->clear();
        for (const auto& id : runs)
            box->addItem(runSignIcon(m_selection.slot(id)),
                         fontMetrics().elidedText(m_model.find(id)->name, Qt::ElideMiddle,
                                                  fontMetrics().averageCharWidth() * 26),
                         id);
    }
    const auto choose = [&](QComboBox* box, const QString& id, const QString& other) {
        int at = box->findData(id);
        for (int i = 0; at < 0 && i < box->count(); ++i)
            if (box->itemData(i).toString() != other) at = i;
        box->setCurrentIndex(at);
    };
    const QSignalBlocker quietA(m_a), quietB(m_b);
    const auto pinned = m_selection.baseline();
    choose(m_b, runs.contains(pinned) ? pinned : wasB, runs.contains(pinned) ? QString() : wasA);
    choose(m_a, wasA == m_b->currentData().toString() ? QString() : wasA, m_b->currentData().toString());
}

void DensityView::rebuild() {
    const auto* a = m_model.find(m_a->currentData().toString());
    const auto* b = m_model.find(m_b->currentData().toString());
    const bool two = a && b && a != b;
    m_cells->reset([&] { m_grid = two ? densityGrid(*b, *a) : DensityGrid{}; });
    m_note->setText(
        !two ? tr("Check two finished runs to see where they keep their weights.")
        : !m_grid.problem.isEmpty()
            ? m_grid.problem
            : tr("Differences of the kept share in percentage points: + where %1 keeps more, − where %2 "
                 "does.")
                  .arg(a->name, b->name));
    m_table->setVisible(two && m_grid.problem.isEmpty());
}

}  // namespace tessera::ui
