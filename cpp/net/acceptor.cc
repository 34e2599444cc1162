// SPDX-License-Identifier: Apache-2.0
#include "net/acceptor.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

namespace penstock::net {
namespace {

using base::Code;
using base::fail;

struct FreeAddresses {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};

std::uint16_t bound_port(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
  return ntohs(address.ss_family == AF_INET6
                   ? reinterpret_cast<const sockaddr_in6&>(address).sin6_port
                   : reinterpret_cast<const sockaddr_in&>(address).sin_port);
}

std::string cannot_listen(const ListenOptions& options, int why) {
  const std::string place = options.address + ":" + std::to_string(options.port);
  if (why == EADDRINUSE && options.is_port_shared) {
    return "cannot listen on " + place + ": another program has this port and does not share it; " +
           "choose another with " + options.port_flag;
  }
  if (why == EADDRINUSE) {
    return "cannot listen on " + place + ": another program has this port; choose another with " +
           options.port_flag + ", or let both share it with " + options.share_flag;
  }
  return "cannot listen on " + place + ": " + std::strerror(why);
}

std::string no_room(int why) {
  switch (why) {
    case EMFILE: {
      rlimit files{};
      getrlimit(RLIMIT_NOFILE, &files);
      return "this process has as many files open as it may (" + std::to_string(files.rlim_cur) +
             "); raise its limit (ulimit -n, LimitNOFILE) or lower connections_max";
    }
    case ENFILE: return "this system has as many files open as it may; raise fs.file-max";
    default:
      return std::string("this system has no memory for another socket (") + std::strerror(why) +
             "); give it more, or lower connections_max";
  }
}

}  // namespace

base::Result<Acceptor> Acceptor::listen(const ListenOptions& options) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const std::string port = std::to_string(options.port);
  const int code = getaddrinfo(options.address.c_str(), port.c_str(), &hints, &found);
  if (code != 0) {
    return fail(Code::kInvalidArgument, "cannot listen on '" + options.address +
                                            "': " + gai_strerror(code) +
                                            "; give an IP address or a name of this host");
  }
  const std::unique_ptr<addrinfo, FreeAddresses> addresses(found);
  base::UniqueFd fd(::socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int on = 1;
  if (!fd || setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      (options.is_port_shared &&
       setsockopt(fd.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0) ||
      ::bind(fd.get(), found->ai_addr, found->ai_addrlen) != 0 ||
      ::listen(fd.get(), kWaitingMax) != 0) {
    return fail(Code::kUnavailable, cannot_listen(options, errno));
  }
  const std::uint16_t bound = bound_port(fd.get());
  return Acceptor(std::move(fd), bound);
}

base::Result<base::UniqueFd> Acceptor::accept() {
  base::UniqueFd fd(::accept4(fd_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!fd) {
    const int why = errno;
    const bool is_full = why == EMFILE || why == ENFILE || why == ENOBUFS || why == ENOMEM;
    if (is_full) return fail(Code::kResourceExhausted, no_room(why));
    return fail(Code::kUnavailable, std::strerror(why));
  }
  const int on = 1;
  setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

std::string peer_address(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (getpeername(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return {};
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
    return std::string("ipv4:") + text.data() + ":" + std::to_string(ntohs(v4.sin_port));
  }
  if (address.ss_family != AF_INET6) return {};
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
  inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
  return std::string("ipv6:[") + text.data() + "]:" + std::to_string(ntohs(v6.sin6_port));
}

}  // namespace penstock::net
