// SPDX-License-Identifier: Apache-2.0
#pragma once

// An H2Client at one end of a TCP connection to this machine. Nothing sleeps: it waits in poll for
// the socket, up to a deadline that only a broken server lets pass.

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "base/unique_fd.h"
#include "h2_client.h"

namespace penstock::testing {

inline constexpr base::Nanos kPatience = 60 * base::kSecond;

// A socket connected to 127.0.0.1; none if nobody listens. `receive_bytes` > 0 bounds what the
// system receives ahead of the reader.
inline base::UniqueFd connect_to(std::uint16_t port, int receive_bytes = 0) {
  base::UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (receive_bytes > 0) {
    setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes);
  }
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return {};
  fcntl(fd.get(), F_SETFL, O_NONBLOCK);
  return fd;
}

class H2Socket {
 public:
  explicit H2Socket(std::uint16_t port, const H2Client::Options& options = {},
                    int receive_bytes = 0)
      : client(options), fd_(connect_to(port, receive_bytes)) {}
  // One that is connected already.
  explicit H2Socket(base::UniqueFd socket) : client(H2Client::Options()), fd_(std::move(socket)) {}

  // Reads and writes until `is_enough()`. False: the patience is over, or the connection has ended
  // and nothing more can change.
  template <class Condition>
  bool wait_until(Condition&& is_enough) {
    const base::Nanos deadline = base::after(base::monotonic_now(), kPatience);
    while (!is_enough()) {
      if (is_ended_ || base::monotonic_now() > deadline) return false;
      exchange(20);
    }
    return true;
  }
  bool wait_until_ended() {
    return wait_until([this] { return is_ended_; });
  }
  bool wait_for_answer(std::int32_t id) {
    return wait_until([this, id] { return client.answer(id).is_closed(); });
  }
  // One turn: writes what there is, waits `wait_ms` at most for something to read, reads it.
  void exchange(int wait_ms) {
    flush();
    pollfd watched{.fd = fd_.get(),
                   .events = static_cast<short>(POLLIN | (unsent_.empty() ? 0 : POLLOUT)),
                   .revents = 0};
    if (::poll(&watched, 1, wait_ms) > 0 && (watched.revents & ~POLLOUT) != 0) read_once();
    flush();
  }
  // Writes without ever reading; false: the system takes no more for now.
  bool flush() {
    unsent_ += client.take_output();
    while (!unsent_.empty() && !is_broken_) {
      const ssize_t sent = ::send(fd_.get(), unsent_.data(), unsent_.size(), MSG_NOSIGNAL);
      if (sent < 0) {
        if (errno != EAGAIN) is_broken_ = true;
        return false;
      }
      unsent_.erase(0, static_cast<std::size_t>(sent));
    }
    return true;
  }
  void send_raw(std::string_view bytes) { unsent_ += bytes; }
  void close() { fd_.reset(); }

  bool is_connected() const { return static_cast<bool>(fd_); }
  bool is_ended() const { return is_ended_; }
  int fd() const { return fd_.get(); }

  H2Client client;

 private:
  void read_once() {
    std::array<std::byte, 65536> bytes;
    const ssize_t got = ::recv(fd_.get(), bytes.data(), bytes.size(), 0);
    if (got > 0) {
      client.feed(std::span(bytes).first(static_cast<std::size_t>(got)));
    } else if (got == 0 || errno != EAGAIN) {
      is_ended_ = true;
    }
  }

  base::UniqueFd fd_;
  std::string unsent_;
  bool is_ended_ = false;   // the server has closed its side
  bool is_broken_ = false;  // it takes no more bytes
};

}  // namespace penstock::testing
