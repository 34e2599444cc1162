// SPDX-License-Identifier: Apache-2.0
#include "http2/session.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "base/check.h"
#include "http2/nghttp2_setup.h"
#include "http2/session_state.h"

namespace penstock::http2 {
namespace {

// Slices below this are copied next to their frame header; larger ones get an iovec of their own.
constexpr std::size_t kCopiedBytesMax = 1024;

}  // namespace

// ---------------------------------------------------------------------------------------------
// Streams

Stream& Session::State::open_stream(std::int32_t id) {
  std::unique_ptr<Stream> stream;
  if (work.spare_streams.empty()) {
    stream = std::make_unique<Stream>();
  } else {
    stream = std::move(work.spare_streams.back());
    work.spare_streams.pop_back();
  }
  stream->id = id;
  stream->index = live.size();
  return *live.emplace_back(std::move(stream));
}

void Session::State::close_stream(Stream& stream) {
  unsent_bytes -= stream.body_bytes;
  const std::size_t index = stream.index;
  PENSTOCK_CHECK(index < live.size() && live[index].get() == &stream);
  if (head_stream == &stream) head_stream = nullptr;
  std::unique_ptr<Stream> owned = std::move(live[index]);
  if (index + 1 != live.size()) {
    live[index] = std::move(live.back());
    live[index]->index = index;
  }
  live.pop_back();
  if (work.spare_streams.size() < Workspace::kSpareStreamsMax) {
    owned->clear();
    work.spare_streams.push_back(std::move(owned));
  }
}

void Session::State::resume(Stream& stream) {
  if (!stream.is_deferred) return;
  stream.is_deferred = false;
  nghttp2_session_resume_data(session, stream.id);
}

// Behind a body that is all framed. Asking for more of the body would do as well, but nghttp2 does
// not ask while the peer's window is closed, and trailers need no window.
void Session::State::submit_trailers(Stream& stream, const SentFields& sent) {
  if (nghttp2_submit_trailer(session, stream.id, sent.data(), sent.size()) != 0) {
    nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, stream.id, NGHTTP2_INTERNAL_ERROR);
  }
}

// All but what a frame that nghttp2 has begun was promised.
void Session::State::drop_body(Stream& stream) {
  unsent_bytes -= stream.body_bytes - stream.promised_bytes;
  stream.body_bytes = stream.promised_bytes;
  std::size_t kept = stream.promised_bytes;
  std::size_t end = stream.first;
  for (; end < stream.body.size() && kept > 0; ++end) {
    std::span<const std::byte>& bytes = stream.body[end].bytes;
    bytes = bytes.first(std::min(kept, bytes.size()));
    kept -= bytes.size();
  }
  stream.body.resize(end);
  if (end > stream.first) return;
  stream.body.clear();
  stream.first = 0;
}

// ---------------------------------------------------------------------------------------------
// What the peer does

void Session::State::begin_input() {
  work.text.forget();
  work.fields.clear();
  work.heads.clear();
  work.events.assign(late.begin(), late.end());
  late.clear();
  head_begin = 0;
  for (const auto& [name, value] : cut_head) {
    work.fields.push_back({work.text.keep(name), work.text.keep(value)});
  }
  cut_head.clear();
  is_feeding = true;
}

void Session::State::end_input() {
  is_feeding = false;
  for (const Workspace::Head& head : work.heads) {
    work.events[head.event].fields =
        std::span(work.fields).subspan(head.begin, head.end - head.begin);
  }
  if (head_stream == nullptr) return;
  // The input ended within a head, and other sessions use the workspace next.
  for (const http::Field& field : std::span(work.fields).subspan(head_begin)) {
    cut_head.emplace_back(field.name, field.value);
  }
}

int Session::State::on_begin_headers(nghttp2_session* session, const nghttp2_frame* frame,
                                     void* self) {
  State& state = *static_cast<State*>(self);
  state.head_begin = state.work.fields.size();
  state.section_bytes = 0;
  state.head_stream = nullptr;  // a client's trailers mean nothing to a gRPC server
  if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
  if (state.live.size() >= state.limits.concurrent_streams_max) {
    state.guard.note_cut_stream();
    nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
                              NGHTTP2_REFUSED_STREAM);
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }
  Stream& stream = state.open_stream(frame->hd.stream_id);
  state.head_stream = &stream;
  // Streams take turns, whatever the client signals.
  static constexpr nghttp2_extpri kEqual = {NGHTTP2_EXTPRI_DEFAULT_URGENCY, /*inc=*/1};
  return nghttp2_session_set_stream_user_data(session, stream.id, &stream) == 0 &&
                 nghttp2_session_change_extpri_stream_priority(session, stream.id, &kEqual, 1) == 0
             ? 0
             : NGHTTP2_ERR_CALLBACK_FAILURE;
}

int Session::State::on_header(nghttp2_session*, const nghttp2_frame*, const std::uint8_t* name,
                              std::size_t name_size, const std::uint8_t* value,
                              std::size_t value_size, std::uint8_t, void* self) {
  State& state = *static_cast<State*>(self);
  state.section_bytes += name_size + value_size + 32;
  // A few bytes may stand for kilobytes, again and again: somebody has to stop reading.
  if (state.section_bytes > state.limits.header_list_bytes_read_max) {
    return NGHTTP2_ERR_CALLBACK_FAILURE;
  }
  if (state.head_stream == nullptr) return 0;
  if (state.section_bytes > state.limits.header_list_bytes_max) return 0;
  http::HeadText& text = state.work.text;
  state.work.fields.push_back({text.keep({reinterpret_cast<const char*>(name), name_size}),
                               text.keep({reinterpret_cast<const char*>(value), value_size})});
  return 0;
}

// RFC 9113 section 8.2.1: a field that breaks its rules spoils the request. nghttp2 by itself would
// leave it out.
int Session::State::on_invalid_header(nghttp2_session*, const nghttp2_frame*, const std::uint8_t*,
                                      std::size_t, const std::uint8_t*, std::size_t, std::uint8_t,
                                      void*) {
  return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

int Session::State::on_data_chunk(nghttp2_session*, std::uint8_t, std::int32_t stream_id,
                                  const std::uint8_t* data, std::size_t size, void* self) {
  State& state = *static_cast<State*>(self);
  state.push({.kind = http::Event::Kind::kData,
              .stream_id = stream_id,
              .data = {reinterpret_cast<const std::byte*>(data), size}});
  return 0;
}

int Session::State::on_frame(nghttp2_session*, const nghttp2_frame* frame, void* self) {
  State& state = *static_cast<State*>(self);
  const std::int32_t id = frame->hd.stream_id;
  switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
      if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
        if (std::exchange(state.head_stream, nullptr) == nullptr) return 0;
        if (state.section_bytes > state.limits.header_list_bytes_max) {
          state.push({.kind = http::Event::Kind::kRequestTooLarge, .stream_id = id});
        } else {
          state.work.heads.push_back(
              {state.work.events.size(), state.head_begin, state.work.fields.size()});
          state.push({.kind = http::Event::Kind::kRequest, .stream_id = id});
        }
      }
      [[fallthrough]];
    case NGHTTP2_DATA:
      if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
        state.push({.kind = http::Event::Kind::kEnd, .stream_id = id});
      }
      return 0;
    case NGHTTP2_PING:
      if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0)
        state.push({.kind = http::Event::Kind::kPingAck});
      return 0;
    case NGHTTP2_GOAWAY:
      state.push({.kind = http::Event::Kind::kGoaway, .error_code = frame->goaway.error_code});
      return 0;
    default: return 0;
  }
}

int Session::State::on_stream_close(nghttp2_session*, std::int32_t stream_id,
                                    std::uint32_t error_code, void* self) {
  State& state = *static_cast<State*>(self);
  Stream* const stream = state.find(stream_id);
  if (stream == nullptr) return 0;
  if (!stream->is_ended) {
    state.push({.kind = http::Event::Kind::kStreamClosed,
                .stream_id = stream_id,
                .error_code = error_code});
  }
  if (!stream->is_ended || error_code != NGHTTP2_NO_ERROR) state.guard.note_cut_stream();
  state.close_stream(*stream);
  return 0;
}

// ---------------------------------------------------------------------------------------------
// What this side does

int Session::State::on_frame_sent(nghttp2_session* session, const nghttp2_frame* frame, void*) {
  // RFC 9113 section 8.1: a server that has said everything before the request was complete asks
  // the client to stop sending it.
  if ((frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) &&
      (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0 &&
      nghttp2_session_get_stream_remote_close(session, frame->hd.stream_id) == 0) {
    nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_NO_ERROR);
  }
  return 0;
}

// Fields too large for HTTP/2: without them the stream would never end.
int Session::State::on_frame_not_sent(nghttp2_session* session, const nghttp2_frame* frame, int,
                                      void* self) {
  const std::int32_t id = frame->hd.stream_id;
  if (frame->hd.type == NGHTTP2_HEADERS && static_cast<State*>(self)->find(id) != nullptr) {
    nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id, NGHTTP2_INTERNAL_ERROR);
  }
  return 0;
}

ssize_t Session::State::frame_length(nghttp2_session*, std::uint8_t, std::int32_t,
                                     std::int32_t session_window, std::int32_t stream_window,
                                     std::uint32_t frame_bytes_max, void* self) {
  // Nearly as much as the peer takes: nghttp2 by itself would stop at 16 KiB.
  const State& state = *static_cast<State*>(self);
  return std::max<std::int64_t>(
      1, std::min<std::int64_t>(
             {session_window, stream_window, frame_bytes_max, state.limits.sent_frame_bytes_max}));
}

ssize_t Session::State::read_body(nghttp2_session* session, std::int32_t stream_id, std::uint8_t*,
                                  std::size_t size, std::uint32_t* flags,
                                  nghttp2_data_source* source, void*) {
  Stream& stream = *static_cast<Stream*>(source->ptr);
  const std::size_t framed = std::min(size, stream.body_bytes);
  const bool is_all = framed == stream.body_bytes;
  if (framed == 0 && !stream.has_trailers) {
    stream.is_deferred = true;
    return NGHTTP2_ERR_DEFERRED;
  }
  stream.promised_bytes = framed;
  *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (is_all && stream.has_trailers) {
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    stream.has_trailers = false;
    if (stream.trailers.empty()) return static_cast<ssize_t>(framed);
    *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
    const SentFields sent(stream.trailers);
    if (nghttp2_submit_trailer(session, stream_id, sent.data(), sent.size()) != 0) {
      return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
  }
  return static_cast<ssize_t>(framed);
}

int Session::State::write_body(nghttp2_session*, nghttp2_frame*, const std::uint8_t* head,
                               std::size_t size, nghttp2_data_source* source, void* self) {
  State& state = *static_cast<State*>(self);
  Stream& stream = *static_cast<Stream*>(source->ptr);
  constexpr std::size_t kFrameHeadBytes = 9;
  // A DATA frame of no bytes says nothing here: the trailers end the stream.
  if (size == 0) return 0;
  // nghttp2 goes from frame to frame inside one call of mem_send; it comes back with this one.
  if (state.output->size() >= state.limits.output_bytes_max) return NGHTTP2_ERR_WOULDBLOCK;
  state.output->append({reinterpret_cast<const std::byte*>(head), kFrameHeadBytes});
  stream.promised_bytes = 0;
  stream.body_bytes -= size;
  state.unsent_bytes -= size;
  state.guard.note_sent_data(size);
  while (size > 0) {
    base::Slice& piece = stream.body[stream.first];
    const std::size_t count = std::min(size, piece.bytes.size());
    const std::span<const std::byte> part = piece.bytes.first(count);
    const bool is_done = count == piece.bytes.size();
    piece.bytes = piece.bytes.subspan(count);
    if (count <= kCopiedBytesMax) {
      state.output->append(part);
      if (is_done) piece.owner.reset();
    } else {
      state.output->append({is_done ? std::move(piece.owner) : piece.owner, part});
    }
    if (is_done) ++stream.first;
    size -= count;
  }
  if (stream.body_bytes == 0) {
    stream.body.clear();
    stream.first = 0;
    // They were given after this frame was begun.
    if (std::exchange(stream.has_trailers, false)) {
      state.submit_trailers(stream, SentFields(stream.trailers));
    }
    if (!stream.is_ended)
      state.push({.kind = http::Event::Kind::kBodyFramed, .stream_id = stream.id});
  }
  return 0;
}

base::Result<> Session::State::start() {
  nghttp2_session_callbacks* callbacks = nullptr;
  PENSTOCK_CHECK(nghttp2_session_callbacks_new(&callbacks) == 0);
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
  nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks, on_invalid_header);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data_chunk);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
  nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_sent);
  nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, on_frame_not_sent);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
  nghttp2_session_callbacks_set_data_source_read_length_callback(callbacks, frame_length);
  nghttp2_session_callbacks_set_send_data_callback(callbacks, write_body);
  const auto option = options_for(limits);
  nghttp2_mem memory = memory_of(work.recycler);
  int code = nghttp2_session_server_new3(&session, callbacks, this, option.get(), &memory);
  nghttp2_session_callbacks_del(callbacks);
  if (code == 0) code = submit_hello(session, limits);
  if (code != 0) return std::unexpected(broken(code));
  return {};
}

// ---------------------------------------------------------------------------------------------
// The face

Session::Session(std::unique_ptr<State> state) : state_(std::move(state)) {}
Session::~Session() = default;

base::Result<std::unique_ptr<Session>> Session::open(const Limits& limits, Workspace& workspace) {
  auto state = std::make_unique<State>(limits, workspace);
  if (auto started = state->start(); !started) return std::unexpected(started.error());
  return std::unique_ptr<Session>(new Session(std::move(state)));
}

base::Result<std::span<const http::Event>> Session::feed(std::span<const std::byte> input,
                                                         base::Nanos now) {
  State& state = *state_;
  if (const auto wrong = state.guard.look(input, now)) return terminate(state.session, *wrong);
  state.begin_input();
  const ssize_t read = nghttp2_session_mem_recv(
      state.session, reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
  state.end_input();
  if (read < 0) return terminate(state.session, violation_of(static_cast<int>(read)));
  if (nghttp2_session_get_outbound_queue_size(state.session) >
      state.limits.outbound_frames_max + 2 * state.live.size()) {
    return terminate(state.session,
                     {kEnhanceYourCalm, "too many answers wait for a peer that does not read"});
  }
  return std::span<const http::Event>(state.work.events);
}

void Session::send_headers(std::int32_t stream_id, std::span<const http::Field> fields,
                           bool is_last) {
  Stream* const stream = state_->find(stream_id);
  if (stream == nullptr) return;
  const SentFields sent(fields);
  const nghttp2_data_provider body = {.source = {.ptr = stream}, .read_callback = State::read_body};
  stream->is_ended = is_last;
  if (nghttp2_submit_response(state_->session, stream_id, sent.data(), sent.size(),
                              is_last ? nullptr : &body) != 0) {
    reset_stream(stream_id, kInternalError);
  }
}

void Session::send_data(std::int32_t stream_id, base::Slice bytes) {
  Stream* const stream = state_->find(stream_id);
  if (stream == nullptr || bytes.bytes.empty()) return;
  stream->body_bytes += bytes.bytes.size();
  state_->unsent_bytes += bytes.bytes.size();
  stream->body.push_back(std::move(bytes));
  state_->resume(*stream);
}

void Session::send_trailers(std::int32_t stream_id, std::span<const http::Field> fields) {
  Stream* const stream = state_->find(stream_id);
  if (stream == nullptr) return;
  stream->is_ended = true;
  if (stream->body_bytes == 0) return state_->submit_trailers(*stream, SentFields(fields));
  stream->has_trailers = true;
  for (const http::Field& field : fields) stream->trailers.emplace_back(field.name, field.value);
  state_->resume(*stream);
}

void Session::drop_data(std::int32_t stream_id) {
  Stream* const stream = state_->find(stream_id);
  if (stream != nullptr) state_->drop_body(*stream);
}

void Session::reset_stream(std::int32_t stream_id, std::uint32_t error_code) {
  Stream* const stream = state_->find(stream_id);
  if (stream == nullptr) return;
  stream->is_ended = true;
  nghttp2_submit_rst_stream(state_->session, NGHTTP2_FLAG_NONE, stream_id, error_code);
}

void Session::reopen_connection(std::size_t bytes) {
  nghttp2_session_consume_connection(state_->session, bytes);
}

void Session::reopen_stream(std::int32_t stream_id, std::size_t bytes) {
  nghttp2_session_consume_stream(state_->session, stream_id, bytes);
}

void Session::submit_ping() { nghttp2_submit_ping(state_->session, NGHTTP2_FLAG_NONE, nullptr); }

void Session::submit_shutdown_notice() { nghttp2_submit_shutdown_notice(state_->session); }

void Session::submit_goaway(std::uint32_t error_code, std::string_view why) {
  nghttp2_submit_goaway(state_->session, NGHTTP2_FLAG_NONE,
                        nghttp2_session_get_last_proc_stream_id(state_->session), error_code,
                        reinterpret_cast<const std::uint8_t*>(why.data()), why.size());
}

base::Result<> Session::take_output(http::Output& output) {
  State& state = *state_;
  state.output = &output;
  while (output.size() < state.limits.output_bytes_max) {
    const std::uint8_t* bytes = nullptr;
    const ssize_t size = nghttp2_session_mem_send(state.session, &bytes);
    if (size < 0) return std::unexpected(broken(static_cast<int>(size)));
    if (size == 0) break;
    const std::span framed(reinterpret_cast<const std::byte*>(bytes),
                           static_cast<std::size_t>(size));
    if (!std::exchange(state.has_framed_hello, true)) {
      append_hello(output, framed, state.limits);
    } else {
      output.append(framed);
    }
  }
  state.output = nullptr;
  return {};
}

std::span<const http::Event> Session::take_late_events() {
  State& state = *state_;
  if (state.late.empty()) return {};
  // Copied, not swapped: the large vector is the thread's and not the connection's.
  state.work.events.assign(state.late.begin(), state.late.end());
  state.late.clear();
  return state.work.events;
}

bool Session::wants_write() const { return nghttp2_session_want_write(state_->session) != 0; }

bool Session::is_finished() const {
  return nghttp2_session_want_read(state_->session) == 0 &&
         nghttp2_session_want_write(state_->session) == 0;
}

std::size_t Session::open_streams() const { return state_->live.size(); }

std::size_t Session::unsent_bytes() const { return state_->unsent_bytes; }

bool Session::is_greeted() const { return state_->guard.is_greeted(); }

base::Nanos Session::header_block_since_ns() const { return state_->guard.header_block_since_ns(); }

}  // namespace penstock::http2
