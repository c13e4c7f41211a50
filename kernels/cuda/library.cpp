#include "kernels/cuda/library.h"

#include <dlfcn.h>

#include <cstdlib>
#include <utility>

namespace tessera::kernels::cuda {

namespace fs = std::filesystem;

namespace {

/// The compute capability that the oldest of the kernels' machine codes is for.
constexpr int kLeastMajor = 8;
// Of cudaError_t: codes that mean a state of the machine.
constexpr int kInsufficientDriver = 35, kNoDevice = 100;

std::vector<fs::path> filesOfProcess() {
    if (const char* named = std::getenv("TESSERA_CUDA_LIBRARY"); named && *named) return {named};
    std::error_code ignored;
    const auto folder = fs::read_symlink("/proc/self/exe", ignored).parent_path();
    const char* name = "libtessera_cuda.so";
    return {folder / name, folder.parent_path() / "lib" / name};
}

/// 12080 is 12.8.
std::string versionText(int version) {
    return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

}  // namespace

const Library& Library::ofProcess() {
    static const Library library(filesOfProcess());
    return library;
}

Library::Library(const std::vector<fs::path>& files) {
    std::string places;
    std::error_code ignored;
    for (const auto& file : files) {
        if (fs::exists(file, ignored)) {
            open(file);
            return;
        }
        places += (places.empty() ? "" : " or ") + file.string();
    }
    refuse("there is no " + places,
           "build with TESSERA_CUDA=ON where nvcc 12.8 or newer is, or name the library in "
           "TESSERA_CUDA_LIBRARY");
}

void Library::refuse(std::string why, std::string remedy) {
    m_why = std::move(why);
    m_remedy = std::move(remedy);
    m_devices.clear();
}

void* Library::symbol(const char* name) const {
    return m_handle ? ::dlsym(m_handle, name) : nullptr;
}

void Library::open(const fs::path& file) {
    m_handle = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!m_handle) {
        const char* error = ::dlerror();
        return refuse(file.string() + " cannot be loaded: " + (error ? error : "no reason given"),
                      "build it again on this machine");
    }
    const auto interface = reinterpret_cast<int (*)()>(symbol("tesseraCudaInterface"));
    m_runtime = table<Runtime>("tesseraCudaRuntime");
    if (!interface || !m_runtime)
        return refuse(file.string() + " is no libtessera_cuda", "name the right library");
    if (const int number = interface(); number != kInterface)
        return refuse(file.string() + " has interface " + std::to_string(number) + ", this program needs " +
                          std::to_string(kInterface),
                      "build both from the same sources");
    findDevices();
}

void Library::findDevices() {
    int count = 0, driver = 0, built = 0;
    m_runtime->versions(&driver, &built);
    const int code = m_runtime->deviceCount(&count);
    if (code == kInsufficientDriver && driver == 0)
        return refuse("this machine has no NVIDIA driver", "install the driver of an NVIDIA device");
    if (code == kInsufficientDriver)
        return refuse("the NVIDIA driver runs CUDA " + versionText(driver) + ", the library needs " +
                          versionText(built),
                      "update the driver");
    if (code == kNoDevice || (code == 0 && count == 0))
        return refuse("the NVIDIA driver sees no device",
                      "see whether nvidia-smi lists one and what CUDA_VISIBLE_DEVICES hides");
    if (code != 0)
        return refuse(std::string("the NVIDIA driver fails: ") + m_runtime->errorText(code),
                      "see whether nvidia-smi works");
    std::string others;
    for (int number = 0; number < count; ++number) {
        DeviceDescription description{};
        if (m_runtime->describe(number, &description) != 0) continue;
        const Device device{number, description.name, description.major, description.minor,
                            description.memoryBytes};
        if (device.major >= kLeastMajor)
            m_devices.push_back(device);
        else
            others += (others.empty() ? "" : ", ") + device.name + " has compute capability " +
                      std::to_string(device.major) + "." + std::to_string(device.minor);
    }
    if (m_devices.empty())
        refuse(others.empty() ? "the NVIDIA driver describes none of its devices" : others,
               "a device of compute capability " + std::to_string(kLeastMajor) + ".0 or newer is needed");
}

}  // namespace tessera::kernels::cuda
