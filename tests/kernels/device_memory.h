#pragma once

#include <algorithm>
#include <stdexcept>
#include <vector>

#include "kernels/cuda/runtime.h"

namespace tessera::test {

/// Memory of a device: vectors go there and come back.
class DeviceMemory {
  public:
    explicit DeviceMemory(const kernels::cuda::Runtime& runtime) : m_runtime(runtime) {}
    DeviceMemory(const DeviceMemory&) = delete;
    ~DeviceMemory() {
        for (const auto& piece : m_pieces) m_runtime.release(piece.there);
    }

    template <typename T>
    T* put(std::vector<T>& values) {
        Piece piece{values.data(), nullptr, values.size() * sizeof(T)};
        check(m_runtime.allocate(&piece.there, std::max<std::size_t>(piece.bytes, 1)));
        m_pieces.push_back(piece);
        check(m_runtime.copyToDevice(piece.there, piece.here, piece.bytes, nullptr));
        return static_cast<T*>(piece.there);
    }
    void fetch() {
        for (const auto& piece : m_pieces)
            check(m_runtime.copyToHost(piece.here, piece.there, piece.bytes, nullptr));
        check(m_runtime.synchronize(nullptr));
    }

  private:
    struct Piece {
        void *here, *there;
        std::size_t bytes;
    };
    void check(int code) const {
        if (code != 0) throw std::runtime_error(m_runtime.errorText(code));
    }

    const kernels::cuda::Runtime& m_runtime;
    std::vector<Piece> m_pieces;
};

}  // namespace tessera::test
