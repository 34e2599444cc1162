// SPDX-License-Identifier: Apache-2.0
#pragma once

// A Service that answers every request with its own body, and io threads that run it.

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/monitor.h"
#include "h2_pair.h"
#include "h2_socket.h"
#include "net/io_thread.h"
#include "net/service.h"

namespace penstock::testing {

class EchoService : public net::Service {
 public:
  // What has happened, for the test's thread.
  struct Seen {
    std::size_t opened = 0;
    std::vector<net::CloseReason> closed;
    std::size_t refused = 0;
    base::Error not_accepted;
    std::size_t goaways = 0;
    std::size_t requests = 0;
    std::size_t streams_closed = 0;
    std::uint64_t bytes_in = 0;
    std::uint64_t bytes_out = 0;
    std::size_t pass_bytes_max = 0;  // of bodies, in one pass
  };

  explicit EchoService(net::Host& host) : host_(host) {}

  // From any thread.
  Seen seen() { return *seen_.lock(); }
  template <class Condition>
  bool wait_until(Condition&& is_enough) {
    const base::Nanos deadline = base::after(base::monotonic_now(), kPatience);
    auto seen = seen_.lock();
    while (!is_enough(*seen)) {
      if (base::monotonic_now() > deadline) return false;
      seen.wait_until(deadline);
    }
    return true;
  }
  // While held, requests are taken and not answered; letting go needs IoThread::wake().
  void hold_answers(bool holds) { *holds_.lock() = holds; }

  void opened(net::PeerKey peer, net::Port, http::Session& session) override {
    peers_[peer.slot] = {peer.id, &session, {}};
    change([](Seen& seen) { ++seen.opened; });
  }
  void received(net::PeerKey peer, std::span<const http::Event> events, base::Nanos) override {
    Peer& from = peers_.at(peer.slot);
    PENSTOCK_CHECK(from.id == peer.id);
    for (const http::Event& event : events) {
      if (event.kind == http::Event::Kind::kData) {
        pass_bytes_ += event.data.size();
        from.bodies[event.stream_id].append(reinterpret_cast<const char*>(event.data.data()),
                                            event.data.size());
        from.session->reopen_connection(event.data.size());
        from.session->reopen_stream(event.stream_id, event.data.size());
      }
      if (event.kind == http::Event::Kind::kEnd) {
        waiting_.push_back({peer, event.stream_id});
        change([](Seen& seen) { ++seen.requests; });
      }
      if (event.kind == http::Event::Kind::kStreamClosed) {
        change([](Seen& seen) { ++seen.streams_closed; });
      }
    }
  }
  void closed(net::PeerKey peer, net::CloseReason reason) override {
    PENSTOCK_CHECK(peers_.at(peer.slot).id == peer.id);
    peers_.erase(peer.slot);
    change([reason](Seen& seen) { seen.closed.push_back(reason); });
  }
  void refused() override {
    change([](Seen& seen) { ++seen.refused; });
  }
  void could_not_accept(const base::Error& why) override {
    change([&](Seen& seen) { seen.not_accepted = why; });
  }
  void ending_connections(base::Nanos) override {}
  void sent_goaway() override {
    change([](Seen& seen) { ++seen.goaways; });
  }
  void finish_pass(base::Nanos) override {
    change([this](Seen& seen) {
      seen.pass_bytes_max = std::max(seen.pass_bytes_max, std::exchange(pass_bytes_, 0));
    });
    if (*holds_.lock()) return;
    for (const auto& [peer, stream_id] : std::exchange(waiting_, {})) {
      const auto found = peers_.find(peer.slot);
      if (found == peers_.end() || found->second.id != peer.id) continue;
      http::Session& session = *found->second.session;
      const std::array head = {field_of(":status", "200")};
      const std::array tail = {field_of("grpc-status", "0")};
      session.send_headers(stream_id, head, false);
      session.send_data(stream_id, slice_of(found->second.bodies[stream_id]));
      session.send_trailers(stream_id, tail);
      found->second.bodies.erase(stream_id);
      host_.touch(peer.slot);
    }
  }
  // What came in late events does not wait for a socket.
  base::Nanos next_wake(base::Nanos now) override {
    return waiting_.empty() || *holds_.lock() ? base::kNever : now;
  }
  void transferred(std::uint64_t bytes_in, std::uint64_t bytes_out) override {
    change([=](Seen& seen) {
      seen.bytes_in += bytes_in;
      seen.bytes_out += bytes_out;
    });
  }

 private:
  struct Peer {
    std::uint64_t id = 0;
    http::Session* session = nullptr;
    std::map<std::int32_t, std::string> bodies;
  };

  template <class Change>
  void change(Change&& by) {
    by(*seen_.lock());
    seen_.notify_all();
  }

  net::Host& host_;
  std::map<std::uint32_t, Peer> peers_;
  std::vector<std::pair<net::PeerKey, std::int32_t>> waiting_;
  std::size_t pass_bytes_ = 0;
  base::Monitor<Seen> seen_;
  base::Monitor<bool> holds_;
};

// Io threads on a port of this machine, the first of them accepting.
class EchoServer {
 public:
  explicit EchoServer(const net::IoOptions& options = {}, std::size_t count = 1,
                      net::Port speaks = net::Port::kGrpc) {
    auto acceptor = net::Acceptor::listen({.address = "127.0.0.1"});
    PENSTOCK_CHECK(acceptor.has_value());
    port_ = acceptor->port();
    std::vector<net::IoThread*> all;
    for (std::size_t i = 0; i < count; ++i) {
      threads_.push_back(std::move(*net::IoThread::open(options)));
      services_.push_back(std::make_unique<EchoService>(*threads_.back()));
      all.push_back(threads_.back().get());
    }
    for (std::size_t i = 1; i < count; ++i) threads_[i]->start(*services_[i], {}, {});
    std::vector<net::Listener> listeners;
    listeners.push_back({std::move(*acceptor), speaks});
    threads_[0]->start(*services_[0], std::move(listeners), all);
  }
  ~EchoServer() {
    for (auto& thread : threads_) thread->join();
  }

  std::uint16_t port() const { return port_; }
  net::IoThread& thread(std::size_t i = 0) { return *threads_[i]; }
  EchoService& service(std::size_t i = 0) { return *services_[i]; }

 private:
  std::uint16_t port_ = 0;
  std::vector<std::unique_ptr<EchoService>> services_;
  std::vector<std::unique_ptr<net::IoThread>> threads_;
};

}  // namespace penstock::testing
