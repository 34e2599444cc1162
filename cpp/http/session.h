// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/error.h"
#include "http/event.h"
#include "http/output.h"

namespace penstock::http {

// One server-side connection as a value machine, whatever version of HTTP it speaks: bytes in,
// events out; verbs in, bytes out. It owns no socket, clock or thread. Lives on an io thread.
//
// A stream is one request with its answer. HTTP/2 has many open at a time; HTTP/1.1 numbers its
// requests and answers them in order.
//
// Flow control: received body bytes are given back by reopen_connection() and reopen_stream(), so
// whoever stops calling them stops the sender.
//
// Every verb that names a stream has no effect on one that is gone: a peer may reset a stream at
// any time, and nobody has to ask first.
class Session {
 public:
  Session() = default;
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  virtual ~Session() = default;

  // What the peer did with these bytes, in order. The events and their views last until the next
  // call for any session of the same thread, and `input` must too. An error means that the
  // connection is broken beyond repair: write what take_output() still gives, then close. It is
  // kResourceExhausted where the peer floods; `now` is what tells.
  virtual base::Result<std::span<const Event>> feed(std::span<const std::byte> input,
                                                    base::Nanos now) = 0;

  // A response's headers, beginning with :status. `fields` is copied. With `is_last`, this side of
  // the stream ends here.
  virtual void send_headers(std::int32_t stream_id, std::span<const Field> fields,
                            bool is_last) = 0;
  // Appends body bytes, without copying them. When all of them are framed and this side has not
  // ended the stream, an event says so.
  virtual void send_data(std::int32_t stream_id, base::Slice bytes) = 0;
  // Forgets what of the body has not been framed: the call has failed, and nobody wants the rest.
  virtual void drop_data(std::int32_t stream_id) = 0;
  // Ends this side of the stream after all data sent so far. `fields` is copied; without any, it is
  // the last of the data that ends it.
  virtual void send_trailers(std::int32_t stream_id, std::span<const Field> fields) = 0;
  virtual void reset_stream(std::int32_t stream_id, std::uint32_t error_code) = 0;
  // `bytes` of received body, of whatever streams, need no more room in the connection's window...
  virtual void reopen_connection(std::size_t bytes) = 0;
  // ... and in the stream's own. Needless for a stream whose body is complete.
  virtual void reopen_stream(std::int32_t stream_id, std::size_t bytes) = 0;

  // Whether the peer can be asked for a sign of life. Without, submit_ping() does nothing.
  virtual bool can_ping() const = 0;
  virtual void submit_ping() = 0;
  // The server wants no more traffic, and still serves what comes. HTTP/1.1 says so with each
  // answer
  // ("connection: close"), so that a pool of connections shrinks as it is used and no request is
  // lost; HTTP/2 says nothing before its notice.
  virtual void retire() = 0;
  // The two steps of a graceful end: a notice that leaves room for requests already on their way,
  // then the last word, past which nothing new is processed.
  virtual void submit_shutdown_notice() = 0;
  virtual void submit_goaway(std::uint32_t error_code, std::string_view why) = 0;
  // The peer will send nothing more. False: nor will it read, or it has left a request half sent;
  // close the socket. True: it may wait for answers, and the session ends with the last of them.
  virtual bool end_input() = 0;

  // Frames what may be sent now onto the end of `output`, until that holds a bounded number of
  // bytes. An error means the same as one of feed().
  virtual base::Result<> take_output(Output& output) = 0;
  // What happened while output was framed: streams that closed by it, bodies that are framed,
  // requests that had to wait for an answer's end. The events last as those of feed() do, and may
  // be reason for more output.
  virtual std::span<const Event> take_late_events() = 0;

  // Whether the owner should read on. False while the peer has sent more than there is room for, in
  // a version of HTTP that has no window to tell it so: whatever comes is then left in the socket.
  // Ask before each read, and again after verbs and take_late_events().
  virtual bool wants_input() const = 0;
  // Whether take_output() has something to give.
  virtual bool wants_write() const = 0;
  // Nothing more will be read or written: close the socket.
  virtual bool is_finished() const = 0;
  virtual std::size_t open_streams() const = 0;
  // Whether some stream waits for this side, and not for the rest of its request, in a version of
  // HTTP that cannot ask the peer whether it is still there.
  virtual bool owes_answers() const { return open_streams() > 0; }
  // Body bytes given to send_data() and not yet framed.
  virtual std::size_t unsent_bytes() const = 0;
  // Whether the peer's hello is complete.
  virtual bool is_greeted() const = 0;
  // When the request's head began of which the end has not come; base::kNever: there is none.
  virtual base::Nanos header_block_since_ns() const = 0;
};

}  // namespace penstock::http
