// SPDX-License-Identifier: Apache-2.0
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <vector>

#include "h2_socket.h"
#include "harness.h"
#include "net/io_thread.h"
#include "net_doubles.h"

namespace penstock::testing {
namespace {

using base::kMillisecond;
using base::kNever;
using net::CloseReason;
using Seen = EchoService::Seen;

// One request, answered.
bool echoes(H2Socket& socket, std::string_view body) {
  const std::int32_t id = socket.client.request(grpc_request("/a/B"), body);
  return socket.wait_for_answer(id) && socket.client.answer(id).body == body;
}

auto closed_count_is(std::size_t wanted) {
  return [wanted](const Seen& seen) { return seen.closed.size() == wanted; };
}

// The server's counts change on its own thread; this waits for them with the sockets at rest.
template <class Condition>
bool comes_true(Condition&& condition) {
  const base::Nanos deadline = base::after(base::monotonic_now(), kPatience);
  while (!condition()) {
    if (base::monotonic_now() > deadline) return false;
    ::poll(nullptr, 0, 1);
  }
  return true;
}

}  // namespace

TEST(net_io_thread, a_request_is_answered_and_its_bytes_are_counted) {
  EchoServer server;
  H2Socket socket(server.port());
  EXPECT(echoes(socket, "hello"));
  EXPECT(echoes(socket, patterned(3 << 20)));
  EXPECT_EQ(server.thread().connections(), 1);
  EXPECT(server.service().wait_until([&](const Seen& seen) {
    return seen.bytes_out == socket.client.received_bytes() && seen.bytes_in > (3 << 20);
  }));
}

TEST(net_io_thread, connections_go_to_the_thread_that_has_the_fewest) {
  EchoServer server({}, 3);
  std::vector<std::unique_ptr<H2Socket>> sockets;
  for (int i = 0; i < 9; ++i) {
    sockets.push_back(std::make_unique<H2Socket>(server.port()));
    REQUIRE(echoes(*sockets.back(), "x"));
  }
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(server.thread(i).connections(), 3);
  // Of thread 1, all go; the next three are its.
  for (std::size_t i = 0; i < 9; ++i) {
    const Seen before = server.service(1).seen();
    REQUIRE(echoes(*sockets[i], "who are you?"));
    if (server.service(1).seen().requests > before.requests) sockets[i]->close();
  }
  REQUIRE(server.service(1).wait_until(closed_count_is(3)));
  REQUIRE(comes_true([&] { return server.thread(1).connections() == 0; }));
  for (int i = 0; i < 3; ++i) {
    sockets.push_back(std::make_unique<H2Socket>(server.port()));
    REQUIRE(echoes(*sockets.back(), "x"));
  }
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(server.thread(i).connections(), 3);
}

TEST(net_io_thread, a_burst_of_connections_is_spread_too) {
  EchoServer server({}, 4);
  std::vector<std::unique_ptr<H2Socket>> sockets;
  for (int i = 0; i < 40; ++i) sockets.push_back(std::make_unique<H2Socket>(server.port()));
  for (auto& socket : sockets) REQUIRE(echoes(*socket, "x"));
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(server.thread(i).connections(), 10);
}

TEST(net_io_thread, a_peer_that_reads_late_gets_everything_and_holds_nobody_up) {
  EchoServer server;
  H2Socket late(server.port(), {}, 4096);
  H2Socket other(server.port());
  const std::string body = patterned(12 << 20);
  const std::int32_t id = late.client.request(grpc_request("/a/B"), body);
  while (server.service().seen().requests == 0) {  // writes all, reads no answer
    late.exchange(1);
    REQUIRE(!late.is_ended());
  }
  for (int i = 0; i < 20; ++i) EXPECT(echoes(other, "meanwhile"));
  REQUIRE(late.wait_for_answer(id));
  EXPECT(late.client.answer(id).body == body);
}

TEST(net_io_thread, one_connection_is_read_no_further_than_its_budget_in_a_pass) {
  EchoServer server({.read_bytes_per_pass = 128 << 10});
  H2Socket socket(server.port());
  EXPECT(echoes(socket, patterned(16 << 20)));
  const Seen seen = server.service().seen();
  EXPECT_LE(seen.pass_bytes_max, 128 << 10);
  EXPECT(seen.pass_bytes_max > 0);
}

TEST(net_io_thread, a_peer_that_goes_in_the_middle_of_a_request_is_closed) {
  EchoServer server;
  H2Socket socket(server.port());
  REQUIRE(echoes(socket, "hello"));
  const std::int32_t id = socket.client.request(grpc_request("/a/B"), "half of", false);
  REQUIRE(socket.wait_until([&] { return socket.client.stream_room(id) > 0; }));
  socket.exchange(0);
  socket.close();
  REQUIRE(server.service().wait_until(closed_count_is(1)));
  EXPECT(server.service().seen().closed[0] == CloseReason::kPeerClosed);
  H2Socket next(server.port());  // in the same slot
  EXPECT(echoes(next, "hello"));
}

TEST(net_io_thread, an_answer_for_a_connection_that_is_gone_is_nobodys) {
  EchoServer server;
  server.service().hold_answers(true);
  {
    H2Socket socket(server.port());
    socket.client.request(grpc_request("/a/B"), "ask");
    REQUIRE(socket.wait_until([&] { return server.service().seen().requests == 1; }));
  }
  REQUIRE(server.service().wait_until(closed_count_is(1)));
  H2Socket next(server.port());
  const std::int32_t id = next.client.request(grpc_request("/a/B"), "mine");
  REQUIRE(next.wait_until([&] { return server.service().seen().requests == 2; }));
  server.service().hold_answers(false);
  server.thread().wake();
  REQUIRE(next.wait_for_answer(id));
  EXPECT_EQ(next.client.answer(id).body, "mine");
}

TEST(net_io_thread, whoever_waits_to_be_accepted_when_a_drain_begins_is_told) {
  auto acceptor = net::Acceptor::listen({.address = "127.0.0.1"});
  REQUIRE(acceptor.has_value());
  std::vector<std::unique_ptr<H2Socket>> waiting;
  for (int i = 0; i < 300; ++i) waiting.push_back(std::make_unique<H2Socket>(acceptor->port()));
  for (auto& socket : waiting) socket->flush();
  const auto thread = std::move(*net::IoThread::open({}));
  EchoService service(*thread);
  thread->post_drain();
  std::vector<net::Listener> listeners;
  listeners.push_back({std::move(*acceptor)});
  thread->start(service, std::move(listeners), {thread.get()});
  std::size_t told = 0;
  for (auto& socket : waiting) {
    told += socket->wait_until([&] { return !socket->client.goaways().empty(); }) ? 1 : 0;
  }
  thread->join();
  EXPECT_EQ(told, waiting.size());
}

TEST(net_io_thread, what_is_not_http2_is_closed_as_a_broken_protocol) {
  EchoServer server;
  const base::UniqueFd fd = connect_to(server.port());
  const std::string_view words = "HELO localhost\r\n\r\n and some more";
  REQUIRE(::send(fd.get(), words.data(), words.size(), MSG_NOSIGNAL) > 0);
  REQUIRE(server.service().wait_until(closed_count_is(1)));
  EXPECT(server.service().seen().closed[0] == CloseReason::kProtocolError);
}

TEST(net_io_thread, a_peer_that_breaks_http2_is_told_and_closed) {
  EchoServer server;
  H2Socket socket(server.port());
  REQUIRE(echoes(socket, "hello"));
  socket.send_raw(frame(0, 0, 99, "data on an idle stream"));
  REQUIRE(socket.wait_until_ended());
  REQUIRE(socket.client.goaways().size() == 1);
  EXPECT_EQ(socket.client.goaways()[0].error_code, http2::kProtocolError);
  socket.close();
  REQUIRE(server.service().wait_until(closed_count_is(1)));
  EXPECT(server.service().seen().closed[0] == CloseReason::kProtocolError);
}

TEST(net_io_thread, too_many_connections_are_refused_until_one_goes) {
  EchoServer server({.connections_max = 2});
  H2Socket one(server.port());
  auto two = std::make_unique<H2Socket>(server.port());
  REQUIRE(echoes(one, "x") && echoes(*two, "x"));
  H2Socket three(server.port());
  EXPECT(three.wait_until_ended());
  EXPECT_EQ(three.client.received_bytes(), 0);
  EXPECT_EQ(server.service().seen().refused, 1);
  EXPECT_EQ(server.thread().connections(), 2);
  two.reset();
  REQUIRE(server.service().wait_until(closed_count_is(1)));
  H2Socket four(server.port());
  EXPECT(echoes(four, "x"));
  EXPECT(echoes(one, "x"));
}

// ---------------------------------------------------------------------------------------------
// Lifetimes

TEST(net_io_thread, a_peer_that_does_not_answer_a_ping_is_closed) {
  EchoServer server({.lifetime = {.keepalive_time_ns = 20 * kMillisecond,
                                  .keepalive_timeout_ns = 50 * kMillisecond,
                                  .keepalive_without_calls = true}});
  H2Socket silent(server.port());
  silent.flush();
  REQUIRE(server.service().wait_until(closed_count_is(1)));
  EXPECT(server.service().seen().closed[0] == CloseReason::kKeepalive);
  EXPECT(silent.wait_until_ended());
  EXPECT_EQ(silent.client.pings_received(), 1);
}

TEST(net_io_thread, a_peer_that_answers_pings_stays) {
  EchoServer server({.lifetime = {.keepalive_time_ns = 5 * kMillisecond,
                                  .keepalive_timeout_ns = 30 * base::kSecond,
                                  .keepalive_without_calls = true}});
  H2Socket socket(server.port());
  REQUIRE(socket.wait_until([&] { return socket.client.pings_received() >= 5; }));
  EXPECT(echoes(socket, "still here"));
  EXPECT(server.service().seen().closed.empty());
}

TEST(net_io_thread, pings_are_for_connections_with_calls) {
  EchoServer server({.lifetime = {.keepalive_time_ns = 5 * kMillisecond,
                                  .keepalive_timeout_ns = 30 * base::kSecond}});
  server.service().hold_answers(true);
  H2Socket socket(server.port());
  const std::int32_t id = socket.client.request(grpc_request("/a/B"), "ask");
  REQUIRE(socket.wait_until([&] { return socket.client.pings_received() >= 2; }));
  server.service().hold_answers(false);
  server.thread().wake();
  EXPECT(socket.wait_for_answer(id));
}

TEST(net_io_thread, an_old_connection_ends_gracefully_when_its_calls_are_answered) {
  EchoServer server({.lifetime = {.keepalive_time_ns = kNever, .age_max_ns = 300 * kMillisecond}});
  server.service().hold_answers(true);
  H2Socket socket(server.port());
  const std::int32_t id = socket.client.request(grpc_request("/a/B"), "ask");
  REQUIRE(socket.wait_until([&] { return socket.client.goaways().size() == 2; }));
  EXPECT_EQ(socket.client.goaways()[0].last_stream_id, 0x7fffffff);
  EXPECT_EQ(socket.client.goaways()[1].last_stream_id, id);
  EXPECT_EQ(socket.client.goaways()[1].error_code, http2::kNoError);
  EXPECT(!socket.is_ended());
  server.service().hold_answers(false);
  server.thread().wake();
  REQUIRE(socket.wait_for_answer(id));
  EXPECT_EQ(socket.client.answer(id).body, "ask");
  EXPECT(socket.wait_until_ended());
  socket.close();
  REQUIRE(server.service().wait_until(closed_count_is(1)));
  EXPECT(server.service().seen().closed[0] == CloseReason::kFinished);
  EXPECT_EQ(server.service().seen().goaways, 1);
}

TEST(net_io_thread, calls_that_outlast_the_grace_are_cut_off) {
  EchoServer server({.lifetime = {.keepalive_time_ns = kNever,
                                  .age_max_ns = 300 * kMillisecond,
                                  .age_grace_ns = 50 * kMillisecond}});
  server.service().hold_answers(true);
  H2Socket socket(server.port());
  const std::int32_t id = socket.client.request(grpc_request("/a/B"), "ask");
  REQUIRE(socket.wait_until_ended());
  EXPECT(!socket.client.answer(id).is_ended);
  EXPECT_EQ(socket.client.goaways().size(), 2);
  REQUIRE(server.service().wait_until(closed_count_is(1)));
  EXPECT(server.service().seen().closed[0] == CloseReason::kAge);
}

TEST(net_io_thread, a_peer_that_dies_after_the_goaway_is_found_by_a_ping) {
  EchoServer server({.lifetime = {.keepalive_time_ns = 50 * kMillisecond,
                                  .keepalive_timeout_ns = 50 * kMillisecond,
                                  .age_max_ns = 300 * kMillisecond}});
  server.service().hold_answers(true);
  H2Socket socket(server.port());
  socket.client.request(grpc_request("/a/B"), "ask");
  socket.wait_until([&] { return socket.client.goaways().size() == 2; });
  // From here on it reads nothing.
  REQUIRE(server.service().wait_until(closed_count_is(1)));
  EXPECT(server.service().seen().closed[0] == CloseReason::kKeepalive);
}

TEST(net_io_thread, a_peer_that_never_answers_the_notice_gets_its_goaway_all_the_same) {
  EchoServer server({.lifetime = {.keepalive_time_ns = kNever, .age_max_ns = 20 * kMillisecond}});
  H2Socket silent(server.port());
  silent.flush();
  REQUIRE(server.service().wait_until([](const Seen& seen) { return seen.goaways == 1; }));
  // It does not close either: the server lingers for a while and goes.
  REQUIRE(server.service().wait_until(closed_count_is(1)));
  EXPECT(server.service().seen().closed[0] == CloseReason::kFinished);
}

// ---------------------------------------------------------------------------------------------
// The end

TEST(net_io_thread, a_drain_answers_what_is_in_flight_and_accepts_nobody) {
  EchoServer server({}, 2);
  server.service(0).hold_answers(true);
  server.service(1).hold_answers(true);
  std::vector<std::unique_ptr<H2Socket>> sockets;
  std::vector<std::int32_t> ids;
  for (int i = 0; i < 4; ++i) {
    H2Socket& socket = *sockets.emplace_back(std::make_unique<H2Socket>(server.port()));
    ids.push_back(socket.client.request(grpc_request("/a/B"), "ask"));
    socket.exchange(0);
  }
  REQUIRE(comes_true(
      [&] { return server.service(0).seen().requests + server.service(1).seen().requests == 4; }));
  for (std::size_t i = 0; i < 2; ++i) server.thread(i).post_drain();
  REQUIRE(sockets[0]->wait_until([&] { return !sockets[0]->client.goaways().empty(); }));
  const std::int32_t late = sockets[0]->client.request(grpc_request("/a/B"), "late");
  for (auto& socket : sockets) {
    REQUIRE(socket->wait_until([&] { return socket->client.goaways().size() == 2; }));
    EXPECT(!socket->is_ended());
  }
  EXPECT(!connect_to(server.port()));
  EXPECT_EQ(server.thread(0).connections() + server.thread(1).connections(), 4);
  for (std::size_t i = 0; i < 2; ++i) {
    server.service(i).hold_answers(false);
    server.thread(i).wake();
  }
  for (std::size_t i = 0; i < 4; ++i) {
    REQUIRE(sockets[i]->wait_for_answer(ids[i]));
    EXPECT_EQ(sockets[i]->client.answer(ids[i]).body, "ask");
    EXPECT(sockets[i]->wait_until_ended());
  }
  // It was sent behind the notice and before the last id, or never: both are clear to the client.
  const auto& answer = sockets[0]->client.answer(late);
  EXPECT(answer.body == "late" || answer.close_code == http2::kRefusedStream || !answer.is_ended);
  sockets.clear();
  EXPECT(comes_true(
      [&] { return server.thread(0).connections() + server.thread(1).connections() == 0; }));
}

TEST(net_io_thread, a_drain_ends_idle_connections_also_of_peers_that_do_not_close) {
  EchoServer server;
  H2Socket idle(server.port());
  H2Socket deaf(server.port());
  REQUIRE(echoes(idle, "x") && echoes(deaf, "x"));
  server.thread().post_drain();
  REQUIRE(idle.wait_until_ended());
  EXPECT(!idle.client.goaways().empty());
  EXPECT(server.service().wait_until(closed_count_is(2)));
  EXPECT(comes_true([&] { return server.thread().connections() == 0; }));
}

TEST(net_io_thread, a_connection_handed_over_during_a_drain_is_served_and_ends_in_two_steps) {
  EchoServer server;
  server.service().hold_answers(true);
  server.thread().post_drain();
  REQUIRE(comes_true([&] { return !connect_to(server.port()); }));
  std::array<int, 2> ends{};
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) == 0);
  H2Socket late(base::UniqueFd{ends[0]});
  const std::int32_t id = late.client.request(grpc_request("/a/B"), "late");
  REQUIRE(late.flush());  // before the server can say that it takes no more
  server.thread().hand_over(base::UniqueFd(ends[1]), net::Port::kGrpc);
  REQUIRE(late.wait_until([&] { return late.client.goaways().size() == 2; }));
  EXPECT_EQ(late.client.goaways()[0].last_stream_id, 0x7FFFFFFF);
  EXPECT_EQ(late.client.goaways()[1].last_stream_id, id);
  server.service().hold_answers(false);
  server.thread().wake();
  REQUIRE(late.wait_for_answer(id));
  EXPECT_EQ(late.client.answer(id).body, "late");
  EXPECT(late.wait_until_ended());
}

TEST(net_io_thread, a_drain_may_be_asked_for_twice) {
  EchoServer server;
  server.thread().post_drain();
  server.thread().post_drain();
  EXPECT(comes_true([&] { return !connect_to(server.port()); }));
  server.thread().join();
  EXPECT_EQ(server.thread().connections(), 0);
}

TEST(net_io_thread, a_stop_closes_every_connection_whatever_it_does) {
  EchoServer server({}, 2);
  server.service(0).hold_answers(true);
  server.service(1).hold_answers(true);
  std::vector<std::unique_ptr<H2Socket>> sockets;
  for (int i = 0; i < 6; ++i) {
    H2Socket& socket = *sockets.emplace_back(std::make_unique<H2Socket>(server.port()));
    if (i % 2 == 0) socket.client.request(grpc_request("/a/B"), "ask", i % 4 == 0);
    REQUIRE(socket.wait_until([&] { return socket.client.received_bytes() > 0; }));
  }
  for (std::size_t i = 0; i < 2; ++i) server.thread(i).join();
  for (auto& socket : sockets) EXPECT(socket->wait_until_ended());
  for (std::size_t i = 0; i < 2; ++i) {
    const Seen seen = server.service(i).seen();
    EXPECT_EQ(seen.opened, 3);
    EXPECT_EQ(std::ranges::count(seen.closed, CloseReason::kStopped), 3);
    EXPECT_EQ(server.thread(i).connections(), 0);
  }
  EXPECT(!connect_to(server.port()) || server.thread().connections() == 0);
}

TEST(net_io_thread, a_thread_that_was_never_started_may_be_joined) {
  const auto thread = net::IoThread::open({});
  REQUIRE(thread.has_value());
  (*thread)->join();
  (*thread)->post_drain();
  EXPECT_EQ((*thread)->connections(), 0);
}

}  // namespace penstock::testing
