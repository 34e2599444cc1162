// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/error.h"
#include "http2/error_code.h"
#include "http2/event.h"
#include "http2/limits.h"
#include "http2/output.h"
#include "http2/workspace.h"

namespace penstock::http2 {

// One server-side HTTP/2 connection as a value machine: bytes in, events out; verbs in, bytes out.
// It owns no socket, clock or thread. nghttp2 does the protocol; its callbacks append an event or
// frame bytes and return, so nothing here is re-entrant. Lives on an io thread.
//
// Flow control: received data is given back to the peer's windows by reopen_connection() and
// reopen_stream(), so whoever stops calling them stops the sender.
//
// Every verb that names a stream has no effect on one that is gone: a peer may reset a stream at
// any time, and nobody has to ask first.
class Session {
 public:
  static base::Result<std::unique_ptr<Session>> open(const Limits& limits, Workspace& workspace);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session();

  // What the peer did with these bytes, in order. The events and their views last until the next
  // call for any session of the same workspace, and `input` must too. An error means that the
  // connection is broken beyond repair: write what take_output() still gives (a GOAWAY), then
  // close. It is kResourceExhausted where the peer floods; `now` is what tells.
  base::Result<std::span<const Event>> feed(std::span<const std::byte> input, base::Nanos now);

  // A response's headers, beginning with :status. `fields` is copied. With `is_last`, this side of
  // the stream ends here.
  void send_headers(std::int32_t stream_id, std::span<const Field> fields, bool is_last);
  // Appends body bytes, without copying them. When all of them are framed and this side has not
  // ended the stream, an event says so.
  void send_data(std::int32_t stream_id, base::Slice bytes);
  // Forgets what of the body has not been framed: the call has failed, and nobody wants the rest.
  void drop_data(std::int32_t stream_id);
  // Ends this side of the stream after all data sent so far. `fields` is copied; without any, it is
  // the last of the data that ends it.
  void send_trailers(std::int32_t stream_id, std::span<const Field> fields);
  void reset_stream(std::int32_t stream_id, std::uint32_t error_code);
  // `bytes` of received body, of whatever streams, need no more room in the connection's window...
  void reopen_connection(std::size_t bytes);
  // ... and in the stream's own. Needless for a stream whose body is complete.
  void reopen_stream(std::int32_t stream_id, std::size_t bytes);

  void submit_ping();
  // RFC 9113 section 6.8, the two steps of a graceful shutdown: a notice that leaves room for
  // requests already on their way, then the last id, past which nothing is processed.
  void submit_shutdown_notice();
  void submit_goaway(std::uint32_t error_code, std::string_view why);

  // Frames what may be sent now onto the end of `output`, until that holds
  // Limits::output_bytes_max. An error means the same as one of feed().
  base::Result<> take_output(Output& output);
  // What happened while output was framed: streams that closed by it, bodies that are framed. The
  // events last as those of feed() do.
  std::span<const Event> take_late_events();

  bool wants_write() const;
  // Nothing more will be read or written: close the socket.
  bool is_finished() const;
  std::size_t open_streams() const;
  // Body bytes given to send_data() and not yet framed.
  std::size_t unsent_bytes() const;
  // Whether the peer's hello is complete: its preface and its SETTINGS.
  bool is_greeted() const;
  // When the header block began of which the end has not come; base::kNever: there is none.
  base::Nanos header_block_since_ns() const;

 private:
  struct State;  // everything that nghttp2's callbacks touch; defined beside them
  explicit Session(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace penstock::http2
