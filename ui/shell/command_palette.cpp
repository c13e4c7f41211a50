#include "ui/shell/command_palette.h"

#include <QApplication>
#include <QKeyEvent>
#include <QPainter>
#include <QPointer>
#include <QStyledItemDelegate>
#include <QTimer>
#include <QVBoxLayout>
#include <algorithm>
#include <utility>
#include <vector>

#include "ui/theme/icons.h"
#include "ui/widgets/basics.h"
#include "ui/workspace/actions.h"

namespace tessera::ui {

namespace {

constexpr int kShortcutRole = Qt::UserRole + 1;

/// An icon and a text on the left, the shortcut on the right in the muted colour.
class ActionDelegate : public QStyledItemDelegate {
  public:
    using QStyledItemDelegate::QStyledItemDelegate;

    QSize sizeHint(const QStyleOptionViewItem& option, const QModelIndex&) const override {
        return {0, option.fontMetrics.height() + kGap + kGap / 2};
    }

    void paint(QPainter* painter, const QStyleOptionViewItem& given,
               const QModelIndex& index) const override {
        QStyleOptionViewItem option = given;
        initStyleOption(&option, index);
        option.text.clear();
        option.icon = {};
        option.widget->style()->drawControl(QStyle::CE_ItemViewItem, &option, painter, option.widget);
        const ThemeTokens& tokens = Theme::instance().tokens();
        QRect rect = given.rect.adjusted(kGap, 0, -kGap, 0);
        const int side = option.fontMetrics.height();
        index.data(Qt::DecorationRole)
            .value<QIcon>()
            .paint(painter, QRect(rect.left(), rect.center().y() - side / 2, side, side));
        const QString shortcut = index.data(kShortcutRole).toString();
        const int keys = option.fontMetrics.horizontalAdvance(shortcut);
        painter->setFont(option.font);
        painter->setPen(tokens.textMuted);
        painter->drawText(rect, Qt::AlignRight | Qt::AlignVCenter, shortcut);
        rect.adjust(side + kGap, 0, -keys - kGap, 0);
        painter->setPen(tokens.text);
        painter->drawText(rect, Qt::AlignLeft | Qt::AlignVCenter,
                          option.fontMetrics.elidedText(index.data(Qt::DisplayRole).toString(),
                                                        Qt::ElideRight, rect.width()));
    }
};

}  // namespace

int fuzzyScore(const QString& pattern, const QString& text) {
    const QString wanted = pattern.simplified().remove(QLatin1Char(' ')).toCaseFolded();
    const QString in = text.toCaseFolded();
    if (wanted.isEmpty()) return 0;
    int score = 0;
    qsizetype at = 0, last = -2;
    for (const QChar letter : wanted) {
        // The head of a word is meant rather than the next letter that happens to be the same, unless it goes
        // on from the one before.
        qsizetype found = -1;
        for (qsizetype i = at; i < in.size(); ++i) {
            if (in[i] != letter) continue;
            const bool head = i == 0 || !in[i - 1].isLetterOrNumber();
            if (found < 0) found = i;
            if (i == last + 1 || head) {
                // A head further on is only taken where the rest can still be found behind it.
                found = i;
                break;
            }
        }
        if (found < 0) {
            // Heads were taken too eagerly: plain order decides.
            qsizetype plain = -1;
            for (const QChar each : wanted) {
                plain = in.indexOf(each, plain + 1);
                if (plain < 0) return -1;
            }
            return 1;
        }
        const bool head = found == 0 || !in[found - 1].isLetterOrNumber();
        score += found == last + 1 ? 8 : head ? 6 : 1;
        last = found;
        at = found + 1;
    }
    return score * 16 - int(std::min<qsizetype>(in.size(), 15));
}

CommandPalette::CommandPalette(const Actions& actions, std::function<void(QAction*)> run, QWidget* window)
    : Popup(window), m_actions(actions), m_run(std::move(run)) {
    setAccessibleName(tr("Command palette"));
    auto* column = new QVBoxLayout(panel());
    column->setContentsMargins(kGap, kGap, kGap, kGap);
    column->setSpacing(kGap);
    m_input = new QLineEdit(panel());
    m_input->setPlaceholderText(tr("Type a few letters of what you want to do"));
    m_input->setAccessibleName(tr("Search actions"));
    m_input->setClearButtonEnabled(false);
    m_input->addAction(themedIcon(QStringLiteral("search")), QLineEdit::LeadingPosition);
    m_list = new QListWidget(panel());
    m_list->setAccessibleName(tr("Actions"));
    m_list->setItemDelegate(new ActionDelegate(m_list));
    m_list->setFrameShape(QFrame::NoFrame);
    m_list->setStyleSheet(QStringLiteral("QListWidget { border: none; }"));
    m_list->setFocusPolicy(Qt::NoFocus);
    m_list->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    column->addWidget(m_input);
    column->addWidget(m_list);
    m_input->installEventFilter(this);
    setFocusProxy(m_input);
    connect(m_input, &QLineEdit::textChanged, this, &CommandPalette::fill);
    connect(m_list, &QListWidget::itemClicked, this, &CommandPalette::take);
    fill({});
}

void CommandPalette::fill(const QString& pattern) {
    std::vector<std::pair<int, QAction*>> found;
    for (QAction* action : m_actions.all()) {
        if (!action->isEnabled() || !action->isVisible()) continue;
        const int score =
            std::max(fuzzyScore(pattern, action->text()),
                     fuzzyScore(pattern, m_actions.group(action) + QLatin1Char(' ') + action->text()) - 8);
        if (score >= 0 || pattern.isEmpty()) found.emplace_back(score, action);
    }
    std::stable_sort(found.begin(), found.end(),
                     [](const auto& a, const auto& b) { return a.first > b.first; });
    m_list->clear();
    for (const auto& [score, action] : found) {
        auto* item = new QListWidgetItem(action->icon(), action->text(), m_list);
        item->setData(Qt::UserRole, QVariant::fromValue(static_cast<QObject*>(action)));
        item->setData(kShortcutRole, action->shortcut().toString(QKeySequence::NativeText));
    }
    if (found.empty()) {
        auto* nothing = new QListWidgetItem(tr("Nothing goes by these letters."), m_list);
        nothing->setFlags(Qt::NoItemFlags);
    }
    m_list->setCurrentRow(0);
}

void CommandPalette::take(QListWidgetItem* item) {
    if (!item) return;
    const QPointer<QAction> action(qobject_cast<QAction*>(item->data(Qt::UserRole).value<QObject*>()));
    if (!action) return;
    // The keyboard is back where it was before the action sees it.
    QTimer::singleShot(0, action, [action, run = m_run] { run(action); });
    close();
}

bool CommandPalette::eventFilter(QObject* watched, QEvent* event) {
    if (watched == m_input && event->type() == QEvent::KeyPress) {
        const auto* key = static_cast<QKeyEvent*>(event);
        switch (key->key()) {
            case Qt::Key_Up:
            case Qt::Key_Down:
            case Qt::Key_PageUp:
            case Qt::Key_PageDown:
                QApplication::sendEvent(m_list, event);
                return true;
            case Qt::Key_Return:
            case Qt::Key_Enter:
                take(m_list->currentItem());
                return true;
            case Qt::Key_Escape:
                close();
                return true;
            default:
                break;
        }
    }
    return Popup::eventFilter(watched, event);
}

}  // namespace tessera::ui
