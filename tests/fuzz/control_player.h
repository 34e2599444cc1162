// SPDX-License-Identifier: Apache-2.0
#pragma once

// The control thread of a fuzzer: hears what the Bridge tells of hosted calls, and answers as the
// input has it. Holds every call to its law: one begin, in order, one end.

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fuzz_input.h"
#include "grpc/framing.h"
#include "serving/bridge.h"

namespace penstock::fuzzing {

class ControlPlayer {
 public:
  explicit ControlPlayer(serving::Bridge& bridge) : bridge_(bridge) {}

  void hear() {
    std::vector<serving::HostedEvent> events;
    bridge_.take(events);
    for (const serving::HostedEvent& event : events) hear(event);
  }

  // One command for one call, if there is any.
  void speak(Input& input) {
    const std::uint8_t verb = input.u8();
    if (calls_.empty()) return;
    auto at = calls_.begin();
    std::advance(at, input.below(calls_.size()));
    auto& [id, call] = *at;
    switch (verb % 6) {
      case 0: return send_headers(id, call, input);
      case 1:
      case 2: return send_message(id, call, input);
      case 3: return consume(id, call);
      case 4: return finish(id, call, static_cast<base::Code>(input.below(17)));
      default: return speak_of_the_dead();
    }
  }
  // What an application does that answers everybody.
  void finish_all() {
    for (auto& [id, call] : calls_) {
      consume(id, call);
      finish(id, call, base::Code::kOk);
    }
  }
  std::size_t open_calls() const { return calls_.size(); }

 private:
  using Event = serving::HostedEvent;
  using Command = serving::HostedCommand;
  using Id = serving::HostedCallId;
  // As the application's side of the house has it.
  static constexpr std::size_t kUnwrittenBytesMax = std::size_t{256} << 10;

  struct Call {
    std::size_t unread_messages = 0;
    std::size_t unread_bytes = 0;
    std::size_t unwritten_bytes = 0;
    bool is_half_closed = false;
    bool has_headers = false;
    bool is_finished = false;
    bool is_rest = false;
  };

  void hear(const Event& event) {
    if (event.kind == Event::Kind::kBegin) {
      PENSTOCK_CHECK(event.call > last_begun_ || calls_ever_ == 0);
      last_begun_ = event.call;
      ++calls_ever_;
      const bool is_rest = !event.path.starts_with('/');
      for (const auto& [name, value] : event.metadata) {
        PENSTOCK_CHECK(!name.empty() && (is_rest || name.front() != ':'));
        touch(value);
      }
      calls_[event.call] = {.is_rest = is_rest};
      return;
    }
    const auto found = calls_.find(event.call);
    PENSTOCK_CHECK(found != calls_.end());
    Call& call = found->second;
    switch (event.kind) {
      case Event::Kind::kBegin: break;
      case Event::Kind::kMessage:
        PENSTOCK_CHECK(!call.is_half_closed);
        touch(text_of(event.message.bytes));
        ++call.unread_messages;
        call.unread_bytes += event.message.bytes.size();
        PENSTOCK_CHECK(call.unread_messages <= serving::Bridge::kUnreadMessagesMax);
        break;
      case Event::Kind::kHalfClose:
        PENSTOCK_CHECK(!call.is_half_closed);
        call.is_half_closed = true;
        break;
      case Event::Kind::kWritten:
        PENSTOCK_CHECK(event.bytes <= call.unwritten_bytes);
        call.unwritten_bytes -= event.bytes;
        break;
      case Event::Kind::kEnd: calls_.erase(found); break;
    }
  }

  void send(Command command) { PENSTOCK_CHECK(bridge_.send(std::span(&command, 1)) == 1); }

  void send_headers(Id id, Call& call, Input& input) {
    if (call.has_headers || call.is_finished) return;
    call.has_headers = true;
    serving::Metadata metadata = {{"x-head", std::string(input.bytes(5))}};
    if (call.is_rest) {
      static constexpr std::array<std::string_view, 8> kStatuses = {"200", "201", "204", "404",
                                                                    "418", "599", "99",  "2x0"};
      metadata.emplace_back(":status", kStatuses[input.below(kStatuses.size())]);
    }
    send({.kind = Command::Kind::kHeaders,
          .call = id,
          .metadata = std::move(metadata),
          .encoding = static_cast<grpc::Encoding>(input.below(3))});
  }
  void send_message(Id id, Call& call, Input& input) {
    if (call.is_finished || call.unwritten_bytes >= kUnwrittenBytesMax) return;
    call.has_headers = true;
    const std::uint8_t choice = input.u8();
    const std::size_t bytes = std::size_t{choice} * ((choice & 1) != 0 ? 1 : 1000);
    const base::Buffer block = base::Buffer::allocate(grpc::kFramePrefixBytes + bytes);
    std::ranges::fill(block.bytes(), std::byte{'m'});
    call.unwritten_bytes += bytes + serving::Bridge::kMessageOverheadBytes;
    send({.kind = Command::Kind::kMessage,
          .call = id,
          .message = {block, block.bytes()},
          .is_compressed = (choice & 2) != 0});
  }
  void consume(Id id, Call& call) {
    if (call.unread_messages == 0) return;
    send({.kind = Command::Kind::kConsumed,
          .call = id,
          .messages = std::exchange(call.unread_messages, 0),
          .bytes = std::exchange(call.unread_bytes, 0)});
  }
  void finish(Id id, Call& call, base::Code code) {
    if (call.is_finished) return;
    call.is_finished = true;
    send({.kind = Command::Kind::kFinish,
          .call = id,
          .metadata = {{"x-trailer", "t"}, {"x-bin", "\xff"}},
          .status = {code, code == base::Code::kOk ? "" : "as the fuzzer has it"}});
  }
  // Of a call that has never been, or is over.
  void speak_of_the_dead() {
    const Id id = last_begun_ + 7;
    send({.kind = Command::Kind::kConsumed, .call = id, .messages = 3, .bytes = 9});
    send({.kind = Command::Kind::kFinish, .call = id});
  }

  serving::Bridge& bridge_;
  std::map<Id, Call> calls_;
  Id last_begun_ = 0;
  std::size_t calls_ever_ = 0;
};

}  // namespace penstock::fuzzing
