// SPDX-License-Identifier: Apache-2.0
// The HTTP/2 session, fed with bytes and with frames that are nearly right.
//
// Without verbs: however the bytes are cut, the same events come of them. With verbs: events tell
// of each stream in order, verbs on streams that are gone do nothing, and what is held is bounded.
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "fuzz_input.h"
#include "h2_frames.h"
#include "http/output.h"
#include "http2/session.h"
#include "http2/workspace.h"

namespace penstock::fuzzing {
namespace {

using http::Event;
using Kind = http::Event::Kind;

constexpr http2::Limits kLimits = {.concurrent_streams_max = 8,
                                   .header_list_bytes_max = 2048,
                                   .frame_bytes_max = 16 << 10,
                                   .sent_frame_bytes_max = 4096,
                                   .stream_window_bytes = 64 << 10,
                                   .connection_window_bytes = 128 << 10,
                                   .output_bytes_max = 8192,
                                   .outbound_acks_max = 100};
// Of HEADERS, SETTINGS, GOAWAY and the like that one step of nghttp2 may add past the bound.
constexpr std::size_t kOutputSlackBytes = 32 << 10;

// Time stands still: what an input may cost is what a peer has at once.
constexpr base::Nanos kNow = base::kSecond;

// --- the same events however the bytes are cut ----------------------------------------------

struct Told {
  std::vector<std::string> events;  // in words; parts of one body joined
  bool is_broken = false;
  bool has_goaway = false;

  void add(const Event& event) {
    has_goaway = has_goaway || event.kind == Kind::kGoaway;
    if (event.kind == Kind::kData && !events.empty() && data_of_ == event.stream_id) {
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

Told tell(std::string_view stream, std::uint32_t seed) {
  Told told;
  http2::Workspace workspace;
  const auto session = std::move(*http2::Session::open(kLimits, workspace));
  const auto other = std::move(*http2::Session::open(kLimits, workspace));
  (void)other->feed(bytes_of(std::string(kPreface) + frame(kSettings, 0, 0, {})), kNow);
  Cuts cuts(seed);
  while (!stream.empty()) {
    const std::string piece(seed == 0 ? std::exchange(stream, {}) : cuts.next(stream));
    const auto events = session->feed(bytes_of(piece), kNow);
    if (!events) {
      told.is_broken = true;
      return told;
    }
    for (const Event& event : *events) told.add(event);
    // Another connection of the same thread uses the workspace in between.
    if (seed != 0) (void)other->feed(bytes_of(frame(kPing, 0, 0, "12345678")), kNow);
  }
  return told;
}

void check_cuts(Input input) {
  const std::uint32_t seed = input.u16() | 1U;
  std::string stream(kPreface);
  if ((input.u8() & 1) != 0) {
    stream += input.rest();
  } else {
    FrameWriter frames;
    stream += frame(kSettings, 0, 0, {});
    while (!input.is_empty()) stream += frames.next(input);
  }
  const Told whole = tell(stream, 0);
  const Told cut = tell(stream, seed);
  PENSTOCK_CHECK(whole.is_broken == cut.is_broken);
  if (whole.is_broken) return;
  // Behind a GOAWAY, with no stream left, nghttp2 reads on to the end of the input and no further.
  PENSTOCK_CHECK(whole.has_goaway || whole.events == cut.events);
}

// --- verbs -----------------------------------------------------------------------------------

// A connection and its owner, who keeps the rules of its side.
class Owner {
 public:
  explicit Owner(const http2::Limits& limits)
      : limits_(limits), session_(std::move(*http2::Session::open(limits, workspace_))) {
    feed(std::string(kPreface) + frame(kSettings, 0, 0, {}));
  }

  void feed(std::string_view bytes) {
    piece_ = std::make_unique<std::string>(bytes);
    const auto events = session_->feed(bytes_of(*piece_), kNow);
    if (!events) return void(is_broken_ = true);
    for (const Event& event : *events) hear(event);
    PENSTOCK_CHECK(session_->open_streams() <= limits_.concurrent_streams_max);
  }
  void take_output() {
    http::Output output;
    if (!session_->take_output(output)) is_broken_ = true;
    PENSTOCK_CHECK(output.size() <=
                   limits_.output_bytes_max + limits_.sent_frame_bytes_max + kOutputSlackBytes);
    read(output);
    for (const Event& event : session_->take_late_events()) hear(event);
    if (session_->open_streams() == 0) PENSTOCK_CHECK(session_->unsent_bytes() == 0);
  }
  void speak(Input& input);
  bool is_broken() const { return is_broken_; }
  bool is_finished() const { return session_->is_finished(); }

 private:
  // What this side has said on a stream that is open.
  struct Said {
    bool has_begun = false;
    bool is_over = false;
    bool peer_has_ended = false;
    std::size_t unopened_bytes = 0;  // received, and not given back to the window
  };

  static void read(http::Output& output) {
    while (!output.is_empty()) {
      std::array<iovec, 4> pieces;
      std::size_t bytes = 0;
      for (const iovec& piece : std::span(pieces).first(output.gather(pieces))) {
        touch({static_cast<const char*>(piece.iov_base), piece.iov_len});
        bytes += piece.iov_len;
      }
      output.advance(bytes - bytes / 3);
    }
  }

  void hear(const Event& event) {
    const std::int32_t id = event.stream_id;
    const bool is_of_stream = event.kind != Kind::kPingAck && event.kind != Kind::kGoaway;
    const auto found = streams_.find(id);
    switch (event.kind) {
      case Kind::kRequest: check_head(event); [[fallthrough]];
      case Kind::kRequestTooLarge:
        PENSTOCK_CHECK(id > last_id_ && id % 2 == 1);
        last_id_ = id;
        streams_[id] = {};
        return;
      case Kind::kData:
        PENSTOCK_CHECK(found != streams_.end() && !found->second.peer_has_ended);
        PENSTOCK_CHECK(!event.data.empty());
        touch(text_of(event.data));
        unopened_bytes_ += event.data.size();
        found->second.unopened_bytes += event.data.size();
        PENSTOCK_CHECK(unopened_bytes_ <= limits_.connection_window_bytes);
        PENSTOCK_CHECK(found->second.unopened_bytes <= limits_.stream_window_bytes);
        return;
      case Kind::kEnd:
        PENSTOCK_CHECK(found != streams_.end() && !found->second.peer_has_ended);
        found->second.peer_has_ended = true;
        return;
      case Kind::kStreamClosed:
        // Of a stream whose head was malformed nobody has heard.
        if (found == streams_.end()) return;
        PENSTOCK_CHECK(!found->second.is_over);
        streams_.erase(found);
        return;
      case Kind::kBodyFramed: PENSTOCK_CHECK(found != streams_.end()); return;
      case Kind::kPingAck:
      case Kind::kGoaway: PENSTOCK_CHECK(!is_of_stream); return;
    }
  }

  // What grpc/request_head.h relies on.
  void check_head(const Event& event) const {
    std::set<std::string_view> pseudo;
    std::size_t bytes = 0;
    bool has_others = false;
    for (const http::Field& field : event.fields) {
      touch(field.name);
      touch(field.value);
      bytes += field.name.size() + field.value.size() + 32;
      if (field.name.starts_with(':')) {
        PENSTOCK_CHECK(!has_others && pseudo.insert(field.name).second);
      } else {
        has_others = true;
      }
    }
    PENSTOCK_CHECK(pseudo.contains(":method"));
    PENSTOCK_CHECK(bytes <= limits_.header_list_bytes_max);
  }

  std::int32_t any_stream(Input& input) {
    if (streams_.empty()) return input.u8();
    auto at = streams_.begin();
    std::advance(at, input.below(streams_.size()));
    return at->first;
  }
  void speak_on(std::int32_t id, Said& said, std::uint8_t verb, Input& input);
  void speak_to_the_dead(Input& input);

  const http2::Limits limits_;
  http2::Workspace workspace_;
  std::unique_ptr<http2::Session> session_;
  std::unique_ptr<std::string> piece_;
  std::map<std::int32_t, Said> streams_;
  std::int32_t last_id_ = 0;
  std::size_t unopened_bytes_ = 0;
  bool is_broken_ = false;
};

constexpr std::array<http::Field, 2> kHead = {{{":status", "200"}, {"content-type", "a/b"}}};
constexpr std::array<http::Field, 2> kTrailers = {{{"grpc-status", "0"}, {"x-trailer", "y"}}};

base::Slice body_of(std::size_t size) {
  const base::Buffer block = base::Buffer::allocate(size);
  std::ranges::fill(block.bytes(), std::byte{'b'});
  return {block, block.bytes()};
}

void Owner::speak(Input& input) {
  const std::uint8_t verb = input.u8() % 12;
  switch (verb) {
    case 0: return take_output();
    case 1: {
      const std::size_t bytes = std::min<std::size_t>(unopened_bytes_, input.u16());
      unopened_bytes_ -= bytes;
      return session_->reopen_connection(bytes);
    }
    case 2: return session_->submit_ping();
    case 3:
      return (input.u8() & 1) != 0 ? session_->submit_shutdown_notice()
                                   : session_->submit_goaway(http2::kNoError, "enough");
    case 4: return speak_to_the_dead(input);
    default: {
      const std::int32_t id = any_stream(input);
      const auto found = streams_.find(id);
      if (found != streams_.end()) speak_on(id, found->second, verb, input);
    }
  }
}

void Owner::speak_on(std::int32_t id, Said& said, std::uint8_t verb, Input& input) {
  switch (verb) {
    case 5: {
      const std::size_t bytes = std::min<std::size_t>(said.unopened_bytes, input.u16());
      said.unopened_bytes -= bytes;
      return session_->reopen_stream(id, bytes);
    }
    case 6: return session_->drop_data(id);
    case 7:
      if (said.is_over) return;
      said.is_over = true;
      return session_->reset_stream(id, input.u8());
    case 8:
      if (!said.has_begun || said.is_over) return;
      said.is_over = true;
      return session_->send_trailers(id, kTrailers);
    default: break;
  }
  if (said.is_over) return;
  if (!said.has_begun) {
    said.has_begun = true;
    said.is_over = verb == 9;
    return session_->send_headers(id, kHead, said.is_over);
  }
  session_->send_data(id, body_of(input.u16() % 20000));
}

// A stream that was closed, or never opened: nothing may come of it.
void Owner::speak_to_the_dead(Input& input) {
  const std::int32_t id = input.u8();
  if (streams_.contains(id)) return;
  const std::size_t open = session_->open_streams();
  const std::size_t unsent = session_->unsent_bytes();
  session_->send_headers(id, kHead, false);
  session_->send_data(id, body_of(100));
  session_->drop_data(id);
  session_->send_trailers(id, kTrailers);
  session_->reopen_stream(id, 1);
  session_->reset_stream(id, http2::kCancel);
  PENSTOCK_CHECK(session_->open_streams() == open);
  PENSTOCK_CHECK(session_->unsent_bytes() == unsent);
}

void check_verbs(Input input) {
  Owner owner(kLimits);
  FrameWriter frames;
  while (!input.is_empty() && !owner.is_broken() && !owner.is_finished()) {
    const std::uint8_t step = input.u8();
    if (step < 128) {
      std::string bytes = frames.next(input);
      for (std::size_t more = step % 4; more > 0; --more) bytes += frames.next(input);
      owner.feed(bytes);
    } else {
      owner.speak(input);
    }
  }
  owner.take_output();  // of a broken one too: its GOAWAY
}

}  // namespace
}  // namespace penstock::fuzzing

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  penstock::fuzzing::Input input(bytes, size);
  if ((input.u8() & 1) != 0) {
    penstock::fuzzing::check_verbs(input);
  } else {
    penstock::fuzzing::check_cuts(input);
  }
  return 0;
}
