// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "base/error.h"
#include "base/unique_fd.h"

namespace penstock::net {

struct ListenOptions {
  std::string address = "0.0.0.0";        // an IP address or a host name
  std::uint16_t port = 0;                 // 0: one the system chooses
  bool is_port_shared = false;            // other processes may listen on it too (SO_REUSEPORT)
  std::string port_flag = "--grpc-port";  // what an error tells the user to change
  std::string share_flag = "--reuse-grpc-port";
};

// One listening TCP socket. Lives on the io thread that accepts from it.
class Acceptor {
 public:
  // Connections that wait to be accepted; the system refuses more, or has a lower bound of its own.
  static constexpr int kWaitingMax = 4096;

  static base::Result<Acceptor> listen(const ListenOptions& options);

  // The next waiting connection, non-blocking and without Nagle's delay; kUnavailable when none is
  // waiting, kResourceExhausted when this process or the system has no room for one, with what is
  // short and the mend. It waits on, then.
  base::Result<base::UniqueFd> accept();

  int fd() const { return fd_.get(); }
  std::uint16_t port() const { return port_; }

 private:
  Acceptor(base::UniqueFd fd, std::uint16_t port) : fd_(std::move(fd)), port_(port) {}

  base::UniqueFd fd_;
  std::uint16_t port_ = 0;
};

// The other end of a connected socket as gRPC writes it: "ipv4:192.0.2.1:4711", "ipv6:[::1]:4711";
// empty once it is not connected any more.
std::string peer_address(int fd);

}  // namespace penstock::net
