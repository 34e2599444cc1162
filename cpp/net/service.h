// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "http/event.h"
#include "http/session.h"

namespace penstock::net {

// Names one connection of an io thread: the slot is reused, the id never is.
struct PeerKey {
  std::uint32_t slot = 0;
  std::uint64_t id = 0;
};

// What a connection is for, by the port it came to.
enum class Port : std::uint8_t { kGrpc, kRest };

enum class CloseReason : std::uint8_t {
  kPeerClosed,     // the peer ended or broke the TCP connection
  kProtocolError,  // it broke the rules of HTTP
  kFinished,       // drained after a GOAWAY
  kKeepalive,      // it did not answer a ping
  kAge,            // the grace after its maximum age is over
  kStopped,        // the server stops
  kFlood,          // it made work without end (http2/flood_guard.h)
  kSlow,           // its hello, a header block or its reading took too long
  kHttp1,          // it spoke HTTP/1 to the gRPC port and was told what that is
  kIdle,           // it asked nothing for long, over a version of HTTP that has no pings
};
inline constexpr std::size_t kCloseReasonCount = 10;

// What an io thread does with the connections it owns. All calls come from that thread; the
// Service may use a session between opened() and closed(), in any of its calls, and says so by
// Host::touch(). A connection is opened once it is known which HTTP it speaks; one that never says
// so is never heard of.
class Service {
 public:
  Service() = default;
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;
  virtual ~Service() = default;

  virtual void opened(PeerKey peer, Port port, http::Session& session) = 0;
  // `events` and what they view last until the end of the call.
  virtual void received(PeerKey peer, std::span<const http::Event> events, base::Nanos now) = 0;
  virtual void closed(PeerKey peer, CloseReason reason) = 0;
  // A connection was turned away because there are too many.
  virtual void refused() = 0;
  // The system has no room for another connection; accepting rests for a moment.
  virtual void could_not_accept(const base::Error& why) = 0;
  virtual void sent_goaway() = 0;
  // Every connection is being ended, each when its last call is over.
  virtual void ending_connections(base::Nanos now) = 0;
  // Once per pass of the event loop, after the sockets were read and before they are written:
  // answers from other threads, timers, whatever the pass has gathered.
  virtual void finish_pass(base::Nanos now) = 0;
  // The pass's answers have been written, as far as their sockets took them: what nobody waits for
  // may begin.
  virtual void pass_written() {}
  // When finish_pass() must be called even if no socket has anything to say.
  virtual base::Nanos next_wake(base::Nanos now) = 0;
  // Bytes that crossed this thread's sockets since the last call.
  virtual void transferred(std::uint64_t bytes_in, std::uint64_t bytes_out) = 0;
};

// What a Service may ask of its io thread, from that thread.
class Host {
 public:
  Host() = default;
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;
  virtual ~Host() = default;

  // The session of this slot has something to write.
  virtual void touch(std::uint32_t slot) = 0;
  // The other end's address as gRPC writes it: "ipv4:192.0.2.1:4711".
  virtual std::string peer_of(std::uint32_t slot) const = 0;
};

}  // namespace penstock::net
