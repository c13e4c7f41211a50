#include "ui/home/model_fetch.h"

#include "ui/client/cli_call.h"

namespace tessera::ui {

ModelFetch::ModelFetch(QObject* parent) : QObject(parent) {}
ModelFetch::~ModelFetch() = default;

void ModelFetch::start(const QString& model) {
    if (m_call) return;
    m_model = model;
    m_problem.clear();
    m_done = m_total = 0;
    m_call = std::make_unique<CliCall>(QStringList{QStringLiteral("models"), QStringLiteral("fetch"), model});
    connect(m_call.get(), &CliCall::progress, this, [this](const QString&, double done, double total) {
        m_done = done;
        m_total = total;
        Q_EMIT progressed();
    });
    connect(m_call.get(), &CliCall::done, this, [this] { end(true, {}); });
    connect(m_call.get(), &CliCall::failed, this, [this](const QString& sentence) { end(false, sentence); });
    m_call->start();
    Q_EMIT progressed();
}

void ModelFetch::cancel() {
    if (m_call) m_call->cancel();
}

void ModelFetch::end(bool got, const QString& problem) {
    m_problem = problem;
    m_call.release()->deleteLater();
    Q_EMIT finished(got);
}

}  // namespace tessera::ui
