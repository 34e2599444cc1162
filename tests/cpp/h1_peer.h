// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/buffer.h"
#include "base/clock.h"
#include "http/event.h"
#include "http/output.h"
#include "http1/session.h"
#include "http1/workspace.h"

namespace penstock::testing {

using Fields = std::vector<std::pair<std::string, std::string>>;

// An http1::Session between a test that is the peer, by bytes, and the owner, by verbs. Events are
// kept as copies.
class H1Peer {
 public:
  struct KeptEvent {
    http::Event::Kind kind;
    std::int32_t stream_id;
    std::uint32_t error_code;
    Fields fields;
    std::string data;
  };

  explicit H1Peer(const http1::Limits& limits = {},
                  std::shared_ptr<http1::Workspace> shared = std::make_shared<http1::Workspace>())
      : workspace(std::move(shared)),
        session(std::move(*http1::Session::open(limits, *workspace))) {}

  // The peer sends; false where feed() fails.
  bool send(std::string_view bytes) {
    const std::vector<char> exactly(bytes.begin(), bytes.end());  // for AddressSanitizer
    const auto heard = session->feed(std::as_bytes(std::span(exactly)), now);
    if (heard) keep(*heard);
    return heard.has_value();
  }
  // What the peer reads. Late events are kept, and what they make the session write is read too.
  std::string receive() {
    std::string text;
    do {
      http::Output output;
      if (!session->take_output(output)) return "(broken)";
      text += flat(output);
      keep(session->take_late_events());
    } while (session->wants_write());
    return text;
  }
  void answer(std::int32_t id, std::string_view body, Fields fields = {},
              std::string_view status = "200") {
    fields.emplace_back("content-length", std::to_string(body.size()));
    begin(id, fields, false, status);
    give(id, body);
    session->send_trailers(id, {});
  }
  void begin(std::int32_t id, const Fields& fields, bool is_last, std::string_view status = "200") {
    std::vector<http::Field> sent = {{":status", status}};
    for (const auto& [name, value] : fields) sent.push_back({name, value});
    session->send_headers(id, sent, is_last);
  }
  void give(std::int32_t id, std::string_view body) {
    base::Buffer block = base::Buffer::allocate(body.size());
    std::ranges::copy(std::as_bytes(std::span(body)), block.data());
    const std::span<const std::byte> bytes = block.bytes();
    session->send_data(id, {std::move(block), bytes});
  }

  static std::string flat(http::Output& output) {
    std::string text;
    while (!output.is_empty()) {
      std::array<iovec, 8> pieces;
      std::size_t bytes = 0;
      for (const iovec& piece : std::span(pieces).first(output.gather(pieces))) {
        text.append(static_cast<const char*>(piece.iov_base), piece.iov_len);
        bytes += piece.iov_len;
      }
      output.advance(bytes);
    }
    return text;
  }

  // Events, one word each: R1 D1 E1, C1! for a stream that was closed; data joined.
  std::string story() const {
    std::string words;
    for (const KeptEvent& event : events) {
      static constexpr std::string_view kLetters = "RLDECFPG";
      std::string word(1, kLetters[static_cast<std::size_t>(event.kind)]);
      if (event.stream_id != 0) word += std::to_string(event.stream_id);
      if (event.kind == http::Event::Kind::kData && words.ends_with(word)) continue;
      words += (words.empty() ? "" : " ") + word;
    }
    return words;
  }
  const Fields& fields(std::int32_t id) const {
    static const Fields kNone;
    for (const KeptEvent& event : events) {
      if (event.kind == http::Event::Kind::kRequest && event.stream_id == id) return event.fields;
    }
    return kNone;
  }
  std::string field(std::int32_t id, std::string_view name) const {
    for (const auto& [key, value] : fields(id)) {
      if (key == name) return value;
    }
    return "(none)";
  }
  std::string body(std::int32_t id) const {
    std::string joined;
    for (const KeptEvent& event : events) {
      if (event.stream_id == id) joined += event.data;
    }
    return joined;
  }

  std::shared_ptr<http1::Workspace> workspace;
  std::unique_ptr<http1::Session> session;
  std::vector<KeptEvent> events;
  base::Nanos now = base::kSecond;

 private:
  void keep(std::span<const http::Event> given) {
    for (const http::Event& event : given) {
      Fields copied;
      for (const http::Field& field : event.fields) copied.emplace_back(field.name, field.value);
      events.push_back({event.kind,
                        event.stream_id,
                        event.error_code,
                        std::move(copied),
                        {reinterpret_cast<const char*>(event.data.data()), event.data.size()}});
    }
  }
};

inline std::string get(std::string_view path = "/", std::string_view more = "") {
  return "GET " + std::string(path) + " HTTP/1.1\r\nHost: h\r\n" + std::string(more) + "\r\n";
}

inline std::string post(std::string_view body, std::string_view more = "") {
  return "POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
         std::string(more) + "\r\n" + std::string(body);
}

}  // namespace penstock::testing
