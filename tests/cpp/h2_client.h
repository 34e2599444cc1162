// SPDX-License-Identifier: Apache-2.0
#pragma once

// The other end of an http2::Session: nghttp2's client as a value machine. Bytes out, bytes in; a
// test reads what came from it as values.

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/check.h"
#include "h2_order.h"
#include "http/event.h"

namespace penstock::testing {

using Fields = std::vector<std::pair<std::string, std::string>>;

inline std::span<const std::byte> bytes_of_text(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

// The fields of a gRPC request for `path`, and `more` after them.
inline Fields grpc_request(std::string_view path, const Fields& more = {}) {
  Fields fields = {{":method", "POST"},
                   {":scheme", "http"},
                   {":path", std::string(path)},
                   {":authority", "localhost"},
                   {"content-type", "application/grpc"},
                   {"te", "trailers"}};
  fields.insert(fields.end(), more.begin(), more.end());
  return fields;
}

class H2Client {
 public:
  struct Options {
    std::uint32_t stream_window = 1U << 30;
    std::int32_t connection_window = 1 << 30;
    std::uint32_t frame_bytes_max = 16384;
    // Every byte that arrives is given back to the windows; false: consume() does it.
    bool consumes = true;
    std::size_t padding = 0;  // of every frame sent that may have one
  };

  // What came back on one stream.
  struct Answer {
    Fields headers;
    std::string body;
    Fields trailers;
    std::size_t data_frames = 0;
    bool is_ended = false;  // by the server, with END_STREAM
    std::optional<std::uint32_t> reset_code;
    std::optional<std::uint32_t> close_code;
    bool is_closed() const { return close_code.has_value(); }
    // Of the trailers, or of the headers where they are all there is; "" without one.
    std::string field(std::string_view name) const {
      for (const Fields* fields : {&trailers, &headers}) {
        for (const auto& [key, value] : *fields) {
          if (key == name) return value;
        }
      }
      return {};
    }
  };

  struct Goaway {
    std::int32_t last_stream_id = 0;
    std::uint32_t error_code = 0;
    std::string why;
  };

  H2Client() : H2Client(Options{}) {}
  explicit H2Client(const Options& options) : options_(options) {
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_option* option = nullptr;
    PENSTOCK_CHECK(nghttp2_session_callbacks_new(&callbacks) == 0);
    PENSTOCK_CHECK(nghttp2_option_new(&option) == 0);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks, on_invalid_frame);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
    nghttp2_session_callbacks_set_data_source_read_length_callback(callbacks, frame_length);
    if (options.padding > 0) {
      nghttp2_session_callbacks_set_select_padding_callback(callbacks, padded_length);
    }
    nghttp2_option_set_no_auto_window_update(option, 1);
    PENSTOCK_CHECK(nghttp2_session_client_new2(&session_, callbacks, this, option) == 0);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_option_del(option);
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, options.stream_window},
        {NGHTTP2_SETTINGS_MAX_FRAME_SIZE, options.frame_bytes_max},
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0}};
    PENSTOCK_CHECK(nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings, 3) == 0);
    nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0,
                                          options.connection_window);
  }
  H2Client(const H2Client&) = delete;
  H2Client& operator=(const H2Client&) = delete;
  ~H2Client() { nghttp2_session_del(session_); }

  // Opens a stream; the body may be empty, and with `is_last` false more may follow.
  std::int32_t request(const Fields& fields, std::string_view body, bool is_last = true) {
    Body* const outgoing = new_body(body, is_last);
    const std::vector<nghttp2_nv> sent = as_nvs(fields);
    const nghttp2_data_provider provider = {.source = {.ptr = outgoing}, .read_callback = read};
    const bool has_body = !body.empty() || !is_last;
    const std::int32_t id = nghttp2_submit_request(session_, nullptr, sent.data(), sent.size(),
                                                   has_body ? &provider : nullptr, nullptr);
    PENSTOCK_CHECK(id > 0);
    bodies_by_stream_[id] = outgoing;
    answers_[id];
    return id;
  }
  void send(std::int32_t id, std::string_view more, bool is_last) {
    Body& body = *bodies_by_stream_.at(id);
    body.left += more;
    body.is_last = is_last;
    nghttp2_session_resume_data(session_, id);
  }
  // Ends the body with trailers.
  void send_trailers(std::int32_t id, Fields trailers) {
    Body& body = *bodies_by_stream_.at(id);
    body.trailers = std::move(trailers);
    body.is_last = true;
    nghttp2_session_resume_data(session_, id);
  }
  void reset(std::int32_t id, std::uint32_t code = NGHTTP2_CANCEL) {
    nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id, code);
  }
  void ping() { nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr); }
  void goaway() { nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE, 0, 0, nullptr, 0); }
  // The windows of a stream and of the connection open again by so much.
  void consume(std::int32_t id, std::size_t bytes) { nghttp2_session_consume(session_, id, bytes); }
  void open_window(std::int32_t id, std::int32_t bytes) {
    nghttp2_submit_window_update(session_, NGHTTP2_FLAG_NONE, id, bytes);
  }

  std::string take_output() {
    std::string output;
    for (;;) {
      const std::uint8_t* bytes = nullptr;
      const ssize_t size = nghttp2_session_mem_send(session_, &bytes);
      PENSTOCK_CHECK(size >= 0);
      if (size == 0) return output;
      output.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
    }
  }
  // False: the server broke HTTP/2.
  bool feed(std::span<const std::byte> input) {
    received_bytes_ += input.size();
    order_.read(input);
    return nghttp2_session_mem_recv(session_, reinterpret_cast<const std::uint8_t*>(input.data()),
                                    input.size()) >= 0;
  }

  const Answer& answer(std::int32_t id) const { return answers_.at(id); }
  const std::map<std::int32_t, Answer>& answers() const { return answers_; }
  const std::vector<Goaway>& goaways() const { return goaways_; }
  // Frames of the server that HTTP/2 forbids, those behind an answer's end among them.
  std::size_t forbidden_frames() const { return invalid_frames_ + order_.late_frames(); }
  std::size_t pings_received() const { return pings_received_; }
  std::size_t ping_acks_received() const { return ping_acks_received_; }
  std::size_t received_bytes() const { return received_bytes_; }
  std::uint32_t server_setting(nghttp2_settings_id id) const {
    return nghttp2_session_get_remote_settings(session_, id);
  }
  // What this side may still send.
  std::int32_t connection_room() const { return nghttp2_session_get_remote_window_size(session_); }
  std::int32_t stream_room(std::int32_t id) const {
    return nghttp2_session_get_stream_remote_window_size(session_, id);
  }

 private:
  struct Body {
    std::string left;
    std::size_t sent = 0;
    bool is_last = false;
    Fields trailers;
  };

  static H2Client& self_of(void* self) { return *static_cast<H2Client*>(self); }

  Body* new_body(std::string_view text, bool is_last) {
    return bodies_
        .emplace_back(std::make_unique<Body>(
            Body{.left = std::string(text), .sent = 0, .is_last = is_last, .trailers = {}}))
        .get();
  }

  static std::vector<nghttp2_nv> as_nvs(const Fields& fields) {
    std::vector<nghttp2_nv> sent;
    for (const auto& [name, value] : fields) {
      sent.push_back({reinterpret_cast<std::uint8_t*>(const_cast<char*>(name.data())),
                      reinterpret_cast<std::uint8_t*>(const_cast<char*>(value.data())), name.size(),
                      value.size(), NGHTTP2_NV_FLAG_NONE});
    }
    return sent;
  }

  static ssize_t frame_length(nghttp2_session*, std::uint8_t, std::int32_t, std::int32_t session,
                              std::int32_t stream, std::uint32_t frame, void*) {
    return std::min<std::int64_t>({session, stream, frame, 1 << 16});
  }
  static ssize_t padded_length(nghttp2_session*, const nghttp2_frame* frame, std::size_t most,
                               void* self) {
    return static_cast<ssize_t>(std::min(most, frame->hd.length + self_of(self).options_.padding));
  }
  static ssize_t read(nghttp2_session* session, std::int32_t id, std::uint8_t* into,
                      std::size_t size, std::uint32_t* flags, nghttp2_data_source* source, void*) {
    Body& body = *static_cast<Body*>(source->ptr);
    const std::size_t count = std::min(size, body.left.size() - body.sent);
    std::copy_n(body.left.data() + body.sent, count, into);
    body.sent += count;
    if (body.sent == body.left.size()) {
      if (body.is_last) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        if (!body.trailers.empty()) {
          *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
          const std::vector<nghttp2_nv> sent = as_nvs(body.trailers);
          nghttp2_submit_trailer(session, id, sent.data(), sent.size());
        }
      } else if (count == 0) {
        return NGHTTP2_ERR_DEFERRED;
      }
    }
    return static_cast<ssize_t>(count);
  }

  static int on_invalid_frame(nghttp2_session*, const nghttp2_frame*, int, void* self) {
    ++self_of(self).invalid_frames_;
    return 0;
  }
  static int on_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                       std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                       std::uint8_t, void* self) {
    Answer& answer = self_of(self).answers_[frame->hd.stream_id];
    const bool is_head = frame->headers.cat == NGHTTP2_HCAT_RESPONSE;
    (is_head ? answer.headers : answer.trailers)
        .emplace_back(std::string(reinterpret_cast<const char*>(name), name_size),
                      std::string(reinterpret_cast<const char*>(value), value_size));
    return 0;
  }
  static int on_data(nghttp2_session* session, std::uint8_t, std::int32_t id,
                     const std::uint8_t* data, std::size_t size, void* self) {
    self_of(self).answers_[id].body.append(reinterpret_cast<const char*>(data), size);
    if (self_of(self).options_.consumes) nghttp2_session_consume(session, id, size);
    return 0;
  }
  static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* self) {
    H2Client& client = self_of(self);
    const std::int32_t id = frame->hd.stream_id;
    if (frame->hd.type == NGHTTP2_DATA) ++client.answers_[id].data_frames;
    if ((frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS) &&
        (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
      client.answers_[id].is_ended = true;
    }
    if (frame->hd.type == NGHTTP2_RST_STREAM) {
      client.answers_[id].reset_code = frame->rst_stream.error_code;
    }
    if (frame->hd.type == NGHTTP2_PING) {
      const bool is_ack = (frame->hd.flags & NGHTTP2_FLAG_ACK) != 0;
      ++(is_ack ? client.ping_acks_received_ : client.pings_received_);
    }
    if (frame->hd.type == NGHTTP2_GOAWAY) {
      const auto* why = reinterpret_cast<const char*>(frame->goaway.opaque_data);
      client.goaways_.push_back({frame->goaway.last_stream_id, frame->goaway.error_code,
                                 std::string(why, frame->goaway.opaque_data_len)});
    }
    return 0;
  }
  static int on_close(nghttp2_session*, std::int32_t id, std::uint32_t code, void* self) {
    self_of(self).answers_[id].close_code = code;
    return 0;
  }

  const Options options_;
  nghttp2_session* session_ = nullptr;
  std::vector<std::unique_ptr<Body>> bodies_;
  std::map<std::int32_t, Body*> bodies_by_stream_;
  std::map<std::int32_t, Answer> answers_;
  std::vector<Goaway> goaways_;
  std::size_t invalid_frames_ = 0;
  FrameOrder order_;
  std::size_t pings_received_ = 0;
  std::size_t ping_acks_received_ = 0;
  std::size_t received_bytes_ = 0;
};

}  // namespace penstock::testing
