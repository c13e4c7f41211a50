#include "core/prune/one_shot.h"

#include <fnmatch.h>

#include "core/base/error.h"

namespace tessera {

namespace {

class Magnitude : public OneShotMethod {
  public:
    bool needsCalibration() const override { return false; }
    torch::Tensor scores(const torch::Tensor& weights, const InputStatistics&) const override {
        return weights.abs();
    }
    PackedMask select(const torch::Tensor& scores, const PatternTarget& target,
                      const std::string& name) const override {
        return target.isNM() ? selectNM(scores, target.keep, target.group, name)
                             : selectInMatrix(scores, target.sparsity);
    }
};

class Wanda : public OneShotMethod {
  public:
    bool needsCalibration() const override { return true; }
    torch::Tensor scores(const torch::Tensor& weights, const InputStatistics& input) const override {
        return weights.abs() * input.squaredNorms.sqrt();
    }
    PackedMask select(const torch::Tensor& scores, const PatternTarget& target,
                      const std::string& name) const override {
        return target.isNM() ? selectNM(scores, target.keep, target.group, name)
                             : selectInRows(scores, target.sparsity);
    }
};

}  // namespace

std::unique_ptr<OneShotMethod> OneShotMethod::create(const std::string& name) {
    if (name == "magnitude") return std::make_unique<Magnitude>();
    if (name == "wanda") return std::make_unique<Wanda>();
    throw Error(ErrorCode::InvalidInput, "there is no one-shot method '" + name + "'", "method",
                {{"choose magnitude or wanda", "method", "wanda"}});
}

bool matchesAny(const std::string& name, const std::vector<std::string>& globs) {
    for (const auto& glob : globs)
        if (::fnmatch(glob.c_str(), name.c_str(), 0) == 0) return true;
    return false;
}

MaskSet pruneOneShot(const ModelFiles& files, const OneShotMethod& method, const torch::Tensor& windows,
                     torch::ScalarType dtype, const OneShotRequest& request) {
    torch::NoGradGuard guard;
    const bool calibrate = method.needsCalibration();
    const auto matrices = prunableMatrices(files.config());
    MaskSet set;
    // Without calibration a single token stands in for the text: the stream then only reads weights.
    BlockStream stream(files, calibrate ? windows : torch::zeros({1, 1}, torch::kInt64), dtype);
    for (int block = 0; block < stream.blocks(); ++block) {
        if (request.cancellation) request.cancellation->throwIfRequested();
        std::array<InputStatistics, kGroups> statistics;
        BlockStream::Observer observer;
        if (calibrate)
            observer = [&](Group group, const torch::Tensor& input) {
                auto& to = statistics[static_cast<std::size_t>(group)];
                const auto squares = input.to(torch::kFloat32).square().sum(0);
                to.squaredNorms = to.squaredNorms.defined() ? to.squaredNorms + squares : squares;
                to.tokens += input.size(0);
            };
        BlockWeights& weights = stream.observe(observer);
        for (int g = 0; g < kGroups; ++g) {
            const auto members = groupMembers(static_cast<Group>(g));
            for (int i = members.first; i < members.first + members.count; ++i) {
                const auto& matrix = matrices[static_cast<std::size_t>(block * 7 + i)];
                if (calibrate &&
                    !torch::isfinite(statistics[static_cast<std::size_t>(g)].squaredNorms).all().item<bool>())
                    throw Error(ErrorCode::Numerical, "the model's activations are not finite numbers",
                                matrix.name,
                                {{"use --dtype f32, or an intact copy of the model", "dtype", "f32"}});
                const auto view = weights.matrix(files.config(), i);
                const auto scores =
                    method.scores(view.to(torch::kFloat32), statistics[static_cast<std::size_t>(g)])
                        .contiguous();
                if (matchesAny(matrix.name, request.exclude)) continue;
                if (request.onScores) request.onScores(matrix, scores);
                auto mask = method.select(scores, request.target, matrix.name);
                applyMask(view, mask);
                set.masks[matrix.name] = std::move(mask);
            }
        }
        if (calibrate)
            stream.advance();
        else
            stream.skip();
        if (request.progress) request.progress(block + 1, stream.blocks());
    }
    return set;
}

torch::Tensor calibrationWindows(const std::vector<std::int32_t>& ids, std::int64_t count,
                                 std::int64_t length) {
    const auto tokens = static_cast<std::int64_t>(ids.size());
    if (tokens < length)
        throw Error(ErrorCode::InvalidInput,
                    "the text has " + std::to_string(tokens) + " tokens, one calibration window needs " +
                        std::to_string(length),
                    "calibration text",
                    {{"give a longer text with --text, or shorter windows with --set calibration_context=N",
                      "calibration_context", "128"}});
    count = std::max<std::int64_t>(1, std::min(count, tokens / length));
    auto windows = torch::empty({count, length}, torch::kInt64);
    auto* out = windows.data_ptr<std::int64_t>();
    for (std::int64_t w = 0; w < count; ++w) {
        const auto start = count == 1 ? 0 : (tokens - length) * w / (count - 1);
        for (std::int64_t i = 0; i < length; ++i) *out++ = ids[static_cast<std::size_t>(start + i)];
    }
    return windows;
}

}  // namespace tessera
