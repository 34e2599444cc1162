// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/buffer.h"
#include "http/event.h"
#include "http/output.h"
#include "http1/head_check.h"
#include "http1/refusal.h"

namespace penstock::http1 {

// A request that was read, and as much of its answer as there is and has not been framed. Used
// again for other requests, so a busy thread allocates none. Touched by Session alone.
class Exchange {
 public:
  void begin_request(std::int32_t id, const HeadFacts& facts);
  // The answer to a request that nobody else hears of. The connection ends after it.
  void refuse(std::int32_t id, const Refusal& refusal);

  // Each is for an answer that has not ended, the last two for one that has begun.
  void begin_answer(std::span<const http::Field> fields, bool is_last);
  // Returns how many bytes wait to be framed because of it.
  std::size_t add_data(base::Slice bytes);
  void end_answer(std::span<const http::Field> trailers);
  // Forgets the body that has not been framed, and returns its bytes.
  std::size_t drop_data();
  // No more of the answer is to be framed; the connection ends instead.
  void cut() { is_cut_ = is_ended_ = true; }

  // Status line, fields and empty line. `closes`: the answer says that it is the connection's last.
  void frame_head(http::Output& output, std::string_view date, bool closes);
  // As much of the body as there is, until `output` holds `output_bytes_max`, then the end, if it
  // is told. Returns how many bytes of body no longer wait.
  std::size_t frame_body(http::Output& output, std::size_t output_bytes_max);

  std::int32_t id() const { return id_; }
  bool is_http10() const { return is_http10_; }
  bool is_told() const { return is_told_; }  // somebody else knows of the request
  bool has_begun() const { return has_begun_; }
  bool is_ended() const { return is_ended_; }
  bool is_cut() const { return is_cut_; }
  bool is_head_framed() const { return is_head_framed_; }
  bool is_framed() const { return is_framed_; }  // to the end
  std::size_t unsent_bytes() const { return body_bytes_; }
  // The connection cannot outlive the answer: the peer has said so, or its length goes with it.
  bool closes() const { return closes_; }

  bool expects_continue = false;  // the peer waits to be asked for the body
  bool is_request_over = false;   // the body is complete

 private:
  // Where the body of an answer ends.
  enum class Framing : std::uint8_t { kNone, kLength, kChunked, kUntilClose };

  void clear();
  void add_field(std::string& to, const http::Field& field) const;
  void add_answer_field(const http::Field& field);
  void choose_framing(int status, bool is_last);
  void frame_piece(http::Output& output, std::size_t bytes);

  std::int32_t id_ = 0;
  std::string head_;               // without the lines that frame_head() adds
  std::vector<base::Slice> body_;  // given and not yet framed
  std::size_t first_ = 0;          // pieces before it were framed
  std::size_t body_bytes_ = 0;
  std::string trailers_;
  std::uint64_t length_left_ = 0;  // of the body that the answer's Content-Length has announced
  Framing framing_ = Framing::kNone;
  bool is_told_ = false;
  bool is_http10_ = false;
  bool is_head_ = false;  // the method: its answer has no body
  bool has_begun_ = false;
  bool has_length_ = false;
  bool has_date_ = false;
  bool is_ended_ = false;
  bool is_cut_ = false;
  bool is_head_framed_ = false;
  bool is_framed_ = false;
  bool closes_ = false;
};

}  // namespace penstock::http1
