#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "kernels/cuda/steps_of.h"

/// The mask steps of libtessera_cuda on the host, thread by thread, and the processor's own behind the same
/// functions.
namespace tessera::test {

/// Calls kernels' bodies for every place of a grid, first to last or last to first.
template <bool kBackwards = false>
class HostLauncher {
  public:
    explicit HostLauncher(void*) {}

    template <typename Body>
    void each(const Body& body, std::int64_t blocks) const {
        overGrid(blocks, [&](std::int64_t block) {
            overThreads([&](int thread) { body(kernels::cuda::Place{block, thread}); });
        });
    }
    template <typename Body>
    void sums(const Body& body, std::int64_t blocks) const {
        using namespace kernels::cuda;
        overGrid(blocks, [&](std::int64_t block) {
            std::vector<double> shared(kSums * kThreads, std::numeric_limits<double>::quiet_NaN());
            overThreads([&](int thread) { putSums(shared.data(), thread, body(Place{block, thread})); });
            for (int stride = kThreads / 2; stride > 0; stride /= 2)
                overThreads([&](int thread) { foldSums(shared.data(), thread, stride); });
            body.finish(block, takeSums(shared.data()));
        });
    }
    int error() const { return 0; }

  private:
    template <typename Use>
    static void overGrid(std::int64_t blocks, const Use& use) {
        for (std::int64_t i = 0; i < blocks; ++i) use(kBackwards ? blocks - 1 - i : i);
    }
    template <typename Use>
    static void overThreads(const Use& use) {
        overGrid(kernels::cuda::kThreads, [&](std::int64_t thread) { use(static_cast<int>(thread)); });
    }
};

/// kernels/cpu/mask_step.h as mask steps.
struct ProcessorSteps {
    using In = kernels::cuda::ElementsIn;
    using Out = kernels::cuda::ElementsOut;
    using Sums = kernels::cuda::SumsOut;
    using Half = std::uint16_t;

    /// Calls `with(weights, gradients)` with pointers of the types that these are of.
    template <typename With>
    static int typed(const In& weights, const In& gradMasked, const Sums& sums, const With& with) {
        using kernels::cuda::ElementType;
        if (weights.type == ElementType::F32)
            *sums.sums =
                with(static_cast<const float*>(weights.data), static_cast<const float*>(gradMasked.data));
        else if (gradMasked.type == ElementType::F32)
            *sums.sums =
                with(static_cast<const Half*>(weights.data), static_cast<const float*>(gradMasked.data));
        else
            *sums.sums =
                with(static_cast<const Half*>(weights.data), static_cast<const Half*>(gradMasked.data));
        return 0;
    }
    /// The same with pointers to weights and to what they become.
    template <typename With>
    static int typed(const In& weights, const Out& out, const Sums& sums, const With& with) {
        *sums.sums = weights.type == kernels::cuda::ElementType::F32
                         ? with(static_cast<const float*>(weights.data), static_cast<float*>(out.data))
                         : with(static_cast<const Half*>(weights.data), static_cast<Half*>(out.data));
        return 0;
    }

    static kernels::cuda::MaskSteps table() {
        using namespace kernels;
        cuda::MaskSteps steps{};
        steps.bernoulliForward = [](const In& w, const float* p, const Out& o, std::int64_t n,
                                    const GateParameters& g, const NoiseKey& k, const Sums& s, void*) {
            return typed(w, o, s, [&](auto* in, auto* out) { return bernoulliForward(in, p, out, n, g, k); });
        };
        steps.bernoulliBackward = [](const In& w, const float* p, const In& d, float* o, std::int64_t n,
                                     const GateParameters& g, const GateRegularisers& r, const NoiseKey& k,
                                     const Sums& s, void*) {
            return typed(w, d, s,
                         [&](auto* in, auto* grad) { return bernoulliBackward(in, p, grad, o, n, g, r, k); });
        };
        steps.bernoulliBackwardAdam = [](const In& w, float* p, const In& d, float* m1, float* m2,
                                         std::int64_t n, const GateParameters& g, const GateRegularisers& r,
                                         const NoiseKey& k, const AdamParameters& a, const Sums& s, void*) {
            return typed(w, d, s, [&](auto* in, auto* grad) {
                return bernoulliBackwardAdam(in, p, grad, m1, m2, n, g, r, k, a);
            });
        };
        steps.adamStep = [](float* p, const float* d, float* m1, float* m2, std::int64_t n, float scale,
                            const AdamParameters& a, void*) {
            kernels::adamStep(p, d, m1, m2, n, scale, a);
            return 0;
        };
        steps.gateValues = [](const float* p, float* o, std::int64_t n, const GateParameters& g,
                              const NoiseKey& k, void*) {
            kernels::gateValues(p, o, n, g, k);
            return 0;
        };
        steps.tileForward = [](const In& w, const std::uint8_t* inner, const float* p, float* gates,
                               const Out& o, const TileGeometry& t, const GateParameters& g,
                               const NoiseKey& k, const Sums& s, void*) {
            return typed(w, o, s,
                         [&](auto* in, auto* out) { return tileForward(in, inner, p, gates, out, t, g, k); });
        };
        steps.tileBackward = [](const In& w, const std::uint8_t* inner, const float* p, float* gates,
                                const In& d, float* o, const TileGeometry& t, const GateParameters& g,
                                const GateRegularisers& r, const NoiseKey& k, const Sums& s, void*) {
            auto soft = g;
            soft.hard = false;
            kernels::gateValues(p, gates, t.tiles(), soft, k);
            return typed(w, d, s, [&](auto* in, auto* grad) {
                return tileBackward(in, inner, p, grad, o, t, g, r, k);
            });
        };
        steps.tileGradients = [](const float* slopes, const float* gates, float* o, const TileGeometry& t,
                                 int group, const GateParameters& g, const Sums& s, void*) {
            *s.sums = {0, 0, kernels::tileGradients(slopes, gates, o, t, group, g)};
            return 0;
        };
        steps.patternForward = [](const In& w, const float* p, const Out& o, const PatternGates& g,
                                  const Sums& s, void*) {
            return typed(w, o, s, [&](auto* in, auto* out) { return patternForward(in, p, out, g); });
        };
        steps.patternBackward = [](const In& w, const float* p, const In& d, float* o, const PatternGates& g,
                                   const GateRegularisers& r, float* slopes, const Sums& s, void*) {
            return typed(w, d, s,
                         [&](auto* in, auto* grad) { return patternBackward(in, p, grad, o, g, r, slopes); });
        };
        steps.patternBackwardAdam = [](const In& w, float* p, const In& d, float* m1, float* m2,
                                       const PatternGates& g, const GateRegularisers& r,
                                       const AdamParameters& a, float* slopes, const Sums& s, void*) {
            return typed(w, d, s, [&](auto* in, auto* grad) {
                return patternBackwardAdam(in, p, grad, m1, m2, g, r, a, slopes);
            });
        };
        return steps;
    }
};

}  // namespace tessera::test
