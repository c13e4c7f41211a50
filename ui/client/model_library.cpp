#include "ui/client/model_library.h"

#include <QFileInfo>
#include <QSettings>
#include <algorithm>

#include "core/base/caught.h"
#include "core/formats/model_files.h"
#include "core/session/model_catalogue.h"
#include "ui/client/sentences.h"

namespace tessera::ui {

namespace fs = std::filesystem;

namespace {

constexpr const char* kOpenedKey = "models/opened";
constexpr int kMostOpened = 50;

ModelEntry catalogueEntry(const CatalogueModel& model) {
    ModelEntry entry;
    entry.name = QString::fromStdString(model.name);
    entry.title = QString::fromStdString(model.title);
    entry.licence = QString::fromStdString(model.licence);
    entry.source = QString::fromStdString(model.sourceText());
    if (const auto repo = model.hubRepo()) entry.repo = QString::fromStdString(repo->text());
    entry.parameters = model.parameters;
    entry.bytes = model.bytes;
    entry.downloadBytes = model.downloadBytes();
    entry.installed = model.installed();
    entry.gated = model.gated;
    entry.approximate = model.approximate;
    entry.fromCatalogue = true;
    return entry;
}

ModelEntry openedEntry(const QString& path) {
    ModelEntry entry;
    entry.name = path;
    entry.title = QFileInfo(path).fileName();
    entry.source = pathText(QFileInfo(path).path());
    return entry;
}

/// What the header says; blocks on the disk.
ModelEntry readEntry(const QString& path) {
    auto entry = openedEntry(path);
    try {
        if (!QFileInfo::exists(path)) {
            entry.problem = QStringLiteral("%1 is no longer there.").arg(pathText(path));
            return entry;
        }
        const auto files = ModelFiles::open(path.toStdString());
        entry.parameters = files.config().parameters();
        entry.bytes = files.fileBytes();
        entry.installed = true;
    } catch (const std::exception& error) {
        entry.problem = errorSentence(caughtError(error));
    }
    return entry;
}

}  // namespace

ModelLibrary::ModelLibrary(QObject* parent) : QObject(parent) {
    m_pool.setMaxThreadCount(1);
    readCatalogue();
    for (const auto& path : opened()) {
        auto entry = openedEntry(path);
        entry.reading = true;
        m_models.push_back(entry);
        readOpened(path);
    }
}

ModelLibrary::~ModelLibrary() {
    m_pool.clear();
    m_pool.waitForDone();
}

const ModelEntry* ModelLibrary::find(const QString& name) const {
    for (const auto& model : m_models)
        if (model.name == name) return &model;
    return nullptr;
}

void ModelLibrary::readCatalogue() {
    std::vector<ModelEntry> entries;
    m_problem.clear();
    try {
        for (const auto& model : modelCatalogue()) entries.push_back(catalogueEntry(model));
    } catch (const std::exception& error) {
        m_problem = errorSentence(caughtError(error));
    }
    std::erase_if(m_models, [](const ModelEntry& model) { return model.fromCatalogue; });
    m_models.insert(m_models.begin(), entries.begin(), entries.end());
}

void ModelLibrary::refresh() {
    const auto before = m_models;
    readCatalogue();
    for (const auto& path : opened()) readOpened(path);
    if (m_models != before) Q_EMIT changed();
}

QString ModelLibrary::add(const fs::path& given) {
    std::error_code none;
    auto path = fs::absolute(given, none).lexically_normal();
    if (!path.has_filename()) path = path.parent_path();
    // config.json or model.safetensors of a folder stands for the folder.
    if (fs::is_regular_file(path, none) && path.extension() != ".gguf" &&
        fs::is_regular_file(path.parent_path() / "config.json", none))
        path = path.parent_path();
    const auto name = QString::fromStdString(path.string());
    for (const auto& model : m_models) {
        if (!model.fromCatalogue && model.name == name) {
            readOpened(name);
            return name;
        }
    }
    auto paths = opened();
    paths.removeAll(name);
    paths << name;
    while (paths.size() > kMostOpened) {
        const auto oldest = paths.takeFirst();
        std::erase_if(m_models,
                      [&](const ModelEntry& model) { return !model.fromCatalogue && model.name == oldest; });
    }
    setOpened(paths);
    auto entry = openedEntry(name);
    entry.reading = true;
    m_models.push_back(entry);
    readOpened(name);
    Q_EMIT changed();
    return name;
}

void ModelLibrary::remove(const QString& name) {
    const auto count = std::erase_if(
        m_models, [&](const ModelEntry& model) { return !model.fromCatalogue && model.name == name; });
    auto paths = opened();
    paths.removeAll(name);
    setOpened(paths);
    if (count > 0) Q_EMIT changed();
}

QStringList ModelLibrary::opened() const {
    return QSettings().value(kOpenedKey).toStringList();
}

void ModelLibrary::setOpened(const QStringList& paths) {
    QSettings().setValue(kOpenedKey, paths);
}

void ModelLibrary::readOpened(const QString& path) {
    m_pool.start([this, path] {
        const auto read = readEntry(path);
        QMetaObject::invokeMethod(
            this,
            [this, read] {
                for (auto& model : m_models) {
                    if (model.fromCatalogue || model.name != read.name || model == read) continue;
                    model = read;
                    Q_EMIT changed();
                    return;
                }
            },
            Qt::QueuedConnection);
    });
}

}  // namespace tessera::ui
