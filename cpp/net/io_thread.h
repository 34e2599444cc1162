// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "base/channel.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/timer_wheel.h"
#include "http/output.h"
#include "http1/limits.h"
#include "http1/workspace.h"
#include "http2/limits.h"
#include "http2/workspace.h"
#include "net/acceptor.h"
#include "net/connection.h"
#include "net/lifetime.h"
#include "net/poller.h"
#include "net/service.h"

namespace penstock::net {

struct IoOptions {
  http2::Limits http2 = {};
  http1::Limits http1 = {};
  LifetimeOptions lifetime = {};
  std::size_t connections_max = 20'000;  // of this thread; more are refused
  std::size_t read_bytes_per_pass = 512
                                    << 10;  // of one connection, then the others have their turn
  std::string about = {};                   // the line that answers GET / of HTTP/1
};

// A listening socket and what its connections are for.
struct Listener {
  Acceptor acceptor;
  Port port = Port::kGrpc;
};

// One event loop with the connections it owns. A pass reads every socket that has something, lets
// the Service answer what was gathered, and writes every session that has something to say.
//
//   accept or be handed a socket -> read -> Session::feed -> Service::received
//                                            Service::finish_pass
//                                   write <- Session::take_output
//
// Made and joined by the engine. post_*(), hand_over(), wake() and connections() are for any
// thread, all else is the loop's own.
class IoThread : public Host {
 public:
  static base::Result<std::unique_ptr<IoThread>> open(const IoOptions& options);
  ~IoThread() override;

  // `service` must outlive the thread. A thread that has `listeners` deals their connections out:
  // each goes to that one of `accepts_into` which has fewest.
  void start(Service& service, std::vector<Listener> listeners,
             std::vector<IoThread*> accepts_into);
  void join();

  void wake() const { poller_.wake(); }
  // A new connection, which the caller has counted; closed at once if the thread has stopped or is
  // full. False: too many were handed over that the thread has not looked at yet; it is closed.
  bool hand_over(base::UniqueFd socket, Port port);
  // Goes on as before, but the answers of HTTP/1.1 say that there will be no others.
  void post_retire();
  // Stops accepting and ends every connection gracefully: GOAWAY in two steps, then close when the
  // last call is answered.
  void post_drain();
  // Closes everything and ends the loop.
  void post_stop();
  std::size_t connections() const { return connections_.load(std::memory_order_relaxed); }

  void touch(std::uint32_t slot) override;
  std::string peer_of(std::uint32_t slot) const override;

 private:
  enum class Stage : std::uint8_t { kServing, kRetiring, kDraining, kStopped };
  struct Accepted {
    base::UniqueFd socket;
    Port port = Port::kGrpc;
  };

  IoThread(const IoOptions& options, Poller poller);
  void run();
  void look_at(const Readiness& one, base::Nanos now);
  void pass(base::Nanos now);
  void watch_listeners();
  void rest_from_accepting(base::Nanos now);
  void accept_waiting(Listener& listener, std::size_t count_max, base::Nanos now);
  void adopt_handed_over(base::Nanos now);
  void open_connection(Accepted accepted, base::Nanos now);
  base::Result<std::unique_ptr<http::Session>> open_session(Port port, bool is_http2);
  void tell_opened(Connection& connection);
  void heed(Connection& connection, std::span<const http::Event> events, base::Nanos now);
  bool hear(Connection& connection, std::span<const std::byte> input, base::Nanos now);
  void read(Connection& connection, base::Nanos now);
  bool take(Connection& connection, std::span<const std::byte> input, base::Nanos now);
  void end_input(Connection& connection);
  void write(Connection& connection, base::Nanos now);
  void wake_by(Connection& connection, base::Nanos due_ns);
  void note_progress(Connection& connection, bool has_progressed, bool is_waiting, base::Nanos now);
  void step(Connection& connection, base::Nanos now);
  void begin_notice(Connection& connection, base::Nanos now);
  void give_notice(Connection& connection);
  void begin_goaway(Connection& connection, base::Nanos now);
  void begin_linger(Connection& connection, base::Nanos now);
  void fail(Connection& connection, CloseReason reason, base::Nanos now);
  void close(Connection& connection, CloseReason reason);
  void begin_retire();
  void begin_drain(base::Nanos now);
  base::Nanos next_wake(base::Nanos now);

  const IoOptions options_;
  LifetimeOptions lifetime_;
  Poller poller_;
  Service* service_ = nullptr;
  std::vector<Listener> listeners_;
  std::vector<IoThread*> accepts_into_;
  base::Nanos accept_again_ns_ = base::kNever;  // after the process ran out of descriptors
  base::TimerWheel timers_;
  http2::Workspace workspace_;
  http1::Workspace http1_workspace_;
  std::vector<std::unique_ptr<Connection>> slots_;
  std::vector<std::uint32_t> free_slots_;
  std::vector<std::unique_ptr<Connection>> closed_;  // kept to the end of the pass that closed them
  std::vector<std::uint32_t> touched_;
  std::vector<Accepted> adopted_;  // scratch of adopt_handed_over()
  std::uint64_t next_id_ = 1;
  http::Output scratch_;
  std::vector<std::byte> input_;
  std::uint64_t bytes_in_ = 0;
  std::uint64_t bytes_out_ = 0;
  Stage stage_ = Stage::kServing;

  base::Channel<Accepted> handed_over_;
  std::atomic<Stage> wanted_stage_ = Stage::kServing;
  std::atomic<std::size_t> connections_ = 0;
  std::thread thread_;
};

}  // namespace penstock::net
