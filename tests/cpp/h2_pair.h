// SPDX-License-Identifier: Apache-2.0
#pragma once

// An http2::Session and an H2Client that speak to each other in memory, and frames written by hand.

#include <sys/uio.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "h2_client.h"
#include "http/output.h"
#include "http2/session.h"
#include "http2/workspace.h"

namespace penstock::testing {

// An event whose views were copied.
struct KeptEvent {
  http::Event::Kind kind = http::Event::Kind::kRequest;
  std::int32_t stream_id = 0;
  std::uint32_t error_code = 0;
  Fields fields;
  std::string data;
};

inline KeptEvent kept(const http::Event& event) {
  KeptEvent copy{event.kind, event.stream_id, event.error_code, {}, {}};
  for (const http::Field& field : event.fields) copy.fields.emplace_back(field.name, field.value);
  copy.data.assign(reinterpret_cast<const char*>(event.data.data()), event.data.size());
  return copy;
}

// All that `output` holds, by as many writes as 64 pieces at a time take.
inline std::string written(http::Output& output) {
  std::string bytes;
  while (!output.is_empty()) {
    std::array<iovec, 64> pieces;
    const std::size_t count = output.gather(pieces);
    std::size_t size = 0;
    for (std::size_t i = 0; i < count; ++i) {
      bytes.append(static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len);
      size += pieces[i].iov_len;
    }
    output.advance(size);
  }
  return bytes;
}

inline http::Field field_of(std::string_view name, std::string_view value) { return {name, value}; }

// A slice of its own block that holds `text`.
inline base::Slice slice_of(std::string_view text) {
  const base::Buffer block = base::Buffer::allocate(text.size());
  if (block) std::copy_n(text.data(), text.size(), reinterpret_cast<char*>(block.data()));
  return {block, block.bytes()};
}

// Text of `size` bytes in which every place is told from its neighbours.
inline std::string patterned(std::size_t size, unsigned seed = 1) {
  std::string text(size, '\0');
  std::uint32_t state = seed * 2654435761U + 1;
  for (char& c : text) {
    state = state * 1664525U + 1013904223U;
    c = static_cast<char>(state >> 24);
  }
  return text;
}

class H2Pair {
 public:
  explicit H2Pair(const http2::Limits& limits = {}, const H2Client::Options& options = {})
      : H2Pair(std::make_shared<http2::Workspace>(), limits, options) {}
  // Pairs that share a workspace are connections of one io thread.
  explicit H2Pair(std::shared_ptr<http2::Workspace> shared, const http2::Limits& limits = {},
                  const H2Client::Options& options = {})
      : client(options),
        workspace(std::move(shared)),
        session(std::move(*http2::Session::open(limits, *workspace))) {}

  // What the client has to say reaches the session. False: the session calls that an error.
  bool to_session() { return to_session(client.take_output()); }
  bool to_session(std::string_view bytes) {
    // A block of its own, so that AddressSanitizer sees a view that outlives it.
    last_input_ = std::make_unique<std::string>(bytes);
    const auto got = session->feed(bytes_of_text(*last_input_), now);
    if (!got) {
      error = got.error();
      return false;
    }
    for (const http::Event& event : *got) {
      events.push_back(kept(event));
      if (consumes && event.kind == http::Event::Kind::kData) {
        reopen(event.stream_id, event.data.size());
      }
    }
    return true;
  }
  // One take_output() of the session reaches the client. Returns how many bytes that were.
  std::size_t to_client() {
    http::Output output;
    if (const auto taken = session->take_output(output); !taken) error = taken.error();
    const std::string bytes = written(output);
    client_is_content = client.feed(bytes_of_text(bytes)) && client_is_content;
    return bytes.size();
  }
  // Until neither has anything to say. False: the session met an error.
  bool exchange() {
    for (;;) {
      const std::string bytes = client.take_output();
      if (!bytes.empty() && !to_session(bytes)) return false;
      if (to_client() == 0 && bytes.empty()) return true;
    }
  }

  std::vector<KeptEvent> take_events() { return std::exchange(events, {}); }
  std::size_t count(http::Event::Kind kind) const {
    std::size_t found = 0;
    for (const KeptEvent& event : events) found += event.kind == kind ? 1 : 0;
    return found;
  }
  // The body that came on `stream_id`.
  std::string body(std::int32_t stream_id) const {
    std::string text;
    for (const KeptEvent& event : events) {
      if (event.stream_id == stream_id) text += event.data;
    }
    return text;
  }
  // Received data needs no more room.
  void reopen(std::int32_t stream_id, std::size_t bytes) {
    session->reopen_connection(bytes);
    session->reopen_stream(stream_id, bytes);
  }
  // Headers, one slice, trailers.
  void answer(std::int32_t stream_id, base::Slice body) {
    send_head(stream_id);
    session->send_data(stream_id, std::move(body));
    send_status(stream_id);
  }
  void send_head(std::int32_t stream_id) {
    const std::array fields = {field_of(":status", "200"),
                               field_of("content-type", "application/grpc")};
    session->send_headers(stream_id, fields, false);
  }
  void send_status(std::int32_t stream_id) {
    const std::array fields = {field_of("grpc-status", "0")};
    session->send_trailers(stream_id, fields);
  }

  H2Client client;
  const std::shared_ptr<http2::Workspace> workspace;
  std::unique_ptr<http2::Session> session;
  std::vector<KeptEvent> events;
  base::Error error;
  bool consumes = true;  // received data is given back at once
  bool client_is_content = true;
  base::Nanos now = 0;  // when bytes reach the session

 private:
  std::unique_ptr<std::string> last_input_;
};

// --- frames by hand ------------------------------------------------------------------------

inline constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

inline std::string frame(std::uint8_t type, std::uint8_t flags, std::uint32_t stream_id,
                         std::string_view payload) {
  std::string bytes;
  for (const int shift : {16, 8, 0}) bytes += static_cast<char>(payload.size() >> shift & 255);
  bytes += static_cast<char>(type);
  bytes += static_cast<char>(flags);
  for (const int shift : {24, 16, 8, 0}) bytes += static_cast<char>(stream_id >> shift & 255);
  return bytes.append(payload);
}

// HPACK, each field a literal without indexing; texts shorter than 127 bytes.
inline std::string header_block(const Fields& fields) {
  std::string block;
  for (const auto& [name, value] : fields) {
    block += '\0';
    block += static_cast<char>(name.size());
    block += name;
    block += static_cast<char>(value.size());
    block += value;
  }
  return block;
}

}  // namespace penstock::testing
