// SPDX-License-Identifier: Apache-2.0
// Connections to the REST port: HTTP/1.1 and HTTP/2 are told apart, and each ends as it should.
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "h2_socket.h"
#include "harness.h"
#include "net/io_thread.h"
#include "net_doubles.h"

namespace penstock::testing {
namespace {

using base::kMillisecond;
using base::kNever;
using base::kSecond;
using net::CloseReason;
using Seen = EchoService::Seen;

struct RestServer : EchoServer {
  explicit RestServer(const net::IoOptions& options = {})
      : EchoServer(options, 1, net::Port::kRest) {}
};

// A peer of the REST port, by bytes.
class TextSocket {
 public:
  explicit TextSocket(std::uint16_t port) : fd_(connect_to(port)) {}

  bool send(std::string_view text) {
    return ::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(text.size());
  }
  // Until `is_enough(heard())`; false: the server ends the connection before, or says nothing.
  template <class Condition>
  bool hear_until(Condition&& is_enough) {
    const base::Nanos deadline = base::after(base::monotonic_now(), kPatience);
    while (!is_enough(heard_)) {
      pollfd watched{.fd = fd_.get(), .events = POLLIN, .revents = 0};
      if (base::monotonic_now() > deadline) return false;
      if (::poll(&watched, 1, 20) <= 0) continue;
      std::array<char, 65536> bytes;
      const ssize_t got = ::recv(fd_.get(), bytes.data(), bytes.size(), 0);
      is_ended_ = got == 0;
      if (got <= 0) return is_enough(heard_);
      heard_.append(bytes.data(), static_cast<std::size_t>(got));
    }
    return true;
  }
  bool hear(std::string_view text, std::size_t times = 1) {
    return hear_until([=](const std::string& heard) { return count(heard, text) >= times; });
  }
  bool wait_until_ended() {
    hear_until([](const std::string&) { return false; });
    return is_ended_;
  }
  void close() { fd_.reset(); }
  const std::string& heard() const { return heard_; }

 private:
  static std::size_t count(std::string_view heard, std::string_view text) {
    std::size_t found = 0;
    for (std::size_t at = heard.find(text); at != std::string_view::npos;
         at = heard.find(text, at + text.size())) {
      ++found;
    }
    return found;
  }

  base::UniqueFd fd_;
  std::string heard_;
  bool is_ended_ = false;
};

constexpr std::string_view kGet = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";

std::string repeated(std::string_view text, std::size_t times) {
  std::string all;
  for (std::size_t i = 0; i < times; ++i) all += text;
  return all;
}

auto closed_count_is(std::size_t wanted) {
  return [wanted](const Seen& seen) { return seen.closed.size() == wanted; };
}

}  // namespace

TEST(net_io_thread_rest, both_versions_of_http_are_served) {
  RestServer server;
  TextSocket one(server.port());
  REQUIRE(one.send(kGet) && one.hear("200 OK"));
  H2Socket two(server.port());
  const std::int32_t id = two.client.request(grpc_request("/a/B"), "hello");
  REQUIRE(two.wait_for_answer(id));
  EXPECT_EQ(two.client.answer(id).body, "hello");
}

TEST(net_io_thread_rest, the_preface_may_come_a_byte_at_a_time) {
  RestServer server;
  H2Socket socket(server.port());
  const std::int32_t id = socket.client.request(grpc_request("/a/B"), "hello");
  const std::string bytes = socket.client.take_output();
  for (const char byte : bytes) {
    socket.send_raw({&byte, 1});
    // Without reading: an acknowledgement of the server's settings would come between the bytes.
    socket.flush();
  }
  REQUIRE(socket.wait_for_answer(id));
  EXPECT_EQ(socket.client.answer(id).body, "hello");
}

TEST(net_io_thread_rest, what_begins_like_the_preface_may_be_http1) {
  RestServer server;
  TextSocket socket(server.port());
  for (const std::string_view part : {"P", "UT /a HTTP/1.1\r\nHost: h\r\n\r\n"}) {
    REQUIRE(socket.send(part));
    ::poll(nullptr, 0, 1);
  }
  EXPECT(socket.hear("200 OK"));
}

TEST(net_io_thread_rest, a_connection_that_says_nothing_is_never_told_of) {
  RestServer server;
  {
    TextSocket silent(server.port());
    TextSocket cut(server.port());
    REQUIRE(cut.send("PRI * HT"));
    TextSocket other(server.port());
    REQUIRE(other.send(kGet) && other.hear("200 OK"));
  }
  REQUIRE(server.service().wait_until(closed_count_is(1)));
  EXPECT_EQ(server.service().seen().opened, 1);
  TextSocket next(server.port());
  EXPECT(next.send(kGet) && next.hear("200 OK"));
}

TEST(net_io_thread_rest, a_request_that_waited_for_others_is_refused_like_any) {
  RestServer server;
  TextSocket socket(server.port());
  const std::size_t open_max = http1::Limits().open_requests_max;
  REQUIRE(socket.send(repeated(kGet, open_max) + "GET /a HTTP/1.1\r\n\r\n"));
  EXPECT(socket.hear("400 Bad Request"));
  EXPECT(socket.wait_until_ended());
}

TEST(net_io_thread_rest, a_request_that_waited_for_others_is_asked_for_its_body) {
  RestServer server;
  TextSocket socket(server.port());
  const std::size_t open_max = http1::Limits().open_requests_max;
  REQUIRE(socket.send(repeated(kGet, open_max) +
                      "POST /a HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n"
                      "Content-Length: 5\r\n\r\n"));
  REQUIRE(socket.hear("100 Continue"));
  REQUIRE(socket.send("hello"));
  EXPECT(socket.hear("200 OK", open_max + 1));
}

TEST(net_io_thread_rest, a_thousand_requests_at_once_are_answered) {
  RestServer server;
  TextSocket socket(server.port());
  REQUIRE(socket.send(repeated(kGet, 1000)));
  EXPECT(socket.hear("200 OK", 1000));
  EXPECT_EQ(server.service().seen().requests, 1000);
}

TEST(net_io_thread_rest, a_paused_connection_whose_peer_breaks_it_is_closed) {
  RestServer server;
  server.service().hold_answers(true);
  TextSocket socket(server.port());
  REQUIRE(socket.send(repeated(kGet, 2 * http1::Limits().open_requests_max)));
  REQUIRE(server.service().wait_until(
      [](const Seen& seen) { return seen.requests == http1::Limits().open_requests_max; }));
  socket.close();
  server.service().hold_answers(false);
  server.thread().wake();
  EXPECT(server.service().wait_until(closed_count_is(1)));
}

TEST(net_io_thread_rest, answers_say_when_they_were_made) {
  RestServer server;
  TextSocket socket(server.port());
  REQUIRE(socket.send(kGet) && socket.hear("\r\n\r\n"));
  EXPECT(socket.heard().find("\r\ndate: ") != std::string::npos);
  EXPECT(socket.heard().find(" GMT\r\n") != std::string::npos);
}

TEST(net_io_thread_rest, a_peer_that_ends_with_a_waiting_request_has_ended_the_connection) {
  RestServer server;
  TextSocket socket(server.port());
  const std::size_t open_max = http1::Limits().open_requests_max;
  REQUIRE(socket.send(repeated(kGet, open_max) +
                      "GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"));
  EXPECT(socket.wait_until_ended());
  socket.close();
  REQUIRE(server.service().wait_until(closed_count_is(1)));
  EXPECT(server.service().seen().closed[0] == CloseReason::kPeerClosed);
}

// No other rule would end a connection in the time of a test.
const net::IoOptions kSoonIdle = {
    .lifetime = {.header_timeout_ns = kNever, .idle_timeout_ns = 50 * kMillisecond}};

TEST(net_io_thread_rest, an_idle_connection_is_closed) {
  RestServer server(kSoonIdle);
  TextSocket socket(server.port());
  REQUIRE(socket.send(kGet));
  EXPECT(socket.wait_until_ended());
  REQUIRE(server.service().wait_until(closed_count_is(1)));
  EXPECT(server.service().seen().closed[0] == CloseReason::kIdle);
}

TEST(net_io_thread_rest, a_call_that_takes_its_time_is_not_idle) {
  RestServer server({.lifetime = {.idle_timeout_ns = 30 * kMillisecond}});
  server.service().hold_answers(true);
  TextSocket slow(server.port());
  REQUIRE(slow.send(kGet));
  TextSocket idle(server.port());
  REQUIRE(idle.send("GET /b HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n"));
  REQUIRE(server.service().wait_until([](const Seen& seen) { return seen.requests == 1; }));
  ::poll(nullptr, 0, 200);
  EXPECT(std::ranges::count(server.service().seen().closed, CloseReason::kIdle) <= 1);
  server.service().hold_answers(false);
  server.thread().wake();
  EXPECT(slow.hear("200 OK"));
}

TEST(net_io_thread_rest, a_body_that_never_comes_is_not_waited_for) {
  RestServer server(kSoonIdle);
  TextSocket socket(server.port());
  REQUIRE(socket.send("POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhel"));
  EXPECT(socket.wait_until_ended());
  REQUIRE(server.service().wait_until(closed_count_is(1)));
  EXPECT(server.service().seen().closed[0] == CloseReason::kIdle);
}

TEST(net_io_thread_rest, a_connection_that_speaks_late_in_a_drain_is_served) {
  RestServer server({.lifetime = {.keepalive_time_ns = kNever}});
  H2Socket two(server.port());
  TextSocket one(server.port());
  TextSocket other(server.port());
  REQUIRE(other.send(kGet) && other.hear("200 OK"));
  server.thread().post_drain();
  // They were accepted before, and begin to speak only now.
  REQUIRE(other.send(kGet) && other.hear("200 OK", 2));
  const std::int32_t id = two.client.request(grpc_request("/a/B"), "late");
  REQUIRE(two.wait_for_answer(id));
  EXPECT_EQ(two.client.answer(id).body, "late");
  EXPECT(two.wait_until_ended());
  EXPECT(!two.client.goaways().empty());
  EXPECT(one.wait_until_ended());
  EXPECT(other.wait_until_ended());
}

}  // namespace penstock::testing
