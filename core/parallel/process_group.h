#pragma once

#include <torch/torch.h>

#include <chrono>
#include <memory>
#include <string>

namespace tessera {

/// Where this process stands among those that learn one run together, in the variables that torchrun sets
/// and that schedulers are told to set: RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT, LOCAL_WORLD_SIZE.
struct RankVariables {
    int rank = 0;
    int size = 1;
    int localSize = 1;                    ///< processes on this machine, which share its cores
    std::string address;                  ///< of the machine with rank 0
    int port = 0;                         ///< that rank 0 listens on
    std::chrono::seconds patience{1800};  ///< for another process, $TESSERA_RANK_TIMEOUT

    /// WORLD_SIZE unset or 1: a process alone. Throws Error{InvalidInput} naming the variable that is
    /// missing or impossible.
    static RankVariables read();
};

/// Collective operations over LibTorch's c10d with Gloo. Every process calls the same ones in the same order,
/// on contiguous CPU tensors of the same shape. Errors are of the kind Io: another process has ended, or was
/// not heard of for as long as the patience lasts.
class ProcessGroup {
  public:
    /// Waits for all of them at rank 0's address. Throws Error{Io} where they do not meet, and
    /// Error{UnsupportedVersion} where this build has no Gloo.
    explicit ProcessGroup(const RankVariables& variables);
    ~ProcessGroup();

    int rank() const { return m_rank; }
    int size() const { return m_size; }

    /// Sums over the processes, in place: every one gets the same bits. Begins, and goes on beside what the
    /// caller does; the tensor is not to be touched before finishSums().
    void beginSum(const torch::Tensor& tensor);
    /// Waits for every sum that was begun.
    void finishSums();
    void sum(const torch::Tensor& tensor) {
        beginSum(tensor);
        finishSums();
    }
    /// Rank 0's values to all.
    void broadcast(const torch::Tensor& tensor);

  private:
    struct Connection;
    int m_rank, m_size;
    std::unique_ptr<Connection> m_connection;
};

}  // namespace tessera
