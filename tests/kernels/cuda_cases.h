#pragma once

#include <QString>
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "kernels/cuda/library.h"
#include "kernels/gate_inputs.h"

/// The mask steps on given inputs, whoever computes them: the processor, the kernels' bodies on the host, or
/// a device.
namespace tessera::test {

inline const kernels::GateParameters kCudaGate{100.0f, 0.7f, 0.003f};
inline const kernels::NoiseKey kCudaNoise{0x1234567890abcdefull, 17, 5};
inline const kernels::GateRegularisers kCudaRegularisers{1e-5f, 2e-3f};

/// The steps' memory is the host's.
class HostMemory {
  public:
    template <typename T>
    T* put(std::vector<T>& values) {
        return values.data();
    }
    void fetch() {}
};

/// Everything that a case's steps wrote.
struct Outcome {
    std::map<std::string, std::vector<float>> exact;   ///< equal to the bit wherever it is computed
    std::map<std::string, std::vector<float>> summed;  ///< sums whose order is each one's own
    std::map<std::string, kernels::GateSums> sums;
};

inline std::vector<float> widen(const std::vector<std::uint16_t>& halves) {
    std::vector<float> wide;
    for (const auto half : halves) wide.push_back(widen(half));
    return wide;
}

/// What differs between two outcomes, empty where nothing does. `exact` numbers may differ by `slack` of the
/// larger one, sums by `sumSlack`.
inline QString difference(const Outcome& a, const Outcome& b, double slack, double sumSlack) {
    const auto far = [](double x, double y, double most, double size) {
        return !(std::abs(x - y) <= most * size || (x == y && std::isfinite(x)));
    };
    const auto arrays = [&](const auto& these, const auto& those, double most) -> QString {
        if (these.size() != those.size()) return QStringLiteral("not the same arrays");
        for (const auto& [name, values] : these) {
            const auto& others = those.at(name);
            if (values.size() != others.size()) return QString::fromStdString(name + ": not as many");
            double size = 0;
            for (const float value : values) size = std::max(size, std::abs(static_cast<double>(value)));
            for (std::size_t i = 0; i < values.size(); ++i)
                if (far(values[i], others[i], most, size))
                    return QString("%1[%2]: %3 and %4")
                        .arg(QString::fromStdString(name))
                        .arg(i)
                        .arg(static_cast<double>(values[i]), 0, 'g', 10)
                        .arg(static_cast<double>(others[i]), 0, 'g', 10);
        }
        return {};
    };
    if (const auto found = arrays(a.exact, b.exact, slack); !found.isEmpty()) return found;
    if (const auto found = arrays(a.summed, b.summed, sumSlack); !found.isEmpty()) return found;
    for (const auto& [name, sums] : a.sums) {
        const auto& others = b.sums.at(name);
        for (const auto& [one, other] : {std::pair{sums.gate, others.gate},
                                         {sums.squaredMasked, others.squaredMasked},
                                         {sums.squaredGradient, others.squaredGradient}})
            if (far(one, other, sumSlack, std::abs(one)))
                return QString("sums of %1: %2 and %3")
                    .arg(QString::fromStdString(name))
                    .arg(one, 0, 'g', 12)
                    .arg(other, 0, 'g', 12);
    }
    return {};
}

inline void mustWork(int code) {
    if (code != 0) throw std::runtime_error("a mask step returns " + std::to_string(code));
}

/// Room for the sums of one call.
struct SumsRoom {
    std::vector<kernels::cuda::PartSums> parts;
    std::vector<kernels::GateSums> sums;
    explicit SumsRoom(std::int64_t count)
        : parts(static_cast<std::size_t>(count)), sums(1, {-1.0, -1.0, -1.0}) {}
    template <typename Memory>
    kernels::cuda::SumsOut in(Memory& memory) {
        return {memory.put(parts), memory.put(sums)};
    }
};

/// What stands behind the last element of an output, and must stay.
constexpr std::size_t kBehind = 8;

template <typename T>
std::vector<T> filled(std::int64_t count, T value) {
    return std::vector<T>(static_cast<std::size_t>(count) + kBehind, value);
}

inline kernels::AdamParameters cudaAdam() {
    kernels::AdamParameters adam;
    adam.weightDecay = 0.01f;
    adam.step = 3;
    return adam;
}

template <typename Memory>
Outcome bernoulliOutcome(const kernels::cuda::MaskSteps& steps, Memory&& memory, Inputs in,
                         const kernels::GateParameters& gate) {
    const auto count = static_cast<std::int64_t>(in.logits.size());
    const auto blocks = kernels::cuda::elementBlocks(count);
    auto half = filled<std::uint16_t>(count, 0x7777);
    auto full = filled(count, 7.0f), gates = full, gradient = filled(count, 0.25f), fromHalf = gradient,
         fullGradient = gradient, m1 = filled(count, 0.001f), m2 = filled(count, 1e-6f), n1 = m1, n2 = m2;
    auto stepped = in.logits, steppedLater = in.logits;
    std::vector<SumsRoom> rooms(6, SumsRoom(blocks));
    const float* logits = memory.put(in.logits);
    const std::uint16_t *weights = memory.put(in.weights), *gradHalf = memory.put(in.gradHalf);
    const float *weightsFull = memory.put(in.weightsFull), *grad = memory.put(in.grad);
    auto* gradients = memory.put(gradient);
    mustWork(steps.bernoulliForward(weights, logits, memory.put(half), count, gate, kCudaNoise,
                                    rooms[0].in(memory), nullptr));
    mustWork(steps.bernoulliForward(weightsFull, logits, memory.put(full), count, gate, kCudaNoise,
                                    rooms[1].in(memory), nullptr));
    mustWork(steps.bernoulliBackward(weights, logits, grad, gradients, count, gate, kCudaRegularisers,
                                     kCudaNoise, rooms[2].in(memory), nullptr));
    mustWork(steps.bernoulliBackward(weights, logits, gradHalf, memory.put(fromHalf), count, gate,
                                     kCudaRegularisers, kCudaNoise, rooms[3].in(memory), nullptr));
    mustWork(steps.bernoulliBackward(weightsFull, logits, grad, memory.put(fullGradient), count, gate,
                                     kCudaRegularisers, kCudaNoise, rooms[4].in(memory), nullptr));
    mustWork(steps.bernoulliBackwardAdam(weights, memory.put(stepped), gradHalf, memory.put(m1),
                                         memory.put(m2), count, gate, kCudaRegularisers, kCudaNoise,
                                         cudaAdam(), rooms[5].in(memory), nullptr));
    mustWork(steps.adamStep(memory.put(steppedLater), gradients, memory.put(n1), memory.put(n2), count, 0.5f,
                            cudaAdam(), nullptr));
    mustWork(steps.gateValues(logits, memory.put(gates), count, gate, kCudaNoise, nullptr));
    memory.fetch();
    return {{{"bf16", widen(half)},
             {"f32", full},
             {"gradient", gradient},
             {"gradient of bf16", fromHalf},
             {"gradient of f32", fullGradient},
             {"logits after Adam", stepped},
             {"first moment", m1},
             {"second moment", m2},
             {"logits after Adam on gradients", steppedLater},
             {"first moment on gradients", n1},
             {"second moment on gradients", n2},
             {"gates", gates}},
            {},
            {{"forward", rooms[0].sums[0]},
             {"forward in f32", rooms[1].sums[0]},
             {"backward", rooms[2].sums[0]},
             {"backward of bf16", rooms[3].sums[0]},
             {"backward of f32", rooms[4].sums[0]},
             {"Adam", rooms[5].sums[0]}}};
}

/// Tiles over a mask of about half of the weights.
template <typename Memory>
Outcome tileOutcome(const kernels::cuda::MaskSteps& steps, Memory&& memory,
                    const kernels::TileGeometry& geometry, const kernels::GateParameters& gate) {
    using namespace kernels::cuda;
    const auto count = geometry.rows * geometry.cols, tiles = geometry.tiles();
    Inputs in(count);
    std::vector<std::uint8_t> inner(static_cast<std::size_t>(count));
    for (std::size_t i = 0; i < inner.size(); ++i)
        inner[i] = (i * 7 + i / static_cast<std::size_t>(geometry.cols)) % 4 < 2;
    std::vector<float> logits(static_cast<std::size_t>(tiles));
    for (std::size_t i = 0; i < logits.size(); ++i) logits[i] = 0.01f * static_cast<float>(i % 13) - 0.05f;
    auto half = filled<std::uint16_t>(count, 0x7777);
    auto full = filled(count, 7.0f), gates = filled(tiles, 7.0f), gatesFull = gates, soft = gates,
         same = gates, gradient = filled(tiles, 0.25f), fullGradient = gradient;
    std::vector<SumsRoom> rooms(4, SumsRoom(stripBlocks(geometry) + tileBlocks(geometry)));
    const float *p = memory.put(logits), *weightsFull = memory.put(in.weightsFull),
                *grad = memory.put(in.grad);
    const std::uint16_t *weights = memory.put(in.weights), *gradHalf = memory.put(in.gradHalf);
    const std::uint8_t* flags = memory.put(inner);
    mustWork(steps.tileForward(weights, flags, p, memory.put(gates), memory.put(half), geometry, gate,
                               kCudaNoise, rooms[0].in(memory), nullptr));
    mustWork(steps.tileForward(weightsFull, flags, p, memory.put(gatesFull), memory.put(full), geometry, gate,
                               kCudaNoise, rooms[1].in(memory), nullptr));
    mustWork(steps.tileBackward(weights, flags, p, memory.put(soft), gradHalf, memory.put(gradient), geometry,
                                gate, kCudaRegularisers, kCudaNoise, rooms[2].in(memory), nullptr));
    mustWork(steps.tileBackward(weightsFull, flags, p, memory.put(same), grad, memory.put(fullGradient),
                                geometry, gate, kCudaRegularisers, kCudaNoise, rooms[3].in(memory), nullptr));
    memory.fetch();
    return {{{"bf16", widen(half)},
             {"f32", full},
             {"gates", gates},
             {"gates in f32", gatesFull},
             {"soft gates", soft},
             {"soft gates in f32", same}},
            {{"gradient", gradient}, {"gradient of f32", fullGradient}},
            {{"forward", rooms[0].sums[0]},
             {"forward in f32", rooms[1].sums[0]},
             {"backward", rooms[2].sums[0]},
             {"backward in f32", rooms[3].sums[0]}}};
}

/// The logits of a matrix's patterns.
inline std::vector<float> patternLogits(const Inputs& in, const kernels::PatternGeometry& geometry) {
    std::vector<float> logits;
    for (std::int64_t i = 0; i < geometry.logits(); ++i)
        logits.push_back(in.logits[static_cast<std::size_t>(i * i) % in.logits.size()]);
    return logits;
}

/// Patterns, over `tiles` where it has any.
template <typename Memory>
Outcome patternOutcome(const kernels::cuda::MaskSteps& steps, Memory&& memory,
                       const kernels::PatternGeometry& geometry, const kernels::TileGeometry& tiles,
                       const kernels::GateParameters& gate, std::vector<float> logits = {}) {
    using namespace kernels::cuda;
    const auto groups = geometry.groups, count = geometry.weights(), blocks = groupBlocks(groups);
    const bool joint = tiles.rows > 0;
    Inputs in(count);
    if (logits.empty()) logits = patternLogits(in, geometry);
    std::vector<float> tileGates;
    for (std::int64_t i = 0; joint && i < tiles.tiles(); ++i)
        tileGates.push_back(static_cast<float>(i % 7) / 8.0f);
    auto half = filled<std::uint16_t>(count, 0x7777);
    auto full = filled(count, 7.0f), gradient = filled(geometry.logits(), 0.25f), fullGradient = gradient,
         m1 = filled(geometry.logits(), 0.001f), m2 = filled(geometry.logits(), 1e-6f),
         slopes = filled(groups, 7.0f), tileGradient = filled(joint ? tiles.tiles() : 0, 0.25f);
    auto stepped = logits;
    std::vector<SumsRoom> rooms(5, SumsRoom(blocks));
    SumsRoom ofTiles(joint ? stripBlocks(groupTiles(tiles, geometry.group)) +
                                 tileBlocks(groupTiles(tiles, geometry.group))
                           : 0);
    const float *p = memory.put(logits), *weightsFull = memory.put(in.weightsFull),
                *grad = memory.put(in.grad);
    const std::uint16_t *weights = memory.put(in.weights), *gradHalf = memory.put(in.gradHalf);
    const float* gatesOfTiles = joint ? memory.put(tileGates) : nullptr;
    auto* slopesOfGroups = memory.put(slopes);
    const kernels::PatternGates gates{geometry, gate, kCudaNoise, gatesOfTiles, tiles};
    mustWork(steps.patternForward(weights, p, memory.put(half), gates, rooms[0].in(memory), nullptr));
    mustWork(steps.patternForward(weightsFull, p, memory.put(full), gates, rooms[1].in(memory), nullptr));
    mustWork(steps.patternBackward(weights, p, grad, memory.put(gradient), gates, kCudaRegularisers,
                                   slopesOfGroups, rooms[2].in(memory), nullptr));
    mustWork(steps.patternBackward(weightsFull, p, grad, memory.put(fullGradient), gates, kCudaRegularisers,
                                   nullptr, rooms[3].in(memory), nullptr));
    mustWork(steps.patternBackwardAdam(weights, memory.put(stepped), gradHalf, memory.put(m1), memory.put(m2),
                                       gates, kCudaRegularisers, cudaAdam(), nullptr, rooms[4].in(memory),
                                       nullptr));
    if (joint)
        mustWork(steps.tileGradients(slopesOfGroups, gatesOfTiles, memory.put(tileGradient), tiles,
                                     geometry.group, kCudaGate, ofTiles.in(memory), nullptr));
    memory.fetch();
    return {{{"bf16", widen(half)},
             {"f32", full},
             {"gradient", gradient},
             {"gradient of f32", fullGradient},
             {"logits after Adam", stepped},
             {"first moment", m1},
             {"second moment", m2},
             {"slopes of tiles", slopes}},
            {{"gradient of tiles", tileGradient}},
            {{"forward", rooms[0].sums[0]},
             {"forward in f32", rooms[1].sums[0]},
             {"backward", rooms[2].sums[0]},
             {"backward in f32", rooms[3].sums[0]},
             {"Adam", rooms[4].sums[0]},
             {"tiles", joint ? ofTiles.sums[0] : kernels::GateSums{}}}};
}

}  // namespace tessera::test
