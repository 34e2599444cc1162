// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/timer_wheel.h"
#include "base/unique_fd.h"
#include "http/output.h"
#include "http/session.h"
#include "net/lifetime.h"
#include "net/service.h"

namespace penstock::net {

// A socket and the session that speaks over it. Owned by an io thread, and lives there.
class Connection {
 public:
  Connection(base::UniqueFd fd, std::unique_ptr<http::Session> session, PeerKey peer, Port to)
      : key(peer), port(to), fd_(std::move(fd)), session_(std::move(session)) {}
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  enum class Read { kSome, kNothing, kEnd, kBroken };
  struct ReadResult {
    Read what = Read::kNothing;
    std::size_t bytes = 0;
  };
  // One recv into `into`.
  ReadResult read(std::span<std::byte> into);

  static constexpr std::size_t kWritePassBytes = std::size_t{2} << 20;

  // What the peer speaks. Until that is known the session says nothing.
  enum class Speech : std::uint8_t {
    kUnknown,
    kSession,  // what its session understands
    kHttp2,    // to the REST port: it needs a session for that
    kPlain,    // HTTP/1 to the gRPC port: it gets one answer
  };
  Speech speech() const { return speech_; }
  // What the session understands from now on, whatever the peer says first.
  void speak_session() { speech_ = Speech::kSession; }
  void speak_over(std::unique_ptr<http::Session> session) {
    session_ = std::move(session);
    speech_ = Speech::kSession;
  }
  // Learns from the first bytes what it is. For kPlain, the answer that `about` is a part of is all
  // that will be written.
  Speech hear(std::span<const std::byte> input, std::string_view about);
  // For the session, before anything else: what came before it was known what is spoken.
  std::string take_heard() { return std::exchange(heard_, {}); }

  enum class Write { kAll, kPart, kBroken };
  // Writes what the session has to say. `scratch` is empty and shared by the thread's connections:
  // only bytes that the socket refuses are kept here, so an idle connection holds no buffer.
  // Stops at kWritePassBytes (kPart), so that one eager reader does not hold up the others.
  Write write(http::Output& scratch);

  // Says that nothing more will be written; what still comes is read and thrown away.
  void shut_down_writing();

  http::Session& session() { return *session_; }
  int fd() const { return fd_.get(); }
  std::uint64_t take_written_bytes() { return std::exchange(written_bytes_, 0); }

  const PeerKey key;
  const Port port;
  LifetimeState lifetime;
  std::optional<CloseReason> ended_by;  // known before the socket closes
  base::Timer timer;                    // for the next step of its lifetime
  bool is_touched = false;              // stands in the thread's list of sessions to write
  bool is_opened = false;               // the Service knows of it
  bool is_waiting_to_write = false;     // the poller watches for room
  bool is_reading = true;               // the poller watches for input
  bool is_input_over = false;           // the peer has said that it sends nothing more

 private:
  Write send(http::Output& output);

  base::UniqueFd fd_;
  std::unique_ptr<http::Session> session_;
  http::Output unwritten_;
  std::string heard_;  // and not yet given to the session
  Speech speech_ = Speech::kUnknown;
  std::uint64_t written_bytes_ = 0;
};

}  // namespace penstock::net
