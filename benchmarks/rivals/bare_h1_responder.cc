// SPDX-License-Identifier: Apache-2.0
// The yardstick of REST: the least program that answers HTTP/1.1 requests over keep-alive
// connections, on epoll, in one thread. It finds the end of a request's head, reads content-length,
// waits for that many bytes of body and writes an answer kept ready. What it leaves out (checking
// the head, JSON, models, metrics) is what Penstock's extra cost must pay for.
//
//   bare_h1_responder PORT FILE   port 0: any free one; FILE: the whole answer, head and body
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace {

struct Connection {
  int fd = -1;
  std::string unread;  // an incomplete request
};

// The bytes of the first request in `text`; 0: it is not complete.
size_t request_bytes(std::string_view text) {
  const size_t end = text.find("\r\n\r\n");
  if (end == std::string_view::npos) return 0;
  const std::string_view head = text.substr(0, end);
  size_t at = head.find("ontent-length: ");
  while (at != std::string_view::npos && at >= 2 && head[at - 2] != '\n') {
    at = head.find("ontent-length: ", at + 1);  // the end of another field's name
  }
  size_t body = 0;
  if (at != std::string_view::npos) {
    std::from_chars(head.data() + at + 15, head.data() + head.size(), body);
  }
  const size_t whole = end + 4 + body;
  return text.size() < whole ? 0 : whole;
}

bool send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

// Whether the connection lives on.
bool serve(Connection& connection, std::vector<char>& room, std::string_view answer) {
  const ssize_t got = recv(connection.fd, room.data(), room.size(), 0);
  if (got <= 0) return false;
  std::string_view text(room.data(), static_cast<size_t>(got));
  if (!connection.unread.empty()) {
    connection.unread.append(text);
    text = connection.unread;
  }
  while (const size_t bytes = request_bytes(text)) {
    if (!send_all(connection.fd, answer)) return false;
    text.remove_prefix(bytes);
  }
  connection.unread = std::string(text);
  return true;
}

int listen_on(uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(fd, 1024) != 0) {
    std::perror("bare_h1_responder");
    std::exit(1);
  }
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  std::printf("listening on %d\n", ntohs(address.sin_port));
  std::fflush(stdout);
  return fd;
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 3) return 2;
  std::ifstream file(arguments[2], std::ios::binary);
  const std::string answer((std::istreambuf_iterator<char>(file)), {});
  const int listener = listen_on(static_cast<uint16_t>(std::atoi(arguments[1])));
  const int poller = epoll_create1(EPOLL_CLOEXEC);
  epoll_event wanted{};
  wanted.events = EPOLLIN;
  epoll_ctl(poller, EPOLL_CTL_ADD, listener, &wanted);
  std::vector<char> room(size_t{1} << 17);
  std::array<epoll_event, 64> events;
  for (;;) {
    const int ready = epoll_wait(poller, events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < ready; ++i) {
      auto* connection = static_cast<Connection*>(events[static_cast<size_t>(i)].data.ptr);
      if (connection == nullptr) {
        const int fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
        if (fd < 0) continue;
        const int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        wanted.data.ptr = new Connection{.fd = fd, .unread = {}};
        epoll_ctl(poller, EPOLL_CTL_ADD, fd, &wanted);
      } else if (!serve(*connection, room, answer)) {
        close(connection->fd);
        delete connection;
      }
    }
  }
}
