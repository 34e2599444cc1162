// SPDX-License-Identifier: Apache-2.0
// A closed-loop HTTP/2 load of several different requests in turn, which h2load cannot send. Every
// answer is compared byte for byte with the one expected, and its grpc-status with 0.
//
//   mixed_load PORT CONNECTIONS STREAMS REQUESTS FILE
//
// FILE: for each request, its bytes and those of its answer, both with gRPC's 5-byte prefix and
// each after a length of 4 bytes, little-endian. Prints "REQUESTS SECONDS"; any wrong answer ends
// it with a reason and exit status 1. One thread.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace {

struct Exchange {
  std::string request;
  std::string answer;
};

struct Load;

struct Connection {
  Load* load;
  int fd;
  nghttp2_session* session = nullptr;
  std::string unsent;
};

struct Call {
  const Exchange* exchange;
  size_t sent = 0;
  size_t received = 0;
  bool is_ok = false;  // grpc-status 0 was seen
};

struct Load {
  std::vector<Exchange> exchanges;
  long wanted = 0;
  long started = 0;
  long finished = 0;
};

[[noreturn]] void fail(const char* why) {
  std::fprintf(stderr, "mixed_load: %s\n", why);
  std::exit(1);
}

std::vector<Exchange> read_exchanges(const char* path) {
  std::ifstream file(path, std::ios::binary);
  const std::string all{std::istreambuf_iterator<char>(file), {}};
  std::vector<Exchange> exchanges;
  size_t at = 0;
  const auto next = [&] {
    uint32_t size = 0;
    if (all.size() - at < sizeof size) fail("the file of requests is cut short");
    std::memcpy(&size, all.data() + at, sizeof size);
    at += sizeof size;
    if (all.size() - at < size) fail("the file of requests is cut short");
    at += size;
    return all.substr(at - size, size);
  };
  while (at < all.size()) {
    std::string request = next();
    exchanges.push_back({std::move(request), next()});
  }
  if (exchanges.empty()) fail("no requests in the file");
  return exchanges;
}

nghttp2_nv header(std::string_view name, std::string_view value) {
  const auto bytes = [](std::string_view text) {
    return reinterpret_cast<uint8_t*>(const_cast<char*>(text.data()));
  };
  return {bytes(name), bytes(value), name.size(), value.size(),
          NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE};
}

ssize_t read_request(nghttp2_session*, int32_t, uint8_t* buffer, size_t size, uint32_t* flags,
                     nghttp2_data_source* source, void*) {
  auto& call = *static_cast<Call*>(source->ptr);
  const std::string& request = call.exchange->request;
  const size_t taken = std::min(size, request.size() - call.sent);
  std::memcpy(buffer, request.data() + call.sent, taken);
  call.sent += taken;
  if (call.sent == request.size()) *flags |= NGHTTP2_DATA_FLAG_EOF;
  return static_cast<ssize_t>(taken);
}

void start_call(Connection& connection) {
  Load& load = *connection.load;
  if (load.started == load.wanted) return;
  const size_t turn = static_cast<size_t>(load.started++) % load.exchanges.size();
  auto* call = new Call{.exchange = &load.exchanges[turn]};
  static const std::array headers{header(":method", "POST"),
                                  header(":scheme", "http"),
                                  header(":authority", "127.0.0.1"),
                                  header(":path", "/inference.GRPCInferenceService/ModelInfer"),
                                  header("content-type", "application/grpc"),
                                  header("te", "trailers")};
  nghttp2_data_provider data{};
  data.source.ptr = call;
  data.read_callback = read_request;
  nghttp2_submit_request(connection.session, nullptr, headers.data(), headers.size(), &data, call);
}

int on_header(nghttp2_session* session, const nghttp2_frame* frame, const uint8_t* name,
              size_t name_size, const uint8_t* value, size_t value_size, uint8_t, void*) {
  const std::string_view key(reinterpret_cast<const char*>(name), name_size);
  if (key != "grpc-status") return 0;
  void* call = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
  const std::string_view status(reinterpret_cast<const char*>(value), value_size);
  static_cast<Call*>(call)->is_ok = status == "0";
  return 0;
}

int on_data(nghttp2_session* session, uint8_t, int32_t id, const uint8_t* bytes, size_t size,
            void*) {
  auto& call = *static_cast<Call*>(nghttp2_session_get_stream_user_data(session, id));
  const std::string& answer = call.exchange->answer;
  if (size > answer.size() - call.received ||
      std::memcmp(answer.data() + call.received, bytes, size) != 0) {
    fail("an answer is not the one expected");
  }
  call.received += size;
  return 0;
}

int on_close(nghttp2_session* session, int32_t id, uint32_t, void* user) {
  const std::unique_ptr<Call> call(
      static_cast<Call*>(nghttp2_session_get_stream_user_data(session, id)));
  if (!call->is_ok) fail("a call ended without grpc-status 0");
  if (call->received != call->exchange->answer.size()) fail("an answer is cut short");
  auto& connection = *static_cast<Connection*>(user);
  ++connection.load->finished;
  start_call(connection);
  return 0;
}

void send_out(Connection& connection) {
  constexpr size_t kUnsentBytesMax = 1 << 16;
  for (;;) {
    const uint8_t* bytes = nullptr;
    while (connection.unsent.size() < kUnsentBytesMax) {
      const ssize_t size = nghttp2_session_mem_send(connection.session, &bytes);
      if (size < 0) fail("nghttp2 cannot send");
      if (size == 0) break;
      connection.unsent.append(reinterpret_cast<const char*>(bytes), static_cast<size_t>(size));
    }
    if (connection.unsent.empty()) return;
    const ssize_t sent = send(connection.fd, connection.unsent.data(), connection.unsent.size(),
                              MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EAGAIN) return;
    if (sent < 0) fail("the server closed a connection");
    connection.unsent.erase(0, static_cast<size_t>(sent));
  }
}

std::unique_ptr<Connection> connect_to(uint16_t port, Load& load, int poller,
                                       const nghttp2_session_callbacks* callbacks) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    fail("cannot connect");
  }
  const int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  auto connection = std::make_unique<Connection>(Connection{.load = &load, .fd = fd, .unsent = {}});
  nghttp2_session_client_new(&connection->session, callbacks, connection.get());
  const nghttp2_settings_entry settings{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, (1u << 30) - 1};
  nghttp2_submit_settings(connection->session, NGHTTP2_FLAG_NONE, &settings, 1);
  nghttp2_session_set_local_window_size(connection->session, NGHTTP2_FLAG_NONE, 0, (1 << 30) - 1);
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLET;
  event.data.ptr = connection.get();
  epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
  return connection;
}

void receive_all(Connection& connection) {
  static std::array<uint8_t, 1 << 18> bytes;
  for (;;) {
    const ssize_t size = recv(connection.fd, bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (size < 0 && errno == EAGAIN) return;
    if (size <= 0) fail("the server closed a connection");
    if (nghttp2_session_mem_recv(connection.session, bytes.data(), static_cast<size_t>(size)) < 0) {
      fail("the server broke HTTP/2");
    }
  }
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 6) {
    std::fprintf(stderr, "usage: mixed_load PORT CONNECTIONS STREAMS REQUESTS FILE\n");
    return 2;
  }
  Load load{.exchanges = read_exchanges(arguments[5]), .wanted = std::atol(arguments[4])};
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_session_callbacks_new(&callbacks);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
  const int poller = epoll_create1(EPOLL_CLOEXEC);
  const auto port = static_cast<uint16_t>(std::atoi(arguments[1]));
  std::vector<std::unique_ptr<Connection>> connections;
  const auto start = std::chrono::steady_clock::now();
  for (int i = std::atoi(arguments[2]); i > 0; --i) {
    connections.push_back(connect_to(port, load, poller, callbacks));
    for (int j = std::atoi(arguments[3]); j > 0; --j) start_call(*connections.back());
    send_out(*connections.back());
  }
  std::array<epoll_event, 256> events;
  while (load.finished < load.wanted) {
    const int ready = epoll_wait(poller, events.data(), static_cast<int>(events.size()), 30'000);
    if (ready == 0) fail("no answer for 30 seconds");
    for (int i = 0; i < ready; ++i) {
      auto& connection = *static_cast<Connection*>(events[static_cast<size_t>(i)].data.ptr);
      receive_all(connection);
      send_out(connection);
    }
  }
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
  std::printf("%ld %.6f\n", load.finished, taken.count());
  for (const auto& connection : connections) {
    nghttp2_session_del(connection->session);
    close(connection->fd);
  }
  nghttp2_session_callbacks_del(callbacks);
}
