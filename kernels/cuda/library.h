#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "kernels/cuda/mask_steps.h"
#include "kernels/cuda/products.h"
#include "kernels/cuda/runtime.h"

namespace tessera::kernels::cuda {

struct Device {
    int number = 0;  ///< for Runtime::useDevice
    std::string name;
    int major = 0, minor = 0;  ///< the compute capability
    std::uint64_t memoryBytes = 0;
};

/// libtessera_cuda, loaded at run time: a program needs neither it nor a driver to start. Stays loaded.
class Library {
  public:
    /// The process' own, looked for at the first call: what $TESSERA_CUDA_LIBRARY names, else
    /// libtessera_cuda.so in the program's folder or in the folder lib beside that one.
    static const Library& ofProcess();

    /// The first of `files` that exists.
    explicit Library(const std::vector<std::filesystem::path>& files);

    /// Whether there is a device to compute on. Where not, why() says why and remedy() what to do, both parts
    /// of a sentence.
    bool usable() const { return m_why.empty(); }
    const std::string& why() const { return m_why; }
    const std::string& remedy() const { return m_remedy; }

    /// The devices that the kernels run on; none where the library is not usable.
    const std::vector<Device>& devices() const { return m_devices; }

    /// Only where usable().
    const Runtime& runtime() const { return *m_runtime; }
    const MaskSteps& maskSteps() const { return *table<MaskSteps>("tesseraCudaMaskSteps"); }
    const Products& products() const { return *table<Products>("tesseraCudaProducts"); }

    /// The structure of functions that the library exports under a name; null where it has none.
    template <typename Table>
    const Table* table(const char* name) const {
        using Get = const Table* (*)();
        const auto get = reinterpret_cast<Get>(symbol(name));
        return get ? get() : nullptr;
    }

  private:
    void* symbol(const char* name) const;
    void open(const std::filesystem::path& file);
    void findDevices();
    void refuse(std::string why, std::string remedy);

    void* m_handle = nullptr;
    const Runtime* m_runtime = nullptr;
    std::vector<Device> m_devices;
    std::string m_why, m_remedy;
};

}  // namespace tessera::kernels::cuda
