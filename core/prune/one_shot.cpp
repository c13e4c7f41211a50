#include "core/prune/one_shot.h"

#include <fnmatch.h>

#include <array>

#include "core/base/error.h"
#include "core/base/lean_heap.h"

namespace tessera {

namespace {

using Statistics = std::array<InputStatistics, kGroups>;

BlockStream::Observer observerOf(Statistics& statistics, InputNeed need) {
    if (need == InputNeed::None) return {};
    return [&statistics, need](Group group, const torch::Tensor& input) {
        auto& to = statistics[static_cast<std::size_t>(group)];
        const auto wide = input.to(torch::kFloat32);
        if (need == InputNeed::Gram) {
            addToGram(to.gram, wide);
        } else {
            const auto squares = wide.square().sum(0);
            to.squaredNorms = to.squaredNorms.defined() ? to.squaredNorms + squares : squares;
        }
        to.tokens += input.size(0);
    };
}

void complete(InputStatistics& input, const std::string& where) {
    if (input.gram.defined()) {
        symmetriseGram(input.gram);
        input.squaredNorms = input.gram.diagonal().clone();
    }
    if (input.squaredNorms.defined() && !torch::isfinite(input.squaredNorms).all().item<bool>())
        throw Error(ErrorCode::Numerical, "the model's activations are not finite numbers", where,
                    {{"use --dtype f32, or an intact copy of the model", "dtype", "f32"}});
}

}  // namespace

bool matchesAny(const std::string& name, const std::vector<std::string>& globs) {
    for (const auto& glob : globs)
        if (::fnmatch(glob.c_str(), name.c_str(), 0) == 0) return true;
    return false;
}

MaskSet pruneOneShot(const ModelFiles& files, const OneShotMethod& method, const torch::Tensor& windows,
                     torch::ScalarType dtype, const OneShotRequest& request) {
    torch::NoGradGuard guard;
    const LeanHeap heap;
    const bool calibrate = method.need() != InputNeed::None;
    const auto matrices = prunableMatrices(files.config());
    for (const auto& matrix : matrices)
        if (!matchesAny(matrix.name, request.exclude))
            requireGroups(request.target, matrix.cols, matrix.name);

    // Without calibration a single token stands in for the text: the stream then only reads weights.
    BlockStream stream(files, calibrate ? windows : torch::zeros({1, 1}, torch::kInt64), dtype,
                       calibrate ? request.spillFolder : std::filesystem::path());
    MaskSet set;
    // What takes no pass over the text is made again as fast as it is read.
    const auto* store = calibrate ? request.store : nullptr;
    if (store) {
        auto kept = store->load();
        if (kept.blocks > 0) {
            if (kept.blocks < stream.blocks()) {
                stream.restore(kept.blocks, kept.activations);
            } else {
                while (stream.block() < kept.blocks) stream.skip();
            }
            set = std::move(kept.masks);
        }
    }
    for (int block = stream.block(); block < stream.blocks(); ++block) {
        if (request.cancellation) request.cancellation->throwIfRequested();
        Statistics statistics;
        BlockWeights& weights = stream.observe(observerOf(statistics, method.need()));
        BlockStore::Finished finished;
        for (int g = 0; g < kGroups; ++g) {
            const auto members = groupMembers(static_cast<Group>(g));
            auto& input = statistics[static_cast<std::size_t>(g)];
            const auto& first = matrices[static_cast<std::size_t>(block * 7 + members.first)].name;
            complete(input, first);
            std::unique_ptr<InputPruner> pruner;
            for (int i = members.first; i < members.first + members.count; ++i) {
                const auto& matrix = matrices[static_cast<std::size_t>(block * 7 + i)];
                if (matchesAny(matrix.name, request.exclude)) continue;
                if (request.cancellation) request.cancellation->throwIfRequested();
                if (!pruner) pruner = method.prepare(input, first);
                const auto view = weights.matrix(files.config(), i);
                auto pruned = pruner->prune(view.to(torch::kFloat32), request.target, matrix.name);
                if (pruned.weights.defined()) {
                    if (!torch::isfinite(pruned.weights).all().item<bool>())
                        throw Error(ErrorCode::Numerical, "the new weights are not finite numbers",
                                    matrix.name, {{"raise the damping", "damping", "0.1"}});
                    view.copy_(pruned.weights);
                }
                applyMask(view, pruned.mask);
                if (request.onPruned) request.onPruned(matrix, pruned);
                if (method.changesWeights()) finished.weights.emplace_back(matrix.name, view);
                finished.masks.masks[matrix.name] = std::move(pruned.mask);
            }
            input = {};
        }
        for (const auto& [name, mask] : finished.masks.masks) set.masks[name] = mask;
        if (calibrate && block + 1 < stream.blocks())
            stream.advance();
        else
            stream.skip();
        if (store)
            store->save(block, finished,
                        block + 1 < stream.blocks() ? stream.activations() : torch::Tensor());
        heap.trim();
        if (request.progress) request.progress(block + 1, stream.blocks());
    }
    return set;
}

}  // namespace tessera
