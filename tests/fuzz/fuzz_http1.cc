// SPDX-License-Identifier: Apache-2.0
// The HTTP/1.1 session, fed with bytes and with pieces of requests.
//
// Without verbs: however the bytes are cut, the same events and the same refusal come of them. With
// verbs, in any order: what the peer reads are whole answers in the order of its requests, and what
// is held is bounded.
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "fuzz_input.h"
#include "h1_pieces.h"
#include "http/output.h"
#include "http1/session.h"
#include "http1/workspace.h"

namespace penstock::fuzzing {
namespace {

using http::Event;
using Kind = http::Event::Kind;

constexpr http1::Limits kLimits = {.target_bytes_max = 256,
                                   .head_bytes_max = 512,
                                   .fields_max = 8,
                                   .trailer_bytes_max = 64,
                                   .trailers_max = 3,
                                   .chunk_extension_bytes_max = 32,
                                   .chunk_extensions_bytes_max = 128,
                                   .open_requests_max = 4,
                                   .buffered_bytes_max = 16 << 10,
                                   .stream_window_bytes = 256,
                                   .connection_window_bytes = 512,
                                   .discarded_bytes_max = 128,
                                   .output_bytes_max = 2048};
// Of one head or one chunk's frame, past the bound.
constexpr std::size_t kOutputSlackBytes = 1024;

std::string flat(http::Output& output) {
  std::string text;
  while (!output.is_empty()) {
    std::array<iovec, 4> pieces;
    std::size_t bytes = 0;
    for (const iovec& piece : std::span(pieces).first(output.gather(pieces))) {
      text.append(static_cast<const char*>(piece.iov_base), piece.iov_len);
      bytes += piece.iov_len;
    }
    output.advance(bytes);
  }
  return text;
}

// --- the same events however the bytes are cut ----------------------------------------------

struct Told {
  std::vector<std::string> events;  // in words; parts of one body joined
  std::string refusal;

  void add(const Event& event) {
    if (event.kind == Kind::kData && data_of_ == event.stream_id) {
      events.back() += text_of(event.data);
      return;
    }
    data_of_ = event.kind == Kind::kData ? event.stream_id : 0;
    std::string words = std::to_string(static_cast<int>(event.kind)) + " " +
                        std::to_string(event.stream_id) + " " + std::to_string(event.error_code);
    for (const http::Field& field : event.fields) {
      words.append("\n").append(field.name).append("=").append(field.value);
    }
    events.push_back(words.append("\n").append(text_of(event.data)));
  }

 private:
  std::int32_t data_of_ = 0;
};

// With an owner that answers each request when it has ended.
Told tell(std::string_view stream, std::uint32_t seed) {
  Told told;
  http1::Workspace workspace;
  const auto session = std::move(*http1::Session::open(kLimits, workspace));
  const auto other = std::move(*http1::Session::open(kLimits, workspace));
  static constexpr std::array<http::Field, 1> kHead = {{{":status", "200"}}};
  Cuts cuts(seed);
  std::vector<std::int32_t> ended;
  const auto hear = [&](std::span<const Event> events) {
    for (const Event& event : events) {
      told.add(event);
      if (event.kind == Kind::kEnd) ended.push_back(event.stream_id);
    }
  };
  while (!stream.empty()) {
    const std::string piece(seed == 0 ? std::exchange(stream, {}) : cuts.next(stream));
    const auto events = session->feed(bytes_of(piece), base::kSecond);
    PENSTOCK_CHECK(events.has_value());
    hear(*events);
    do {
      for (const std::int32_t id : std::exchange(ended, {})) session->send_headers(id, kHead, true);
      http::Output output;
      PENSTOCK_CHECK(session->take_output(output).has_value());
      const std::string text = flat(output);
      const std::size_t refused = text.find("{\"error\"");
      if (refused != std::string::npos) told.refusal = text.substr(refused);
      hear(session->take_late_events());
    } while (!ended.empty() || session->wants_write());
    // Another connection of the same thread uses the workspace in between.
    (void)other->feed(bytes_of("GET / HTTP/1.1\r\nHo"), base::kSecond);
  }
  return told;
}

void check_cuts(Input input) {
  const std::uint32_t seed = input.u16() | 1U;
  std::string stream;
  if ((input.u8() & 1) != 0) {
    stream = input.rest();
  } else {
    while (!input.is_empty()) stream += next_h1_piece(input);
  }
  stream.resize(std::min(stream.size(), kLimits.buffered_bytes_max));
  const Told whole = tell(stream, 0);
  const Told cut = tell(stream, seed);
  PENSTOCK_CHECK(whole.events == cut.events && whole.refusal == cut.refusal);
}

// --- verbs -----------------------------------------------------------------------------------

// Reads what a client would: answers, one after the other, each of which names its request.
class Client {
 public:
  void read(std::string_view text) { unread_ += text; }
  // Takes whole answers off the front.
  void check(const std::map<std::int32_t, bool>& is_head) {
    while (!unread_.empty() && take_answer(is_head)) {
    }
  }

 private:
  bool take_answer(const std::map<std::int32_t, bool>& is_head) {
    if (is_until_close_) return false;
    PENSTOCK_CHECK(!is_over_);
    const std::string_view text = unread_;
    const std::size_t head_end = text.find("\r\n\r\n");
    if (head_end == std::string_view::npos) return false;
    const std::string_view head = text.substr(0, head_end + 2);
    PENSTOCK_CHECK(head.starts_with("HTTP/1.1 "));
    std::string_view rest = text.substr(head_end + 4);
    if (head.starts_with("HTTP/1.1 100 ")) {
      unread_.erase(0, head_end + 4);
      return true;
    }
    const std::int32_t id = number_after(head, "\r\nx-id: ");
    const std::int32_t length = number_after(head, "\r\ncontent-length: ");
    const bool is_own = id < 0;  // the session's own refusal
    const bool has_no_body = head.starts_with("HTTP/1.1 204") || (!is_own && is_head.at(id));
    if (has_no_body) {
      // Its head is all of it.
    } else if (head.find("transfer-encoding: chunked") != std::string_view::npos) {
      PENSTOCK_CHECK(length < 0);
      if (!take_chunks(rest)) return false;
    } else if (length >= 0) {
      if (rest.size() < static_cast<std::size_t>(length)) return false;
      PENSTOCK_CHECK(is_own || is_body(rest.substr(0, static_cast<std::size_t>(length))));
      rest.remove_prefix(static_cast<std::size_t>(length));
    } else {
      is_until_close_ = true;
      return false;
    }
    PENSTOCK_CHECK(is_own || id == last_id_ + 1);
    last_id_ = is_own ? last_id_ : id;
    is_over_ = head.find("connection: close") != std::string_view::npos;
    PENSTOCK_CHECK(!is_own || is_over_);
    unread_.erase(0, text.size() - rest.size());
    return true;
  }
  static bool is_body(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return c == 'b'; });
  }
  static std::int32_t number_after(std::string_view head, std::string_view name) {
    const std::size_t at = head.find(name);
    if (at == std::string_view::npos) return -1;
    std::int32_t number = -1;
    std::from_chars(head.data() + at + name.size(), head.data() + head.size(), number);
    return number;
  }
  static bool take_chunks(std::string_view& text) {
    for (;;) {
      const std::size_t line = text.find("\r\n");
      if (line == std::string_view::npos) return false;
      std::size_t size = 0;
      const auto read = std::from_chars(text.data(), text.data() + line, size, 16);
      PENSTOCK_CHECK(read.ptr == text.data() + line && line > 0);
      text.remove_prefix(line + 2);
      if (size == 0) break;
      if (text.size() < size + 2) return false;
      PENSTOCK_CHECK(is_body(text.substr(0, size)) && text.substr(size, 2) == "\r\n");
      text.remove_prefix(size + 2);
    }
    static constexpr std::string_view kTrailers = "x-trailer: y\r\n";
    if (text.starts_with(kTrailers)) text.remove_prefix(kTrailers.size());
    if (text.size() < 2) return false;
    PENSTOCK_CHECK(text.starts_with("\r\n"));
    text.remove_prefix(2);
    return true;
  }

  std::string unread_;
  std::int32_t last_id_ = 0;
  bool is_until_close_ = false;
  bool is_over_ = false;  // an answer has said that it is the last
};

// A connection and its owner, who keeps the rules of its side.
class Owner {
 public:
  Owner() : session_(std::move(*http1::Session::open(kLimits, workspace_))) {}

  void feed(std::string_view bytes) {
    if (!session_->wants_input()) return;
    piece_ = std::make_unique<std::string>(bytes);
    const auto events = session_->feed(bytes_of(*piece_), base::kSecond);
    PENSTOCK_CHECK(events.has_value());
    for (const Event& event : *events) hear(event);
    check();
  }
  void take_output() {
    http::Output output;
    PENSTOCK_CHECK(session_->take_output(output).has_value());
    PENSTOCK_CHECK(output.size() <= kLimits.output_bytes_max + kOutputSlackBytes);
    client_.read(flat(output));
    for (const Event& event : session_->take_late_events()) hear(event);
    client_.check(is_head_);
    check();
  }
  void speak(Input& input);
  bool is_finished() const { return session_->is_finished(); }
  // The peer sends no more, and this side answers everything: nothing is left.
  void finish();

 private:
  struct Said {
    bool has_begun = false;
    bool is_over = false;
    bool peer_has_ended = false;
    std::size_t unopened_bytes = 0;
  };

  void check() const {
    PENSTOCK_CHECK(session_->open_streams() <= kLimits.open_requests_max + 1);
    if (session_->open_streams() == 0) PENSTOCK_CHECK(session_->unsent_bytes() == 0);
  }
  void hear(const Event& event) {
    const std::int32_t id = event.stream_id;
    const auto found = streams_.find(id);
    const bool is_known = found != streams_.end();
    switch (event.kind) {
      case Kind::kRequest: {
        PENSTOCK_CHECK(id == last_id_ + 1 && event.fields[0].name == ":method");
        last_id_ = id;
        streams_[id] = {};
        std::size_t bytes = 0;
        for (const http::Field& field : event.fields) {
          touch(field.name);
          touch(field.value);
          bytes += field.value.size();
        }
        PENSTOCK_CHECK(bytes <= kLimits.head_bytes_max + 16);
        is_head_[id] = event.fields[0].value == "HEAD";
        return;
      }
      case Kind::kData:
        PENSTOCK_CHECK(is_known && !found->second.peer_has_ended && !found->second.is_over);
        PENSTOCK_CHECK(!event.data.empty());
        touch(text_of(event.data));
        unopened_bytes_ += event.data.size();
        found->second.unopened_bytes += event.data.size();
        return;
      case Kind::kEnd:
        PENSTOCK_CHECK(is_known && !found->second.peer_has_ended && !found->second.is_over);
        found->second.peer_has_ended = true;
        return;
      case Kind::kStreamClosed:
        // It may be on its way while this side speaks its last word, which then goes nowhere.
        PENSTOCK_CHECK(is_known || id == last_id_ + 1);
        if (is_known) streams_.erase(found);
        return;
      case Kind::kBodyFramed: PENSTOCK_CHECK(is_known); return;
      case Kind::kGoaway: return;
      case Kind::kRequestTooLarge:
      case Kind::kPingAck: PENSTOCK_CHECK(false); return;
    }
  }
  void begin(std::int32_t id, Said& said, std::uint8_t how);
  void give(std::int32_t id, std::size_t size) {
    const base::Buffer block = base::Buffer::allocate(size);
    std::ranges::fill(block.bytes(), std::byte{'b'});
    session_->send_data(id, {block, block.bytes()});
  }
  void speak_on(std::int32_t id, Said& said, std::uint8_t verb, Input& input);

  http1::Workspace workspace_;
  std::unique_ptr<http1::Session> session_;
  std::unique_ptr<std::string> piece_;
  Client client_;
  std::map<std::int32_t, Said> streams_;
  std::map<std::int32_t, bool> is_head_;
  std::int32_t last_id_ = 0;
  std::size_t unopened_bytes_ = 0;
};

void Owner::begin(std::int32_t id, Said& said, std::uint8_t how) {
  const std::string number = std::to_string(id);
  std::vector<http::Field> head = {{":status", (how & 1) != 0 ? "204" : "200"}, {"x-id", number}};
  if ((how & 2) != 0) head.push_back({"content-length", "300"});
  if ((how & 12) == 12) head.push_back({"connection", "close"});
  said.has_begun = true;
  said.is_over = (how & 48) == 48;
  session_->send_headers(id, head, said.is_over);
}

void Owner::speak(Input& input) {
  const std::uint8_t verb = input.u8() % 16;
  if (verb <= 3) return take_output();
  if (verb == 4) {
    const std::size_t bytes = std::min<std::size_t>(unopened_bytes_, input.u16());
    unopened_bytes_ -= bytes;
    return session_->reopen_connection(bytes);
  }
  if (verb == 5) {
    const std::uint8_t end = input.u8();
    if (end == 0) session_->submit_goaway(0, "enough");
    if (end == 1) session_->retire();
    if (end == 2) session_->end_input();
    if (end <= 2) return;
  }
  if (streams_.empty()) return;
  auto at = streams_.begin();
  std::advance(at, input.below(std::min<std::size_t>(streams_.size(), 256)));
  speak_on(at->first, at->second, verb, input);
}

void Owner::speak_on(std::int32_t id, Said& said, std::uint8_t verb, Input& input) {
  if (verb == 6) {
    const std::size_t bytes = std::min<std::size_t>(said.unopened_bytes, input.u16());
    said.unopened_bytes -= bytes;
    return session_->reopen_stream(id, bytes);
  }
  if (said.is_over) return;
  if (verb == 7) return session_->drop_data(id);
  if (verb == 8 && input.u8() < 8) {
    said.is_over = true;
    return session_->reset_stream(id, 8);
  }
  if (!said.has_begun) return begin(id, said, input.u8());
  if (verb > 11) return give(id, input.u16() % 3000);
  said.is_over = true;
  static constexpr std::array<http::Field, 1> kTrailers = {{{"x-trailer", "y"}}};
  session_->send_trailers(id, (verb & 1) != 0 ? std::span<const http::Field>(kTrailers)
                                              : std::span<const http::Field>());
}

void Owner::finish() {
  for (int turn = 0; turn < 2000; ++turn) {
    session_->submit_goaway(0, "");
    for (auto& [id, said] : streams_) {
      if (said.is_over) continue;
      if (!said.has_begun) begin(id, said, 0);
      if (!said.is_over) session_->send_trailers(id, {});
      said.is_over = true;
    }
    take_output();
    // A head that has begun to come is awaited; whoever owns the socket bounds that.
    const bool awaits_head = session_->header_block_since_ns() != base::kNever;
    if (session_->is_finished() || (awaits_head && session_->open_streams() == 0)) return;
  }
  PENSTOCK_CHECK(false);
}

void check_verbs(Input input) {
  Owner owner;
  while (!input.is_empty() && !owner.is_finished()) {
    if (input.u8() % 3 == 0) {
      std::string piece = next_h1_piece(input);
      const std::size_t cut = std::min<std::size_t>(input.u8(), piece.size());
      owner.feed(piece.substr(0, cut));
      owner.feed(piece.substr(cut));
    } else {
      owner.speak(input);
    }
  }
  owner.finish();
}

void run(Input input) {
  if ((input.u8() & 1) != 0) {
    check_verbs(input);
  } else {
    check_cuts(input);
  }
}

}  // namespace
}  // namespace penstock::fuzzing

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  penstock::fuzzing::run({bytes, size});
  return 0;
}
