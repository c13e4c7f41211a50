#include "ui/home/fit_check.h"

#include "core/base/system_info.h"
#include "ui/client/cli_call.h"
#include "ui/widgets/basics.h"

namespace tessera::ui {

namespace {

constexpr int kMemoryMs = 5000;
/// Other programs come and go: what takes more than this part of what is free is said to be tight.
constexpr double kTight = 0.85;

}  // namespace

FitCheck::FitCheck(QObject* parent) : QObject(parent), m_available(systemInfo().memoryAvailable) {
    m_memoryTimer.setInterval(kMemoryMs);
    connect(&m_memoryTimer, &QTimer::timeout, this, [this] {
        m_available = systemInfo().memoryAvailable;
        Q_EMIT changed();
    });
    m_memoryTimer.start();
}

FitCheck::~FitCheck() = default;

FitCheck::Fit FitCheck::of(const QString& model) const {
    const auto found = m_known.find(model);
    if (found == m_known.end()) {
        const bool under = m_asked == model || m_waiting.contains(model);
        return under ? Fit{Verdict::Checking, tr("Checking whether it fits…")} : Fit{};
    }
    const auto& known = found->second;
    if (!known.problem.isEmpty()) return {Verdict::Failed, known.problem};
    const auto need = bytesText(static_cast<double>(known.bytes)),
               have = bytesText(static_cast<double>(m_available));
    if (m_available == 0) return {Verdict::Unknown, tr("LEAP needs %1 of memory").arg(need)};
    if (known.bytes > m_available)
        return {Verdict::TooLarge, tr("Too large here: LEAP needs %1, %2 free").arg(need, have)};
    if (static_cast<double>(known.bytes) > kTight * static_cast<double>(m_available))
        return {Verdict::Tight, tr("Just fits: LEAP needs %1 of %2 free").arg(need, have)};
    return {Verdict::Fits, tr("Fits: LEAP needs %1 of %2 free").arg(need, have)};
}

void FitCheck::want(const QString& model) {
    if (m_known.contains(model) || m_asked == model || m_waiting.contains(model)) return;
    m_waiting << model;
    next();
}

void FitCheck::forget(const QString& model) {
    m_known.erase(model);
    m_waiting.removeAll(model);
}

void FitCheck::next() {
    if (m_call || m_waiting.isEmpty()) return;
    m_asked = m_waiting.takeFirst();
    m_call = std::make_unique<CliCall>(
        QStringList{QStringLiteral("info"), m_asked, QStringLiteral("--method"), QLatin1String(kMethod)});
    connect(m_call.get(), &CliCall::done, this, [this, model = m_asked](const Json& document) {
        Known known;
        try {
            known.bytes = document.at("methods").at(kMethod).at("bytes").get<std::uint64_t>();
        } catch (const nlohmann::json::exception&) {
            known.problem = tr("The engine does not say what it needs.");
        }
        answered(model, known);
    });
    connect(m_call.get(), &CliCall::failed, this, [this, model = m_asked](const QString& sentence) {
        answered(model, {0, sentence});
    });
    m_call->start();
}

void FitCheck::answered(const QString& model, const Known& known) {
    m_known[model] = known;
    m_asked.clear();
    // Not now: the call is telling us.
    m_call.release()->deleteLater();
    next();
    Q_EMIT changed();
}

}  // namespace tessera::ui
