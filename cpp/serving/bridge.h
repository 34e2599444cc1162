// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/buffer.h"
#include "base/channel.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/event_fd.h"
#include "base/published.h"
#include "grpc/encoding.h"
#include "serving/hosted_methods.h"

namespace penstock::serving {

using Metadata = std::vector<std::pair<std::string, std::string>>;

// Names a call that the control thread answers: its io thread in the upper 16 bits, and a number
// that this thread gives no other call.
using HostedCallId = std::uint64_t;

constexpr HostedCallId hosted_call_id(std::size_t io_thread, std::uint64_t number) {
  return static_cast<std::uint64_t>(io_thread) << 48 | (number & ((1ULL << 48) - 1));
}
constexpr std::size_t io_thread_of(HostedCallId id) { return id >> 48; }

// What happened to a hosted call, on its way from an io thread to the control thread.
struct HostedEvent {
  enum class Kind : std::uint8_t {
    kBegin,      // `path`, `metadata` ("-bin" values as bytes), `deadline_ns`, `peer`, `accepted`
    kMessage,    // `message`, decompressed; `was_compressed`
    kHalfClose,  // the peer sends no more messages
    kWritten,    // `bytes` of answer messages have left for the socket
    kEnd,        // the last event of every call: `end` says how it ended
  };
  Kind kind = Kind::kBegin;
  HostedCallId call = 0;
  std::string path = {};
  Metadata metadata = {};
  base::Nanos deadline_ns = base::kNever;
  std::string peer = {};
  grpc::EncodingSet accepted = {};
  base::Slice message = {};
  bool was_compressed = false;
  std::size_t bytes = 0;
  base::Error end = {base::Code::kOk, {}};
};

// What the control thread wants done about one. On a call that is gone it does nothing.
struct HostedCommand {
  enum class Kind : std::uint8_t {
    kHeaders,   // `metadata`, `encoding` of the messages to come; once, before any message
    kMessage,   // `message` with grpc::kFramePrefixBytes of room before it; `is_compressed`: try
    kConsumed,  // `messages` of `bytes` in all were read by the application
    kFinish,    // `status` and the trailing `metadata`
  };
  Kind kind = Kind::kHeaders;
  HostedCallId call = 0;
  Metadata metadata = {};
  grpc::Encoding encoding = grpc::Encoding::kIdentity;
  base::Slice message = {};
  bool is_compressed = false;
  std::size_t messages = 0;
  std::size_t bytes = 0;
  base::Error status = {base::Code::kOk, {}};
};

// Between the io threads and the control thread, for calls that are answered in Python. Everything
// that crosses is bounded: as many calls as `calls_max`, of each the few events that its Front may
// have under way (see serving/hosted.cc), and the answers that the control thread may have given
// before they are written (its own bound). Owned by the engine.
class Bridge {
 public:
  // Messages of one call that the application has not read; its peer then waits for its window.
  static constexpr std::size_t kUnreadMessagesMax = 16;
  static constexpr std::size_t kUnreadBytesMax = std::size_t{1} << 20;
  // What each answer message counts besides its own bytes, for its frame and its place in line.
  static constexpr std::size_t kMessageOverheadBytes = 256;
  // The control thread hears of written bytes when they are at least this many.
  static constexpr std::size_t kWrittenStepBytes = std::size_t{64} << 10;

  struct Options {
    std::size_t io_threads = 1;
    std::size_t calls_max = 4096;
  };
  // `wake` ends the sleep of an io thread.
  static base::Result<std::unique_ptr<Bridge>> open(const Options& options,
                                                    std::function<void(std::size_t)> wake);
  Bridge(const Bridge&) = delete;
  Bridge& operator=(const Bridge&) = delete;

  // --- on an io thread ---
  // A place for one more call; false: there are as many as may be. Taken back by its kEnd.
  bool admit();
  void push(HostedEvent&& event);
  void drain_commands(std::size_t io_thread, std::vector<HostedCommand>& commands) {
    commands_[io_thread]->drain(commands);
  }
  const HostedMethods& methods(std::size_t io_thread) { return methods_.look(io_thread); }
  std::uint64_t methods_seen(std::size_t io_thread) const { return methods_.seen(io_thread); }

  // --- on the control thread ---
  // Replaces what is hosted. Calls that are under way go on.
  void host(HostedMethods methods);
  // Readable while events wait.
  int fd() const { return waiting_.fd(); }
  // Replaces what is in `events` by all that wait.
  void take(std::vector<HostedEvent>& events);
  // Hands over commands from the front of `commands`, in order, until one finds no room; returns
  // how many. The rest are to be tried again.
  std::size_t send(std::span<HostedCommand> commands);

 private:
  Bridge(const Options& options, std::function<void(std::size_t)> wake, base::EventFd waiting);

  const Options options_;
  const std::function<void(std::size_t)> wake_;
  const base::EventFd waiting_;
  base::Published<HostedMethods> methods_;
  base::Channel<HostedEvent> events_;
  std::vector<std::unique_ptr<base::Channel<HostedCommand>>> commands_;  // by io thread
  std::atomic<std::size_t> calls_ = 0;
};

}  // namespace penstock::serving
