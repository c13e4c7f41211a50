#include "ui/inspect/mask_loader.h"

#include <array>

namespace tessera::ui {

namespace {
enum Kind { kAll = -1, kRefresh, kFrame, kDetail, kChanges, kKinds };
}

/// What both threads see. The source itself is touched by the pool's one thread alone.
struct MaskLoader::Shared {
    std::unique_ptr<MaskSource> source;
    std::atomic<std::uint64_t> generation{0};
    std::array<std::atomic<std::uint64_t>, kKinds> latest{};
};

namespace {

SourceFacts factsOf(MaskSource& source) {
    SourceFacts facts;
    facts.structure = source.structure();
    facts.steps = source.steps();
    facts.isRun = source.run() != nullptr;
    facts.hasModel = source.hasModel();
    facts.gateStep = source.gateStep();
    facts.gatesTiles = source.gatesTiles();
    facts.gatesWeights = source.gatesWeights();
    if (source.run()) facts.pattern = source.run()->spec().pattern;
    return facts;
}

}  // namespace

MaskLoader::MaskLoader(QObject* parent) : QObject(parent), m_shared(std::make_shared<Shared>()) {
    m_pool.setMaxThreadCount(1);
}

MaskLoader::~MaskLoader() {
    ++m_shared->generation;
    m_pool.clear();
    m_pool.waitForDone();
}

void MaskLoader::run(int kind, Work work) {
    ++m_pending;
    const auto generation = m_generation;
    const auto turn = kind >= 0 ? ++m_shared->latest[static_cast<std::size_t>(kind)] : 0;
    m_pool.start([this, shared = m_shared, generation, kind, turn, work = std::move(work)] {
        std::function<void()> deliver;
        QStringList problems;
        const bool skipped = generation != shared->generation ||
                             (kind >= 0 && turn != shared->latest[static_cast<std::size_t>(kind)]);
        if (!skipped && shared->source) {
            // Bad files are the source's to tell; what still escapes is told as it is, and the rest goes on.
            try {
                deliver = work(*shared->source);
            } catch (const std::exception& error) {
                problems << QString::fromLocal8Bit(error.what());
            }
            problems << shared->source->takeProblems();
        }
        // The destructor waits for the pool, so this object is there; what it does not get to is dropped.
        QMetaObject::invokeMethod(
            this, [this, generation, deliver, problems] { answer(generation, deliver, problems); },
            Qt::QueuedConnection);
    });
}

void MaskLoader::answer(std::uint64_t generation, const std::function<void()>& deliver,
                        const QStringList& problems) {
    if (generation != m_generation) return;  // of a source that is no longer looked at
    --m_pending;
    for (const auto& sentence : problems) Q_EMIT problem(sentence);
    if (deliver) deliver();
    if (m_pending == 0) Q_EMIT idle();
}

void MaskLoader::open(const std::filesystem::path& run, const std::string& model) {
    m_generation = ++m_shared->generation;
    m_pool.clear();
    forget();
    m_pending = 1;  // what was cleared or is of an earlier generation does not count
    const auto generation = m_generation;
    m_pool.start([this, shared = m_shared, generation, run, model] {
        SourceFacts facts;
        QStringList problems;
        if (generation == shared->generation) {
            try {
                shared->source = std::make_unique<MaskSource>(run, model);
                facts = factsOf(*shared->source);
                problems = shared->source->takeProblems();
            } catch (const std::exception& error) {
                problems << QString::fromLocal8Bit(error.what());
            }
        }
        QMetaObject::invokeMethod(
            this,
            [this, generation, facts, problems] {
                answer(
                    generation, [this, facts] { Q_EMIT opened(facts); }, problems);
            },
            Qt::QueuedConnection);
    });
}

void MaskLoader::forget() {
    m_valuesAsked.clear();
    m_detailAsked = {-1, -1, false};
    m_changesAsked = -1;
}

void MaskLoader::refresh() {
    run(kRefresh,
        [this](MaskSource& source) { return [this, facts = factsOf(source)] { Q_EMIT refreshed(facts); }; });
}

void MaskLoader::readFrame(std::int64_t step) {
    run(kFrame, [this, step](MaskSource& source) {
        return [this, step, frame = source.frame(step)] { Q_EMIT frameRead(step, frame); };
    });
}

void MaskLoader::readDetail(int matrix, std::int64_t step, bool changes) {
    const std::tuple wanted{matrix, step, changes};
    if (wanted == m_detailAsked) return;
    m_detailAsked = wanted;
    run(kDetail, [this, matrix, step, changes](MaskSource& source) {
        return [this, matrix, step, detail = source.detail(matrix, step, changes)] {
            Q_EMIT detailRead(matrix, step, detail);
        };
    });
}

void MaskLoader::readValues(int matrix, std::int64_t tileRow, std::int64_t tileCol) {
    if (!m_valuesAsked.insert({matrix, tileRow, tileCol}).second) return;
    run(kAll, [this, matrix, tileRow, tileCol](MaskSource& source) {
        return [this, matrix, tileRow, tileCol, values = source.values(matrix, tileRow, tileCol)] {
            m_valuesAsked.erase({matrix, tileRow, tileCol});
            if (values) Q_EMIT valuesRead(values);
        };
    });
}

void MaskLoader::readChanges(std::int64_t step) {
    if (step == m_changesAsked) return;
    m_changesAsked = step;
    run(kChanges, [this, step, shared = m_shared](MaskSource& source) {
        const auto turn = shared->latest[kChanges].load();
        const auto generation = shared->generation.load();
        auto changes = source.changes(
            step, [&] { return turn != shared->latest[kChanges] || generation != shared->generation; });
        return [this, changes] {
            if (changes) Q_EMIT changesRead(changes);
        };
    });
}

}  // namespace tessera::ui
