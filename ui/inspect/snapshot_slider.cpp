#include "ui/inspect/snapshot_slider.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QPainter>
#include <QSlider>
#include <QStyleOptionSlider>
#include <QToolButton>
#include <algorithm>

#include "ui/theme/icons.h"
#include "ui/theme/theme.h"
#include "ui/widgets/basics.h"

namespace tessera::ui {

namespace {

constexpr int kPlayMs = 400;

/// A slider under a style sheet draws no ticks of its own.
class TickedSlider : public QSlider {
  public:
    explicit TickedSlider(QWidget* parent) : QSlider(Qt::Horizontal, parent) {}
    QSize sizeHint() const override { return QSlider::sizeHint() + QSize(0, kGap + 2); }
    QSize minimumSizeHint() const override { return QSlider::minimumSizeHint() + QSize(0, kGap + 2); }

  protected:
    void paintEvent(QPaintEvent* event) override {
        QSlider::paintEvent(event);
        const int count = maximum() - minimum();
        if (count <= 0) return;
        QStyleOptionSlider option;
        initStyleOption(&option);
        const auto groove =
            style()->subControlRect(QStyle::CC_Slider, &option, QStyle::SC_SliderGroove, this);
        const auto handle =
            style()->subControlRect(QStyle::CC_Slider, &option, QStyle::SC_SliderHandle, this);
        const double first = groove.left() + handle.width() / 2.0, span = groove.width() - handle.width();
        const double top = rect().center().y() + kGap + 2;
        QPainter painter(this);
        for (int i = 0; i <= count; ++i) {
            const double x = first + span * i / count;
            painter.fillRect(QRectF(x - 0.5, top, 1, 4), i <= value() ? Theme::instance().tokens().accent
                                                                      : Theme::instance().tokens().textMuted);
        }
    }
};

}  // namespace

SnapshotSlider::SnapshotSlider(QWidget* parent) : QWidget(parent) {
    auto* row = new QHBoxLayout(this);
    row->setContentsMargins(0, 0, 0, 0);
    row->setSpacing(kGap);
    m_play = new QToolButton(this);
    m_play->setCheckable(true);
    m_slider = new TickedSlider(this);
    m_slider->setAccessibleName(tr("Snapshot of the run"));
    m_slider->setToolTip(tr("The recorded steps of the run (Shift and arrow keys in the map)"));
    m_label = new QLabel(this);
    m_label->setAlignment(Qt::AlignRight | Qt::AlignVCenter);
    row->addWidget(m_play);
    row->addWidget(m_slider, 1);
    row->addWidget(m_label);
    connect(m_play, &QToolButton::toggled, this, &SnapshotSlider::play);
    connect(m_slider, &QSlider::valueChanged, this, [this] {
        show();
        Q_EMIT stepChanged(step());
    });
    m_timer.setInterval(kPlayMs);
    connect(&m_timer, &QTimer::timeout, this, [this] {
        if (m_slider->value() >= m_slider->maximum())
            play(false);
        else
            m_slider->setValue(m_slider->value() + 1);
    });
    play(false);
}

std::int64_t SnapshotSlider::step() const {
    return m_steps.empty() ? -1 : m_steps[static_cast<std::size_t>(m_slider->value())];
}

void SnapshotSlider::setSteps(const std::vector<std::int64_t>& steps) {
    if (steps == m_steps) return;
    const bool atEnd = m_steps.empty() || m_slider->value() == m_slider->maximum();
    const auto before = step();
    m_steps = steps;
    const QSignalBlocker quiet(m_slider);
    m_slider->setRange(0, std::max<int>(0, static_cast<int>(steps.size()) - 1));
    const auto found = std::find(m_steps.begin(), m_steps.end(), before);
    m_slider->setValue(atEnd || found == m_steps.end() ? m_slider->maximum()
                                                       : static_cast<int>(found - m_steps.begin()));
    show();
    if (step() != before) Q_EMIT stepChanged(step());
}

void SnapshotSlider::setStep(std::int64_t step) {
    const auto found = std::find(m_steps.begin(), m_steps.end(), step);
    if (found != m_steps.end()) m_slider->setValue(static_cast<int>(found - m_steps.begin()));
}

void SnapshotSlider::moveBy(int snapshots) {
    m_slider->setValue(m_slider->value() + snapshots);
}

void SnapshotSlider::play(bool on) {
    on = on && m_steps.size() > 1;
    if (on && !m_timer.isActive()) {
        if (m_slider->value() == m_slider->maximum()) m_slider->setValue(0);
        m_timer.start();
    } else if (!on) {
        m_timer.stop();
    }
    const QSignalBlocker quiet(m_play);
    m_play->setChecked(on);
    m_play->setIcon(themedIcon(on ? QStringLiteral("player-pause") : QStringLiteral("player-play")));
    m_play->setAccessibleName(on ? tr("Pause the snapshots") : tr("Play the snapshots"));
    m_play->setToolTip(m_play->accessibleName());
}

void SnapshotSlider::show() {
    const auto text = m_steps.empty() ? QString() : tr("Step %1 of %2").arg(step()).arg(m_steps.back());
    m_label->setText(text);
    // As wide as the widest, so that the slider does not move while it plays.
    m_label->setMinimumWidth(m_steps.empty()
                                 ? 0
                                 : m_label->fontMetrics().horizontalAdvance(
                                       tr("Step %1 of %2").arg(m_steps.back()).arg(m_steps.back())) +
                                       2);
    m_slider->setAccessibleDescription(text);
    m_slider->update();
}

}  // namespace tessera::ui
