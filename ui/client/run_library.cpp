#include "ui/client/run_library.h"

#include "ui/client/sentences.h"

namespace tessera::ui {

namespace {
constexpr int kSettleMs = 250, kLivePollMs = 1500, kPollMs = 8000;
}

RunLibrary::RunLibrary(std::filesystem::path folder, QObject* parent)
    : QObject(parent), m_folder(std::move(folder)), m_scan(std::make_shared<RunScan>()) {
    m_pool.setMaxThreadCount(1);
    m_settle.setSingleShot(true);
    m_settle.setInterval(kSettleMs);
    connect(&m_settle, &QTimer::timeout, this, &RunLibrary::refresh);
    m_poll.setSingleShot(true);
    connect(&m_poll, &QTimer::timeout, this, &RunLibrary::refresh);
    connect(&m_watcher, &QFileSystemWatcher::directoryChanged, this, [this] { m_settle.start(); });
    refresh();
}

RunLibrary::~RunLibrary() {
    m_pool.waitForDone();
}

const RunEntry* RunLibrary::find(const std::filesystem::path& run) const {
    for (const auto& entry : m_runs)
        if (entry.summary.path == run) return &entry;
    return nullptr;
}

void RunLibrary::refresh() {
    if (m_loading) {
        m_again = true;
        return;
    }
    m_loading = true;
    m_again = false;
    m_pool.start([this, scan = m_scan, folder = m_folder] {
        auto result = std::make_shared<RunScan::Result>(scan->read(folder));
        // The pool is waited for before this object goes.
        QMetaObject::invokeMethod(
            this, [this, result] { take(std::move(*result)); }, Qt::QueuedConnection);
    });
}

void RunLibrary::take(RunScan::Result result) {
    m_loading = false;
    const auto problem = asSentence(QString::fromStdString(result.problem));
    const bool different = !m_loaded || problem != m_problem || result.runs != m_runs;
    m_loaded = true;
    m_problem = problem;
    m_runs = std::move(result.runs);
    watch();
    m_poll.start(result.anyLive ? kLivePollMs : kPollMs);
    if (m_again) refresh();
    if (different) Q_EMIT changed();
}

void RunLibrary::watch() {
    // A folder that is not there yet is found by the next poll.
    const auto path = QString::fromStdString(m_folder.string());
    if (m_watcher.directories().isEmpty() && std::filesystem::is_directory(m_folder)) m_watcher.addPath(path);
}

}  // namespace tessera::ui
