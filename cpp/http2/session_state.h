// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nghttp2/nghttp2.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http2/flood_guard.h"
#include "http2/session.h"

// What session.cc works on. For that file alone.
namespace penstock::http2 {

// Of a header list that needs no memory from the heap, in fields.
inline constexpr std::size_t kSentFieldsOnStack = 64;

// A header list as nghttp2 takes it, which copies all of it: its type predates const.
class SentFields {
 public:
  explicit SentFields(std::span<const http::Field> fields) : SentFields(fields.size()) {
    for (const http::Field& field : fields) add(field.name, field.value);
  }
  explicit SentFields(std::span<const std::pair<std::string, std::string>> fields)
      : SentFields(fields.size()) {
    for (const auto& [name, value] : fields) add(name, value);
  }
  SentFields(const SentFields&) = delete;
  SentFields& operator=(const SentFields&) = delete;
  const nghttp2_nv* data() const { return many_.empty() ? few_.data() : many_.data(); }
  std::size_t size() const { return count_; }

 private:
  explicit SentFields(std::size_t size) : many_(size > kSentFieldsOnStack ? size : 0) {}
  void add(std::string_view name, std::string_view value) {
    nghttp2_nv* const to = many_.empty() ? few_.data() : many_.data();
    to[count_++] = {reinterpret_cast<std::uint8_t*>(const_cast<char*>(name.data())),
                    reinterpret_cast<std::uint8_t*>(const_cast<char*>(value.data())), name.size(),
                    value.size(), NGHTTP2_NV_FLAG_NONE};
  }

  std::array<nghttp2_nv, kSentFieldsOnStack> few_;  // only the first count_ are meaningful
  std::vector<nghttp2_nv> many_;                    // instead of them, where they do not suffice
  std::size_t count_ = 0;
};

struct Session::State {
  State(const Limits& given_limits, Workspace& shared)
      : limits(given_limits), work(shared), guard(limits) {}

  const Limits limits;
  Workspace& work;
  FloodGuard guard;
  nghttp2_session* session = nullptr;
  std::vector<http::Event> late;  // what happened while output was framed
  std::size_t head_begin = 0;     // in the fields, of the section now arriving
  std::size_t section_bytes = 0;  // of that section, as RFC 9113 section 6.5.2 counts
  Stream* head_stream = nullptr;  // whose request it is; null: a section that nobody reads
  std::vector<std::pair<std::string, std::string>> cut_head;  // its fields before this input
  std::vector<std::unique_ptr<Stream>> live;
  std::size_t unsent_bytes = 0;
  http::Output* output = nullptr;  // only inside take_output()
  bool is_feeding = false;
  bool has_framed_hello = false;

  ~State() {
    // on_stream_close is not called for the streams still open; `live` owns them.
    if (session != nullptr) nghttp2_session_del(session);
  }

  base::Result<> start();
  Stream* find(std::int32_t id) const {
    return static_cast<Stream*>(nghttp2_session_get_stream_user_data(session, id));
  }
  Stream& open_stream(std::int32_t id);
  void close_stream(Stream& stream);
  void begin_input();
  void end_input();
  void push(const http::Event& event) { (is_feeding ? work.events : late).push_back(event); }
  void resume(Stream& stream);
  void submit_trailers(Stream& stream, const SentFields& sent);
  void drop_body(Stream& stream);

  // What nghttp2 calls. `self` is the State.
  static int on_begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* self);
  static int on_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                       std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                       std::uint8_t flags, void* self);
  static int on_invalid_header(nghttp2_session*, const nghttp2_frame* frame,
                               const std::uint8_t* name, std::size_t name_size,
                               const std::uint8_t* value, std::size_t value_size,
                               std::uint8_t flags, void* self);
  static int on_data_chunk(nghttp2_session*, std::uint8_t flags, std::int32_t stream_id,
                           const std::uint8_t* data, std::size_t size, void* self);
  static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* self);
  static int on_frame_sent(nghttp2_session*, const nghttp2_frame* frame, void* self);
  static int on_frame_not_sent(nghttp2_session*, const nghttp2_frame* frame, int code, void* self);
  static int on_stream_close(nghttp2_session*, std::int32_t stream_id, std::uint32_t error_code,
                             void* self);
  static ssize_t frame_length(nghttp2_session*, std::uint8_t type, std::int32_t stream_id,
                              std::int32_t session_window, std::int32_t stream_window,
                              std::uint32_t frame_bytes_max, void* self);
  static ssize_t read_body(nghttp2_session*, std::int32_t stream_id, std::uint8_t* into,
                           std::size_t size, std::uint32_t* flags, nghttp2_data_source* source,
                           void* self);
  static int write_body(nghttp2_session*, nghttp2_frame* frame, const std::uint8_t* head,
                        std::size_t size, nghttp2_data_source* source, void* self);
};

}  // namespace penstock::http2
