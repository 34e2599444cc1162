// SPDX-License-Identifier: Apache-2.0
// The way of a request, from a peer's bytes to its answer: Session and Front, a model on the inline
// lane, and hosted calls whose control thread is the fuzzer.
//
// A peer that does what it likes: every hosted call gets one end, and nothing is left behind.
// A peer that keeps HTTP/2's rules: every call gets one answer as well, and the server keeps them.
#include <algorithm>
#include <array>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "front_rig.h"
#include "fuzz_input.h"
#include "h2_frames.h"

namespace penstock::fuzzing {
namespace {

constexpr std::array<std::string_view, 12> kPaths = {
    "/inference.GRPCInferenceService/ModelInfer",
    "/inference.GRPCInferenceService/ModelInfer",
    "/inference.GRPCInferenceService/ModelMetadata",
    "/inference.GRPCInferenceService/ModelReady",
    "/inference.GRPCInferenceService/ServerMetadata",
    "/grpc.health.v1.Health/Check",
    "/grpc.health.v1.Health/Watch",
    "/grpc.health.v1.Health/List",
    "/test.Service/Method",
    "/test.Service/Method",
    "/test.Service/Other",
    "/nobody/knows"};
constexpr std::array<std::string_view, 4> kTimeouts = {"1n", "0S", "20m", "100S"};
constexpr std::array<std::string_view, 3> kEncodings = {"identity", "deflate", "gzip"};

// "x" or "y" in the region, at any place in it or beyond.
std::string place(std::uint32_t field, Input& input) {
  const std::int64_t offset = input.u8() % 80;
  return testing::parameter(field, "shared_memory_region", testing::sized_field(3, "r")) +
         testing::parameter(field, "shared_memory_byte_size",
                            testing::varint_field(2, input.u8() % 80)) +
         testing::parameter(field, "shared_memory_offset", testing::varint_field(2, offset));
}

std::string shared_message(Input& input) {
  const std::int64_t width = input.below(20);
  std::string message =
      testing::sized_field(1, "m") +
      testing::sized_field(5, testing::input_head("x", "FP32", {1, width}) + place(4, input));
  if (input.below(2) != 0) {
    message += testing::sized_field(6, testing::sized_field(1, "y") + place(2, input));
  }
  return message;
}

std::string message_of(Input& input) {
  switch (input.below(7)) {
    case 0: return testing::infer_x("m", {1, 2, 3});
    case 1: return testing::infer_x("m", {1, 2, 3}, testing::sized_field(3, "an id"));
    case 2: return testing::sized_field(1, input.bytes(input.below(20)));
    case 3: return std::string(input.u16() * std::size_t{4}, 'm');
    case 4: return {};
    case 6: return shared_message(input);
    default: return std::string(input.bytes(input.u8()));
  }
}

std::string framed(Input& input) {
  const std::uint8_t choice = input.u8();
  if (choice == 255) return std::string(input.bytes(input.u8()));  // no frame at all
  return testing::grpc_framed(message_of(input), choice % 8 == 7);
}

// --- a peer that does what it likes ----------------------------------------------------------

class WildPeer {
 public:
  explicit WildPeer(Rig& rig) : rig_(rig) { connect(); }

  void step(Input& input) {
    switch (input.below(12)) {
      case 0:
      case 1:
      case 2: return feed(request(input));
      case 3:
      case 4:
      case 5: return feed(data(input));
      case 6: return feed(frames_.next(input));
      case 7: return write();
      case 8: return rig_.happen(input);
      case 9: rig_.disconnect(*link_); return connect();
      default: return rig_.control.speak(input);
    }
  }
  // The end of a pass of the io thread's loop.
  void write() {
    rig_.front.finish_pass(rig_.now());
    http::Output output;
    is_broken_ = !link_->session->take_output(output) || is_broken_;
    touch(testing::written(output));
    rig_.front.received(link_->slot, link_->session->take_late_events(), rig_.now());
    if (is_broken_ || link_->session->is_finished()) {
      rig_.disconnect(*link_);
      connect();
    }
  }
  void disconnect() { rig_.disconnect(*link_); }

 private:
  void connect() {
    link_ = &rig_.connect({}, {.concurrent_streams_max = 32,
                               .stream_window_bytes = 256 << 10,
                               .connection_window_bytes = 512 << 10});
    frames_ = {};
    is_broken_ = false;
    feed(std::string(kPreface) + frame(kSettings, 0, 0, {}));
  }
  void feed(std::string bytes) {
    if (is_broken_) return write();
    piece_ = std::make_unique<std::string>(std::move(bytes));
    const auto events = link_->session->feed(bytes_of(*piece_), rig_.now());
    if (!events) {
      is_broken_ = true;
      return write();
    }
    rig_.front.received(link_->slot, *events, rig_.now());
  }
  std::string request(Input& input) {
    std::string more = FrameWriter::field("content-type", "application/grpc");
    const std::string_view path = kPaths[input.below(kPaths.size())];
    const std::uint8_t choice = input.u8();
    if ((choice & 1) != 0) more += FrameWriter::field("grpc-timeout", kTimeouts[choice >> 6]);
    if ((choice & 2) != 0) more += FrameWriter::field("grpc-encoding", kEncodings[choice >> 2 & 1]);
    if ((choice & 4) != 0) more += FrameWriter::field("grpc-accept-encoding", "gzip");
    if ((choice & 8) != 0) more += FrameWriter::field("x-bin", input.bytes(input.below(20)));
    if ((choice & 16) != 0) more += FrameWriter::field("grpc-timeout", input.bytes(4));
    return frames_.request(path, choice == 32 ? kEndStream : 0, more);
  }
  std::string data(Input& input) {
    const std::uint8_t choice = input.u8();
    const std::uint32_t id = frames_.last_stream() - 2U * (choice >> 6);
    const std::string body = framed(input);
    const std::size_t cut = (choice & 2) != 0 ? body.size() / 3 : 0;
    std::string bytes;
    if (cut > 0) bytes = frame(kData, 0, id, std::string_view(body).substr(0, cut));
    for (std::size_t at = cut; at < body.size(); at += 16384) {
      const bool is_last = at + 16384 >= body.size();
      bytes += frame(kData, is_last ? choice & kEndStream : 0, id,
                     std::string_view(body).substr(at, 16384));
    }
    return bytes;
  }

  Rig& rig_;
  Rig::Link* link_ = nullptr;
  FrameWriter frames_;
  std::unique_ptr<std::string> piece_;
  bool is_broken_ = false;
};

void run_wild(Input input) {
  Rig rig(input);
  WildPeer peer(rig);
  while (!input.is_empty()) {
    peer.step(input);
    rig.control.hear();
  }
  peer.write();
  peer.disconnect();
  rig.check_that_nothing_is_left();
}

// --- a peer that keeps the rules --------------------------------------------------------------

class HonestPeer {
 public:
  HonestPeer(Rig& rig, Input& input)
      : rig_(rig),
        link_(rig.connect({.stream_window = 65535U * (1 + input.u8() % 4U),
                           .connection_window = 65535 * (1 + input.u8() % 4),
                           .padding = input.below(2) * 7})) {}

  void step(Input& input) {
    switch (input.below(8)) {
      case 0:
      case 1: return begin(input);
      case 2: {
        if (open_.empty()) return;
        auto at = open_.begin();
        std::advance(at, input.below(open_.size()));
        const bool is_last = (input.u8() & 1) != 0;
        link_.client.send(*at, framed(input), is_last);
        if (is_last) open_.erase(at);
        return;
      }
      case 3: {
        if (open_.empty()) return;
        const std::int32_t id = *open_.begin();
        open_.erase(id);
        reset_.insert(id);
        return link_.client.reset(id);
      }
      case 4: rig_.pass(); return;
      case 5: return rig_.happen(input);
      default: return rig_.control.speak(input);
    }
  }
  // It ends what it has begun, and then everything must have been answered.
  void end() {
    for (const std::int32_t id : open_) link_.client.send(id, "", true);
    rig_.front.end_connections(rig_.now());  // Health/Watch would go on for ever
    for (int turn = 0; turn < 4; ++turn) {
      rig_.settle();
      rig_.control.hear();
      rig_.control.finish_all();
    }
    rig_.settle();
    PENSTOCK_CHECK(link_.client.forbidden_frames() == 0);
    for (const auto& [id, answer] : link_.client.answers()) {
      const auto is_status = [](const auto& field) { return field.first == "grpc-status"; };
      const auto statuses = std::ranges::count_if(answer.headers, is_status) +
                            std::ranges::count_if(answer.trailers, is_status);
      PENSTOCK_CHECK(statuses <= 1);
      if (reset_.contains(id)) continue;
      PENSTOCK_CHECK(answer.is_closed());
      PENSTOCK_CHECK(!answer.field("grpc-status").empty());
    }
    rig_.disconnect(link_);
  }

 private:
  void begin(Input& input) {
    const std::string_view path = kPaths[input.below(kPaths.size())];
    const std::uint8_t choice = input.u8();
    testing::Fields more;
    if (choice % 8 == 1) more.emplace_back("grpc-timeout", kTimeouts[choice >> 6]);
    if (choice % 8 == 2) more.emplace_back("grpc-encoding", kEncodings[choice >> 4 & 1]);
    if (choice % 8 == 3) more.emplace_back("grpc-accept-encoding", "gzip");
    if (choice % 8 == 4) more.emplace_back("x-bin", "AAEC");
    const bool is_last = (choice & 8) != 0;
    const std::int32_t id =
        link_.client.request(testing::grpc_request(path, more), framed(input), is_last);
    if (!is_last) open_.insert(id);
  }

  Rig& rig_;
  Rig::Link& link_;
  std::set<std::int32_t> open_;  // whose bodies go on
  std::set<std::int32_t> reset_;
};

void run_honest(Input input) {
  Rig rig(input);
  HonestPeer peer(rig, input);
  for (int steps = 0; !input.is_empty() && steps < 200; ++steps) {
    peer.step(input);
    rig.control.hear();
  }
  peer.end();
  rig.check_that_nothing_is_left();
}

}  // namespace
}  // namespace penstock::fuzzing

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  penstock::fuzzing::Input input(bytes, size);
  if ((input.u8() & 1) != 0) {
    penstock::fuzzing::run_honest(input);
  } else {
    penstock::fuzzing::run_wild(input);
  }
  return 0;
}
