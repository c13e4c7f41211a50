#include "core/deploy/bench.h"

#include <omp.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <random>

#include "core/base/stopwatch.h"
#include "core/base/system_info.h"
#include "core/deploy/decode.h"

namespace tessera {

namespace {

/// More than any cache of today holds.
constexpr std::int64_t kWorkingSet = std::int64_t(256) << 20;

double median(std::vector<double> values) {
    std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2),
                     values.end());
    return values[values.size() / 2];
}

/// Student's t for a two-sided 95 % interval.
double studentT(std::size_t freedom) {
    static const double table[] = {12.71, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306,
                                   2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131};
    return freedom == 0    ? INFINITY
           : freedom <= 15 ? table[freedom - 1]
                           : 1.96 + 2.5 / static_cast<double>(freedom);
}

Json machine() {
    const auto info = systemInfo();
    return {{"cpu", info.cpu},
            {"features", info.features},
            {"system", info.system},
            {"cores", info.cores},
            {"memory_bytes", info.memoryTotal},
            {"kernels", kernels::gemvTargetName(kernels::gemvTarget())}};
}

Json row(const std::string& kernel, std::int64_t rows, std::int64_t cols, int threads,
         const PairedRatio& pair, double torchUs, double limit) {
    return {{"kernel", kernel},
            {"shape", {rows, cols}},
            {"batch", 1},
            {"threads", threads},
            {"dense_us", pair.denseUs},
            {"torch_us", torchUs > 0 ? Json(torchUs) : Json(nullptr)},
            {"sparse_us", pair.sparseUs},
            {"speedup", pair.ratio},
            {"ci95", {pair.low, pair.high}},
            {"limit", limit},
            {"efficiency", pair.ratio / limit}};
}

/// Dense against a plain read of the same bytes: limit 1, efficiency their ratio.
Json denseRow(std::int64_t rows, std::int64_t cols, int threads, const PairedRatio& read, double torchUs) {
    auto json = row("dense", rows, cols, threads, read, torchUs, 1.0);
    json["dense_us"] = read.sparseUs;
    json["sparse_us"] = nullptr;
    json["read_us"] = read.denseUs;
    json["speedup"] = 1.0;
    json["ci95"] = nullptr;
    json["efficiency"] = read.ratio;
    return json;
}

struct Timed {
    std::vector<double> read, dense, sparse;
};

using Matrices = std::vector<const PackedMatrix*>;

double byteLimit(const Matrices& dense, const Matrices& sparse) {
    double denseBytes = 0, sparseBytes = 0;
    for (const auto* matrix : dense) denseBytes += static_cast<double>(matrix->bytes());
    for (const auto* matrix : sparse) sparseBytes += static_cast<double>(matrix->bytes());
    return denseBytes / sparseBytes;
}

/// A vector of `cols` as a product takes it.
AlignedBytes preparedInput(const PackedMatrix& matrix) {
    std::vector<float> x(static_cast<std::size_t>(matrix.cols()));
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>((i * 7 % 13)) * 0.125f - 0.75f;
    AlignedBytes input(kernels::inputBytes(matrix.cols()));
    matrix.prepare(x.data(), input.as<std::byte>());
    return input;
}

/// Products timed in passes over many matrices: a plain read of the dense ones, the dense products, the
/// sparse ones. Where the matrices are more than the caches hold, each finds its own in memory, as decoding
/// does.
class ProductBench {
  public:
    struct Shape {
        std::int64_t rows, cols;
        Matrices dense, sparse;
        std::string label() const { return kernelLabel(sparse); }
        double limit() const { return byteLimit(dense, sparse); }
    };

    /// The next product of a pass; of a shape with those before it that are of its size and form.
    void add(const PackedMatrix& dense, const PackedMatrix& sparse) {
        auto shape = std::find_if(m_shapes.begin(), m_shapes.end(), [&](const Shape& other) {
            const auto& first = *other.sparse.front();
            return other.rows == sparse.rows() && other.cols == sparse.cols() &&
                   first.form() == sparse.form() && first.values() == sparse.values();
        });
        if (shape == m_shapes.end())
            shape = m_shapes.insert(m_shapes.end(), {sparse.rows(), sparse.cols(), {}, {}});
        shape->dense.push_back(&dense);
        shape->sparse.push_back(&sparse);
        addOutside(dense, sparse);
        m_products.back().shape = static_cast<std::size_t>(shape - m_shapes.begin());
    }
    /// One that is run through, but not told of.
    void addOutside(const PackedMatrix& dense, const PackedMatrix& sparse) {
        m_products.push_back({kOutside, &dense, &sparse});
        for (const auto* matrix : {&dense, &sparse}) {
            auto& input = m_inputs[{matrix->cols(), matrix->values()}];
            if (input.size() == 0) input = preparedInput(*matrix);
        }
    }
    const std::vector<Shape>& shapes() const { return m_shapes; }

    /// Adds one time to each of `timed`, in the order of shapes(). Each timing comes behind one over other
    /// bytes, so that none finds its own in the cache: what is held against each other began alike.
    void pass(int threads, std::vector<Timed>& timed) {
        m_y.resize(std::max(m_y.size(), static_cast<std::size_t>(threads)));
        const auto product = [this](const PackedMatrix& matrix, int part, int parts) {
            auto& y = m_y[static_cast<std::size_t>(part)];
            y.resize(std::max(y.size(), static_cast<std::size_t>(matrix.rows())));
            matrix.product(m_inputs.at({matrix.cols(), matrix.values()}).as<std::byte>(), y.data(),
                           matrix.part(part, parts));
        };
        const auto read = [](const PackedMatrix& matrix, int part, int parts) {
            matrix.readOnly(part, parts);
        };
        perProduct(threads, &Product::sparse, product);
        const auto dense = perProduct(threads, &Product::dense, product);
        const auto sparse = perProduct(threads, &Product::sparse, product);
        const auto reads = perProduct(threads, &Product::dense, read);
        for (std::size_t s = 0; s < timed.size(); ++s) {
            timed[s].read.push_back(reads[s]);
            timed[s].dense.push_back(dense[s]);
            timed[s].sparse.push_back(sparse[s]);
        }
    }

  private:
    static constexpr std::size_t kOutside = SIZE_MAX;
    struct Product {
        std::size_t shape;
        const PackedMatrix *dense, *sparse;
    };

    /// Microseconds of one product of each shape, of the thread that takes longest. The threads go through
    /// all products in one region, as they do in decoding: starting them costs as much as a small product.
    template <typename Part>
    std::vector<double> perProduct(int threads, const PackedMatrix* Product::*side, const Part& part) {
        std::vector<std::vector<double>> spent(static_cast<std::size_t>(threads),
                                               std::vector<double>(m_shapes.size()));
#pragma omp parallel num_threads(threads)
        {
            auto& mine = spent[static_cast<std::size_t>(omp_get_thread_num())];
            for (const auto& product : m_products) {
                const Stopwatch watch;
                part(*(product.*side), omp_get_thread_num(), omp_get_num_threads());
                if (product.shape != kOutside) mine[product.shape] += watch.seconds();
            }
        }
        std::vector<double> us(m_shapes.size());
        for (std::size_t s = 0; s < us.size(); ++s) {
            for (const auto& mine : spent) us[s] = std::max(us[s], mine[s] * 1e6);
            us[s] /= static_cast<double>(m_shapes[s].dense.size());
        }
        return us;
    }

    std::vector<Shape> m_shapes;
    std::vector<Product> m_products;
    std::map<std::pair<std::int64_t, WeightValues>, AlignedBytes> m_inputs;
    std::vector<std::vector<float>> m_y;  ///< by thread
};

/// What a shape's timings come to: the sparse product, and in front of it the dense one against a plain read.
void addRows(Json& rows, const ProductBench::Shape& shape, int threads, const Timed& timed, double torchUs,
             bool denseToo) {
    if (denseToo)
        rows.push_back(
            denseRow(shape.rows, shape.cols, threads, pairedRatio(timed.read, timed.dense), torchUs));
    rows.push_back(row(shape.label(), shape.rows, shape.cols, threads, pairedRatio(timed.dense, timed.sparse),
                       torchUs, shape.limit()));
}

/// Tells how far a bench is; looks whether it is still wanted.
class Course {
  public:
    Course(const BenchRequest& request, std::size_t all) : m_request(request), m_all(static_cast<int>(all)) {}
    /// In front of each timing.
    void next(const std::string& what) {
        if (m_request.cancellation) m_request.cancellation->throwIfRequested();
        if (m_request.progress) m_request.progress(what, m_done, m_all);
        ++m_done;
    }

  private:
    const BenchRequest& m_request;
    int m_done = 0, m_all;
};

std::string shapeText(std::int64_t rows, std::int64_t cols) {
    return std::to_string(rows) + " x " + std::to_string(cols);
}

std::vector<int> threadCounts(const BenchRequest& request) {
    return request.threads.empty() ? std::vector<int>{systemInfo().cores} : request.threads;
}

PackedMask randomMask(std::int64_t rows, std::int64_t cols, double sparsity, std::uint64_t seed) {
    PackedMask mask(rows, cols);
    std::mt19937_64 random(seed);
    const auto limit = static_cast<std::uint64_t>((1.0 - sparsity) * 0x1p32);
    for (std::int64_t i = 0; i < rows * cols; ++i)
        if ((random() >> 32) < limit) mask.keep(i);
    return mask;
}

/// Two random ones of every four, but for a share of the tiles of `side` x `side`, which are dense.
PackedMask tileMask(std::int64_t rows, std::int64_t cols, std::int64_t side, double denseShare,
                    std::uint64_t seed) {
    PackedMask mask(rows, cols);
    std::mt19937_64 random(seed);
    const auto across = (cols + side - 1) / side;
    std::vector<bool> dense(static_cast<std::size_t>((rows + side - 1) / side * across));
    for (auto left = std::lround(denseShare * static_cast<double>(dense.size())); left > 0;) {
        const auto tile = random() % dense.size();
        if (!dense[tile]) --left;
        dense[tile] = true;
    }
    for (std::int64_t row = 0; row < rows; ++row)
        for (std::int64_t col = 0; col < cols; col += 4) {
            const auto draw = random() >> 32;
            const auto first = static_cast<std::int64_t>(draw % 4),
                       second = (first + 1 + static_cast<std::int64_t>(draw / 4 % 3)) % 4;
            const bool all = dense[static_cast<std::size_t>(row / side * across + col / side)];
            for (std::int64_t c = 0; c < std::min<std::int64_t>(4, cols - col); ++c)
                if (all || c == first || c == second) mask.keep(row * cols + col + c);
        }
    return mask;
}

/// What `bench kernels` times: a mask, and values.
struct Case {
    std::optional<PackedMask> mask;
    WeightValues values;
};
constexpr double kBitmapSparsity[] = {0.5, 0.6};
/// Two bitmaps, 2:4 and hybrid, in bf16 and q8; dense in q8.
constexpr std::size_t kCases = 2 * (std::size(kBitmapSparsity) + 2) + 1;

/// Case `index` at a shape.
Case kernelCase(std::size_t index, std::int64_t rows, std::int64_t cols) {
    if (index + 1 == kCases) return {std::nullopt, WeightValues::Q8};
    const auto values = index < kCases / 2 ? WeightValues::Bf16 : WeightValues::Q8;
    const auto form = index % (kCases / 2);
    if (form < std::size(kBitmapSparsity)) return {randomMask(rows, cols, kBitmapSparsity[form], 11), values};
    const std::int64_t side = rows % 128 == 0 && cols % 128 == 0 ? 128 : 64;
    return {tileMask(rows, cols, side, form == std::size(kBitmapSparsity) ? 0.0 : 0.1, 11), values};
}

}  // namespace

PairedRatio pairedRatio(const std::vector<double>& denseUs, const std::vector<double>& sparseUs) {
    PairedRatio result{median(denseUs), median(sparseUs), 0, 0, 0};
    const auto count = denseUs.size();
    double mean = 0, squares = 0;
    for (std::size_t i = 0; i < count; ++i)
        mean += std::log(denseUs[i] / sparseUs[i]) / static_cast<double>(count);
    for (std::size_t i = 0; i < count; ++i) squares += std::pow(std::log(denseUs[i] / sparseUs[i]) - mean, 2);
    const double error =
        count > 1 ? std::sqrt(squares / static_cast<double>(count - 1) / static_cast<double>(count))
                  : INFINITY;
    result.ratio = std::exp(mean);
    result.low = std::exp(mean - studentT(count - 1) * error);
    result.high = std::exp(mean + studentT(count - 1) * error);
    return result;
}

Json benchKernels(const BenchRequest& request) {
    Json rows = Json::array();
    const std::pair<std::int64_t, std::int64_t> shapes[] = {
        {4096, 4096}, {11008, 4096}, {1536, 576}, {576, 1536}};
    const auto repeats = static_cast<std::size_t>(request.repeats);
    Course course(request, std::size(shapes) * kCases * threadCounts(request).size() * repeats);
    for (const auto& [height, width] : shapes) {
        const auto copies = std::max<std::int64_t>(2, kWorkingSet / (height * width * 2));
        std::vector<std::uint16_t> weights(static_cast<std::size_t>(height * width));
        std::mt19937_64 random(7);
        for (auto& weight : weights)
            weight =
                floatToBf16(static_cast<float>(static_cast<std::int64_t>(random() >> 40)) * 0x1p-25f - 0.25f);
        std::vector<PackedMatrix> dense;
        for (std::int64_t i = 0; i < copies; ++i) dense.emplace_back(weights.data(), nullptr, height, width);
        std::map<int, double> torchUs;
        for (const int threads : threadCounts(request))
            torchUs[threads] = request.torchLinear ? request.torchLinear(height, width, threads) : 0;
        for (std::size_t index = 0; index < kCases; ++index) {
            const auto [mask, values] = kernelCase(index, height, width);
            std::vector<PackedMatrix> sparse;
            for (std::int64_t i = 0; i < copies; ++i) {
                if (request.cancellation) request.cancellation->throwIfRequested();
                sparse.emplace_back(weights.data(), mask ? &*mask : nullptr, height, width, values);
            }
            ProductBench bench;
            for (std::size_t i = 0; i < sparse.size(); ++i) bench.add(dense[i], sparse[i]);
            const auto& shape = bench.shapes().front();
            for (const int threads : threadCounts(request)) {
                std::vector<Timed> warm(1), timed(1);
                bench.pass(threads, warm);
                for (int i = 0; i < request.repeats; ++i) {
                    course.next(shapeText(height, width) + ", " + shape.label());
                    bench.pass(threads, timed);
                }
                addRows(rows, shape, threads, timed.front(), torchUs[threads], index == 0);
            }
        }
    }
    return {{"machine", machine()}, {"rows", rows}, {"end_to_end", nullptr}};
}

namespace {

/// What each matrix of a model is stored as, and what a product with it reads against dense bf16.
Json matrixTable(const PackedModel& dense, const PackedModel& sparse) {
    Json table = Json::array();
    const auto denseParts = dense.parts(), sparseParts = sparse.parts();
    for (std::size_t i = 0; i < sparseParts.size(); ++i) {
        const auto& part = sparseParts[i];
        const auto* const matrix = part.matrix;
        const auto bytes = matrix->bytes(), denseBytes = denseParts[i].matrix->bytes();
        table.push_back({{"block", part.block < 0 ? Json(nullptr) : Json(part.block)},
                         {"name", part.name},
                         {"kernel", kernelLabel({matrix})},
                         {"shape", {matrix->rows(), matrix->cols()}},
                         {"kept", matrix->kept()},
                         {"bytes", bytes},
                         {"dense_bytes", denseBytes},
                         {"limit", static_cast<double>(denseBytes) / static_cast<double>(bytes)}});
    }
    return table;
}

}  // namespace

Json benchModel(const PackedModel& dense, const PackedModel& sparse, const BenchRequest& request) {
    Json rows = Json::array(), ends = Json::array();
    ProductBench bench;
    const auto denseParts = dense.parts(), sparseParts = sparse.parts();
    for (std::size_t i = 0; i < sparseParts.size(); ++i)
        if (sparseParts[i].block < 0)
            bench.addOutside(*denseParts[i].matrix, *sparseParts[i].matrix);
        else
            bench.add(*denseParts[i].matrix, *sparseParts[i].matrix);
    const auto& shapes = bench.shapes();
    const auto passes = static_cast<std::size_t>(request.repeats) + 1;
    Course course(request, threadCounts(request).size() * passes * 2);
    for (const int threads : threadCounts(request)) {
        std::vector<Timed> timed(shapes.size());
        for (int i = 0; i <= request.repeats; ++i) {
            course.next(i == 0 ? "the products of a token, warming up"
                               : "the products of a token, pass " + std::to_string(i) + " of " +
                                     std::to_string(request.repeats));
            if (i == 0) {
                auto warm = timed;
                bench.pass(threads, warm);
            } else {
                bench.pass(threads, timed);
            }
        }
        for (std::size_t s = 0; s < shapes.size(); ++s)
            addRows(rows, shapes[s], threads, timed[s],
                    request.torchLinear ? request.torchLinear(shapes[s].rows, shapes[s].cols, threads) : 0,
                    true);
        DecodeSession denseSession(dense, threads), sparseSession(sparse, threads);
        std::vector<double> denseUs, sparseUs;
        const auto decode = [&](DecodeSession& session) {
            session.reset();
            session.step(0);
            Stopwatch watch;
            for (std::int64_t i = 0; i < request.tokens; ++i)
                session.step(static_cast<std::int32_t>(i * 31 % dense.config.vocabSize));
            return watch.seconds() * 1e6 / static_cast<double>(request.tokens);
        };
        for (int i = 0; i <= request.repeats; ++i) {
            course.next(i == 0 ? "decoding, warming up"
                               : "decoding, pair " + std::to_string(i) + " of " +
                                     std::to_string(request.repeats));
            const double a = decode(denseSession), b = decode(sparseSession);
            if (i == 0) continue;
            denseUs.push_back(a);
            sparseUs.push_back(b);
        }
        const auto pair = pairedRatio(denseUs, sparseUs);
        const double limit =
            static_cast<double>(dense.bytesPerToken()) / static_cast<double>(sparse.bytesPerToken());
        ends.push_back({{"threads", threads},
                        {"dense_tokens_per_second", 1e6 / pair.denseUs},
                        {"sparse_tokens_per_second", 1e6 / pair.sparseUs},
                        {"speedup", pair.ratio},
                        {"ci95", {pair.low, pair.high}},
                        {"dense_bytes_per_token", dense.bytesPerToken()},
                        {"sparse_bytes_per_token", sparse.bytesPerToken()},
                        {"limit", limit},
                        {"efficiency", pair.ratio / limit}});
    }
    Json document{{"machine", machine()},
                  {"rows", rows},
                  {"end_to_end", ends.back()},
                  {"matrices", matrixTable(dense, sparse)}};
    if (ends.size() > 1) document["end_to_end_by_threads"] = ends;
    document["note"] =
        "batch 1; prompts and larger batches run on the dense path, where sparsity gains nothing on a CPU";
    return document;
}

}  // namespace tessera
