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
#include "http/event.h"
#include "http/output.h"
#include "http/session.h"
#include "http2/error_code.h"
#include "http2/limits.h"
#include "http2/workspace.h"

namespace penstock::http2 {

// An HTTP/2 connection over nghttp2, whose callbacks append an event or frame bytes and return, so
// nothing here is re-entrant. The contract of the verbs is that of http::Session. Lives on an io
// thread.
class Session final : public http::Session {
 public:
  static base::Result<std::unique_ptr<Session>> open(const Limits& limits, Workspace& workspace);
  ~Session() override;

  // Events last until the next call for any session of the same workspace.
  base::Result<std::span<const http::Event>> feed(std::span<const std::byte> input,
                                                  base::Nanos now) override;
  void send_headers(std::int32_t stream_id, std::span<const http::Field> fields,
                    bool is_last) override;
  void send_data(std::int32_t stream_id, base::Slice bytes) override;
  void drop_data(std::int32_t stream_id) override;
  void send_trailers(std::int32_t stream_id, std::span<const http::Field> fields) override;
  void reset_stream(std::int32_t stream_id, std::uint32_t error_code) override;
  void reopen_connection(std::size_t bytes) override;
  void reopen_stream(std::int32_t stream_id, std::size_t bytes) override;

  bool can_ping() const override { return true; }
  void submit_ping() override;
  void retire() override {}
  // RFC 9113 section 6.8.
  void submit_shutdown_notice() override;
  void submit_goaway(std::uint32_t error_code, std::string_view why) override;
  // A client of HTTP/2 that ends its half has ended the connection.
  bool end_input() override { return false; }

  // Until `output` holds Limits::output_bytes_max.
  base::Result<> take_output(http::Output& output) override;
  std::span<const http::Event> take_late_events() override;

  bool wants_input() const override { return true; }  // its windows hold the peer back
  bool wants_write() const override;
  bool is_finished() const override;
  std::size_t open_streams() const override;
  std::size_t unsent_bytes() const override;
  // The preface and its SETTINGS.
  bool is_greeted() const override;
  base::Nanos header_block_since_ns() const override;

 private:
  struct State;  // everything that nghttp2's callbacks touch; defined beside them
  explicit Session(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace penstock::http2
