#pragma once

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

namespace tessera::test {

/// A bound socket of the loopback; its port is free again when it is gone.
class Port {
  public:
    Port() {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        socklen_t length = sizeof address;
        auto* plain = reinterpret_cast<sockaddr*>(&address);
        if (::bind(m_fd, plain, length) == 0 && ::listen(m_fd, 1) == 0 &&
            ::getsockname(m_fd, plain, &length) == 0)
            m_number = ntohs(address.sin_port);
    }
    ~Port() { ::close(m_fd); }
    Port(const Port&) = delete;
    Port& operator=(const Port&) = delete;
    int number() const { return m_number; }

  private:
    int m_fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int m_number = 0;
};

}  // namespace tessera::test
