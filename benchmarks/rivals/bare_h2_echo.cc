// SPDX-License-Identifier: Apache-2.0
// The yardstick: the least program that answers gRPC ModelInfer by echoing INPUT0 as OUTPUT0, on
// nghttp2, epoll and protozero, in one thread. What it leaves out (models, validation, deadlines,
// metrics, batching, cancellation) is what Penstock's extra cost must pay for.
//
//   bare_h2_echo PORT        port 0: any free one; prints "listening on PORT"
//
// Bytes are copied once on the way in (from the socket's buffer into the message) and not at all on
// the way out (written from the message). One thread owns everything.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "echo_call.h"
#include "message_pool.h"
#include "outbox.h"

namespace {

using rivals::EchoCall;
using rivals::MessagePool;
using rivals::Outbox;
using rivals::Scratch;

constexpr size_t kReceiveBytes = size_t{1} << 18;
constexpr size_t kFrameBytesMax = size_t{1} << 15;  // the most one frame may put into the scratch
constexpr size_t kCopyBytesMax = 4096;  // shorter data is cheaper to copy than to point at
constexpr int32_t kStreamWindow = 1 << 24;
constexpr int32_t kConnectionWindow = 1 << 30;

class Server;

struct Connection {
  Server* server;
  int fd;
  nghttp2_session* session = nullptr;
  EchoCall* calls = nullptr;
  Outbox outbox;
  bool awaits_room = false;
};

nghttp2_nv header(std::string_view name, std::string_view value) {
  const auto bytes = [](std::string_view text) {
    return reinterpret_cast<uint8_t*>(const_cast<char*>(text.data()));
  };
  return {bytes(name), bytes(value), name.size(), value.size(),
          NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE};
}

class Server {
 public:
  explicit Server(uint16_t port);
  [[noreturn]] void run();

 private:
  // nghttp2's callbacks.
  static int on_begin_headers(nghttp2_session*, const nghttp2_frame*, void* connection);
  static int on_data(nghttp2_session*, uint8_t flags, int32_t id, const uint8_t* bytes, size_t size,
                     void* connection);
  static int on_frame(nghttp2_session*, const nghttp2_frame*, void* connection);
  static int on_close(nghttp2_session*, int32_t id, uint32_t code, void* connection);
  static ssize_t read_length(nghttp2_session*, uint8_t type, int32_t id, int32_t session_window,
                             int32_t stream_window, uint32_t frame_size_max, void* connection);
  static ssize_t read_data(nghttp2_session*, int32_t id, uint8_t* buffer, size_t size,
                           uint32_t* flags, nghttp2_data_source* source, void* connection);
  static int send_data(nghttp2_session*, nghttp2_frame*, const uint8_t* frame_head, size_t size,
                       nghttp2_data_source* source, void* connection);

  static EchoCall* call_of(nghttp2_session* session, int32_t id) {
    return static_cast<EchoCall*>(nghttp2_session_get_stream_user_data(session, id));
  }

  void listen_on(uint16_t port);
  void accept_all();
  bool receive(Connection& connection);
  bool send_out(Connection& connection);
  bool fill_outbox(Connection& connection);
  void await_room(Connection& connection, bool is_wanted);
  void drop(Connection* connection);
  EchoCall* take_call(Connection& connection);
  void give_back(Connection& connection, EchoCall* call);

  int listener_ = -1;
  int poller_ = -1;
  nghttp2_session_callbacks* callbacks_ = nullptr;
  nghttp2_option* options_ = nullptr;
  MessagePool pool_;
  std::vector<EchoCall*> idle_calls_;
  std::vector<char> received_ = std::vector<char>(kReceiveBytes);
  Scratch scratch_;
  bool is_scratch_full_ = false;
};

Server::Server(uint16_t port) {
  nghttp2_session_callbacks_new(&callbacks_);
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks_, on_begin_headers);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks_, on_data);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks_, on_frame);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks_, on_close);
  nghttp2_session_callbacks_set_data_source_read_length_callback(callbacks_, read_length);
  nghttp2_session_callbacks_set_send_data_callback(callbacks_, send_data);
  nghttp2_option_new(&options_);
  nghttp2_option_set_no_closed_streams(options_, 1);
  listen_on(port);
}

void Server::listen_on(uint16_t port) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int one = 1;
  setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      listen(listener_, 1024) != 0) {
    std::perror("bare_h2_echo");
    std::exit(1);
  }
  getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
  poller_ = epoll_create1(EPOLL_CLOEXEC);
  epoll_event event{};
  event.events = EPOLLIN;
  epoll_ctl(poller_, EPOLL_CTL_ADD, listener_, &event);
  std::printf("listening on %d\n", ntohs(address.sin_port));
  std::fflush(stdout);
}

void Server::run() {
  std::array<epoll_event, 512> events;
  for (;;) {
    const int count = epoll_wait(poller_, events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < count; ++i) {
      const epoll_event& event = events[static_cast<size_t>(i)];
      auto* connection = static_cast<Connection*>(event.data.ptr);
      if (connection == nullptr) {
        accept_all();
        continue;
      }
      const bool is_readable = (event.events & ~static_cast<uint32_t>(EPOLLOUT)) != 0;
      if ((is_readable && !receive(*connection)) || !send_out(*connection)) drop(connection);
    }
  }
}

void Server::accept_all() {
  for (;;) {
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    const int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    auto* connection = new Connection{.server = this, .fd = fd, .outbox = {}};
    nghttp2_session_server_new2(&connection->session, callbacks_, connection, options_);
    const std::array<nghttp2_settings_entry, 4> settings{
        {{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 1024},
         {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kStreamWindow},
         {NGHTTP2_SETTINGS_MAX_FRAME_SIZE, 1 << 20},
         {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1}}};
    nghttp2_submit_settings(connection->session, NGHTTP2_FLAG_NONE, settings.data(),
                            settings.size());
    nghttp2_session_set_local_window_size(connection->session, NGHTTP2_FLAG_NONE, 0,
                                          kConnectionWindow);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = connection;
    epoll_ctl(poller_, EPOLL_CTL_ADD, fd, &event);
    if (!send_out(*connection)) drop(connection);
  }
}

void Server::drop(Connection* connection) {
  close(connection->fd);
  nghttp2_session_del(connection->session);
  while (connection->calls != nullptr) give_back(*connection, connection->calls);
  delete connection;
}

EchoCall* Server::take_call(Connection& connection) {
  if (idle_calls_.empty()) idle_calls_.push_back(new EchoCall);
  EchoCall* call = idle_calls_.back();
  idle_calls_.pop_back();
  call->previous = nullptr;
  call->next = connection.calls;
  if (call->next != nullptr) call->next->previous = call;
  connection.calls = call;
  return call;
}

void Server::give_back(Connection& connection, EchoCall* call) {
  (call->previous != nullptr ? call->previous->next : connection.calls) = call->next;
  if (call->next != nullptr) call->next->previous = call->previous;
  pool_.give_back(call->message);
  call->reset();
  idle_calls_.push_back(call);
}

// ---- the way in

bool Server::receive(Connection& connection) {
  const ssize_t size = recv(connection.fd, received_.data(), received_.size(), 0);
  if (size < 0) return errno == EAGAIN || errno == EINTR;
  if (size == 0) return false;
  const auto* bytes = reinterpret_cast<const uint8_t*>(received_.data());
  return nghttp2_session_mem_recv(connection.session, bytes, static_cast<size_t>(size)) >= 0;
}

int Server::on_begin_headers(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
  if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
  auto& connection = *static_cast<Connection*>(user);
  EchoCall* call = connection.server->take_call(connection);
  nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, call);
  return 0;
}

int Server::on_data(nghttp2_session* session, uint8_t, int32_t id, const uint8_t* bytes,
                    size_t size, void* user) {
  EchoCall* call = call_of(session, id);
  if (call == nullptr || call->is_refused) return 0;
  Server& server = *static_cast<Connection*>(user)->server;
  if (!call->append(server.pool_, reinterpret_cast<const char*>(bytes), size)) {
    call->is_refused = true;
    nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id, NGHTTP2_REFUSED_STREAM);
  }
  return 0;
}

int Server::on_frame(nghttp2_session* session, const nghttp2_frame* frame, void*) {
  const bool ends_stream = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  if (!ends_stream || (frame->hd.type != NGHTTP2_DATA && frame->hd.type != NGHTTP2_HEADERS)) {
    return 0;
  }
  const int32_t id = frame->hd.stream_id;
  EchoCall* call = call_of(session, id);
  if (call == nullptr || call->is_refused) return 0;
  if (!call->encode_answer()) {
    call->is_refused = true;
    nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id, NGHTTP2_PROTOCOL_ERROR);
    return 0;
  }
  const std::array headers{header(":status", "200"), header("content-type", "application/grpc")};
  nghttp2_data_provider data{};
  data.source.ptr = call;
  data.read_callback = read_data;
  return nghttp2_submit_response(session, id, headers.data(), headers.size(), &data);
}

int Server::on_close(nghttp2_session* session, int32_t id, uint32_t, void* user) {
  EchoCall* call = call_of(session, id);
  if (call == nullptr) return 0;
  auto& connection = *static_cast<Connection*>(user);
  if (call->is_pointed_at && !connection.outbox.is_empty()) {
    connection.outbox.mark_done(call);
  } else {
    connection.server->give_back(connection, call);
  }
  return 0;
}

// ---- the way out

bool Server::send_out(Connection& connection) {
  Outbox& outbox = connection.outbox;
  const auto done = [this, &connection](EchoCall* call) { give_back(connection, call); };
  bool was_unsent = !outbox.is_empty();
  for (;;) {
    if (!was_unsent && !fill_outbox(connection)) return false;
    const Outbox::Sent sent = outbox.send(connection.fd, done);
    if (sent == Outbox::Sent::kFailed) return false;
    if (sent == Outbox::Sent::kSome) {
      if (!was_unsent) outbox.own_copies();
      await_room(connection, true);
      return true;
    }
    if (!was_unsent && !is_scratch_full_) break;
    was_unsent = false;
  }
  await_room(connection, false);
  return nghttp2_session_want_read(connection.session) != 0 ||
         nghttp2_session_want_write(connection.session) != 0;
}

bool Server::fill_outbox(Connection& connection) {
  scratch_.size = 0;
  is_scratch_full_ = false;
  while (!is_scratch_full_) {
    const uint8_t* bytes = nullptr;
    const ssize_t size = nghttp2_session_mem_send(connection.session, &bytes);
    if (size < 0) return false;
    if (size == 0) break;
    connection.outbox.copy(scratch_, bytes, static_cast<size_t>(size));
    is_scratch_full_ = scratch_.room() < kFrameBytesMax || connection.outbox.is_full();
  }
  return true;
}

void Server::await_room(Connection& connection, bool is_wanted) {
  if (connection.awaits_room == is_wanted) return;
  connection.awaits_room = is_wanted;
  epoll_event event{};
  event.events = EPOLLIN;
  if (is_wanted) event.events |= EPOLLOUT;
  event.data.ptr = &connection;
  epoll_ctl(poller_, EPOLL_CTL_MOD, connection.fd, &event);
}

ssize_t Server::read_length(nghttp2_session*, uint8_t, int32_t, int32_t session_window,
                            int32_t stream_window, uint32_t frame_size_max, void*) {
  const int64_t window = std::min(session_window, stream_window);
  return static_cast<ssize_t>(std::min<int64_t>(window, frame_size_max));
}

ssize_t Server::read_data(nghttp2_session* session, int32_t id, uint8_t*, size_t size,
                          uint32_t* flags, nghttp2_data_source* source, void*) {
  const auto& call = *static_cast<EchoCall*>(source->ptr);
  const size_t left = call.head.size() + call.tensor.size() - call.sent;
  *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (left <= size) {
    *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
    const nghttp2_nv trailer = header("grpc-status", "0");
    nghttp2_submit_trailer(session, id, &trailer, 1);
  }
  return static_cast<ssize_t>(std::min(left, size));
}

int Server::send_data(nghttp2_session*, nghttp2_frame*, const uint8_t* frame_head, size_t size,
                      nghttp2_data_source* source, void* user) {
  auto& connection = *static_cast<Connection*>(user);
  Server& server = *connection.server;
  auto& call = *static_cast<EchoCall*>(source->ptr);
  Outbox& outbox = connection.outbox;
  if (server.scratch_.room() < kFrameBytesMax || outbox.is_full()) {
    server.is_scratch_full_ = true;
    return NGHTTP2_ERR_WOULDBLOCK;
  }
  outbox.copy(server.scratch_, frame_head, 9);
  if (call.sent < call.head.size()) {
    const size_t taken = std::min(size, call.head.size() - call.sent);
    outbox.copy(server.scratch_, call.head.data() + call.sent, taken);
    call.sent += taken;
    size -= taken;
  }
  if (size == 0) return 0;
  const char* bytes = call.tensor.data() + (call.sent - call.head.size());
  call.sent += size;
  if (size <= kCopyBytesMax) {
    outbox.copy(server.scratch_, bytes, size);
  } else {
    outbox.point_at(bytes, size);
    call.is_pointed_at = true;
  }
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) {
    std::fprintf(stderr, "usage: bare_h2_echo PORT\n");
    return 2;
  }
  Server(static_cast<uint16_t>(std::atoi(arguments[1]))).run();
}
