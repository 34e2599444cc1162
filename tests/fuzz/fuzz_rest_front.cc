// SPDX-License-Identifier: Apache-2.0
// The way of a REST request, from a peer's bytes to its answer, over HTTP/1.1 and HTTP/2: sessions
// and Front, models on both lanes, and hosted calls whose control thread is the fuzzer.
//
// A peer that does what it likes: every hosted call gets one end, and nothing is left behind.
// A peer that keeps HTTP's rules: every request gets one answer as well, in order, and whole.
#include <algorithm>
#include <array>
#include <charconv>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/deflate.h"
#include "front_rig.h"
#include "fuzz_input.h"
#include "h1_pieces.h"

namespace penstock::fuzzing {
namespace {

constexpr std::array<std::string_view, 18> kPaths = {"/v2/models/m/infer",
                                                     "/v2/models/m/infer",
                                                     "/v2/models/m/versions/1/infer",
                                                     "/v2/models/b/infer",
                                                     "/v1/models/m:predict",
                                                     "/v1/models/b:predict",
                                                     "/v2/models/none/infer",
                                                     "/v2",
                                                     "/v2/health/live",
                                                     "/v2/health/ready",
                                                     "/v2/models/m",
                                                     "/v2/models/m/ready",
                                                     "/v2/models/%6d/versions/2/ready",
                                                     "/v2/repository/index",
                                                     "/v2/models/m/config",
                                                     "/v2/trace/setting",
                                                     "/nobody/knows?a=b",
                                                     "/"};
constexpr std::array<std::string_view, 6> kMethods = {"POST", "GET", "POST", "HEAD", "POST", "PUT"};
constexpr std::array<std::string_view, 8> kBodies = {
    "",
    "{}",
    R"({"id":"7","inputs":[{"name":"x","datatype":"FP32","shape":[1,2],"data":[1,2.5]}]})",
    R"({"inputs":[{"name":"x","datatype":"FP32","shape":[1,3],"data":[[1,2,3]]}],)"
    R"("outputs":[{"name":"y","parameters":{"binary_data":true}}]})",
    R"({"inputs":[{"name":"x","datatype":"FP32","shape":[1,2],"parameters":)"
    R"({"shared_memory_region":"r","shared_memory_byte_size":8,"shared_memory_offset":8}}],)"
    R"("outputs":[{"name":"y","parameters":)"
    R"({"shared_memory_region":"r","shared_memory_byte_size":8}}]})",
    R"({"instances":[[1,2],[3,4]]})",
    R"({"inputs":{"x":[[1,2]]}})",
    R"({"inputs":[{"name":"x","datatype":"FP32","shape":[1,2],)"
    R"("parameters":{"binary_data_size":8}}],"parameters":{"binary_data_output":true}})"};
// Of the last of them, which a tensor of 8 bytes follows.
constexpr std::size_t kBinaryBody = kBodies.size() - 1;

std::string deflated(base::DeflateFormat format, std::string_view text) {
  const auto bytes = bytes_of(text);
  std::string packed(text.size() + 64, '\0');
  const auto size = base::deflate_pieces(format, 1, std::span(&bytes, 1),
                                         std::as_writable_bytes(std::span(packed)));
  packed.resize(size.value_or(0));
  return packed;
}

struct Request {
  std::string_view method;
  std::string_view path;
  testing::Fields fields;
  std::string body;
};

Request next_request(Input& input) {
  Request request{
      kMethods[input.below(kMethods.size())], kPaths[input.below(kPaths.size())], {}, {}};
  const std::uint8_t choice = input.u8();
  const std::size_t which = choice % (kBodies.size() + 2);
  if (which < kBodies.size()) {
    request.body = kBodies[which];
    if (which == kBinaryBody) {
      request.fields.emplace_back("inference-header-content-length",
                                  std::to_string(request.body.size() - (choice >> 7)));
      request.body += "12345678";
    }
  } else if (which == kBodies.size()) {
    request.body = input.bytes(input.u8());
  } else {
    request.body = std::string(input.u8() * std::size_t{300}, 'x');  // past the bound at times
    request.fields.emplace_back("inference-header-content-length", "0");
  }
  const std::uint8_t coding = input.u8();
  if (coding % 4 == 1) {
    const bool is_gzip = (coding & 16) != 0;
    request.body =
        deflated(is_gzip ? base::DeflateFormat::kGzip : base::DeflateFormat::kZlib, request.body);
    request.fields.emplace_back("content-encoding", is_gzip ? "gzip" : "deflate");
  }
  if (coding % 4 == 2) request.fields.emplace_back("accept-encoding", "deflate, gzip;q=0.5");
  if (coding % 4 == 3) request.fields.emplace_back("x-a", std::string(coding % 16, '\xe4'));
  return request;
}

std::string http1_text(const Request& request, bool is_chunked) {
  std::string text =
      std::string(request.method) + " " + std::string(request.path) + " HTTP/1.1\r\nHost: h\r\n";
  for (const auto& [name, value] : request.fields) text += name + ": " + value + "\r\n";
  if (!is_chunked) {
    text += "Content-Length: " + std::to_string(request.body.size()) + "\r\n\r\n";
    return text + request.body;
  }
  text += "Transfer-Encoding: chunked\r\n\r\n";
  if (!request.body.empty()) {
    std::array<char, 16> digits;
    const auto end = std::to_chars(digits.begin(), digits.end(), request.body.size(), 16).ptr;
    text += std::string(digits.begin(), end) + "\r\n" + request.body + "\r\n";
  }
  return text + "0\r\n\r\n";
}

// Beside "m", which is answered within a pass, "b" on the batch lane.
struct TwoLanes : Rig {
  explicit TwoLanes(Input& input) : Rig(input) {
    if ((input.u8() & 1) == 0) return;
    batched = serve({.name = "b", .lane = serving::Lane::kBatch}, testing::x_to_y());
  }
  ~TwoLanes() { let_batches_end(); }
  void let_batches_end() {
    if (batched == nullptr) return;
    batched->batcher().drain();
    batched->batcher().wait_until_idle(base::kNever);
  }
  std::shared_ptr<serving::Version> batched;
};

// --- a peer that does what it likes ----------------------------------------------------------

void run_wild(Input input) {
  TwoLanes rig(input);
  const http1::Limits limits = {.open_requests_max = 4, .discarded_bytes_max = 512};
  TwoLanes::Link* link = &rig.connect_http1(limits);
  while (!input.is_empty()) {
    if (!link->is_open) link = &rig.connect_http1(limits);
    switch (input.below(8)) {
      case 0:
      case 1: link->said += next_h1_piece(input); break;
      case 2: link->said += http1_text(next_request(input), (input.u8() & 1) != 0); break;
      case 3: rig.receive(*link); break;
      case 4: rig.pass(); break;
      case 5: rig.happen(input); break;
      case 6:
        if (input.below(4) == 0) rig.disconnect(*link);
        break;
      default: rig.control.speak(input); break;
    }
    rig.control.hear();
    if (link->is_open && link->session->is_finished()) rig.disconnect(*link);
  }
  rig.pass();
  rig.let_batches_end();
  rig.disconnect(*link);
  rig.check_that_nothing_is_left();
}

// --- a peer that keeps the rules --------------------------------------------------------------

class HonestPeer {
 public:
  explicit HonestPeer(TwoLanes& rig)
      : rig_(rig), one_(rig.connect_http1()), two_(rig.connect({}, {}, serving::Protocol::kRest)) {}

  void step(Input& input) {
    switch (input.below(8)) {
      case 0:
      case 1: {
        const Request request = next_request(input);
        unsent_ += http1_text(request, (input.u8() & 1) != 0);
        is_head_.push_back(request.method == "HEAD");
        return;
      }
      case 2: return ask_over_http2(next_request(input));
      case 3: return send(input.u16());
      case 4: rig_.pass(); return;
      case 5: return rig_.happen(input);
      default: return rig_.control.speak(input);
    }
  }
  // Everything that was asked must have been answered.
  void end() {
    send(unsent_.size());
    rig_.let_batches_end();
    for (std::size_t turn = 0; turn < is_head_.size() + streams_.size() + 4; ++turn) {
      rig_.settle();
      rig_.control.hear();
      rig_.control.finish_all();
    }
    rig_.settle();
    check_http1();
    PENSTOCK_CHECK(two_.client.forbidden_frames() == 0);
    for (const std::int32_t id : streams_) {
      PENSTOCK_CHECK(two_.answer(id).is_closed() && two_.answer(id).close_code == 0U);
      check_status(two_.answer(id).field(":status"));
    }
    rig_.disconnect(one_);
    rig_.disconnect(two_);
  }

 private:
  void send(std::size_t bytes) {
    const std::size_t sent = std::min(bytes, unsent_.size());
    one_.said += unsent_.substr(0, sent);
    unsent_.erase(0, sent);
    // An owner that asks before it reads.
    if (one_.session->wants_input()) {
      rig_.receive(one_);
    } else {
      rig_.pass();
    }
  }
  void ask_over_http2(const Request& request) {
    testing::Fields fields = {{":method", std::string(request.method)},
                              {":scheme", "http"},
                              {":path", std::string(request.path)},
                              {":authority", "h"}};
    fields.insert(fields.end(), request.fields.begin(), request.fields.end());
    streams_.push_back(two_.client.request(fields, request.body));
  }
  static void check_status(std::string_view status) {
    PENSTOCK_CHECK(status.size() == 3 && status[0] >= '2' && status[0] <= '5');
  }
  void check_http1() {
    std::string_view heard = one_.heard;
    for (const bool is_head : is_head_) {
      PENSTOCK_CHECK(heard.starts_with("HTTP/1.1 "));
      const std::string_view status = heard.substr(9, 3);
      check_status(status);
      const std::size_t end = heard.find("\r\n\r\n");
      PENSTOCK_CHECK(end != std::string_view::npos);
      const std::string_view head = heard.substr(0, end + 2);
      heard.remove_prefix(end + 4);
      PENSTOCK_CHECK(head.find("connection: close") == std::string_view::npos);
      constexpr std::string_view kLength = "\r\ncontent-length: ";
      const std::size_t length_at = head.find(kLength);
      PENSTOCK_CHECK((length_at == std::string_view::npos) == (status == "204"));
      if (is_head || status == "204") continue;
      std::size_t length = 0;
      std::from_chars(head.data() + length_at + kLength.size(), head.data() + head.size(), length);
      PENSTOCK_CHECK(length <= heard.size());
      heard.remove_prefix(length);
    }
    PENSTOCK_CHECK(heard.empty());
  }

  TwoLanes& rig_;
  TwoLanes::Link& one_;
  TwoLanes::Link& two_;
  std::string unsent_;
  std::vector<bool> is_head_;  // of each request over HTTP/1.1
  std::vector<std::int32_t> streams_;
};

void run_honest(Input input) {
  TwoLanes rig(input);
  HonestPeer peer(rig);
  for (int steps = 0; !input.is_empty() && steps < 60; ++steps) {
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
