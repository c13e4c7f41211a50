#include "ui/home/model_card.h"

#include <QContextMenuEvent>
#include <QGridLayout>
#include <QKeyEvent>
#include <QLabel>
#include <QMenu>
#include <QPainter>
#include <QProgressBar>
#include <QVBoxLayout>

#include "ui/home/mosaic.h"
#include "ui/theme/theme.h"
#include "ui/widgets/basics.h"

namespace tessera::ui {

/// A line that ends in an ellipsis where it does not fit, whole in its tool tip; two lines where it may wrap.
class ModelCard::ElidedText : public QWidget {
  public:
    ElidedText(int lines, QColor ThemeTokens::*colour, QWidget* parent)
        : QWidget(parent), m_lines(lines), m_colour(colour) {
        setAttribute(Qt::WA_TransparentForMouseEvents);
        setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Fixed);
    }
    void setText(const QString& text) {
        if (text == m_text) return;
        m_text = text;
        update();
    }
    const QString& text() const { return m_text; }
    void setColour(QColor ThemeTokens::*colour) {
        m_colour = colour;
        update();
    }
    /// A dot in front: a state in one glance, which the words say, too. Lines that are not needed are left
    /// out above and below alike.
    void setDot(QColor ThemeTokens::*colour) {
        m_dot = colour;
        update();
    }
    QSize sizeHint() const override {
        return {fontMetrics().averageCharWidth() * 20, fontMetrics().lineSpacing() * m_lines};
    }
    QSize minimumSizeHint() const override { return {0, sizeHint().height()}; }

  protected:
    void paintEvent(QPaintEvent*) override {
        QPainter painter(this);
        const auto& t = Theme::instance().tokens();
        const auto metrics = fontMetrics();
        const auto lines = broken();
        const int height = metrics.lineSpacing();
        const int top = m_dot ? (m_lines - static_cast<int>(lines.size())) * height / 2 : 0;
        if (m_dot) {
            painter.setRenderHint(QPainter::Antialiasing);
            painter.setPen(Qt::NoPen);
            painter.setBrush(t.*m_dot);
            const double side = height * 0.4;
            painter.drawEllipse(QRectF(0, top + (height - side) / 2, side, side));
        }
        painter.setPen(t.*m_colour);
        for (qsizetype i = 0; i < lines.size(); ++i)
            painter.drawText(indent(), top + static_cast<int>(i) * height + metrics.ascent(), lines[i]);
    }

  private:
    int indent() const { return m_dot ? fontMetrics().lineSpacing() * 3 / 4 : 0; }
    int room() const { return width() - indent(); }
    QStringList broken() const {
        QStringList lines;
        for (QString left = m_text; !left.isEmpty();) {
            if (lines.size() + 1 == m_lines) {
                lines << fontMetrics().elidedText(left, Qt::ElideRight, room());
                break;
            }
            const auto end = breakAt(left);
            lines << left.left(end).trimmed();
            left = left.mid(end).trimmed();
        }
        return lines;
    }
    /// Where the first line of a text ends: at the last space that leaves it within the width.
    qsizetype breakAt(const QString& text) const {
        const auto metrics = fontMetrics();
        if (metrics.horizontalAdvance(text) <= room()) return text.size();
        qsizetype end = 0;
        for (qsizetype space = text.indexOf(QLatin1Char(' ')); space >= 0;
             space = text.indexOf(QLatin1Char(' '), space + 1)) {
            if (metrics.horizontalAdvance(text.left(space)) > room()) break;
            end = space;
        }
        if (end > 0) return end;
        // One long word, as a path is.
        end = text.size();
        while (end > 1 && metrics.horizontalAdvance(text.left(end)) > room()) --end;
        return end;
    }

    QString m_text;
    int m_lines;
    QColor ThemeTokens::*m_colour;
    QColor ThemeTokens::*m_dot = nullptr;
};

ModelCard::ModelCard(QWidget* parent) : QRadioButton(parent) {
    setCursor(Qt::PointingHandCursor);
    setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
    m_mosaic = new Mosaic(this);
    m_title = new ElidedText(1, &ThemeTokens::text, this);
    QFont bold = font();
    bold.setWeight(QFont::DemiBold);
    bold.setPointSizeF(bold.pointSizeF() * 1.12);
    m_title->setFont(bold);
    m_size = new ElidedText(1, &ThemeTokens::text, this);
    m_source = new ElidedText(1, &ThemeTokens::textMuted, this);
    m_licence = new ElidedText(2, &ThemeTokens::textMuted, this);
    m_fit = new ElidedText(2, &ThemeTokens::text, this);
    m_fit->setDot(&ThemeTokens::textMuted);
    m_bar = new QProgressBar(this);
    m_bar->setTextVisible(false);
    m_bar->setFixedHeight(6);
    m_bar->setAccessibleName(tr("Download"));
    m_get = plainButton(tr("Get"), QStringLiteral("download"), this);
    m_cancel = plainButton(tr("Cancel"), {}, this);
    m_remove = plainButton(tr("Remove"), {}, this);
    for (QWidget* button :
         {static_cast<QWidget*>(m_get), static_cast<QWidget*>(m_cancel), static_cast<QWidget*>(m_remove)})
        button->setCursor(Qt::ArrowCursor);
    connect(m_get, &QPushButton::clicked, this, &ModelCard::getPressed);
    connect(m_cancel, &QPushButton::clicked, this, &ModelCard::cancelPressed);
    connect(m_remove, &QPushButton::clicked, this, &ModelCard::removePressed);

    auto* head = new QVBoxLayout;
    head->setSpacing(2);
    head->addWidget(m_title);
    head->addWidget(m_size);
    head->addWidget(m_source);
    head->addStretch();
    auto* top = new QHBoxLayout;
    top->setSpacing(kGap * 2);
    top->addWidget(m_mosaic, 0, Qt::AlignTop);
    top->addLayout(head, 1);
    auto* foot = new QHBoxLayout;
    foot->setSpacing(0);
    auto* fitText = new QVBoxLayout;
    fitText->setSpacing(kGap / 2);
    fitText->addWidget(m_fit);
    fitText->addWidget(m_bar);
    foot->addLayout(fitText, 1);
    for (auto* button : {m_get, m_cancel, m_remove}) {
        foot->addSpacing(button == m_get ? kGap : 0);
        foot->addWidget(button, 0, Qt::AlignVCenter);
    }
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(kGap * 2, kGap * 2, kGap * 2, kGap * 2);
    column->setSpacing(kGap);
    column->addLayout(top);
    column->addWidget(m_licence);
    column->addStretch();
    column->addLayout(foot);
}

QSize ModelCard::sizeHint() const {
    // One height for all cards, whatever each of them shows.
    const auto metrics = fontMetrics();
    const int lines = metrics.lineSpacing();
    return {metrics.averageCharWidth() * 44, kGap * 6 + std::max(m_mosaic->height(), lines * 7 / 2) +
                                                 lines * 2 +
                                                 std::max(m_get->sizeHint().height(), lines * 2 + 10)};
}

QString ModelCard::fitText() const {
    return m_fit->text();
}

void ModelCard::present(const ModelEntry& model, const FitCheck::Fit& fit, const Download& download) {
    m_model = model;
    showFacts();
    showFit(fit);
    showDownload(download);
    setAccessibleName(model.title);
    setAccessibleDescription(
        QStringList{m_size->text(), m_source->text(), m_licence->text(), m_fit->text()}.join(
            QStringLiteral(". ")));
    setToolTip(model.fromCatalogue ? model.licence : model.name);
    update();
}

void ModelCard::showFacts() {
    m_mosaic->depict(m_model.name, !m_model.installed);
    m_title->setText(m_model.title);
    QStringList size;
    if (m_model.parameters > 0)
        size << tr("%1 parameters").arg(countText(static_cast<double>(m_model.parameters)));
    if (m_model.installed && m_model.bytes > 0)
        size << tr("%1 on disk").arg(bytesText(static_cast<double>(m_model.bytes)));
    else if (!m_model.installed && m_model.downloadBytes > 0)
        size << (m_model.approximate ? tr("~%1 to get") : tr("%1 to get"))
                    .arg(bytesText(static_cast<double>(m_model.downloadBytes)));
    m_size->setText(size.join(QStringLiteral("  ·  ")));
    if (m_model.fromCatalogue) {
        // The hub's names are too long for the narrow line beside the mosaic.
        m_source->setText(m_model.source == QStringLiteral("bundled") ? tr("Comes with Tessera")
                          : m_model.repo.isEmpty()                    ? tr("From %1").arg(m_model.source)
                                                                      : tr("From the Hugging Face hub"));
        auto licence =
            m_model.licence.isEmpty() ? tr("Licence not known") : tr("Licence: %1").arg(m_model.licence);
        if (m_model.gated && !m_model.installed) licence += tr("; its terms are accepted on the hub first");
        m_licence->setText(m_model.repo.isEmpty() ? licence
                                                  : m_model.repo + QStringLiteral("  ·  ") + licence);
    } else {
        m_source->setText(tr("Opened from this machine"));
        m_licence->setText(m_model.source);
    }
}

void ModelCard::showFit(const FitCheck::Fit& fit) {
    using Verdict = FitCheck::Verdict;
    auto text = fit.sentence;
    auto verdict = fit.verdict;
    if (!m_model.problem.isEmpty()) {
        text = m_model.problem;
        verdict = Verdict::Failed;
    } else if (m_model.reading) {
        text = tr("Reading…");
        verdict = Verdict::Checking;
    } else if (!m_model.installed) {
        text = tr("Not on this machine yet");
        verdict = Verdict::Unknown;
    }
    m_fit->setText(text);
    QColor ThemeTokens::*colour = &ThemeTokens::textMuted;
    if (verdict == Verdict::Fits) colour = &ThemeTokens::good;
    if (verdict == Verdict::Tight) colour = &ThemeTokens::warning;
    if (verdict == Verdict::TooLarge || verdict == Verdict::Failed) colour = &ThemeTokens::bad;
    m_fit->setDot(colour);
    m_fit->setColour(verdict == Verdict::Failed || verdict == Verdict::TooLarge ? &ThemeTokens::bad
                     : verdict == Verdict::Fits || verdict == Verdict::Tight    ? &ThemeTokens::text
                                                                                : &ThemeTokens::textMuted);
}

void ModelCard::showDownload(const Download& download) {
    const bool getting = download.running, missing = m_model.fromCatalogue && !m_model.installed;
    m_bar->setVisible(getting);
    m_cancel->setVisible(getting);
    m_get->setVisible(missing && !getting);
    m_get->setAccessibleName(tr("Get %1").arg(m_model.title));
    m_cancel->setAccessibleName(tr("Cancel the download of %1").arg(m_model.title));
    m_remove->setVisible(!m_model.fromCatalogue && !m_model.problem.isEmpty());
    m_remove->setAccessibleName(tr("Remove %1 from the list").arg(m_model.title));
    if (getting) {
        const bool known = download.total > 0;
        m_bar->setRange(0, known ? 1000 : 0);
        if (known) m_bar->setValue(static_cast<int>(1000 * download.done / download.total));
        m_fit->setColour(&ThemeTokens::text);
        m_fit->setText(!known ? tr("Connecting…")
                       : download.done < download.total
                           ? tr("%1 of %2").arg(bytesText(download.done), bytesText(download.total))
                           : tr("Checking what was downloaded…"));
        m_fit->setDot(&ThemeTokens::accent);
    } else if (missing && !download.problem.isEmpty()) {
        m_fit->setText(download.problem);
        m_fit->setColour(&ThemeTokens::bad);
        m_fit->setDot(&ThemeTokens::bad);
    }
    m_fit->setToolTip(m_fit->text());
}

void ModelCard::paintEvent(QPaintEvent*) {
    const auto& t = Theme::instance().tokens();
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    QColor back = t.raised;
    if (isChecked()) {
        QColor tint = t.accent;
        tint.setAlphaF(t.dark ? 0.12f : 0.06f);
        painter.setBrush(back);
        painter.setPen(Qt::NoPen);
        painter.drawRoundedRect(QRectF(rect()).adjusted(1, 1, -1, -1), 10, 10);
        back = tint;
    }
    const double width = isChecked() || hasFocus() ? 2 : 1;
    QColor line = isChecked() ? t.accent : hasFocus() || underMouse() ? t.textMuted : t.border;
    painter.setBrush(back);
    painter.setPen(QPen(line, width));
    painter.drawRoundedRect(QRectF(rect()).adjusted(width / 2, width / 2, -width / 2, -width / 2), 10, 10);
    if (hasFocus() && isChecked()) {
        QColor ring = t.accent;
        ring.setAlphaF(0.35f);
        painter.setBrush(Qt::NoBrush);
        painter.setPen(QPen(ring, 2));
        painter.drawRoundedRect(QRectF(rect()).adjusted(4, 4, -4, -4), 7, 7);
    }
}

void ModelCard::keyPressEvent(QKeyEvent* event) {
    if (event->key() == Qt::Key_Return || event->key() == Qt::Key_Enter) {
        setChecked(true);
        Q_EMIT entered();
        return;
    }
    if (event->key() == Qt::Key_Delete && !m_model.fromCatalogue) {
        Q_EMIT removePressed();
        return;
    }
    QRadioButton::keyPressEvent(event);
}

void ModelCard::mouseDoubleClickEvent(QMouseEvent* event) {
    QRadioButton::mouseDoubleClickEvent(event);
    Q_EMIT entered();
}

void ModelCard::contextMenuEvent(QContextMenuEvent* event) {
    if (m_model.fromCatalogue) return;
    QMenu menu(this);
    menu.addAction(tr("Remove from the list (files stay)"), this, &ModelCard::removePressed);
    menu.exec(event->globalPos());
}

bool ModelCard::event(QEvent* event) {
    if (event->type() == QEvent::Enter || event->type() == QEvent::Leave) update();
    return QRadioButton::event(event);
}

}  // namespace tessera::ui
