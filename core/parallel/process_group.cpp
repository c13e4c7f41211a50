#include "core/parallel/process_group.h"

#include "core/base/error.h"

#ifdef TESSERA_GLOO

#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <utility>
#include <vector>

// LibTorch's header hides the class behind this, which not every LibTorch's CMake files define.
#ifndef USE_C10D_GLOO
#define USE_C10D_GLOO
#endif
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

namespace tessera {

struct ProcessGroup::Connection {
    c10::intrusive_ptr<c10d::TCPStore> store;
    c10::intrusive_ptr<c10d::ProcessGroupGloo> gloo;
    std::vector<c10::intrusive_ptr<c10d::Work>> sums;
};

namespace {

/// LibTorch's or Gloo's reason without its call stack, its place in their source and its full stop.
std::string reasonOf(const std::exception& exception) {
    std::string said = exception.what();
    said = said.substr(0, said.find('\n'));
    if (const auto place = said.find("] "); said.starts_with('[') && place != std::string::npos)
        said.erase(0, place + 2);
    while (!said.empty() && (said.back() == '.' || said.back() == ' ')) said.pop_back();
    return said;
}

std::string placeOf(int rank, int size) {
    return "rank " + std::to_string(rank) + " of " + std::to_string(size);
}

/// The address of this machine that its packets to rank 0 leave from: the one that the others reach it at.
/// The machine's own name would do less: it often stands for a loopback address. Empty where none is known.
std::string ownAddress(const RankVariables& variables) {
    addrinfo hints{}, *found = nullptr;
    hints.ai_socktype = SOCK_DGRAM;
    if (::getaddrinfo(variables.address.c_str(), std::to_string(variables.port).c_str(), &hints, &found) != 0)
        return {};
    std::string address;
    // Connecting a datagram socket sends nothing: it only chooses the route.
    const int fd = ::socket(found->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_storage own{};
    socklen_t length = sizeof own;
    char name[256];
    if (fd >= 0 && ::connect(fd, found->ai_addr, found->ai_addrlen) == 0 &&
        ::getsockname(fd, reinterpret_cast<sockaddr*>(&own), &length) == 0 &&
        ::getnameinfo(reinterpret_cast<sockaddr*>(&own), length, name, sizeof name, nullptr, 0,
                      NI_NUMERICHOST) == 0)
        address = name;
    if (fd >= 0) ::close(fd);
    ::freeaddrinfo(found);
    return address;
}

std::shared_ptr<gloo::transport::Device> device(const RankVariables& variables) {
    if (const char* interface = std::getenv("GLOO_SOCKET_IFNAME"); interface && *interface)
        return c10d::ProcessGroupGloo::createDeviceForInterface(interface);
    const auto address = ownAddress(variables);
    return address.empty() ? c10d::ProcessGroupGloo::createDefaultDevice()
                           : c10d::ProcessGroupGloo::createDeviceForHostname(address);
}

[[noreturn]] void throwLost(int rank, int size, const std::exception& exception) {
    throw Error(ErrorCode::Io,
                "another process of the run has ended or is not heard of: " + reasonOf(exception),
                placeOf(rank, size),
                {{"see what that process said last; then go on from the last checkpoint with 'tessera-cli "
                  "resume RUN', with any number of processes",
                  "", ""}});
}

}  // namespace

ProcessGroup::ProcessGroup(const RankVariables& variables)
    : m_rank(variables.rank), m_size(variables.size), m_connection(std::make_unique<Connection>()) {
    try {
        const std::chrono::milliseconds patience = variables.patience;
        c10d::TCPStoreOptions options;
        options.port = static_cast<std::uint16_t>(variables.port);
        options.isServer = m_rank == 0;
        options.numWorkers = m_size;
        options.waitWorkers = false;
        options.timeout = patience;
        m_connection->store = c10::make_intrusive<c10d::TCPStore>(variables.address, options);
        auto gloo = c10d::ProcessGroupGloo::Options::create(patience);
        gloo->devices.push_back(device(variables));
        m_connection->gloo =
            c10::make_intrusive<c10d::ProcessGroupGloo>(m_connection->store, m_rank, m_size, gloo);
    } catch (const std::exception& exception) {
        const auto size = std::to_string(m_size), port = std::to_string(variables.port);
        throw Error(ErrorCode::Io,
                    "the " + size + " processes of the run do not meet at " + variables.address + ":" + port +
                        ": " + reasonOf(exception),
                    placeOf(m_rank, m_size),
                    {{"start all " + size +
                          " with one MASTER_ADDR and a free MASTER_PORT that every machine "
                          "reaches; TESSERA_RANK_TIMEOUT=SECONDS sets how long they wait",
                      "", ""}});
    }
}

ProcessGroup::~ProcessGroup() = default;

void ProcessGroup::beginSum(const torch::Tensor& tensor) {
    std::vector<torch::Tensor> list{tensor};
    m_connection->sums.push_back(m_connection->gloo->allreduce(list));
}

void ProcessGroup::finishSums() {
    const auto sums = std::exchange(m_connection->sums, {});
    try {
        for (const auto& sum : sums) sum->wait();
    } catch (const std::exception& exception) {
        throwLost(m_rank, m_size, exception);
    }
}

void ProcessGroup::broadcast(const torch::Tensor& tensor) {
    std::vector<torch::Tensor> list{tensor};
    try {
        m_connection->gloo->broadcast(list)->wait();
    } catch (const std::exception& exception) {
        throwLost(m_rank, m_size, exception);
    }
}

}  // namespace tessera

#else

namespace tessera {

struct ProcessGroup::Connection {};

ProcessGroup::ProcessGroup(const RankVariables& variables) : m_rank(variables.rank), m_size(variables.size) {
    throw Error(
        ErrorCode::UnsupportedVersion, "this build has no Gloo: it learns in one process only", "WORLD_SIZE",
        {{"unset WORLD_SIZE, or build with Gloo's headers (libgloo-dev) and a LibTorch with c10d", "", ""}});
}
ProcessGroup::~ProcessGroup() = default;
void ProcessGroup::beginSum(const torch::Tensor&) {}
void ProcessGroup::finishSums() {}
void ProcessGroup::broadcast(const torch::Tensor&) {}

}  // namespace tessera

#endif
