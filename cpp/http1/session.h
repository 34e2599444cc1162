// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/error.h"
#include "http/event.h"
#include "http/output.h"
#include "http/session.h"
#include "http1/limits.h"
#include "http1/workspace.h"

namespace penstock::http1 {

// What Event::error_code says here, in HTTP/2's numbers.
inline constexpr std::uint32_t kProtocolError = 0x1;  // the request was malformed and is answered
inline constexpr std::uint32_t kCancel = 0x8;         // the connection ends before the answer

// An HTTP/1.1 or HTTP/1.0 connection. The contract of the verbs is that of http::Session. Lives on
// an io thread.
//
// Streams are counted 1, 2, 3... Some requests are read ahead of their answers
// (Limits::open_requests_max); whatever order those come in, they are sent in the requests' order.
//
// A malformed request is no error of feed(): it is answered here, after the answers before it, and
// the connection ends. The owner hears kStreamClosed with kProtocolError, without a kRequest where
// it was the head that is malformed. Before the last answer of a connection that is asked to end
// comes kGoaway, if it is the peer who asks.
//
// HTTP/1.1 has no way to take back half an answer: whatever resets a stream ends the connection
// after the answers before it, and later streams are closed.
class Session final : public http::Session {
 public:
  static base::Result<std::unique_ptr<Session>> open(const Limits& limits, Workspace& workspace);
  ~Session() override;

  // Whoever goes on although wants_input() is false gets an error past Limits::buffered_bytes_max.
  base::Result<std::span<const http::Event>> feed(std::span<const std::byte> input,
                                                  base::Nanos now) override;
  // `fields` may have a content-length, which the body then must have; without, an answer that is
  // not its last word is chunked. "connection: close" ends the connection after it.
  void send_headers(std::int32_t stream_id, std::span<const http::Field> fields,
                    bool is_last) override;
  void send_data(std::int32_t stream_id, base::Slice bytes) override;
  void drop_data(std::int32_t stream_id) override;
  // Fields are sent behind a chunked body only.
  void send_trailers(std::int32_t stream_id, std::span<const http::Field> fields) override;
  void reset_stream(std::int32_t stream_id, std::uint32_t error_code) override;
  void reopen_connection(std::size_t bytes) override;
  void reopen_stream(std::int32_t stream_id, std::size_t bytes) override;

  bool can_ping() const override { return false; }
  void submit_ping() override {}
  // The last answer of those that are due says "connection: close", and no request behind it is
  // read (RFC 9112 section 9.6). A connection without a request stays open for one.
  void retire() override;
  void submit_shutdown_notice() override { retire(); }
  // Requests that were read are answered, the last of them with "connection: close"; one that has
  // begun to come is awaited, and only an idle connection ends at once.
  void submit_goaway(std::uint32_t error_code, std::string_view why) override;
  // True if all that was sent are whole requests and some await their answers: the peer has shut
  // down its half only, or has closed its socket, which look the same. A "100 Continue" asks: the
  // system of a peer that has closed answers with a reset, and one that reads passes over it. A
  // peer of HTTP/1.0 may not be sent it, and counts as gone.
  bool end_input() override;

  // Until `output` holds Limits::output_bytes_max.
  base::Result<> take_output(http::Output& output) override;
  std::span<const http::Event> take_late_events() override;

  bool wants_input() const override;
  bool wants_write() const override;
  bool is_finished() const override;
  std::size_t open_streams() const override;
  bool owes_answers() const override;
  std::size_t unsent_bytes() const override;
  // A first request, whatever it is worth.
  bool is_greeted() const override;
  base::Nanos header_block_since_ns() const override;

 private:
  struct State;
  explicit Session(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace penstock::http1
