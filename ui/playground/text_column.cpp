#include "ui/playground/text_column.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QPainter>
#include <QPlainTextEdit>
#include <QScrollBar>
#include <QStackedLayout>
#include <QTextBlock>
#include <QVBoxLayout>
#include <algorithm>

#include "ui/theme/theme.h"
#include "ui/widgets/basics.h"

namespace tessera::ui {

using State = TextSide::State;

namespace {

/// A thin line between what was written and what it took.
class Rule : public QWidget {
  public:
    explicit Rule(QWidget* parent) : QWidget(parent) { setFixedHeight(1); }

  protected:
    void paintEvent(QPaintEvent*) override {
        QPainter(this).fillRect(rect(), Theme::instance().tokens().border);
    }
};

}  // namespace

TextColumn::TextColumn(const QString& role, const QString& emptyIcon, QWidget* parent)
    : QWidget(parent), m_role(role) {
    auto* card = new Card(this);
    auto* outer = new QVBoxLayout(this);
    outer->setContentsMargins(0, 0, 0, 0);
    outer->addWidget(card);
    m_stack = new QStackedLayout(card);

    auto* content = new QWidget(card);
    auto* column = new QVBoxLayout(content);
    column->setContentsMargins(kGap * 2, kGap * 2, kGap * 2, kGap * 2);
    column->setSpacing(kGap * 3 / 2);
    auto* head = new QHBoxLayout;
    head->setSpacing(kGap);
    head->addWidget(subheading(role, content), 0, Qt::AlignBaseline);
    m_name = muted({}, content);
    m_name->setWordWrap(false);
    head->addWidget(m_name, 1, Qt::AlignBaseline);
    m_state = muted({}, content);
    m_state->setWordWrap(false);
    head->addWidget(m_state, 0, Qt::AlignBaseline);
    m_text = new QPlainTextEdit(content);
    m_text->setReadOnly(true);
    m_text->setFrameShape(QFrame::NoFrame);
    m_text->setTabChangesFocus(true);
    m_text->setAccessibleName(tr("Text of the %1 model").arg(role.toLower()));
    // On the card itself, in line with its title.
    m_text->setStyleSheet(
        QStringLiteral("QPlainTextEdit { border: none; background: transparent; padding: 0; }"));
    m_text->document()->setDocumentMargin(0);
    // Lines wrap: a bar would only flash up while the column gets narrower.
    m_text->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    QFont reading = m_text->font();
    reading.setPointSizeF(reading.pointSizeF() * 1.08);
    m_text->setFont(reading);
    auto* figures = new QHBoxLayout;
    figures->setSpacing(kGap * 4);
    m_speed = new KeyFigure(tr("tokens a second"), content);
    m_first = new KeyFigure(tr("to the first token"), content);
    m_count = new KeyFigure(tr("tokens"), content);
    for (auto* figure : {m_speed, m_first, m_count}) figures->addWidget(figure);
    figures->addStretch(1);
    m_kernel = muted({}, content);
    m_kernel->setAccessibleName(tr("Kernel that ran"));
    column->addLayout(head);
    column->addWidget(m_text, 1);
    column->addWidget(new Rule(content));
    column->addLayout(figures);
    column->addWidget(m_kernel);
    m_empty = new EmptyState(emptyIcon, {}, {}, card);
    m_stack->addWidget(content);
    m_stack->addWidget(m_empty);
    present({}, nullptr, {});
}

void TextColumn::setModel(const QString& name) {
    m_name->setText(name);
    m_name->setToolTip(name);
}

void TextColumn::showEmpty(bool empty) {
    m_stack->setCurrentIndex(empty ? 1 : 0);
}

QString TextColumn::shownText() const {
    return m_shown;
}

QString TextColumn::markedText() const {
    return m_from < 0 ? QString() : m_shown.mid(m_from, m_to - m_from);
}

void TextColumn::setText(const QString& prompt, const QString& text) {
    const auto whole = prompt + text;
    auto* bar = m_text->verticalScrollBar();
    const bool atEnd = bar->value() >= bar->maximum() - 2;
    QTextCursor cursor(m_text->document());
    if (prompt == m_prompt && whole.startsWith(m_shown) && !m_shown.isEmpty()) {
        // Only what is new, so that a selection stays and long texts stay cheap.
        cursor.movePosition(QTextCursor::End);
        cursor.insertText(whole.mid(m_shown.size()), QTextCharFormat());
    } else {
        cursor.select(QTextCursor::Document);
        QTextCharFormat quiet;
        quiet.setForeground(Theme::instance().tokens().textMuted);
        cursor.insertText(prompt, quiet);
        cursor.insertText(text, QTextCharFormat());
    }
    m_prompt = prompt;
    m_shown = whole;
    if (atEnd) bar->setValue(bar->maximum());
}

void TextColumn::mark() {
    QList<QTextEdit::ExtraSelection> marks;
    if (m_from >= 0) {
        const auto& t = Theme::instance().tokens();
        QTextEdit::ExtraSelection first;
        QColor back = t.warning;
        back.setAlphaF(t.dark ? 0.40f : 0.26f);
        // The document counts as m_shown does: a line end is one character in both.
        auto from = m_from;
        while (from + 1 < m_to && m_shown[from].isSpace()) ++from;
        first.cursor = QTextCursor(m_text->document());
        first.cursor.setPosition(static_cast<int>(from));
        first.cursor.setPosition(static_cast<int>(m_to), QTextCursor::KeepAnchor);
        first.format.setBackground(back);
        marks << first;
    }
    m_text->setExtraSelections(marks);
}

void TextColumn::present(const QString& prompt, const TextSide* side, std::optional<qsizetype> divergence) {
    if (!side || side->state == State::Empty) {
        setText({}, {});
        m_text->setPlaceholderText(tr("What the model goes on with is written here."));
    } else {
        m_text->setPlaceholderText({});
        setText(prompt, side->text);
    }
    m_from = m_to = -1;
    if (side && divergence) {
        m_from = prompt.size() + textOffset(side->tokens, *divergence);
        m_to = prompt.size() + textOffset(side->tokens, *divergence + 1);
    }
    mark();
    showFigures(side);
}

void TextColumn::showFigures(const TextSide* side) {
    QString state;
    bool bad = false;
    switch (side ? side->state : State::Empty) {
        case State::Empty:
            break;
        case State::Waiting:
            state = tr("Waits for its turn");
            break;
        case State::Loading:
            state = tr("Reading the model…");
            break;
        case State::Reading:
            state = tr("Reading the prompt…");
            break;
        case State::Writing:
            state = tr("Writing…");
            break;
        case State::Done:
            state = tr("Done");
            break;
        case State::Stopped:
            state = tr("Stopped");
            break;
        case State::Failed:
            state = tr("Failed");
            bad = true;
            break;
    }
    m_state->setText(state);
    const bool done = side && side->state == State::Done;
    const QString unknown = QStringLiteral("–");
    m_speed->setValue(done && side->tokensPerSecond > 0 ? numberText(side->tokensPerSecond, 3) : unknown);
    m_first->setValue(done ? durationText(side->firstTokenSeconds) : unknown);
    const auto count = side ? std::count_if(side->tokens.begin(), side->tokens.end(),
                                            [](const TextToken& token) { return token.id >= 0; })
                            : 0;
    m_count->setValue(side && side->state >= State::Writing ? QString::number(count) : unknown);
    QString kernel = tr("The kernel that ran is named here.");
    if (bad)
        kernel = side->problem;
    else if (done && side->loadSeconds > 0.5)
        kernel = tr("Kernel: %1. Reading the model took %2, once.")
                     .arg(side->kernel, durationText(side->loadSeconds));
    else if (done)
        kernel = tr("Kernel: %1.").arg(side->kernel);
    else if (side)
        kernel = tr("Kernel: shown when the text is done.");
    m_kernel->setText(kernel);
}

void TextColumn::changeEvent(QEvent* event) {
    QWidget::changeEvent(event);
    if (event->type() != QEvent::PaletteChange || m_shown.isEmpty()) return;
    const auto prompt = m_prompt, text = m_shown.mid(m_prompt.size());
    m_shown.clear();
    setText(prompt, text);
    mark();
}

}  // namespace tessera::ui
