#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "kernels/cuda/part_sums.h"

/// Launches the bodies of the mask steps on a device.
namespace tessera::kernels::cuda {

template <typename Body>
__global__ void __launch_bounds__(kThreads) eachThread(const Body body) {
    body(Place{blockIdx.x, static_cast<int>(threadIdx.x)});
}

template <typename Body>
__global__ void __launch_bounds__(kThreads) sumOfThreads(const Body body) {
    __shared__ double shared[kSums * kThreads];
    const int thread = static_cast<int>(threadIdx.x);
    putSums(shared, thread, body(Place{blockIdx.x, thread}));
    for (int stride = kThreads / 2; stride > 0; stride /= 2) {
        __syncthreads();
        foldSums(shared, thread, stride);
    }
    if (thread == 0) body.finish(blockIdx.x, takeSums(shared));
}

/// Queues on a stream; the first error stays.
class DeviceLauncher {
  public:
    explicit DeviceLauncher(void* stream) : m_stream(static_cast<cudaStream_t>(stream)) {}

    template <typename Body>
    void each(const Body& body, std::int64_t blocks) const {
        if (const auto grid = gridOf(blocks)) {
            eachThread<<<grid, kThreads, 0, m_stream>>>(body);
            note();
        }
    }
    template <typename Body>
    void sums(const Body& body, std::int64_t blocks) const {
        if (const auto grid = gridOf(blocks)) {
            sumOfThreads<<<grid, kThreads, 0, m_stream>>>(body);
            note();
        }
    }
    int error() const { return m_error; }

  private:
    /// No blocks: nothing to do. More than a grid holds: an error, not a part of the work.
    unsigned gridOf(std::int64_t blocks) const {
        if (m_error != cudaSuccess) return 0;
        if (blocks > 0x7fffffff) m_error = cudaErrorInvalidConfiguration;
        return blocks > 0x7fffffff ? 0 : static_cast<unsigned>(blocks);
    }
    void note() const { m_error = cudaGetLastError(); }

    cudaStream_t m_stream;
    mutable cudaError_t m_error = cudaSuccess;
};

}  // namespace tessera::kernels::cuda
